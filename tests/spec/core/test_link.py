"""The link: calls in order both ways, one in flight, deadlines, strays, garble, repeats, closing (OCPP-J 1.6, 4)."""

import asyncio
from typing import Any

import pytest

from mcppd.model.errors import (
    BadAnswer,
    CallErrorReceived,
    ChargePointOffline,
    ConnectionClosed,
    NoAnswer,
)
from mcppd.model.requests import Heartbeat
from tests.equipment.house import CallErrorAnswer, House, Peer

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "AC22"}


@pytest.fixture
async def ready(house: House, cp: Peer) -> Peer:
    """CP1, booted and ready for commands."""
    await cp.says("BootNotification", BOOT)
    await house.passes(seconds=1)
    return cp


def sending(house: House, action: str, body: dict[str, Any], **more: Any) -> asyncio.Task[Any]:
    return asyncio.ensure_future(house.core.operations.send_raw("CP1", action, body, caller="test", **more))


class TestCalls:
    """Section 4.1: the central system as the caller."""

    async def test_the_answer_comes_back_as_spelled_and_as_understood(self, house: House, ready: Peer) -> None:
        task = sending(house, "Reset", {"type": "Hard"})
        call = await ready.hears("Reset")
        assert call.payload == {"type": "Hard"}
        ready.answers(call, status="Accepted")
        result = await task
        assert result.payload == {"status": "Accepted"}
        assert result.answer.accepted

    async def test_one_call_is_in_flight_at_a_time_first_in_first_out(self, house: House, ready: Peer) -> None:
        tasks = [sending(house, "ChangeConfiguration", {"key": f"K{n}", "value": "1"}) for n in range(3)]
        for number in range(3):
            call = await ready.hears("ChangeConfiguration")
            assert call.payload["key"] == f"K{number}"
            await house.quiet()
            assert not ready.has_heard("ChangeConfiguration"), "the next waits for the answer"
            ready.answers(call, status="Accepted")
        assert all(result.answer.accepted for result in await asyncio.gather(*tasks))

    async def test_an_overdue_call_fails_and_frees_the_line(self, house: House, ready: Peer) -> None:
        first = sending(house, "Reset", {"type": "Soft"})
        second = sending(house, "Reset", {"type": "Hard"})
        await ready.hears("Reset")
        await house.passes(seconds=29)
        assert not first.done()
        await house.passes(seconds=1)
        with pytest.raises(NoAnswer, match="within 30 s"):
            await first
        ready.answers(await ready.hears("Reset"), status="Accepted")
        assert (await second).answer.accepted

    async def test_a_late_result_is_counted_and_answers_nothing_else(self, house: House, ready: Peer) -> None:
        first = sending(house, "Reset", {"type": "Soft"})
        call = await ready.hears("Reset")
        await house.passes(seconds=30)
        with pytest.raises(NoAnswer):
            await first
        second = sending(house, "Reset", {"type": "Hard"})
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
        task = sending(house, "Reset", {"type": "Soft"})
        ready.refuses(await ready.hears("Reset"), "NotSupported", "no reset here")
        with pytest.raises(CallErrorReceived) as caught:
            await task
        assert (caught.value.code, caught.value.description) == ("NotSupported", "no reset here")

    async def test_an_answer_that_cannot_be_read_is_told_as_such(self, house: House, ready: Peer) -> None:
        task = sending(house, "Reset", {"type": "Soft"})
        ready.answers(await ready.hears("Reset"), {"nothing": "useful"})
        with pytest.raises(BadAnswer):
            await task

    async def test_offline_is_refused_at_once(self, house: House, ready: Peer) -> None:
        ready.leaves()
        with pytest.raises(ChargePointOffline):
            await sending(house, "Reset", {"type": "Soft"})

    async def test_waiting_for_an_offline_charge_point_ends_when_it_comes(self, house: House, ready: Peer) -> None:
        ready.leaves()
        task = sending(house, "Reset", {"type": "Soft"}, wait_s=60)
        await house.passes(seconds=10)
        again = await house.connect("CP1")
        await again.says("Heartbeat", {})
        await house.passes(seconds=1)
        again.answers(await again.hears("Reset"), status="Accepted")
        assert (await task).answer.accepted

    async def test_waiting_for_one_that_does_not_come_ends_in_offline(self, house: House, ready: Peer) -> None:
        ready.leaves()
        task = sending(house, "Reset", {"type": "Soft"}, wait_s=60)
        await house.passes(seconds=61)
        with pytest.raises(ChargePointOffline):
            await task

    async def test_closing_fails_every_call_at_once_and_resends_nothing(self, house: House, ready: Peer) -> None:
        tasks = [sending(house, "Reset", {"type": "Soft"}) for _ in range(3)]
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
        task = sending(house, "GetConfiguration", {})
        call = await ready.hears("GetConfiguration")
        task.cancel()
        await house.quiet()
        ready.answers(call, configurationKey=[{"key": "HeartbeatInterval", "readonly": False, "value": "60"}])
        await house.quiet()
        keys = await house.core.archive.configuration("CP1")
        assert [(key.key, key.value) for key in keys] == [("HeartbeatInterval", "60")]

    async def test_too_many_waiting_calls_are_refused(self, house: House, ready: Peer) -> None:
        tasks = [sending(house, "Reset", {"type": "Soft"}) for _ in range(66)]
        await house.quiet()
        with pytest.raises(Exception, match="wait for CP1 already"):
            await tasks[-1]
        ready.leaves()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def test_three_unanswered_calls_in_a_row_close_the_link_of_one_that_talks(
        self, house: House, ready: Peer
    ) -> None:
        tasks = [sending(house, "Reset", {"type": "Soft"}) for _ in range(3)]
        for _ in range(3):
            assert ready.wire.closed_with is None
            await ready.says("Heartbeat", {})
            await house.passes(seconds=30)
        assert ready.wire.closed_with == (1001, "answers no calls")
        await asyncio.gather(*tasks, return_exceptions=True)


