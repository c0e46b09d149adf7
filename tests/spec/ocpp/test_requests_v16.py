"""OCPP 1.6, section 4 and 6: what a charge point says, as the model's requests."""

import json
from datetime import UTC, datetime
from importlib.resources import files

import pytest

from mcppd.model import requests
from mcppd.model.charge_points import BootIdentity, ConnectorRef
from mcppd.model.meter_values import MeterValue, Sample
from mcppd.model.timestamps import MISSING_TIME, ReportedTime, TimeQuality
from mcppd.ocpp import v16
from mcppd.ocpp.dialect import Dialect, Reading, Rejected
from mcppd.ocpp.frame import Call, ErrorCode

NOON_TEXT = "2026-11-21T12:00:00Z"
NOON = ReportedTime(datetime(2026, 11, 21, 12, tzinfo=UTC), TimeQuality.GOOD, NOON_TEXT)
ONE = ConnectorRef(1, 1)


@pytest.fixture(scope="module")
def dialect() -> Dialect:
    return v16.dialect()


class TestEveryRequest:
    """One row for each action that a charge point may call, the security extension included."""

    @pytest.mark.parametrize(
        ("action", "payload", "request_"),
        [
            ("Authorize", {"idTag": "AB12"}, requests.Authorize("AB12")),
            (
                "BootNotification",
                {
                    "chargePointVendor": " Acme ",
                    "chargePointModel": "One",
                    "chargePointSerialNumber": "S1",
                    "chargeBoxSerialNumber": "B1",
                    "firmwareVersion": "1.0",
                    "iccid": "",
                    "imsi": "null",
                    "meterType": "T",
                    "meterSerialNumber": "M1",
                },
                requests.BootNotification(BootIdentity("Acme", "One", "S1", "B1", "1.0", None, None, "T", "M1")),
            ),
            ("DataTransfer", {"vendorId": "acme"}, requests.DataTransfer("acme")),
            (
                "DataTransfer",
                {"vendorId": "acme", "messageId": "m", "data": " null "},
                requests.DataTransfer("acme", "m", " null "),
            ),
            (
                "DiagnosticsStatusNotification",
                {"status": "Uploaded"},
                requests.DiagnosticsStatusNotification("Uploaded"),
            ),
            (
                "FirmwareStatusNotification",
                {"status": "Installed"},
                requests.FirmwareStatusNotification("Installed"),
            ),
            ("Heartbeat", {}, requests.Heartbeat()),
            (
                "LogStatusNotification",
                {"status": "Uploading", "requestId": 4},
                requests.LogStatusNotification("Uploading", 4),
            ),
            (
                "MeterValues",
                {
                    "connectorId": 1,
                    "transactionId": 7,
                    "meterValue": [{"timestamp": NOON_TEXT, "sampledValue": [{"value": "12"}]}],
                },
                requests.MeterValues(ONE, (MeterValue(NOON, (Sample(12.0),)),), 7),
            ),
            (
                "SecurityEventNotification",
                {"type": "TamperDetectionActivated", "timestamp": NOON_TEXT, "techInfo": "door"},
                requests.SecurityEventNotification("TamperDetectionActivated", NOON, "door"),
            ),
            ("SignCertificate", {"csr": "a\nb"}, requests.SignCertificate("a\nb")),
            (
                "SignedFirmwareStatusNotification",
                {"status": "InvalidSignature", "requestId": 5},
                requests.FirmwareStatusNotification("InvalidSignature", 5, signed=True),
            ),
            (
                "StartTransaction",
                {"connectorId": 1, "idTag": "AB12", "meterStart": 100, "timestamp": NOON_TEXT, "reservationId": 3},
                requests.StartTransaction(ONE, "AB12", 100, NOON, 3),
            ),
            (
                "StatusNotification",
                {
                    "connectorId": 0,
                    "errorCode": "OtherError",
                    "status": "Faulted",
                    "info": "hot",
                    "vendorId": "acme",
                    "vendorErrorCode": "E7",
                    "timestamp": NOON_TEXT,
                },
                requests.StatusNotification(ConnectorRef(0, 0), "Faulted", "OtherError", "hot", "acme", "E7", NOON),
            ),
            (
                "StopTransaction",
                {
                    "transactionId": 7,
                    "idTag": "AB12",
                    "meterStop": 200,
                    "timestamp": NOON_TEXT,
                    "reason": "Local",
                    "transactionData": [{"timestamp": NOON_TEXT, "sampledValue": [{"value": "200"}]}],
                },
                requests.StopTransaction(7, 200, NOON, "AB12", "Local", (MeterValue(NOON, (Sample(200.0),)),)),
            ),
        ],
    )
    def test_is_read(self, dialect, action, payload, request_):
        assert dialect.read(Call("1", action, payload)) == Reading(request_)

    def test_all_that_a_charge_point_may_call_is_in_the_table(self, dialect):
        assert set(dialect.incoming) == {
            "Authorize",
            "BootNotification",
            "DataTransfer",
            "DiagnosticsStatusNotification",
            "FirmwareStatusNotification",
            "Heartbeat",
            "LogStatusNotification",
            "MeterValues",
            "SecurityEventNotification",
            "SignCertificate",
            "SignedFirmwareStatusNotification",
            "StartTransaction",
            "StatusNotification",
            "StopTransaction",
        }

    def test_the_tables_cover_every_schema_of_the_version(self, dialect):
        named = {file.name.removesuffix(".json") for file in files("ocpp").joinpath("v16/schemas").iterdir()}
        actions = {name for name in named if not name.endswith("Response")}
        assert set(dialect.incoming) | set(dialect.outgoing) == actions
        assert set(dialect.incoming) & set(dialect.outgoing) == {"DataTransfer"}

    def test_what_is_optional_may_be_left_out(self, dialect):
        stop = dialect.read(Call("1", "StopTransaction", {"transactionId": 7, "meterStop": 1, "timestamp": NOON_TEXT}))
        assert stop == Reading(requests.StopTransaction(7, 1, NOON))
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        assert dialect.read(Call("1", "StatusNotification", status)) == Reading(
            requests.StatusNotification(ONE, "Available")
        )


