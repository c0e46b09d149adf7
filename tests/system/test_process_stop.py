"""The end of the daemon where something hangs: a plugin, a charge point, the commit interval. Within ten seconds."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.equipment.charge_point import ChargePoint
from tests.equipment.daemon import Daemon

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
QUIET = {"boot.setup": "false", "auto_start.enabled": "false", "plugins.stubborn.enabled": "true"}

HANGS_AT_START = """
import asyncio

class Stubborn:
    async def start(self, context):
        context.log.warning("hanging")
        await asyncio.sleep(3600)

def plugin():
    return Stubborn()
"""

HANGS_AT_THE_END = """
import asyncio

async def immortal():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

class Stubborn:
    async def start(self, context):
        context.spawn(immortal(), "immortal")

    async def on_event(self, event):
        await asyncio.sleep(3600)

    async def stop(self):
        await asyncio.sleep(3600)

def plugin():
    return Stubborn()
"""

BLOCKS_AT_THE_END = """
import time

class Stubborn:
    async def stop(self):
        time.sleep(3600)

def plugin():
    return Stubborn()
"""


class Impatient(Daemon):
    """A daemon whose end may take two seconds."""

    @property
    def command(self) -> list[str]:
        patched = "import sys, mcppd.daemon as d, mcppd.__main__ as m; d.STOP_S = 2.0; sys.exit(m.main())"
        return [sys.executable, "-c", patched, *super().command[3:]]


def made(folder: Path, plugin: str, kind: type[Daemon] = Daemon, **settings: str) -> Daemon:
    daemon = kind(folder, {**QUIET, **settings})
    directory = folder / "plugins.d"
    directory.mkdir()
    (directory / "stubborn.py").write_text(plugin)
    return daemon


@pytest.fixture
def starting(tmp_path: Path):
    """A daemon that is held up in its start."""
    daemon = made(tmp_path, HANGS_AT_START)
    daemon.launch()
    try:
        daemon.wait_until(lambda: "hanging" in daemon.output, "the plugin's start")
        yield daemon
    finally:
        daemon.close()


class TestWhileStarting:
    def test_a_signal_calls_the_start_off(self, starting):
        began = time.monotonic()
        assert starting.terminate() == 0
        assert time.monotonic() - began < 5
        assert starting.log_lines(event="stopped")
        assert not starting.log_lines(event="listening")
        assert "Traceback" not in starting.output
        assert not starting.database.with_name("mcppd.db-wal").exists()

    def test_a_reload_does_not_say_ready(self, starting):
        starting.signal(signal.SIGHUP)
        starting.wait_for_log(event="reloaded")
        assert starting.terminate() == 0
        starting._read_notifications()
        assert not [said for said in starting.notifications if said.startswith(("READY", "RELOADING"))]


class TestWhileSomethingHangs:
    async def test_hanging_plugins_and_deaf_charge_points_cost_no_answer_and_no_clean_end(self, tmp_path):
        daemon = made(tmp_path, HANGS_AT_THE_END, **{"storage.commit_interval": "60s"})
        try:
            await asyncio.to_thread(daemon.start)
            deaf = await ChargePoint.dial(daemon.ocpp_port, "DEAF")
            await deaf.says("BootNotification", BOOT)
            deaf.socket.transport.pause_reading()
            async with ChargePoint.connect(daemon.ocpp_port, "CP1") as cp:
                await cp.says("BootNotification", BOOT)
                value = {"timestamp": "2026-11-21T08:00:00Z", "sampledValue": [{"value": "7"}]}
                asked = await cp.begins("MeterValues", {"connectorId": 1, "meterValue": [value]})
                await asyncio.sleep(0.2)  # it arrives, and waits for company
                began = time.monotonic()
                daemon.signal(signal.SIGTERM)
                assert await cp.reply_to(asked) == {}
                assert (await cp.closed())[0] == 1012
            assert await asyncio.to_thread(daemon.wait) == 0
            assert time.monotonic() - began < 10
            deaf.socket.transport.abort()
            assert not daemon.database.with_name("mcppd.db-wal").exists()
            assert daemon.log_lines(event="stopped")
        finally:
            daemon.close()

    def test_what_blocks_the_loop_is_ended_by_force_and_that_is_said(self, tmp_path):
        daemon = made(tmp_path, BLOCKS_AT_THE_END, Impatient)
        try:
            daemon.start()
            began = time.monotonic()
            assert daemon.terminate() == 1
            assert time.monotonic() - began < 8
            last = json.loads(daemon.output.splitlines()[-1])
            assert (last["event"], last["level"]) == ("stop_took_too_long", "critical")
            (tmp_path / "plugins.d" / "stubborn.py").unlink()
            daemon.start()
            assert daemon.terminate() == 0
        finally:
            daemon.close()
