"""OCPP-J 1.6, section 4.1: who owes whom an answer. Texts in, texts out."""

import itertools
import json

import pytest

from mcppd.ocpp.exchange import (
    GARBLE_CODES,
    MAX_OVERDUE,
    MAX_REPLIES,
    MAX_REPLY_BYTES,
    MAX_WAITING_REPEATS,
    Answered,
    Asked,
    Exchange,
    Garbled,
    Repeated,
    Stray,
)
from mcppd.ocpp.frame import KINDS, Call, CallError, CallResult, ErrorCode
from mcppd.ocpp.v16.tables import ERROR_CODES

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


@pytest.fixture
def exchange() -> Exchange:
    counter = itertools.count(1)
    return Exchange(ERROR_CODES, lambda: f"ours-{next(counter)}")


def call(message_id="1", action="StatusNotification", payload=STATUS) -> str:
    return json.dumps([2, message_id, action, payload])


def asked(exchange: Exchange, text: str) -> Call:
    received = exchange.receive(text)
    assert isinstance(received, Asked), received
    return received.call


class TestTheirCalls:
    """Every CALL gets exactly one answer."""

    def test_a_call_is_asked_and_answered(self, exchange):
        first = asked(exchange, call("7"))
        assert exchange.answer(first, {}) == ['[3,"7",{}]']

    def test_an_answer_with_content(self, exchange):
        first = asked(exchange, call("7", "Authorize", {"idTag": "A"}))
        texts = exchange.answer(first, {"idTagInfo": {"status": "Accepted"}})
        assert texts == ['[3,"7",{"idTagInfo":{"status":"Accepted"}}]']

    def test_a_refusal_is_spelled_as_the_dialect_spells_it(self, exchange):
        first = asked(exchange, call("7"))
        texts = exchange.refuse(first, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "$.status: is required")
        assert texts == ['[4,"7","OccurenceConstraintViolation","$.status: is required",{}]']

    def test_a_message_id_beyond_ascii_comes_back(self, exchange):
        first = asked(exchange, call('ü"7'))
        assert [json.loads(text) for text in exchange.answer(first, {})] == [[3, 'ü"7', {}]]
        assert exchange.answer(first, {}) == []

    def test_what_was_answered_is_not_answered_twice(self, exchange):
        first = asked(exchange, call("7"))
        exchange.answer(first, {})
        assert exchange.answer(first, {}) == []
        assert exchange.refuse(first, ErrorCode.INTERNAL_ERROR, "") == []

    def test_two_calls_may_be_open_and_are_answered_in_any_order(self, exchange):
        first, second = asked(exchange, call("7")), asked(exchange, call("8"))
        assert exchange.answer(second, {}) == ['[3,"8",{}]']
        assert exchange.answer(first, {}) == ['[3,"7",{}]']

    def test_a_call_whose_payload_was_mended_on_its_way_is_still_this_call(self, exchange):
        first = asked(exchange, call("7"))
        mended = Call(first.id, first.action, {**STATUS, "connectorId": 2})
        assert exchange.answer(mended, {}) == ['[3,"7",{}]']
        assert exchange.receive(call("7")) == Repeated(['[3,"7",{}]'])

    def test_a_payload_that_is_no_object_is_asked_too(self, exchange):
        first = asked(exchange, call("7", "StatusNotification", [1]))
        assert exchange.answer(first, {}) == ['[3,"7",{}]']


