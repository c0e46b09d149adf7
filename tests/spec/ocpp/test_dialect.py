"""What holds for every dialect: total reading, schemas compiled late, a second version beside the first."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcppd.model import requests
from mcppd.model.charge_points import BootIdentity
from mcppd.model.errors import SchemaViolation
from mcppd.model.replies import CurrentTime, Registered, RegistrationStatus
from mcppd.ocpp import v16
from mcppd.ocpp.dialect import Dialect, Reading, Rejected
from mcppd.ocpp.exchange import Asked, Exchange
from mcppd.ocpp.frame import Call, ErrorCode, FrameError, read_frame
from mcppd.ocpp.schemas import Schema
from tests.equipment import v201
from tests.equipment.payloads import JSON, payloads

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def dialect() -> Dialect:
    return v16.dialect()


class TestReadingIsTotal:
    def outcome(self, dialect: Dialect, call: Call) -> Reading | Rejected:
        try:
            return dialect.read(call)
        except Rejected as rejected:
            return rejected

    @settings(deadline=None)
    @given(st.data())
    def test_any_payload_is_read_or_rejected(self, dialect, data):
        action = data.draw(st.sampled_from(sorted(dialect.incoming)))
        row = dialect.incoming[action]
        outcome = self.outcome(dialect, Call("1", action, data.draw(payloads(row.request.document))))
        if isinstance(outcome, Rejected):
            assert not row.about_transaction
            assert len(outcome.description) <= 255
        else:
            hash(outcome)  # nothing that came unread is in it: neither lists nor dicts

    @given(st.text(), JSON)
    def test_any_action_is_read_or_rejected(self, dialect, action, payload):
        outcome = self.outcome(dialect, Call("1", action, payload))
        assert isinstance(outcome, Rejected) or action in dialect.incoming

    @settings(deadline=None)
    @given(st.data())
    def test_any_answer_is_read_or_refused(self, dialect, data):
        action = data.draw(st.sampled_from(sorted(dialect.outgoing)))
        payload = data.draw(payloads(dialect.outgoing[action].response.document))
        try:
            answer = dialect.read_answer(action, payload)
        except SchemaViolation:
            return
        hash(answer)

    @settings(deadline=None)
    @given(st.data())
    def test_any_body_is_sent_or_refused(self, dialect, data):
        action = data.draw(st.sampled_from(sorted(dialect.outgoing)))
        body = data.draw(payloads(dialect.outgoing[action].request.document))
        exchange = Exchange(dialect.error_codes, lambda: "1")
        try:
            command = dialect.read_command(action, body)
        except SchemaViolation:
            return
        sent, payload = dialect.write_command(command)
        _, text = exchange.ask(sent, payload)
        try:
            frame = read_frame(text)
        except FrameError as error:
            raise AssertionError(text) from error
        assert isinstance(frame, Call)
        assert frame.action == action


class TestSchemas:
    def test_are_compiled_when_first_needed_and_once(self):
        schema = Schema("Heartbeat", "v16/schemas/Heartbeat.json")
        assert schema._check is None
        assert schema.fits({})
        compiled = schema._check
        assert compiled is not None
        assert not schema.fits({"x": 1})
        assert schema._check is compiled
        assert schema.document is schema.document

    def test_every_schema_of_the_tables_compiles_both_ways(self, dialect):
        for row in (*dialect.incoming.values(), *dialect.outgoing.values()):
            for schema in (row.request, row.response):
                assert not schema.fits(5)
                violation = schema.violation(5)
                assert violation is not None
                assert (violation.path, violation.rule) == ("$", "type")

    def test_a_violation_tells_path_and_rule_but_nothing_of_the_value(self, dialect):
        schema = dialect.incoming["MeterValues"].request
        sampled = {"value": "5", "unit": "Secret"}
        violation = schema.violation(
            {"connectorId": 1, "meterValue": [{"timestamp": "", "sampledValue": [{"value": "5"}, sampled]}]}
        )
        assert violation is not None
        assert violation.path == "$.meterValue[0].sampledValue[1].unit"
        assert violation.rule == "enum"
        assert "Secret" not in str(violation)

    @pytest.mark.parametrize(
        ("payload", "sentence"),
        [
            ({"connectorId": 1, "meterValue": []}, "MeterValues: $.meterValue: must have at least 1 elements"),
            ({"connectorId": 1}, "MeterValues: $.meterValue: is required"),
            ({"x": 1, "connectorId": 1, "meterValue": [{}]}, "MeterValues: $.meterValue[0].timestamp: is required"),
        ],
    )
    def test_a_violation_is_a_sentence(self, dialect, payload, sentence):
        assert str(dialect.incoming["MeterValues"].request.violation(payload)) == sentence

    def test_what_fits_is_no_violation(self, dialect):
        assert dialect.incoming["Heartbeat"].request.violation({}) is None


class TestASecondVersion:
    """OCPP 2.0.1 beside 1.6: other tables, the same requests and replies."""

    BOOT = {  # noqa: RUF012
        "reason": "PowerUp",
        "chargingStation": {
            "model": "One",
            "vendorName": "Acme",
            "serialNumber": "S1",
            "firmwareVersion": "1.0",
            "modem": {"iccid": "89", "imsi": "null"},
        },
    }

    def test_a_boot_is_read_into_the_same_request(self, dialect):
        newer = v201.dialect().read(Call("1", "BootNotification", self.BOOT))
        older = dialect.read(
            Call(
                "1",
                "BootNotification",
                {
                    "chargePointVendor": "Acme",
                    "chargePointModel": "One",
                    "chargePointSerialNumber": "S1",
                    "firmwareVersion": "1.0",
                    "iccid": "89",
                },
            )
        )
        identity = BootIdentity("Acme", "One", "S1", None, "1.0", "89")
        assert newer == older == Reading(requests.BootNotification(identity))

    def test_a_boot_and_a_heartbeat_are_answered_from_the_same_replies(self, dialect):
        for tables in (dialect, v201.dialect()):
            boot = tables.write_reply("BootNotification", Registered(RegistrationStatus.ACCEPTED, NOON, 60))
            assert boot == {"status": "Accepted", "currentTime": "2026-11-21T12:00:00Z", "interval": 60}
            assert tables.write_reply("Heartbeat", CurrentTime(NOON)) == {"currentTime": "2026-11-21T12:00:00Z"}
            assert tables.read(Call("1", "Heartbeat", {})) == Reading(requests.Heartbeat())

    def test_repair_follows_references_in_its_schemas(self):
        said = {"Reason": "powerup", "chargingStation": {**self.BOOT["chargingStation"], "vendorName": 5, "x": 1}}
        reading = v201.dialect().read(Call("1", "BootNotification", said))
        assert reading.request.identity.vendor == "5"
        assert [(repair.kind, repair.path) for repair in reading.repairs] == [
            ("field_case", "$.reason"),
            ("enum_case", "$.reason"),
            ("text_from_scalar", "$.chargingStation.vendorName"),
            ("unknown_field", "$.chargingStation.x"),
        ]

    def test_its_errors_are_spelled_its_own_way(self):
        tables = v201.dialect()
        exchange = Exchange(tables.error_codes, lambda: "1")
        received = exchange.receive('[2,"1","BootNotification",{}]')
        assert isinstance(received, Asked)
        with pytest.raises(Rejected) as raised:
            tables.read(received.call)
        (text,) = exchange.refuse(received.call, raised.value.code, raised.value.description)
        assert text == '[4,"1","OccurrenceConstraintViolation","$.reason: is required",{}]'

    def test_a_message_that_it_has_no_row_for_is_not_implemented(self):
        with pytest.raises(Rejected) as raised:
            v201.dialect().read(Call("1", "StartTransaction", {}))
        assert raised.value.code is ErrorCode.NOT_IMPLEMENTED
