"""What systemd is told, over a real notify socket, and what the watchdog is fed for."""

import asyncio
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcppd.model.errors import StorageUnavailable
from mcppd.monitoring.watchdog import LoopLag, Supervisor, watchdog_interval
from tests.equipment.clock import FakeClock


class SystemManager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)

    def heard(self) -> list[dict[str, str]]:
        """What was said since the last time, a dictionary for each datagram."""
        messages = []
        while True:
            try:
                datagram = self.socket.recv(4096).decode()
            except BlockingIOError:
                return messages
            messages.append(dict(line.split("=", 1) for line in datagram.split("\n")))

    def fed(self) -> int:
        return sum("WATCHDOG" in message for message in self.heard())


class Box:
    """A daemon under the manager's eye."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.lag = LoopLag(self.clock)
        self.summary = "0 of 0 charge points connected"
        self.failure: Exception | None = None
        self.hangs = False
        self.proofs = 0
        self.supervisor = Supervisor(self.clock, self.lag, self.proof, lambda: self.summary)

    async def proof(self) -> None:
        self.proofs += 1
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SystemManager]:
    manager = SystemManager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", manager.path)
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    yield manager
    manager.socket.close()


@pytest.fixture
async def box(manager: SystemManager) -> Box:
    return Box()


class TestLife:
    async def test_nothing_is_said_before_ready(self, manager: SystemManager, box: Box) -> None:
        await box.clock.advance(60)
        assert manager.heard() == []
        box.supervisor.close()

    async def test_ready_comes_with_the_status(self, manager: SystemManager, box: Box) -> None:
        box.supervisor.ready()
        assert manager.heard() == [{"READY": "1", "STATUS": "0 of 0 charge points connected"}]
        box.supervisor.close()

    async def test_a_reload_is_announced_with_the_time_and_ended_by_ready(
        self, manager: SystemManager, box: Box
    ) -> None:
        box.supervisor.ready()
        await box.clock.advance(7)
        box.supervisor.reloading()
        box.supervisor.ready()
        reloading, ready = manager.heard()[1:]
        assert reloading == {"RELOADING": "1", "MONOTONIC_USEC": str(1007 * 10**6)}
        assert ready["READY"] == "1"
        box.supervisor.close()

    async def test_stopping_is_said_and_the_watchdog_fed_until_the_end(self, manager: SystemManager, box: Box) -> None:
        box.supervisor.ready()
        box.supervisor.stopping()
        assert manager.heard()[1:] == [{"STOPPING": "1", "STATUS": "stopping"}]
        box.summary = "something else"
        await box.clock.advance(10)
        assert manager.heard() == [{"WATCHDOG": "1"}]
        box.supervisor.close()
        await box.clock.advance(60)
        assert manager.heard() == []
        assert box.clock.pending == 0

    async def test_nothing_can_be_said_after_the_end(self, manager: SystemManager, box: Box) -> None:
        box.supervisor.close()
        box.supervisor.ready()
        box.supervisor.stopping()
        assert manager.heard() == []
        assert box.clock.pending == 0

    async def test_closing_in_the_middle_of_a_round_leaves_nothing_behind(
        self, manager: SystemManager, box: Box
    ) -> None:
        box.hangs = True
        box.supervisor.ready()
        await box.clock.advance(10)
        box.supervisor.close()
        await box.clock.advance(60)
        assert manager.fed() == 0
        assert box.clock.pending == 0
        assert box.proofs == 1


class TestWatchdog:
    async def test_it_is_fed_three_times_in_its_interval(self, manager: SystemManager, box: Box) -> None:
        box.supervisor.ready()
        await box.clock.advance(9.9)
        assert manager.fed() == 0
        await box.clock.advance(20.2)
        assert manager.fed() == 3
        assert box.proofs == 3
        box.supervisor.close()

    async def test_a_database_that_hangs_starves_it(
        self, manager: SystemManager, box: Box, caplog: pytest.LogCaptureFixture
    ) -> None:
        box.supervisor.ready()
        box.hangs = True
        await box.clock.advance(60)
        assert manager.fed() == 0
        assert "the database has not answered within 15 s" in [
            record.__dict__.get("reason") for record in caplog.records if record.levelno == logging.ERROR
        ]
        box.hangs = False
        await box.clock.advance(30)
        assert manager.fed() >= 2
        box.supervisor.close()

    async def test_one_proof_at_a_time(self, manager: SystemManager, box: Box) -> None:
        box.supervisor.ready()
        box.hangs = True
        await box.clock.advance(20)
        assert box.proofs == 1
        box.supervisor.close()

    async def test_a_disk_that_cannot_be_written_does_not_starve_it(self, manager: SystemManager, box: Box) -> None:
        box.supervisor.ready()
        box.failure = StorageUnavailable("disk full")
        await box.clock.advance(30)
        assert manager.fed() == 3
        box.supervisor.close()

    async def test_a_late_loop_starves_it_until_it_caught_up(self, manager: SystemManager, box: Box) -> None:
        box.lag.start()
        box.supervisor.ready()
        manager.heard()
        box.clock._elapsed += 60  # as after SIGSTOP and SIGCONT
        await box.clock.advance(0)
        assert manager.fed() == 0
        await box.clock.advance(30)
        assert manager.fed() >= 2
        box.supervisor.close()
        box.lag.stop()

    async def test_without_a_watchdog_no_proof_is_asked_for(
        self, manager: SystemManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("WATCHDOG_USEC")
        box = Box()
        box.supervisor.ready()
        await box.clock.advance(100)
        assert (manager.fed(), box.proofs) == (0, 0)
        box.supervisor.close()

    @pytest.mark.parametrize(
        ("usec", "pid", "seconds"),
        [
            ("30000000", None, 30.0),
            ("30000000", "own", 30.0),
            ("30000000", "1", None),
            ("0", None, None),
            ("", None, None),
            ("soon", None, None),
            ("-1", None, None),
        ],
    )
    def test_the_interval_is_read_as_systemd_gives_it(
        self, monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None, seconds: float | None
    ) -> None:
        monkeypatch.setenv("WATCHDOG_USEC", usec)
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        if pid is not None:
            monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
        assert watchdog_interval() == seconds


class TestStatus:
    async def test_it_is_sent_when_it_changed_and_not_more_often_than_every_ten_seconds(
        self, manager: SystemManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WATCHDOG_USEC", "3000000")
        box = Box()
        box.supervisor.ready()
        sent = []
        for second in range(60):
            box.summary = f"{second // 20} charging, {second} kW"
            await box.clock.advance(1)
            sent += [message["STATUS"] for message in manager.heard() if "STATUS" in message]
        assert len(sent) == 1 + 6
        box.supervisor.close()

    async def test_what_stays_the_same_is_not_said_again(self, manager: SystemManager, box: Box) -> None:
        box.supervisor.ready()
        await box.clock.advance(120)
        assert sum("STATUS" in message for message in manager.heard()) == 1
        box.supervisor.close()

    async def test_no_text_can_say_more_than_a_status(self, manager: SystemManager, box: Box) -> None:
        box.summary = "ü\nWATCHDOG=trigger"
        box.supervisor.ready()
        assert manager.heard() == [{"READY": "1", "STATUS": "? WATCHDOG=trigger"}]
        box.supervisor.close()


class TestWithoutSystemd:
    async def test_nothing_is_sent_and_no_timer_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        box = Box()
        box.supervisor.ready()
        box.supervisor.reloading()
        box.supervisor.stopping()
        assert box.clock.pending == 0
        box.supervisor.close()

    async def test_a_socket_that_is_not_there_is_told_and_does_no_harm(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
        box = Box()
        box.supervisor.ready()
        assert caplog.messages == ["systemd_not_reached"]
        assert box.clock.pending == 0

    async def test_a_manager_that_went_away_does_no_harm(
        self, manager: SystemManager, box: Box, caplog: pytest.LogCaptureFixture
    ) -> None:
        box.supervisor.ready()
        manager.socket.close()
        await box.clock.advance(10)
        assert caplog.messages == ["systemd_not_told"]
        box.supervisor.close()

    async def test_a_manager_that_takes_nothing_does_not_hold_up_the_loop(
        self, manager: SystemManager, box: Box, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(2000):
            box.supervisor.ready()
        assert "systemd_not_told" in caplog.messages
        box.supervisor.close()
