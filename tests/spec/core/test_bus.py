"""The event bus and the tasks that run beside: nobody can hold them up, nothing is lost unseen."""

import asyncio
import logging

import pytest

from mcppd.core.bus import Bus
from mcppd.core.tasks import Tasks
from mcppd.model.events import DataReceived, Event
from tests.equipment.clock import FakeClock, settle


def event(number: int) -> Event:
    return DataReceived(
        charge_point="CP1", at=FakeClock().now(), vendor_id=str(number), message_id=None, status="Accepted"
    )


class TestSubscriptions:
    async def test_events_come_in_their_order_to_everyone(self) -> None:
        bus = Bus()
        one, other = bus.subscribe("one", 10), bus.subscribe("other", 10)
        assert [subscription.name for subscription in bus.subscriptions] == ["one", "other"]
        bus.publish([event(1), event(2)])
        for subscription in (one, other):
            assert [(await anext(subscription)).vendor_id for _ in range(2)] == ["1", "2"]
            assert len(subscription) == 0

    async def test_one_that_is_full_loses_its_oldest_and_counts_it(self) -> None:
        bus = Bus()
        slow, quick = bus.subscribe("slow", 2), bus.subscribe("quick", 10)
        bus.publish([event(number) for number in range(5)])
        assert (slow.dropped, len(slow)) == (3, 2)
        assert (quick.dropped, len(quick)) == (0, 5)
        assert [(await anext(slow)).vendor_id for _ in range(2)] == ["3", "4"]

    async def test_one_that_waits_is_woken(self) -> None:
        bus = Bus()
        subscription = bus.subscribe("one", 2)
        waiting = asyncio.ensure_future(anext(subscription))
        await settle()
        assert not waiting.done()
        bus.publish([event(7)])
        assert (await waiting).vendor_id == "7"

    async def test_one_that_is_closed_gives_what_it_holds_and_ends(self) -> None:
        bus = Bus()
        subscription = bus.subscribe("one", 5)
        bus.publish([event(1)])
        subscription.close()
        bus.publish([event(2)])
        assert [one.vendor_id async for one in subscription] == ["1"]
        assert bus.subscriptions == ()
        subscription.close()
        assert bus.subscriptions == ()

    async def test_closing_ends_the_wait_for_the_next(self) -> None:
        subscription = Bus().subscribe("one", 5)
        waiting = asyncio.ensure_future(anext(subscription, None))
        await settle()
        subscription.close()
        assert await waiting is None

    async def test_listeners_hear_each_event_at_once(self) -> None:
        bus, heard = Bus(), []
        bus.listen(heard.append)
        bus.listen(heard.append)
        one = event(1)
        bus.publish([one])
        assert heard == [one, one]


class TestTasks:
    async def test_a_failure_is_logged_under_its_name(self, caplog: pytest.LogCaptureFixture) -> None:
        async def fails() -> None:
            raise ValueError("broken")

        tasks = Tasks()
        tasks.spawn(fails(), "the work")
        await settle()
        [record] = [record for record in caplog.records if record.message == "task_failed"]
        assert (record.task, record.levelno) == ("the work", logging.ERROR)
        assert "broken" in caplog.text
        assert len(tasks) == 0

    async def test_one_that_its_owner_tells_of_is_not(self, caplog: pytest.LogCaptureFixture) -> None:
        async def fails(error: Exception) -> None:
            raise error

        tasks = Tasks()
        tasks.spawn(fails(ValueError("expected")), "quiet", quiet=ValueError)
        tasks.spawn(fails(KeyError("unexpected")), "loud", quiet=ValueError)
        await settle()
        assert [record.task for record in caplog.records] == ["loud"]

    async def test_stop_waits_then_cancels_and_leaves_nothing(self) -> None:
        done = []

        async def work(turns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            done.append(turns)

        tasks = Tasks()
        tasks.spawn(work(5), "quick")
        endless = tasks.spawn(work(10**9), "endless")
        assert len(tasks) == 2
        await tasks.stop(0.01)
        assert done == [5]
        assert endless.cancelled()
        assert len(tasks) == 0
        await tasks.stop(0.01)
