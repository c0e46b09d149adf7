"""What charge points leave open: by Available, by a reboot, by both; and what that means for the next start."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mcppd.db import transactions
from mcppd.model.charge_points import WHOLE
from mcppd.model.errors import StorageUnavailable
from mcppd.model.events import (
    TransactionRecovered,
)
from mcppd.model.transactions import Recovery
from tests.equipment.clock import settle
from tests.equipment.house import House, Peer
from tests.equipment.said import (
    BOOT,
    clock,
    element,
    place,
    readings,
    row,
    started,
    status,
    stop,
    values,
    watts,
)


class TestOrphans:
    async def test_an_available_from_before_the_start_ends_nothing(self, house: House, cp: Peer) -> None:
        await cp.says("StatusNotification", status(1, "Available", clock(0)))
        transaction_id = await started(cp, at=clock(1))
        await house.passes(seconds=60)
        await cp.says("StatusNotification", status(1, "Available", clock(2)))
        await house.passes(seconds=4000)
        assert (await row(house, transaction_id)).stopped_at is None
        await house.restart()
        await house.passes(seconds=4000)
        assert (await row(house, transaction_id)).stopped_at is None

    async def test_in_the_same_moment_neither(self, house: House, cp: Peer) -> None:
        await cp.says("StatusNotification", status(1, "Available"))
        transaction_id = await started(cp)
        await house.passes(seconds=4000)
        assert (await row(house, transaction_id)).stopped_at is None

    async def test_a_start_that_is_told_after_its_connector_was_available_again_is_watched(
        self, house: House, cp: Peer
    ) -> None:
        await house.passes(seconds=3600)
        await cp.says("StatusNotification", status(1, "Available"))
        transaction_id = await started(cp)
        await house.passes(seconds=301)
        assert (await row(house, transaction_id)).recovery is Recovery.LEFT_OPEN

    async def test_after_a_reboot_any_available_counts(self, house: House, cp: Peer) -> None:
        await cp.says("StatusNotification", status(1, "Available", clock(0)))
        transaction_id = await started(cp, at=clock(1))
        await cp.says("BootNotification", BOOT)
        await house.passes(seconds=400)
        assert (await row(house, transaction_id)).stopped_at is None, "nothing was said of its connector yet"
        await cp.says("StatusNotification", status(1, "Available", clock(2)))
        await house.passes(seconds=301)
        assert (await row(house, transaction_id)).recovery is Recovery.LEFT_OPEN

    async def test_and_the_first_of_them_begins_the_grace(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("BootNotification", BOOT)
        for _ in range(3):
            await cp.says("StatusNotification", status(1, "Available"))
            await house.passes(seconds=101)
        assert (await row(house, transaction_id)).recovery is Recovery.LEFT_OPEN
        await house.passes(seconds=1000)
        assert len(house.happened(TransactionRecovered)) == 1

    async def test_a_stop_takes_its_timer_away(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("StatusNotification", status(1, "Available"))
        assert len(house.core.orphans) == 1
        await cp.says("StopTransaction", stop(transaction_id))
        assert len(house.core.orphans) == 0

    async def test_interrupted_and_available_it_is_watched_after_a_restart(self, house: House, cp: Peer) -> None:
        await cp.says("StatusNotification", status(1, "Available", clock(0)))
        transaction_id = await started(cp, at=clock(1))
        await cp.says("BootNotification", BOOT)
        await house.restart()
        await house.passes(seconds=301)
        assert (await row(house, transaction_id)).recovery is Recovery.LEFT_OPEN

    async def test_a_transaction_of_the_charge_point_itself_is_not_ended_by_its_available(
        self, house: House, cp: Peer
    ) -> None:
        transaction_id = await started(cp, connector=0)
        await cp.says("StatusNotification", status(0, "Available"))
        await house.passes(seconds=4000)
        assert (await row(house, transaction_id)).stopped_at is None
        assert place(house, WHOLE).transaction.id == transaction_id

    async def test_without_a_reading_it_ended_when_its_connector_became_available(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await house.passes(seconds=600)
        await cp.says("StatusNotification", status(1, "Available"))
        await house.passes(seconds=301)
        ended = await row(house, transaction_id)
        assert (ended.stopped_at.minute, ended.energy_wh, ended.stop_reason) == (10, 0, "Other")

    async def test_it_never_ended_before_it_began(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp, at=clock(2))
        await cp.says("MeterValues", values(None, element(clock(1), 1000)))
        await started(cp, meter=1600, at=clock(60))
        ended = await row(house, transaction_id)
        assert ended.stopped_at == ended.started_at

    async def test_repeated_availables_do_not_put_it_off(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        for name in ("Charging", "Available"):
            await cp.says("StatusNotification", status(1, name))
        await house.passes(seconds=200)
        await cp.says("StatusNotification", {**status(1, "Available"), "info": "still"})
        await house.passes(seconds=101)
        assert (await row(house, transaction_id)).recovery is Recovery.LEFT_OPEN
        assert place(house).transaction is None
        assert len(house.core.orphans) == 0

    async def test_of_two_connectors_only_the_one_that_is_available_is_ended(self, house: House, cp: Peer) -> None:
        one, two = await started(cp, connector=1), await started(cp, connector=2)
        await cp.says("StatusNotification", status(1, "Available"))
        await cp.says("StatusNotification", status(2, "Charging"))
        await house.passes(seconds=301)
        assert [event.transaction.id for event in house.happened(TransactionRecovered)] == [one]
        assert (await row(house, two)).stopped_at is None


class TestInterrupted:
    async def test_one_that_is_taken_up_again_stays_so_after_a_restart(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("BootNotification", BOOT)
        await house.restart()
        assert place(house).transaction.interrupted
        cp = await house.connect("CP1")
        await cp.says("MeterValues", values(transaction_id, element(clock(1), 1100)))
        assert not place(house).transaction.interrupted
        await house.restart()
        assert not place(house).transaction.interrupted
        assert (await row(house, transaction_id)).interrupted, "people are told that it was"

    async def test_values_that_do_not_name_it_do_not_take_it_up(self, house: House, cp: Peer) -> None:
        await started(cp)
        await cp.says("BootNotification", BOOT)
        await cp.says("MeterValues", values(None, element(clock(1), 1100)))
        assert place(house).transaction.interrupted
        assert place(house).transaction.energy_wh == 100
        await house.restart()
        assert place(house).transaction.interrupted

    async def test_a_second_reboot_interrupts_it_again(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("BootNotification", BOOT)
        await cp.says("MeterValues", values(transaction_id, element(clock(1), 1100)))
        await cp.says("BootNotification", BOOT)
        await house.restart()
        assert place(house).transaction.interrupted


class TestServed:
    async def test_a_plug_in_is_served_by_a_start_after_it_also_after_a_restart(self, house: House, cp: Peer) -> None:
        await cp.says("StatusNotification", status(1, "Preparing"))
        assert not place(house).served
        await started(cp)
        assert place(house).served
        await house.restart()
        assert place(house).served

    async def test_it_is_the_arrival_of_the_start_that_counts(self, house: House, cp: Peer) -> None:
        await cp.says("StatusNotification", status(1, "Preparing"))
        await started(cp, at="2026-11-21T07:00:00Z")
        assert place(house).served

    async def test_after_a_reboot_it_is_a_new_one(self, house: House, cp: Peer) -> None:
        await cp.says("StatusNotification", status(1, "Preparing"))
        await started(cp)
        await house.passes(seconds=60)
        await cp.says("BootNotification", BOOT)
        assert (place(house).plugged_in_at, place(house).served) == (None, False)
        await cp.says("StatusNotification", status(1, "Preparing"))
        assert place(house).plugged_in_at == house.clock.now()
        assert not place(house).served


class TestFailingDisk:
    """A recovery that cannot be stored is tried again, for as long as there is something to recover."""

    @pytest.fixture
    def disk(self, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        """Recoveries fail while there is something in it."""
        full = {"full"}
        recover = transactions.recover

        def recovering(*args: Any, **more: Any) -> Any:
            if full:
                raise StorageUnavailable("disk full")
            return recover(*args, **more)

        monkeypatch.setattr(transactions, "recover", recovering)
        return full

    async def test_it_is_tried_again_a_minute_later(self, house: House, cp: Peer, disk: set[str]) -> None:
        transaction_id = await started(cp)
        await cp.says("StatusNotification", status(1, "Available"))
        await house.passes(seconds=301)
        disk.clear()
        await house.passes(seconds=58)
        assert (await row(house, transaction_id)).stopped_at is None
        await house.passes(seconds=2)
        assert (await row(house, transaction_id)).recovery is Recovery.LEFT_OPEN

    async def test_not_if_the_connector_is_in_use_again(
        self, house: House, cp: Peer, disk: set[str], busy: threading.Event
    ) -> None:
        transaction_id = await started(cp)
        await cp.says("StatusNotification", status(1, "Available"))
        async with _writer_held(house, busy):
            cp.sends("StatusNotification", status(1, "Charging"))
            await house.clock.advance(300)
        await house.quiet()
        disk.clear()
        await house.passes(seconds=1000)
        assert (await row(house, transaction_id)).stopped_at is None

    @pytest.fixture
    def busy(self) -> threading.Event:
        return threading.Event()

    async def test_a_stop_that_comes_at_the_last_moment_ends_it_once(
        self, house: House, cp: Peer, busy: threading.Event
    ) -> None:
        transaction_id = await started(cp)
        await cp.says("StatusNotification", status(1, "Available"))
        async with _writer_held(house, busy):
            cp.sends("StopTransaction", stop(transaction_id))
            await house.clock.advance(300)
        await house.quiet()
        ended = await row(house, transaction_id)
        assert (ended.recovery, ended.energy_wh) == (None, 500)
        assert house.happened(TransactionRecovered) == []

    async def test_readings_of_one_that_ends_meanwhile_are_kept_and_not_live(
        self, house: House, cp: Peer, busy: threading.Event
    ) -> None:
        transaction_id = await started(cp)
        await cp.says("StatusNotification", status(1, "Available"))
        await house.clock.advance(299)
        async with _writer_held(house, busy):
            await house.clock.advance(1)
            cp.sends("MeterValues", values(transaction_id, element(clock(5), 1200, watts(7000))))
            await settle()
        await house.quiet()
        assert (await row(house, transaction_id)).recovery is Recovery.LEFT_OPEN
        assert len(await readings(house, transaction_id)) == 1
        assert (place(house).power_w, place(house).transaction) == (0, None)


class TestTwoLinks:
    async def test_an_older_value_that_is_still_being_stored_turns_no_newer_one_back(
        self, house: House, cp: Peer
    ) -> None:
        transaction_id = await started(cp)
        await cp.says("MeterValues", values(transaction_id, element(clock(3), 1200)))
        busy = threading.Event()
        async with _writer_held(house, busy):
            cp.sends("MeterValues", values(transaction_id, element(clock(4), 1400)))
            await settle()
            newer = await house.connect("CP1")
            newer.sends("MeterValues", values(transaction_id, element(clock(2), 1100)))
            await settle()
        await house.quiet()
        assert place(house).transaction.energy_wh == 400


@asynccontextmanager
async def _writer_held(house: House, busy: threading.Event) -> AsyncIterator[None]:
    """What is written inside waits until the end, and is then written in order."""
    held = asyncio.ensure_future(house.database.write(lambda db: busy.wait(10)))
    yield
    busy.set()
    await held
