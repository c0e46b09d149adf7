"""Schema-guided repair: what charge points get wrong, put right by the schema and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcppd.model import requests
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.requests import Repair
from mcppd.ocpp import v16
from mcppd.ocpp.dialect import Dialect
from mcppd.ocpp.frame import Call, read_frame
from mcppd.ocpp.repair import KINDS, MAX_REPAIRS, mend
from tests.equipment.payloads import payloads

NOON = "2026-11-21T12:00:00Z"
START = {"connectorId": 1, "idTag": "A", "meterStart": 100, "timestamp": NOON}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}


@pytest.fixture(scope="module")
def dialect() -> Dialect:
    return v16.dialect()


def repaired(dialect: Dialect, action: str, payload: object) -> tuple[object, tuple[Repair, ...]]:
    reading = dialect.read(Call("1", action, payload))
    assert reading.fits
    return reading.request, reading.repairs


class TestEveryKind:
    def mend(self, schema, value):
        return mend({"type": "object", "properties": {"it": schema}}, {"it": value})

    @pytest.mark.parametrize(
        ("schema", "said", "meant", "kind"),
        [
            ({"type": "integer"}, "12", 12, "number_from_text"),
            ({"type": "integer"}, " -12 ", -12, "number_from_text"),
            ({"type": "integer"}, "12.0", 12, "number_from_text"),
            ({"type": "integer"}, "9223372036854775807", 2**63 - 1, "number_from_text"),
            ({"type": "number"}, "12,5", 12.5, "number_from_text"),
            ({"type": "number"}, "12", 12, "number_from_text"),
            ({"type": "integer"}, 12.6, 13, "number_rounded"),
            ({"type": "integer"}, 12.0, 12, "integer_from_fraction"),
            ({"type": "boolean"}, "True", True, "boolean_from_text"),
            ({"type": "boolean"}, "false", False, "boolean_from_text"),
            ({"type": "boolean"}, 1, True, "boolean_from_text"),
            ({"type": "string"}, 12, "12", "text_from_scalar"),
            ({"type": "string"}, 12.5, "12.5", "text_from_scalar"),
            ({"type": "string"}, True, "true", "text_from_scalar"),
            ({"type": "string"}, False, "false", "text_from_scalar"),
            ({"type": "string"}, {"a": [1]}, '{"a":[1]}', "text_from_json"),
            ({"type": "string", "format": "date-time"}, 1795262400, NOON, "time_from_number"),
            ({"type": "string", "format": "date-time"}, 1795262400000, NOON, "time_from_number"),
            ({"type": "string", "enum": ["EVDisconnected"]}, "evdisconnected ", "EVDisconnected", "enum_case"),
            ({"type": "string", "maxLength": 3}, " abc ", "abc", "text_trimmed"),
            ({"type": "array", "items": {"type": "object"}}, {"a": 1}, [{"a": 1}], "array_wrapped"),
            ({"type": "array", "items": {"type": "string"}}, "a", ["a"], "array_wrapped"),
            ({"type": "array", "items": {"type": "string"}}, ["a", None], ["a"], "null_field"),
        ],
    )
    def test_mends_what_does_not_fit(self, schema, said, meant, kind):
        mended, repairs = self.mend(schema, said)
        assert mended == {"it": meant}
        assert type(mended["it"]) is type(meant)
        assert [repair.kind for repair in repairs] == [kind]
        assert not any(repair.lossy for repair in repairs)
        assert kind in KINDS

    @pytest.mark.parametrize(
        ("schema", "said"),
        [
            ({"type": "integer"}, "twelve"),
            ({"type": "integer"}, "9223372036854775808"),
            ({"type": "integer"}, "1e30"),
            ({"type": "integer"}, 1e300),
            ({"type": "integer"}, float("nan")),
            ({"type": "integer"}, float("inf")),
            ({"type": "integer"}, True),
            ({"type": "integer"}, [1]),
            ({"type": "boolean"}, "perhaps"),
            ({"type": "boolean"}, 2),
            ({"type": "boolean"}, 1.0),
            ({"type": "string", "maxLength": 20}, {"idToken": "A"}),
            ({"type": "string"}, 2**70),
            ({"type": "string"}, ["\ud800"]),
            ({"type": "string", "format": "date-time"}, -1e18),
            ({"type": "string", "enum": ["a"]}, "b"),
            ({"type": "array", "items": {"type": "object"}}, "a"),
            ({"type": "array", "items": {"type": "string"}}, {}),
            ({"type": "object"}, []),
            ({}, "anything"),
        ],
    )
    def test_leaves_what_it_cannot_mend(self, schema, said):
        mended, repairs = self.mend(schema, said)
        assert mended["it"] is said
        assert repairs == ()

    @pytest.mark.parametrize(
        ("schema", "said"),
        [
            ({"type": "integer"}, 12),
            ({"type": "number"}, 12.5),
            ({"type": "string"}, ""),
            ({"type": "string", "maxLength": 9}, "null"),
            ({"type": "string", "enum": ["None"]}, "None"),
            ({"type": "boolean"}, True),
            ({"type": "array"}, []),
        ],
    )
    def test_leaves_what_fits(self, schema, said):
        assert self.mend(schema, said) == ({"it": said}, ())

    def test_only_cutting_is_lossy(self):
        schema = {"type": "string", "maxLength": 3}
        assert mend(schema, " abcdef ") == ("abc", (Repair("text_cut", "$", lossy=True),))
        assert mend(schema, "abcdef", cut=False) == ("abcdef", ())

    def test_the_original_is_left_as_it_was(self):
        said = {"it": ["1", None]}
        mend({"type": "object", "properties": {"it": {"type": "array", "items": {"type": "integer"}}}}, said)
        assert said == {"it": ["1", None]}


class TestFields:
    def test_unknown_ones_are_dropped(self, dialect):
        """Authorize with a connectorId, from a station with two sockets."""
        assert repaired(dialect, "Authorize", {"connectorId": 2, "idTag": "A"}) == (
            requests.Authorize("A"),
            (Repair("unknown_field", "$.connectorId"),),
        )

    def test_the_name_of_an_unknown_one_is_only_told_if_it_looks_like_one(self, dialect):
        for name in ("<script>", "x" * 41, "é", ""):
            _, repairs = repaired(dialect, "Authorize", {name: 2, "idTag": "A"})
            assert repairs == (Repair("unknown_field", "$.*"),)

    def test_an_open_object_keeps_them(self):
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        assert mend(schema, {"a": "1", "b": "2"}) == ({"a": 1, "b": "2"}, (Repair("number_from_text", "$.a"),))

    def test_letter_case_of_names_does_not_matter(self, dialect):
        """A StopTransaction with "Reason"."""
        said = {"transactionId": 7, "MeterStop": 5, "timestamp": NOON, " Reason": "local"}
        request, repairs = repaired(dialect, "StopTransaction", said)
        assert (request.reason, request.meter_stop_wh) == ("Local", 5)
        assert repairs == (
            Repair("field_case", "$.meterStop"),
            Repair("field_case", "$.reason"),
            Repair("enum_case", "$.reason"),
        )

    def test_the_right_name_wins_over_a_wrong_one(self, dialect):
        for said in ({"IDTAG": "B", "idTag": "A"}, {"idTag": "A", "IDTAG": "B"}):
            assert repaired(dialect, "Authorize", said) == (
                requests.Authorize("A"),
                (Repair("unknown_field", "$.IDTAG"),),
            )

    def test_the_first_of_two_wrong_names_counts(self, dialect):
        assert repaired(dialect, "Authorize", {"IDTAG": "A", "idtag": "B"})[0] == requests.Authorize("A")

    def test_optional_nulls_are_dropped(self, dialect):
        request, repairs = repaired(dialect, "StatusNotification", {**STATUS, "info": None, "timestamp": None})
        assert request == requests.StatusNotification(ConnectorRef(1), "Charging")
        assert repairs == (Repair("null_field", "$.info"), Repair("null_field", "$.timestamp"))

    @pytest.mark.parametrize("said", ["", "null", "None", "N/A", " "])
    def test_optional_placeholders_are_dropped_where_they_do_not_fit(self, dialect, said):
        request, repairs = repaired(dialect, "StartTransaction", {**START, "reservationId": said})
        assert request.reservation_id is None
        assert repairs == (Repair("placeholder", "$.reservationId"),)

    def test_optional_placeholders_of_an_enumeration_are_dropped(self, dialect):
        sampled = {"value": "5", "phase": "", "unit": "Wh"}
        said = {"connectorId": 1, "meterValue": [{"timestamp": NOON, "sampledValue": [sampled]}]}
        request, repairs = repaired(dialect, "MeterValues", said)
        assert request.values[0].samples[0].phase is None
        assert repairs == (Repair("placeholder", "$.meterValue[0].sampledValue[0].phase"),)


class TestMessagesFromTheField:
    def test_numbers_in_quotes(self, dialect):
        request, repairs = repaired(dialect, "StartTransaction", {**START, "connectorId": "2", "meterStart": "1500.4"})
        assert (request.connector, request.meter_start_wh) == (ConnectorRef(2), 1500)
        assert [repair.kind for repair in repairs] == ["number_from_text", "number_from_text", "number_rounded"]

    def test_values_without_quotes(self, dialect):
        said = {"connectorId": 1, "meterValue": [{"timestamp": NOON, "sampledValue": [{"value": 12.5}]}]}
        request, _ = repaired(dialect, "MeterValues", said)
        assert request.values[0].samples[0].value == 12.5

    def test_a_tag_that_is_too_long(self, dialect):
        """A Sigen's StopTransaction with 21 characters."""
        said = {"transactionId": 7, "idTag": "123456789012345678901", "meterStop": 5, "timestamp": NOON}
        request, repairs = repaired(dialect, "StopTransaction", said)
        assert request.id_tag == "12345678901234567890"
        assert repairs == (Repair("text_cut", "$.idTag", lossy=True),)

    def test_a_tag_with_garbage_behind_it(self, dialect):
        """An Ocular LTE appends 0x10 0x0E."""
        text = '[2,"1","StopTransaction",{"transactionId":7,"idTag":"BA86I250X5G6MOD5DLKD\x10\x0e",'
        call = read_frame(text + f'"meterStop":5,"timestamp":"{NOON}"}}]')
        reading = dialect.read(call)
        assert reading.fits
        assert reading.request.id_tag == "BA86I250X5G6MOD5DLKD"
        assert reading.repairs == (Repair("frame_syntax", "$"), Repair("control_characters", "$"))

    def test_an_object_for_a_list(self, dialect):
        """A Huawei SCharger's meterValue."""
        said = {"connectorId": 1, "meterValue": {"timestamp": NOON, "sampledValue": {"value": "0.00", "unit": "kWh"}}}
        request, repairs = repaired(dialect, "MeterValues", said)
        assert request.values[0].samples[0].value == 0.0
        assert {repair.kind for repair in repairs} == {"array_wrapped"}

    def test_a_status_in_small_letters(self, dialect):
        request, repairs = repaired(dialect, "StatusNotification", {**STATUS, "status": "charging"})
        assert request.status == "Charging"
        assert repairs == (Repair("enum_case", "$.status"),)

    def test_data_that_is_an_object(self, dialect):
        request, _ = repaired(dialect, "DataTransfer", {"vendorId": "acme", "data": {"a": "é"}})
        assert request.data == '{"a":"\\u00e9"}'

    def test_a_message_that_stays_unfit_is_mended_where_it_can_be(self, dialect):
        said = {**START, "meterStart": "lots", "connectorId": "1"}
        reading = dialect.read(Call("1", "StartTransaction", said))
        assert not reading.fits
        assert reading.request.connector == ConnectorRef(1)
        assert reading.repairs == (Repair("number_from_text", "$.connectorId"),)


