"""OCPP 1.6, section 6: our confirmations, strictly as their schemas ask."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcppd.model.errors import SchemaViolation
from mcppd.model.replies import (
    AuthorizationStatus,
    Authorized,
    CertificateRequestTaken,
    CurrentTime,
    DataTransferred,
    IdTagInfo,
    Noted,
    Registered,
    RegistrationStatus,
    Started,
    Stopped,
)
from mcppd.ocpp import v16
from mcppd.ocpp.dialect import Dialect
from mcppd.ocpp.frame import CallResult, read_frame, write_frame

NOON = datetime(2026, 11, 21, 12, 0, 0, 999_999, tzinfo=UTC)
ACCEPTED = IdTagInfo(AuthorizationStatus.ACCEPTED)


@pytest.fixture(scope="module")
def dialect() -> Dialect:
    return v16.dialect()


class TestEveryReply:
    @pytest.mark.parametrize(
        ("action", "reply", "payload"),
        [
            ("Authorize", Authorized(ACCEPTED), {"idTagInfo": {"status": "Accepted"}}),
            (
                "Authorize",
                Authorized(IdTagInfo(AuthorizationStatus.CONCURRENT_TX, "FAMILY", NOON)),
                {
                    "idTagInfo": {
                        "status": "ConcurrentTx",
                        "parentIdTag": "FAMILY",
                        "expiryDate": "2026-11-21T12:00:00Z",
                    }
                },
            ),
            (
                "BootNotification",
                Registered(RegistrationStatus.PENDING, NOON, 300),
                {"status": "Pending", "currentTime": "2026-11-21T12:00:00Z", "interval": 300},
            ),
            ("DataTransfer", DataTransferred("UnknownVendorId"), {"status": "UnknownVendorId"}),
            ("DataTransfer", DataTransferred("Accepted", ""), {"status": "Accepted", "data": ""}),
            ("DiagnosticsStatusNotification", Noted(), {}),
            ("FirmwareStatusNotification", Noted(), {}),
            ("Heartbeat", CurrentTime(NOON), {"currentTime": "2026-11-21T12:00:00Z"}),
            ("LogStatusNotification", Noted(), {}),
            ("MeterValues", Noted(), {}),
            ("SecurityEventNotification", Noted(), {}),
            ("SignCertificate", CertificateRequestTaken(True), {"status": "Accepted"}),
            ("SignCertificate", CertificateRequestTaken(False), {"status": "Rejected"}),
            ("SignedFirmwareStatusNotification", Noted(), {}),
            (
                "StartTransaction",
                Started(7, IdTagInfo(AuthorizationStatus.INVALID)),
                {"transactionId": 7, "idTagInfo": {"status": "Invalid"}},
            ),
            ("StatusNotification", Noted(), {}),
            ("StopTransaction", Stopped(), {}),
            ("StopTransaction", Stopped(ACCEPTED), {"idTagInfo": {"status": "Accepted"}}),
        ],
    )
    def test_is_written(self, dialect, action, reply, payload):
        assert dialect.write_reply(action, reply) == payload

    def test_two_empty_replies_are_two_objects(self, dialect):
        dialect.write_reply("MeterValues", Noted())["mine"] = 1
        assert dialect.write_reply("MeterValues", Noted()) == {}


class TestTimes:
    """Some charge points read nothing but YYYY-MM-DDTHH:MM:SSZ."""

    @pytest.mark.parametrize(
        "zone", [UTC, timezone(timedelta()), timezone(timedelta(hours=2)), timezone(timedelta(hours=-11))]
    )
    def test_are_utc_without_a_fraction(self, dialect, zone):
        payload = dialect.write_reply("Heartbeat", CurrentTime(NOON.astimezone(zone)))
        assert payload == {"currentTime": "2026-11-21T12:00:00Z"}


class TestStrictness:
    def test_a_reply_that_does_not_fit_is_not_written(self, dialect):
        with pytest.raises(SchemaViolation) as raised:
            dialect.write_reply("DataTransfer", DataTransferred("Perhaps"))
        assert (raised.value.action, raised.value.path, raised.value.rule) == ("DataTransfer", "$.status", "enum")

    def test_a_reply_to_another_request_is_not_written(self, dialect):
        with pytest.raises(SchemaViolation, match="Heartbeat: \\$: is a Noted, not a CurrentTime"):
            dialect.write_reply("Heartbeat", Noted())

    def test_a_parent_too_long_for_this_version_is_left_out(self, dialect):
        """The tag's own status has to arrive."""
        payload = dialect.write_reply("Authorize", Authorized(IdTagInfo(AuthorizationStatus.ACCEPTED, "P" * 21)))
        assert payload == {"idTagInfo": {"status": "Accepted"}}

    infos = st.builds(
        IdTagInfo,
        st.sampled_from(AuthorizationStatus),
        st.none() | st.text(),
        st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()),
    )
    aware = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))

    @given(
        st.one_of(
            st.tuples(st.just("Authorize"), st.builds(Authorized, infos)),
            st.tuples(
                st.just("BootNotification"),
                st.builds(Registered, st.sampled_from(RegistrationStatus), aware, st.integers(0, 2**31)),
            ),
            st.tuples(st.just("Heartbeat"), st.builds(CurrentTime, aware)),
            st.tuples(st.just("StartTransaction"), st.builds(Started, st.integers(1, 2**31 - 1), infos)),
            st.tuples(st.just("StopTransaction"), st.builds(Stopped, st.none() | infos)),
            st.tuples(
                st.just("DataTransfer"),
                st.builds(DataTransferred, st.sampled_from(["Accepted", "Rejected"]), st.none() | st.text()),
            ),
        )
    )
    def test_every_reply_written_fits_its_schema_and_survives_the_wire(self, dialect, said):
        action, reply = said
        payload = dialect.write_reply(action, reply)
        assert dialect.incoming[action].response.violation(payload) is None
        try:
            text = write_frame(CallResult("1", payload))
        except ValueError:
            assert any("\ud800" <= character <= "\udfff" for character in str(payload))
            return
        assert json.loads(text) == [3, "1", payload]
        assert isinstance(read_frame(text), CallResult)