class TestUnknownActions:
    def test_an_action_that_nobody_knows_is_not_implemented(self, dialect):
        with pytest.raises(Rejected) as raised:
            dialect.read(Call("1", "Explode", {}))
        assert raised.value.code is ErrorCode.NOT_IMPLEMENTED
        assert "Explode" not in raised.value.description

    def test_an_action_that_is_ours_to_call_is_not_supported(self, dialect):
        with pytest.raises(Rejected) as raised:
            dialect.read(Call("1", "Reset", {"type": "Hard"}))
        assert raised.value.code is ErrorCode.NOT_SUPPORTED


class TestNumbers:
    """Integers as schemas and charge points understand them."""

    def start(self, dialect, **changed):
        said = {"connectorId": 1, "idTag": "A", "meterStart": 100, "timestamp": NOON_TEXT}
        return dialect.read(Call("1", "StartTransaction", said | changed))

    def test_whole_numbers_with_a_point_are_integers(self, dialect):
        reading = self.start(dialect, connectorId=1.0, meterStart=100.0, reservationId=2.0)
        assert reading.fits
        assert reading.request == requests.StartTransaction(ONE, "A", 100, NOON, 2)
        assert type(reading.request.meter_start_wh) is int
        assert {repair.kind for repair in reading.repairs} == {"integer_from_fraction"}
        log = dialect.read(Call("1", "LogStatusNotification", {"status": "Idle", "requestId": 4.0}))
        assert type(log.request.request_id) is int

    @pytest.mark.parametrize("transaction_id", [0, -1, 2**31, 2**63 - 1, 4294967295])
    def test_any_transaction_id_is_handed_on_in_a_stop(self, dialect, transaction_id):
        said = {"transactionId": transaction_id, "meterStop": 1, "timestamp": NOON_TEXT}
        reading = dialect.read(Call("1", "StopTransaction", said))
        assert reading.fits
        assert reading.request.transaction_id == transaction_id

    @pytest.mark.parametrize(("said", "understood"), [(0, None), (-1, None), (2**31, 2**31), (7, 7)])
    def test_a_transaction_id_below_one_is_none_in_meter_values(self, dialect, said, understood):
        payload = {"connectorId": 1, "transactionId": said, "meterValue": [{"timestamp": "x", "sampledValue": []}]}
        assert dialect.read(Call("1", "MeterValues", payload)).request.transaction_id == understood

    def test_a_negative_connector_is_the_charge_point(self, dialect):
        assert self.start(dialect, connectorId=-1).request.connector == ConnectorRef(0, 0)

    def test_a_number_too_large_for_anything_is_none(self, dialect):
        reading = self.start(dialect, meterStart=2**70, reservationId=1e300)
        assert reading.request.meter_start_wh is None
        assert reading.request.reservation_id is None


