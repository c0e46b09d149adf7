"""The link, our side as the caller: in order, one in flight, deadlines, strays, closing (OCPP-J 1.6, 4)."""

import asyncio
from dataclasses import replace

import pytest

from mcppd.model.commands import Reset, TriggerMessage
from mcppd.model.errors import (
    BadAnswer,
    CallErrorReceived,
    ChargePointOffline,
    ConnectionClosed,
    NoAnswer,
)
from mcppd.model.events import ChargePointDisconnected
from tests.equipment.clock import settle
from tests.equipment.house import House, Peer


class TestCalls:
    """Section 4.1: the central system as the caller."""

    async def test_the_answer_comes_back_as_spelled_and_as_understood(self, house: House, ready: Peer) -> None:
        task = house.sending("Reset", {"type": "Hard"})
        call = await ready.hears("Reset")
        assert call.payload == {"type": "Hard"}
        ready.answers(call, status="Accepted")
        result = await task
        assert result.payload == {"status": "Accepted"}
        assert result.answer.accepted

    async def test_one_call_is_in_flight_at_a_time_first_in_first_out(self, house: House, ready: Peer) -> None:
        tasks = [house.sending("ChangeConfiguration", {"key": f"K{n}", "value": "1"}) for n in range(3)]
        for number in range(3):
            call = await ready.hears("ChangeConfiguration")
            assert call.payload["key"] == f"K{number}"
            await house.quiet()
            assert not ready.has_heard("ChangeConfiguration"), "the next waits for the answer"
            ready.answers(call, status="Accepted")
        assert all(result.answer.accepted for result in await asyncio.gather(*tasks))

    async def test_an_overdue_call_fails_and_frees_the_line(self, house: House, ready: Peer) -> None:
        first = house.sending("Reset", {"type": "Soft"})
        second = house.sending("Reset", {"type": "Hard"})
        await ready.hears("Reset")
        await house.passes(seconds=29)
        assert not first.done()
        await house.passes(seconds=1)
        with pytest.raises(NoAnswer, match="within 30 s"):
            await first
        ready.answers(await ready.hears("Reset"), status="Accepted")
        assert (await second).answer.accepted

    async def test_a_late_result_is_counted_and_answers_nothing_else(self, house: House, ready: Peer) -> None:
        first = house.sending("Reset", {"type": "Soft"})
        call = await ready.hears("Reset")
        await house.passes(seconds=30)
        with pytest.raises(NoAnswer):
            await first
        second = house.sending("Reset", {"type": "Hard"})
        following = await ready.hears("Reset")
        ready.answers(call, status="Rejected")
        await house.quiet()
        assert not second.done()
        ready.answers(following, status="Accepted")
        assert (await second).answer.accepted
        assert house.core.counters.errors["late"] == 1

    async def test_stray_results_are_counted_and_dropped(self, house: House, ready: Peer) -> None:
        for number in range(100):
            ready.sends_text(f'[3,"never-{number}",{{}}]')
        assert house.core.counters.errors["stray"] == 100
        assert await ready.says("Heartbeat", {})

    async def test_a_call_error_is_told_with_its_code(self, house: House, ready: Peer) -> None:
        task = house.sending("Reset", {"type": "Soft"})
        ready.refuses(await ready.hears("Reset"), "NotSupported", "no reset here")
        with pytest.raises(CallErrorReceived) as caught:
            await task
        assert (caught.value.code, caught.value.description) == ("NotSupported", "no reset here")

    async def test_an_answer_that_cannot_be_read_is_told_as_such(self, house: House, ready: Peer) -> None:
        task = house.sending("Reset", {"type": "Soft"})
        ready.answers(await ready.hears("Reset"), {"nothing": "useful"})
        with pytest.raises(BadAnswer):
            await task

    async def test_offline_is_refused_at_once(self, house: House, ready: Peer) -> None:
        ready.leaves()
        with pytest.raises(ChargePointOffline):
            await house.sending("Reset", {"type": "Soft"})

    async def test_waiting_for_an_offline_charge_point_ends_when_it_comes(self, house: House, ready: Peer) -> None:
        ready.leaves()
        task = house.sending("Reset", {"type": "Soft"}, wait_s=60)
        await house.passes(seconds=10)
        again = await house.connect("CP1")
        await again.says("Heartbeat", {})
        await house.passes(seconds=1)
        again.answers(await again.hears("Reset"), status="Accepted")
        assert (await task).answer.accepted

    async def test_waiting_for_one_that_does_not_come_ends_in_offline(self, house: House, ready: Peer) -> None:
        ready.leaves()
        task = house.sending("Reset", {"type": "Soft"}, wait_s=60)
        await house.passes(seconds=61)
        with pytest.raises(ChargePointOffline):
            await task

    async def test_closing_fails_every_call_at_once_and_resends_nothing(self, house: House, ready: Peer) -> None:
        tasks = [house.sending("Reset", {"type": "Soft"}) for _ in range(3)]
        await ready.hears("Reset")
        ready.leaves()
        for task in tasks:
            with pytest.raises(ConnectionClosed):
                await task
        again = await house.connect("CP1")
        await again.says("Heartbeat", {})
        await house.passes(seconds=60)
        assert not again.has_heard("Reset")

    async def test_a_caller_that_hangs_up_leaves_its_call_in_flight(self, house: House, ready: Peer) -> None:
        task = house.sending("GetConfiguration", {})
        call = await ready.hears("GetConfiguration")
        task.cancel()
        await house.quiet()
        ready.answers(call, configurationKey=[{"key": "HeartbeatInterval", "readonly": False, "value": "60"}])
        await house.quiet()
        keys = await house.core.archive.configuration("CP1")
        assert [(key.key, key.value) for key in keys] == [("HeartbeatInterval", "60")]

    async def test_too_many_waiting_calls_are_refused(self, house: House, ready: Peer) -> None:
        tasks = [house.sending("Reset", {"type": "Soft"}) for _ in range(66)]
        await house.quiet()
        with pytest.raises(Exception, match="wait for CP1 already"):
            await tasks[-1]
        ready.leaves()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def test_three_unanswered_calls_in_a_row_close_the_link_of_one_that_talks(
        self, house: House, ready: Peer
    ) -> None:
        tasks = [house.sending("Reset", {"type": "Soft"}) for _ in range(3)]
        for _ in range(3):
            assert ready.wire.closed_with is None
            await ready.says("Heartbeat", {})
            await house.passes(seconds=30)
        assert ready.wire.closed_with == (1001, "answers no calls")
        await asyncio.gather(*tasks, return_exceptions=True)
        assert house.core.counters.errors["zombie"] == 1

    async def test_one_that_says_nothing_at_all_is_no_zombie_but_left_to_the_door(
        self, house: House, ready: Peer
    ) -> None:
        tasks = [house.sending("Reset", {"type": "Soft"}) for _ in range(4)]
        await house.passes(seconds=120)
        assert ready.wire.closed_with is None
        await asyncio.gather(*tasks, return_exceptions=True)

    @pytest.mark.parametrize("late", [True, False])
    async def test_one_that_answers_in_between_or_too_late_is_no_zombie(
        self, house: House, ready: Peer, late: bool
    ) -> None:
        for _ in range(5):
            task = house.sending("Reset", {"type": "Soft"})
            call = await ready.hears("Reset")
            await house.passes(seconds=31)
            with pytest.raises(NoAnswer):
                await task
            if late:
                ready.answers(call, status="Accepted")
            else:
                task = house.sending("Reset", {"type": "Soft"})
                ready.answers(await ready.hears("Reset"), status="Accepted")
                await task
        assert ready.wire.closed_with is None

    async def test_what_is_put_in_at_once_goes_before_readiness_and_nothing_else_with_it(
        self, house: House, cp: Peer
    ) -> None:
        task = house.sending("Reset", {"type": "Soft"})
        await house.quiet()
        first = asyncio.ensure_future(cp.link.call(TriggerMessage("Heartbeat"), at_once=True))
        second = asyncio.ensure_future(cp.link.call(TriggerMessage("MeterValues"), at_once=True))
        for requested in ("Heartbeat", "MeterValues"):
            call = await cp.hears("TriggerMessage")
            assert call.payload == {"requestedMessage": requested}
            cp.answers(call, status="Accepted")
        await asyncio.gather(first, second)
        await house.quiet()
        assert not cp.has_heard("Reset"), "the link is not ready"
        cp.leaves()
        await asyncio.gather(task, return_exceptions=True)

    async def test_one_that_nobody_waits_for_any_more_is_not_sent(self, house: House, ready: Peer) -> None:
        first = asyncio.ensure_future(ready.link.call(Reset(hard=False)))
        gone = asyncio.ensure_future(ready.link.call(Reset(hard=True)))
        last = asyncio.ensure_future(ready.link.call(Reset(hard=False)))
        call = await ready.hears("Reset")
        gone.cancel()
        await settle()
        ready.answers(call, status="Accepted")
        following = await ready.hears("Reset")
        assert following.payload == {"type": "Soft"}
        ready.answers(following, status="Accepted")
        await asyncio.gather(first, last)

    async def test_the_deadline_is_the_one_of_the_configuration_now(self, house: House, ready: Peer) -> None:
        house.settings = replace(house.settings, ocpp=replace(house.settings.ocpp, call_timeout=5.0))
        task = house.sending("Reset", {"type": "Soft"})
        await ready.hears("Reset")
        await house.passes(seconds=4.9)
        assert not task.done()
        await house.passes(seconds=0.1)
        with pytest.raises(NoAnswer, match="within 5 s"):
            await task

    async def test_the_deadline_of_one_that_was_answered_is_nobody_elses(self, house: House, ready: Peer) -> None:
        first = house.sending("Reset", {"type": "Soft"})
        call = await ready.hears("Reset")
        await house.passes(seconds=20)
        ready.answers(call, status="Accepted")
        await first
        second = house.sending("Reset", {"type": "Hard"})
        call = await ready.hears("Reset")
        await house.passes(seconds=20)
        assert not second.done()
        ready.answers(call, status="Accepted")
        assert (await second).answer.accepted
        assert house.core.counters.errors["call_timeout"] == 0

    async def test_a_closed_link_refuses_calls_and_sends_nothing(self, house: House, ready: Peer) -> None:
        sent = len(ready.wire.texts)
        ready.leaves()
        ready.leaves("a second time")
        with pytest.raises(ConnectionClosed):
            await ready.link.call(Reset(hard=False))
        assert len(house.happened(ChargePointDisconnected)) == 1
        assert len(ready.wire.texts) == sent