class TestRepeats:
    """The same message id, action and payload again is the same message."""

    def test_a_repeat_gets_the_answer_of_the_first(self, exchange):
        exchange.answer(asked(exchange, call("7")), {"status": "first"})
        assert exchange.receive(call("7")) == Repeated(['[3,"7",{"status":"first"}]'])
        assert exchange.receive(call("7")) == Repeated(['[3,"7",{"status":"first"}]'])

    def test_a_repeat_is_known_whatever_the_order_of_its_fields_and_its_blanks(self, exchange):
        exchange.answer(asked(exchange, call("7")), {})
        again = json.dumps([2, "7", "StatusNotification", dict(reversed(STATUS.items()))], indent=1)
        assert exchange.receive(again) == Repeated(['[3,"7",{}]'])

    def test_a_repeat_of_a_refused_call_is_refused_alike(self, exchange):
        texts = exchange.refuse(asked(exchange, call("7")), ErrorCode.INTERNAL_ERROR, "it broke")
        assert exchange.receive(call("7")) == Repeated(texts)

    def test_a_repeat_that_comes_before_the_answer_goes_with_it(self, exchange):
        first = asked(exchange, call("7"))
        assert exchange.receive(call("7")) == Repeated([])
        assert exchange.receive(call("7")) == Repeated([])
        assert exchange.answer(first, {}) == ['[3,"7",{}]'] * 3

    def test_the_same_id_with_another_payload_is_another_call(self, exchange):
        exchange.answer(asked(exchange, call("7")), {})
        other = asked(exchange, call("7", payload={**STATUS, "status": "Charging"}))
        assert exchange.answer(other, {}) == ['[3,"7",{}]']

    def test_the_same_id_with_another_action_is_another_call(self, exchange):
        exchange.answer(asked(exchange, call("7", "Authorize")), {})
        asked(exchange, call("7", "DataTransfer"))

    def test_the_same_id_with_another_payload_is_another_call_while_the_first_is_open(self, exchange):
        first = asked(exchange, call("7"))
        second = asked(exchange, call("7", payload={**STATUS, "status": "Charging"}))
        assert exchange.receive(call("7")) == Repeated([])
        assert exchange.answer(first, {}) == ['[3,"7",{}]'] * 2
        assert exchange.answer(second, {"a": 1}) == ['[3,"7",{"a":1}]']
        assert exchange.receive(call("7", payload={**STATUS, "status": "Charging"})) == Repeated(['[3,"7",{"a":1}]'])

    def test_a_message_id_stands_for_the_last_call_that_bore_it(self, exchange):
        """A charge point with one id for everything reports Available, Charging, Available: the third counts."""
        for status in ("Available", "Charging", "Available"):
            exchange.answer(asked(exchange, call("1", payload={**STATUS, "status": status})), {})

    def test_a_call_that_came_between_makes_it_another_even_if_it_was_dropped(self, exchange):
        charging = call("1", payload={**STATUS, "status": "Charging"})
        exchange.answer(asked(exchange, call("1")), {})
        exchange.drop(asked(exchange, charging))
        first = asked(exchange, call("1"))
        between = asked(exchange, charging)
        exchange.answer(first, {})
        exchange.drop(between)
        asked(exchange, call("1"))

    def test_a_call_without_content_is_never_a_repeat(self, exchange):
        """Its answer is the time, and an old one would set the charge point's clock back."""
        first = asked(exchange, call("1", "Heartbeat", {}))
        second = asked(exchange, call("1", "Heartbeat", {}))
        assert exchange.answer(first, {"currentTime": "a"}) == ['[3,"1",{"currentTime":"a"}]']
        assert exchange.answer(second, {"currentTime": "b"}) == ['[3,"1",{"currentTime":"b"}]']
        asked(exchange, call("1", "Heartbeat", {}))

    def test_a_call_that_was_dropped_is_asked_again(self, exchange):
        exchange.drop(asked(exchange, call("7")))
        exchange.receive(call("8"))
        assert exchange.answer(asked(exchange, call("7")), {}) == ['[3,"7",{}]']

    def test_dropping_twice_does_nothing(self, exchange):
        first = asked(exchange, call("7"))
        exchange.drop(first)
        exchange.drop(first)