class TestPlaceholders:
    """Optional texts that say nothing are absent (a Terra AC says info "null" and vendorErrorCode "0x0000")."""

    @pytest.mark.parametrize("said", ["", "  ", "null", "NULL", "none", "NA", "n/a", "undefined", "0x0000"])
    def test_texts_without_meaning_are_none(self, dialect, said):
        payload = {
            "connectorId": 1,
            "errorCode": "NoError",
            "status": "Available",
            "info": said,
            "vendorErrorCode": said,
            "vendorId": said,
        }
        reading = dialect.read(Call("1", "StatusNotification", payload))
        assert reading == Reading(requests.StatusNotification(ONE, "Available"))

    def test_a_tag_is_taken_by_its_letters(self, dialect):
        assert dialect.read(Call("1", "Authorize", {"idTag": "none"})).request == requests.Authorize("none")

    def test_a_stop_without_a_tag_or_with_a_blank_one_has_none(self, dialect):
        said = {"transactionId": 7, "meterStop": 1, "timestamp": NOON_TEXT, "idTag": ""}
        assert dialect.read(Call("1", "StopTransaction", said)).request.id_tag is None

    def test_an_unreadable_time_costs_nothing(self, dialect):
        said = {"connectorId": 1, "idTag": "A", "meterStart": 1, "timestamp": "yesterday"}
        reading = dialect.read(Call("1", "StartTransaction", said))
        assert reading.fits
        assert reading.request.at == ReportedTime(None, TimeQuality.UNREADABLE, "yesterday")


class TestMessagesAboutTransactions:
    """4.7, 4.8, 4.10: never refused for their content."""

    @pytest.mark.parametrize("payload", [5, "x", [1], True, {}, {"x": 1}, {"meterStart": {}, "idTag": []}])
    def test_are_read_as_far_as_they_go(self, dialect, payload):
        expected = {
            "StartTransaction": requests.StartTransaction(ConnectorRef(0, 0), "", None, MISSING_TIME),
            "StopTransaction": requests.StopTransaction(None, None, MISSING_TIME),
            "MeterValues": requests.MeterValues(ConnectorRef(0, 0), ()),
            "StatusNotification": requests.StatusNotification(ConnectorRef(0, 0), ""),
        }
        for action, request in expected.items():
            reading = dialect.read(Call("1", action, payload))
            assert reading.request == request
            assert not reading.fits

    def test_one_bad_field_costs_no_other(self, dialect):
        said = {"connectorId": 2, "idTag": None, "meterStart": {"wh": 5}, "timestamp": NOON_TEXT}
        reading = dialect.read(Call("1", "StartTransaction", said))
        assert reading == Reading(requests.StartTransaction(ConnectorRef(2, 1), "", None, NOON), fits=False)

    def test_a_status_that_nobody_knows_is_handed_on(self, dialect):
        said = {"connectorId": 1, "errorCode": "Error", "status": "Occupied"}
        reading = dialect.read(Call("1", "StatusNotification", said))
        assert reading == Reading(requests.StatusNotification(ONE, "Occupied", "Error"), fits=False)

    @pytest.mark.parametrize("data", [5, "x", {}, [5], [{}], [{"sampledValue": 5}], [{"sampledValue": {}}]])
    def test_broken_meter_values_are_left_out(self, dialect, data):
        said = {"transactionId": 7, "meterStop": 1, "timestamp": NOON_TEXT, "transactionData": data}
        reading = dialect.read(Call("1", "StopTransaction", said))
        assert reading.request == requests.StopTransaction(7, 1, NOON)

    def test_an_epoch_is_a_time(self, dialect):
        said = {"connectorId": 1, "idTag": "A", "meterStart": 1, "timestamp": 1795262400}
        reading = dialect.read(Call("1", "StartTransaction", said))
        assert reading.fits
        assert reading.request.at.at == datetime(2026, 11, 21, 12, tzinfo=UTC)
        assert [repair.kind for repair in reading.repairs] == ["time_from_number"]


class TestOtherMessages:
    """6: refused with the code that fits what is wrong, and without a word of what was said."""

    @pytest.mark.parametrize(
        ("action", "payload", "code", "description"),
        [
            ("Authorize", {}, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "$.idTag: is required"),
            (
                "Authorize",
                {"idTag": {"secret": 1}},
                ErrorCode.TYPE_CONSTRAINT_VIOLATION,
                "$.idTag: must be of type string",
            ),
            ("Authorize", 5, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "$: must be of type object"),
            (
                "DiagnosticsStatusNotification",
                {"status": "Secret"},
                ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
                "$.status: must be one of ['Idle', 'Uploaded', 'UploadFailed', 'Uploading']",
            ),
        ],
    )
    def test_are_refused(self, dialect, action, payload, code, description):
        with pytest.raises(Rejected) as raised:
            dialect.read(Call("1", action, payload))
        assert (raised.value.code, raised.value.description) == (code, description)

    def test_a_long_reason_is_cut_at_255(self, dialect):
        with pytest.raises(Rejected) as raised:
            dialect.read(Call("1", "SignedFirmwareStatusNotification", {"status": "Secret"}))
        assert len(raised.value.description) == 255
        assert "Secret" not in raised.value.description

    def test_a_payload_of_megabytes_is_read_or_refused(self, dialect):
        junk = {f"field{n}": "x" for n in range(100_000)}
        assert json.dumps(junk)
        reading = dialect.read(Call("1", "Authorize", {"idTag": "A"} | junk))
        assert reading.request == requests.Authorize("A")
        assert len(reading.repairs) == 64