class TestBounds:
    def test_so_many_repairs_are_told_and_a_lossy_one_always(self):
        schema = {
            "type": "object",
            "properties": {"tag": {"type": "string", "maxLength": 2}},
            "additionalProperties": False,
        }
        said = {f"x{n}": 1 for n in range(1000)} | {"tag": "abc"}
        mended, repairs = mend(schema, said)
        assert mended == {"tag": "ab"}
        assert len(repairs) == MAX_REPAIRS
        assert repairs[-1] == Repair("text_cut", "$.tag", lossy=True)

    def test_a_second_lossy_one_beyond_the_bound_changes_nothing(self):
        schema = {"type": "array", "items": {"type": "string", "maxLength": 2}}
        _, repairs = mend(schema, ["abc"] * 100)
        assert [repair.path for repair in repairs] == [f"$[{n}]" for n in range(MAX_REPAIRS)]


class TestAnyValue:
    @settings(deadline=None)
    @given(st.data())
    def test_is_mended_without_an_exception_into_what_needs_no_more(self, dialect, data):
        schema = dialect.incoming[data.draw(st.sampled_from(sorted(dialect.incoming)))].request.document
        mended, repairs = mend(schema, data.draw(payloads(schema)))
        assert {repair.kind for repair in repairs} <= set(KINDS)
        again, more = mend(schema, mended)
        assert repr(again) == repr(mended)
        assert more == ()
