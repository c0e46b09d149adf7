"""Health: red only for a reason, and the reason is said."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mcppd.model.errors import StorageUnavailable
from mcppd.monitoring import health as module
from mcppd.monitoring.health import Health
from mcppd.monitoring.loop_lag import LoopLag
from mcppd.monitoring.proof import prove
from tests.equipment.clock import FakeClock, settle


class Ward:
    """A daemon to look at; the test says what is wrong with it."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.lag = LoopLag(self.clock)
        self.listening = True
        self.failure: Exception | None = None
        self.hangs = False
        self.health = Health(self.lag, self.proof, str(directory), lambda: self.listening, self.clock)

    async def proof(self) -> None:
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if self.failure is not None:
            raise self.failure

    async def hears(self, question: Callable[[], "asyncio.Future[tuple[bool, list[str]]]"]) -> tuple[bool, list[str]]:
        asked = asyncio.ensure_future(question())
        await settle()
        if not asked.done():
            await self.clock.advance(5)
        return await asked


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


class TestAlive:
    async def test_all_is_well(self, ward: Ward) -> None:
        assert await ward.health.alive() == (True, [])

    async def test_a_late_loop_is_told(self, ward: Ward) -> None:
        ward.lag.start()
        ward.clock._elapsed += 5 + 2.5
        assert await ward.health.alive() == (False, ["the event loop is 2.5 s late"])
        ward.lag.stop()

    async def test_a_loop_that_caught_up_is_well_again(self, ward: Ward) -> None:
        ward.lag.start()
        ward.clock._elapsed += 60
        await ward.clock.advance(0)
        assert not (await ward.health.alive())[0]
        await ward.clock.advance(5)
        assert await ward.health.alive() == (True, [])
        ward.lag.stop()

    async def test_a_database_that_hangs_is_told_in_bounded_time(self, ward: Ward) -> None:
        ward.hangs = True
        assert await ward.hears(ward.health.alive) == (False, ["the database has not answered within 5 s"])
        assert ward.clock.pending == 0

    async def test_a_disk_that_cannot_be_written_is_told(self, ward: Ward) -> None:
        ward.failure = StorageUnavailable("disk full")
        assert await ward.health.alive() == (False, ["the database cannot be written: disk full"])

    async def test_a_directory_that_is_gone_is_told(self, ward: Ward, tmp_path: Path) -> None:
        os.rmdir(tmp_path)
        assert await ward.health.alive() == (False, [f"{tmp_path} cannot be reached: No such file or directory"])

    async def test_a_directory_that_may_not_be_written_is_told(
        self, ward: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module.os, "access", lambda path, mode: False)  # root may write everywhere
        assert await ward.health.alive() == (False, [f"{tmp_path} is not writable"])

    async def test_a_disk_with_no_room_is_told(
        self, ward: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=1, f_frsize=4096))
        assert await ward.health.alive() == (False, [f"the disk of {tmp_path} has only 4096 bytes left"])

    async def test_every_reason_is_told_at_once(self, ward: Ward, tmp_path: Path) -> None:
        os.rmdir(tmp_path)
        ward.failure = StorageUnavailable("I/O error")
        ok, reasons = await ward.health.alive()
        assert (ok, len(reasons)) == (False, 2)


class TestReady:
    async def test_all_is_well(self, ward: Ward) -> None:
        assert await ward.health.ready() == (True, [])

    async def test_a_closed_port_is_told(self, ward: Ward) -> None:
        ward.listening = False
        assert await ward.health.ready() == (False, ["the port for charge points is not open"])

    async def test_a_database_that_cannot_be_written_is_told(self, ward: Ward) -> None:
        ward.listening, ward.failure = False, StorageUnavailable("disk full")
        ok, reasons = await ward.health.ready()
        assert (ok, len(reasons)) == (False, 2)


class TestLoopLag:
    async def test_it_wakes_once_in_five_seconds_and_never_after_stop(self) -> None:
        clock = FakeClock()
        lag = LoopLag(clock)
        assert (lag.last_s, lag.max_s) == (0, 0)
        lag.start()
        for _ in range(20):
            await clock.advance(4.9)
            assert clock.pending == 1
        assert (lag.last_s, lag.max_s) == (0, 0)
        lag.stop()
        assert clock.pending == 0

    async def test_the_largest_is_kept_for_five_minutes(self) -> None:
        clock = FakeClock()
        lag = LoopLag(clock)
        lag.start()
        clock._elapsed += 8
        await clock.advance(5)
        assert (lag.last_s, lag.max_s) == (0, 3)
        await clock.advance(290)
        assert lag.max_s == 3
        await clock.advance(10)
        assert lag.max_s == 0
        lag.stop()


class TestProof:
    async def test_what_it_raises_is_raised(self) -> None:
        async def proof() -> None:
            raise StorageUnavailable("disk full")

        with pytest.raises(StorageUnavailable):
            await prove(proof, 1, FakeClock())

    async def test_being_cancelled_is_not_a_time_out(self) -> None:
        async def proof() -> None:
            await asyncio.get_running_loop().create_future()

        clock = FakeClock()
        task = asyncio.ensure_future(prove(proof, 1, clock))
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert clock.pending == 0
