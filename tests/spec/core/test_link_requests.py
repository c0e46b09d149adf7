"""The link, the charge point as the caller: order, repeats, garble, failures, counting (OCPP-J 1.6, 4)."""

import asyncio
import gc
import logging
from dataclasses import replace
from typing import Any

import pytest

from mcppd.core.handlers.boot import heartbeat
from mcppd.core.turn import Turn
from mcppd.model.events import StatusReported
from mcppd.model.replies import Outcome
from mcppd.model.requests import Heartbeat
from tests.equipment.clock import settle
from tests.equipment.house import CallErrorAnswer, House, Peer, disk_full


class TestRequests:
    """Section 4.1: the charge point as the caller."""

    async def test_calls_cross_both_are_answered(self, house: House, ready: Peer) -> None:
        task = house.sending("Reset", {"type": "Soft"})
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

    async def test_reading_pauses_at_the_bound_and_goes_on_at_half_of_it(
        self, house: House, ready: Peer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turns = asyncio.Semaphore(0)

        async def slow(turn: Turn, request: Heartbeat) -> Outcome:
            await turns.acquire()
            return await heartbeat(turn, request)

        monkeypatch.setattr("mcppd.core.answering.HANDLERS", {Heartbeat: slow})
        house.settings = replace(house.settings, ocpp=replace(house.settings.ocpp, inbox=4))
        reading = []
        for _ in range(4):
            ready.sends("Heartbeat", {})
            reading.append(ready.wire.reading)
        assert reading == [True, True, True, False]
        for left in (3, 2, 1, 0):
            await settle()
            assert ready.wire.reading is (left <= 2)
            turns.release()

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

    async def test_message_types_of_other_versions_are_ignored_however_many(self, house: House, ready: Peer) -> None:
        """Section 4.1.3: a message type that is not known is ignored, without an answer."""
        sent = len(ready.wire.texts)
        for number in range(50):
            ready.sends_text(f'[6,"{number}","NotifyPeriodicEventStream",{{}}]')
        assert ready.wire.closed_with is None
        assert len(ready.wire.texts) == sent
        assert house.core.counters.errors["unknown_type"] == 50

    async def test_garble_with_an_id_is_refused_and_counted_by_its_kind(self, house: House, ready: Peer) -> None:
        ready.sends_text('[2,"x",7,{}]')
        with pytest.raises(CallErrorAnswer) as caught:
            await ready.answer_to("x")
        assert caught.value.code == "FormationViolation"
        assert house.core.counters.errors["bad_action"] == 1

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
        assert house.core.counters.errors["handler_failed"] == 1

    async def test_a_failure_after_the_answer_costs_neither_the_next_answer_nor_the_link(
        self, house: House, ready: Peer, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(event: object) -> None:
            if isinstance(event, StatusReported):
                raise RuntimeError("broken")

        house.core.bus.listen(broken)
        ids = [ready.sends("StatusNotification", _status(n)) for n in range(3)]
        assert [await ready.answer_to(message_id) for message_id in ids] == [{}, {}, {}]
        await ready.link.finish()
        assert "handler_failed" in caplog.text
        assert house.core.counters.errors["refused"] == 0

    async def test_what_cannot_be_stored_is_not_answered_and_handled_when_it_is_said_again(
        self, house: House, ready: Peer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent = len(ready.wire.texts)
        with monkeypatch.context() as patch:
            patch.setattr("mcppd.db.connectors.record_status", disk_full)
            ready.sends("StatusNotification", _status(1), message_id="same")
            await house.quiet()
        assert len(ready.wire.texts) == sent
        assert house.core.counters.errors["storage"] == 1
        assert house.happened(StatusReported) == []
        ready.sends("StatusNotification", _status(1), message_id="same")
        assert await ready.answer_to("same") == {}
        assert len(house.happened(StatusReported)) == 1

    async def test_neither_is_what_cannot_be_quarantined_and_no_failure_goes_unheard(
        self, house: House, ready: Peer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent = len(ready.wire.texts)
        with monkeypatch.context() as patch:
            patch.setattr("mcppd.db.connectors.record_status", disk_full)
            patch.setattr("mcppd.db.quarantine.record", disk_full)
            ready.sends("StatusNotification", {**_status(1), "info": "x" * 500})
            await house.quiet()
            patch.undo()
            patch.setattr("mcppd.db.quarantine.record", disk_full)
            ready.sends("StatusNotification", {**_status(1), "info": "x" * 500})
            await house.quiet()
        gc.collect()
        assert len(ready.wire.texts) == sent
        assert house.core.counters.errors["storage"] == 2

    async def test_calls_of_the_link_before_are_handled_first(self, house: House, ready: Peer) -> None:
        """Order is the order of arrival, also across a reconnect."""
        house.database.commit_interval_s = 60.0
        value = [{"timestamp": "2026-11-21T08:00:00Z", "sampledValue": [{"value": "7"}]}]
        ready.sends("MeterValues", {"connectorId": 1, "meterValue": value})
        ready.sends("StatusNotification", {**_status(0), "status": "Charging"})
        await settle()
        between = await house.connect("CP1")
        again = await house.connect("CP1")
        said = again.sends("StatusNotification", {**_status(0), "status": "Available"})
        await settle()
        house.database.commit_interval_s = 0.0
        await again.answer_to(said)
        assert house.core.central.view("CP1").connectors[0].status == "Available"
        assert [event.status for event in house.happened(StatusReported)] == ["Charging", "Available"]
        assert between.link.unfinished is not again.link.unfinished is None

    async def test_every_message_is_counted_once_by_direction_type_and_action(self, house: House, ready: Peer) -> None:
        house.core.counters.messages.clear()
        await ready.says("Heartbeat", {})
        with pytest.raises(CallErrorAnswer):
            await ready.says("Teleport", {})
        for answer in ("answers", "refuses"):
            task = house.sending("Reset", {"type": "Soft"})
            call = await ready.hears("Reset")
            ready.answers(call, status="Accepted") if answer == "answers" else ready.refuses(call, "InternalError")
            await asyncio.gather(task, return_exceptions=True)
        ready.sends("Heartbeat", {})
        ready.leaves()
        await house.quiet()
        assert house.core.counters.messages == {
            ("in", "call", "Heartbeat"): 2,
            ("out", "call_result", "Heartbeat"): 1,
            ("in", "call", "other"): 1,
            ("out", "call_error", "other"): 1,
            ("out", "call", "Reset"): 2,
            ("in", "call_result", "Reset"): 1,
            ("in", "call_error", "Reset"): 1,
        }

    @pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
    async def test_frames_are_logged_both_ways_on_demand(
        self, house: House, ready: Peer, caplog: pytest.LogCaptureFixture, level: int
    ) -> None:
        with caplog.at_level(level, logger="mcppd.messages"):
            await ready.says("Heartbeat", {})
            ready.sends_text("nonsense")
        told = [(record.direction, record.action) for record in caplog.records if record.message == "message"]
        assert told == ([("in", "Heartbeat"), ("out", "Heartbeat"), ("in", "")] if level == logging.DEBUG else [])

    async def test_two_hundred_calls_leave_nothing_behind(self, house: House, ready: Peer) -> None:
        for _ in range(200):
            await ready.says("Heartbeat", {})
        await settle()
        assert len(house.core.tasks) == 0
        assert ready.link.unfinished is None


def _status(number: int) -> dict[str, Any]:
    return {"connectorId": 1 + number % 5, "status": "Available", "errorCode": "NoError", "info": str(number)}