class TestRequests:
    """Section 4.1: the charge point as the caller."""

    async def test_calls_cross_both_are_answered(self, house: House, ready: Peer) -> None:
        task = sending(house, "Reset", {"type": "Soft"})
        call = await ready.hears("Reset")
        for _ in range(20):
            assert await ready.says("Heartbeat", {})
        ready.answers(call, status="Accepted")
        assert (await task).answer.accepted

    async def test_calls_are_answered_in_order(self, house: House, ready: Peer) -> None:
        ids = [ready.sends("StatusNotification", _status(n)) for n in range(10)]
        for message_id in ids:
            await ready.answer_to(message_id)
        answered = [text.split('"')[1] for text in ready.wire.texts[-10:]]
        assert answered == ids

    async def test_an_unknown_action_is_not_implemented(self, ready: Peer) -> None:
        with pytest.raises(CallErrorAnswer) as caught:
            await ready.says("Teleport", {})
        assert caught.value.code == "NotImplemented"

    async def test_an_action_of_ours_is_not_supported(self, ready: Peer) -> None:
        with pytest.raises(CallErrorAnswer) as caught:
            await ready.says("Reset", type="Soft")
        assert caught.value.code == "NotSupported"

    async def test_a_call_said_again_while_it_is_handled_is_carried_out_once(self, house: House, ready: Peer) -> None:
        start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-11-21T08:00:00Z"}
        for _ in range(3):
            ready.sends("StartTransaction", start, message_id="same")
        replies = [await ready.answer_to("same") for _ in range(3)]
        assert len({reply["transactionId"] for reply in replies}) == 1
        assert len(await house.core.archive.transactions()) == 1

    async def test_a_full_inbox_pauses_reading_and_an_empty_one_resumes_it(self, house: House, ready: Peer) -> None:
        ids = [ready.sends("StatusNotification", _status(n)) for n in range(40)]
        assert not ready.wire.reading
        for message_id in ids:
            await ready.answer_to(message_id)
        assert ready.wire.reading
        assert house.core.counters.errors["inbox_full"] == 1

    async def test_what_was_received_is_handled_although_the_link_closes(self, house: House, ready: Peer) -> None:
        ready.sends("StatusNotification", {"connectorId": 1, "status": "Faulted", "errorCode": "GroundFailure"})
        ready.leaves()
        await house.quiet()
        assert house.core.central.view("CP1").connectors[0].error_code == "GroundFailure"

    async def test_garble_is_refused_or_ignored_and_the_link_stays(self, house: House, ready: Peer) -> None:
        for text in ("", "[]", "nonsense", '[9,"x",{}]', '{"a":1}', "[2]"):
            ready.sends_text(text)
        assert ready.wire.closed_with is None
        assert await ready.says("Heartbeat", {})

    async def test_more_than_ten_garbled_frames_a_minute_close_the_link_with_1002(
        self, house: House, ready: Peer
    ) -> None:
        for _ in range(10):
            ready.sends_text("nonsense")
        assert ready.wire.closed_with is None
        ready.sends_text("nonsense")
        assert ready.wire.closed_with is not None
        assert ready.wire.closed_with[0] == 1002

    async def test_ten_a_minute_are_borne_for_ever(self, house: House, ready: Peer) -> None:
        for _ in range(3):
            for _ in range(10):
                ready.sends_text("nonsense")
            await house.passes(seconds=60)
        assert ready.wire.closed_with is None

    async def test_a_handler_that_fails_costs_one_answer(
        self, house: House, ready: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def broken(turn: object, request: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr("mcppd.core.answering.HANDLERS", {Heartbeat: broken})
        with pytest.raises(CallErrorAnswer) as caught:
            await ready.says("Heartbeat", {})
        assert caught.value.code == "InternalError"
        assert "broken" not in caught.value.description
        assert "handler_failed" in caplog.text
        monkeypatch.undo()
        assert await ready.says("Heartbeat", {})


def _status(number: int) -> dict[str, Any]:
    return {"connectorId": 1 + number % 5, "status": "Available", "errorCode": "NoError", "info": str(number)}


class TestTheEnd:
    """What becomes of calls when the central system stops."""

    async def test_a_call_in_flight_may_still_be_answered_and_no_other_is_sent(self, house: House, ready: Peer) -> None:
        first, second = sending(house, "Reset", {"type": "Soft"}), sending(house, "Reset", {"type": "Hard"})
        call = await ready.hears("Reset")
        closing = asyncio.ensure_future(house.core.central.close(5.0))
        await house.quiet()
        assert not closing.done()
        ready.answers(call, status="Accepted")
        await closing
        assert (await first).answer.accepted
        assert not ready.has_heard("Reset")
        ready.leaves()
        with pytest.raises(ConnectionClosed):
            await second