class TestBoundsOfTheMemory:
    def test_the_replies_given_last_are_remembered(self, exchange):
        for number in range(MAX_REPLIES + 1):
            exchange.answer(asked(exchange, call(str(number))), {})
        assert exchange.receive(call("1")) == Repeated(['[3,"1",{}]'])
        asked(exchange, call("0"))

    def test_the_bytes_of_the_replies_are_bounded(self, exchange):
        half = {"data": "x" * (MAX_REPLY_BYTES // 2 - 20)}
        for number in range(3):
            exchange.answer(asked(exchange, call(str(number))), half)
        assert isinstance(exchange.receive(call("2")), Repeated)
        assert isinstance(exchange.receive(call("1")), Repeated)
        asked(exchange, call("0"))

    def test_a_huge_reply_is_not_remembered_and_pushes_nothing_out(self, exchange):
        exchange.answer(asked(exchange, call("1")), {})
        exchange.answer(asked(exchange, call("2")), {"data": "x" * MAX_REPLY_BYTES})
        assert isinstance(exchange.receive(call("1")), Repeated)
        asked(exchange, call("2"))

    def test_a_million_ids_leave_no_more_than_the_last(self, exchange):
        for number in range(5000):
            exchange.answer(asked(exchange, call(str(number))), {})
        assert len(exchange._replies.by_id) == MAX_REPLIES
        assert exchange._replies.size == MAX_REPLIES * len("3{}")
        assert exchange._open == {}

    def test_repeats_that_wait_are_bounded(self, exchange):
        first = asked(exchange, call("7"))
        for _ in range(1000):
            exchange.receive(call("7"))
        assert len(exchange.answer(first, {})) == 1 + MAX_WAITING_REPEATS


class TestOurCalls:
    """4.1.1: one call of ours at a time."""

    def test_a_call_gets_its_result(self, exchange):
        assert exchange.ask("Reset", {"type": "Hard"}) == ("ours-1", '[2,"ours-1","Reset",{"type":"Hard"}]')
        received = exchange.receive('[3,"ours-1",{"status":"Accepted"}]')
        assert received == Answered(CallResult("ours-1", {"status": "Accepted"}), "Reset")

    def test_a_call_gets_its_error(self, exchange):
        exchange.ask("Reset", {"type": "Hard"})
        received = exchange.receive('[4,"ours-1","NotSupported","",{}]')
        assert received == Answered(CallError("ours-1", "NotSupported"), "Reset")

    def test_a_second_call_waits_for_the_first(self, exchange):
        exchange.ask("Reset", {"type": "Hard"})
        with pytest.raises(RuntimeError, match="Reset is in flight"):
            exchange.ask("GetConfiguration", {})
        exchange.receive('[3,"ours-1",{}]')
        assert exchange.ask("GetConfiguration", {})[0] == "ours-2"

    def test_a_call_that_cannot_be_written_is_not_in_flight(self, exchange):
        with pytest.raises(ValueError):
            exchange.ask("DataTransfer", {"data": "\ud800"})
        exchange.ask("GetConfiguration", {})

    def test_their_calls_are_asked_while_ours_is_in_flight(self, exchange):
        exchange.ask("Reset", {"type": "Hard"})
        theirs = asked(exchange, call("st9"))
        assert exchange.answer(theirs, {}) == ['[3,"st9",{}]']
        assert isinstance(exchange.receive('[3,"ours-1",{}]'), Answered)

    def test_their_call_may_bear_our_message_id(self, exchange):
        exchange.ask("Reset", {"type": "Hard"})
        asked(exchange, call("ours-1"))
        assert isinstance(exchange.receive('[3,"ours-1",{}]'), Answered)

    @pytest.mark.parametrize("text", ['[4,"","ProtocolError","",{}]', '[4,"-1","X","",{}]', '[4,null,"X"]', "[4,-1]"])
    def test_an_error_without_an_id_is_the_error_of_the_call_in_flight(self, exchange, text):
        exchange.ask("Reset", {"type": "Hard"})
        received = exchange.receive(text)
        assert isinstance(received, Answered)
        assert received.action == "Reset"

    def test_a_result_without_our_id_answers_nothing(self, exchange):
        exchange.ask("Reset", {"type": "Hard"})
        assert exchange.receive('[3,"-1",{}]') == Stray("-1", late=False)
        assert exchange.receive('[3,"other",{}]') == Stray("other", late=False)
        assert exchange.receive('[4,"other","X","",{}]') == Stray("other", late=False)


class TestStrays:
    def test_an_unsolicited_result_is_a_stray(self, exchange):
        assert exchange.receive('[3,"1",{}]') == Stray("1", late=False)
        assert exchange.receive('[4,"","X","",{}]') == Stray("", late=False)

    def test_a_second_result_is_a_stray(self, exchange):
        exchange.ask("Reset", {"type": "Hard"})
        exchange.receive('[3,"ours-1",{}]')
        assert exchange.receive('[3,"ours-1",{}]') == Stray("ours-1", late=False)

    def test_the_result_of_an_abandoned_call_is_late_once(self, exchange):
        exchange.ask("Reset", {"type": "Hard"})
        exchange.abandon()
        exchange.ask("GetConfiguration", {})
        assert exchange.receive('[3,"ours-1",{}]') == Stray("ours-1", late=True)
        assert exchange.receive('[3,"ours-1",{}]') == Stray("ours-1", late=False)
        assert isinstance(exchange.receive('[3,"ours-2",{}]'), Answered)

    def test_abandoning_nothing_does_nothing(self, exchange):
        exchange.abandon()
        assert exchange.receive('[3,"ours-1",{}]') == Stray("ours-1", late=False)

    def test_overdue_calls_are_remembered_to_a_bound(self, exchange):
        for _ in range(MAX_OVERDUE + 1):
            exchange.ask("Reset", {"type": "Hard"})
            exchange.abandon()
        assert exchange.receive('[3,"ours-1",{}]') == Stray("ours-1", late=False)
        assert exchange.receive('[3,"ours-2",{}]') == Stray("ours-2", late=True)

    def test_a_hundred_thousand_strays_leave_nothing_behind(self, exchange):
        for number in range(1000):
            exchange.receive(f'[3,"{number}",{{}}]')
        assert exchange._overdue == {}


class TestGarble:
    @pytest.mark.parametrize(
        ("text", "kind", "code"),
        [
            ('[2,"1","MeterValues",{"a":[,{}]}]', "not_json", "FormationViolation"),
            ('[2,"1"]', "not_a_frame", "FormationViolation"),
            ('[2,"' + "1" * 37 + '","Heartbeat",{}]', "bad_message_id", "ProtocolError"),
            ('[2,"1",{},{}]', "bad_action", "FormationViolation"),
            ('[2,"1","A",' + "[" * 9999, "too_deep", "FormationViolation"),
            ('[2,"1","A",{"x":1e999}]', "number_range", "PropertyConstraintViolation"),
            (r'[2,"1","A",{"x":"\udfff"}]', "bad_text", "FormationViolation"),
        ],
    )
    def test_a_broken_call_whose_id_can_be_read_is_refused(self, exchange, text, kind, code):
        received = exchange.receive(text)
        assert isinstance(received, Garbled)
        assert received.kind == kind
        assert received.reply is not None
        assert len(received.reply) <= 512
        frame = json.loads(received.reply)
        assert frame[0] == 4
        assert set(frame[1]) == {"1"}
        assert frame[2] == code
        assert frame[4] == {}

    @pytest.mark.parametrize("text", ["", "x", "[]", '[9,"1",{}]', '[2,1,"Heartbeat",{}]', '[3,"1",{},{}]', '[3,"1"'])
    def test_anything_else_is_not_answered(self, exchange, text):
        received = exchange.receive(text)
        assert isinstance(received, Garbled)
        assert received.reply is None

    def test_there_is_a_code_for_every_kind_but_the_unknown_type(self):
        assert set(GARBLE_CODES) | {"unknown_type"} == set(KINDS)
