"""The daemon as a service manager sees it: ready, reloaded, stopped, stopped now."""

import asyncio
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.equipment.charge_point import ChargePoint
from tests.equipment.daemon import Daemon

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
QUIET = {"boot.setup": "false", "boot.trigger_delay": "never", "auto_start.enabled": "false"}


@pytest.fixture
def daemon(tmp_path: Path):
    with Daemon(tmp_path, QUIET) as daemon:
        yield daemon


class TestStart:
    def test_ready_is_said_only_when_everything_listens(self, daemon):
        assert daemon.notifications[0].startswith(("READY=1", "STATUS="))
        assert daemon.get("/readyz")[0] == 200
        assert daemon.get("/healthz")[0] == 200
        assert daemon.mcppctl("status").returncode == 0

    def test_the_status_line_counts(self, daemon):
        daemon.wait_for_notification("STATUS=0 of 0 charge points connected")

    def test_the_control_socket_is_for_its_user_and_group(self, daemon):
        assert daemon.control_socket.stat().st_mode & 0o777 == 0o660

    def test_what_is_stored_is_not_for_others(self, daemon):
        assert daemon.terminate() == 0
        assert daemon.database.stat().st_mode & 0o007 == 0

    def test_everything_it_writes_is_one_json_object_a_line(self, daemon):
        assert daemon.terminate() == 0
        lines = daemon.log_lines()
        assert len(lines) == len(daemon.output.splitlines())
        assert all({"ts", "level", "event", "category"} <= set(line) for line in lines)


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    async def test_links_are_closed_with_1012_and_all_is_done_within_ten_seconds(self, daemon, number):
        port = await asyncio.to_thread(lambda: daemon.ocpp_port)
        async with ChargePoint.connect(port, "CP1") as one, ChargePoint.connect(port, "CP2") as two:
            await one.says("BootNotification", BOOT)
            began = time.monotonic()
            daemon.signal(number)
            assert (await one.closed())[0] == 1012
            assert (await two.closed())[0] == 1012
        assert await asyncio.to_thread(daemon.wait) == 0
        assert time.monotonic() - began < 10
        await asyncio.to_thread(daemon.wait_for_notification, "STOPPING=1")
        assert not daemon.control_socket.exists()
        assert not daemon.database.with_name("mcppd.db-wal").exists()

    async def test_a_charge_point_that_does_not_join_in_delays_it_by_a_few_seconds_at_most(self, daemon):
        port = await asyncio.to_thread(lambda: daemon.ocpp_port)
        cp = await ChargePoint.dial(port, "DEAF")
        await cp.says("BootNotification", BOOT)
        cp.socket.transport.pause_reading()
        began = time.monotonic()
        assert await asyncio.to_thread(daemon.terminate) == 0
        assert time.monotonic() - began < 10
        cp.socket.transport.abort()

    async def test_a_second_signal_means_now(self, daemon):
        port = await asyncio.to_thread(lambda: daemon.ocpp_port)
        async with ChargePoint.connect(port, "CP1") as cp:
            await cp.says("BootNotification", BOOT)
            cp.socket.transport.pause_reading()  # so that the first one has something to wait for
            daemon.signal(signal.SIGTERM)
            await asyncio.to_thread(daemon.wait_for_log, event="stopping")
            began = time.monotonic()
            daemon.signal(signal.SIGTERM)
            assert await asyncio.to_thread(daemon.wait) != 0
            assert time.monotonic() - began < 1
            cp.socket.transport.resume_reading()

    async def test_a_call_of_the_operator_in_flight_may_still_be_answered(self, daemon):
        port = await asyncio.to_thread(lambda: daemon.ocpp_port)
        async with ChargePoint.connect(port, "CP1") as cp:
            await cp.says("BootNotification", BOOT)
            done = []
            caller = threading.Thread(
                target=lambda: done.append(daemon.mcppctl("call", "CP1", "Reset", '{"type": "Soft"}'))
            )
            caller.start()
            call = await cp.hears("Reset")
            daemon.signal(signal.SIGTERM)
            await asyncio.to_thread(daemon.wait_for_log, event="stopping")
            await cp.answers(call, {"status": "Accepted"})
            assert (await cp.closed())[0] == 1012
            await asyncio.to_thread(caller.join)
        assert done[0].returncode == 0, done[0].stderr
        assert await asyncio.to_thread(daemon.wait) == 0


class TestReload:
    async def interval(self, daemon, identity: str) -> int:
        async with ChargePoint.connect(daemon.ocpp_port, identity) as cp:
            return (await cp.says("BootNotification", BOOT))["interval"]

    async def test_a_good_file_is_applied_whole_without_dropping_a_link(self, daemon):
        async with ChargePoint.connect(daemon.ocpp_port, "STAYS") as cp:
            await cp.says("BootNotification", BOOT)
            daemon.config_file.write_text("ocpp:\n  heartbeat_interval: 2m\n")
            daemon.signal(signal.SIGHUP)
            await asyncio.to_thread(daemon.wait_for_log, event="reloaded")
            assert await self.interval(daemon, "NEW") == 120
            assert "currentTime" in await cp.says("Heartbeat")

    def test_the_service_manager_is_told_when_it_begins_and_ends(self, daemon):
        daemon.signal(signal.SIGHUP)
        daemon.wait_for_notification("RELOADING=1")
        daemon.wait_for_notification("MONOTONIC_USEC=")
        daemon.wait_for_notification("READY=1")

    def test_what_needs_a_restart_is_told_until_there_was_one(self, daemon):
        for text, waiting in (("ocpp: {inbox: 7}\n", ["ocpp.inbox"]), ("ocpp: {inbox: 7}\n", ["ocpp.inbox"]), ("", [])):
            daemon.config_file.write_text(text)
            daemon.signal(signal.SIGHUP)
            daemon.wait_for_notification("RELOADING=1")
            daemon.wait_for_notification("READY=1")
            assert daemon.api("status")["needs_restart"] == waiting

    async def test_a_bad_file_changes_nothing_and_every_fault_is_said(self, daemon):
        daemon.config_file.write_text("ocpp:\n  heartbeat_interval: 2m\n  inbox: none\nlog: {level: loud}\n")
        daemon.signal(signal.SIGHUP)
        await asyncio.to_thread(daemon.wait_for_log, event="not_reloaded")
        assert f"{daemon.config_file}:3: ocpp.inbox: must be" in daemon.output
        assert f"{daemon.config_file}:4: log.level: must be" in daemon.output
        assert await self.interval(daemon, "NEW") == 300

    def test_what_needs_a_restart_is_said(self, daemon):
        daemon.config_file.write_text("ocpp:\n  inbox: 7\n")
        daemon.signal(signal.SIGHUP)
        line = daemon.wait_for_log(event="reloaded")
        assert "ocpp.inbox" in line["needs_restart"]
        assert daemon.get("/healthz")[0] == 200


class TestWatchdog:
    def test_the_watchdog_is_fed_while_there_is_progress(self, tmp_path):
        with Daemon(tmp_path, QUIET, environment={"WATCHDOG_USEC": "1000000"}) as daemon:
            daemon.wait_for_notification("WATCHDOG=1")
            daemon.wait_for_notification("WATCHDOG=1")
