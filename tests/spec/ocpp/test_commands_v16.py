"""OCPP 1.6, section 5: what we ask of a charge point and what it answers."""

from itertools import pairwise

import pytest

from mcppd.model import commands
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.commands import ConfigurationAnswer, ConfigurationKey, OpaqueCommand, StatusAnswer
from mcppd.model.errors import ActionUnknown, SchemaViolation
from mcppd.ocpp import v16
from mcppd.ocpp.dialect import Dialect
from mcppd.ocpp.v16.tables import ERROR_CODES
from tests.equipment import v201

PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}],
    },
}


@pytest.fixture(scope="module")
def dialect() -> Dialect:
    return v16.dialect()


class TestCommands:
    @pytest.mark.parametrize(
        ("command", "action", "body"),
        [
            (commands.RemoteStartTransaction("A"), "RemoteStartTransaction", {"idTag": "A"}),
            (
                commands.RemoteStartTransaction("A", ConnectorRef(2), PROFILE),
                "RemoteStartTransaction",
                {"idTag": "A", "connectorId": 2, "chargingProfile": PROFILE},
            ),
            (commands.RemoteStopTransaction(7), "RemoteStopTransaction", {"transactionId": 7}),
            (
                commands.TriggerMessage("BootNotification"),
                "TriggerMessage",
                {"requestedMessage": "BootNotification"},
            ),
            (
                commands.TriggerMessage("StatusNotification", ConnectorRef(0, 0)),
                "TriggerMessage",
                {"requestedMessage": "StatusNotification", "connectorId": 0},
            ),
            (commands.GetConfiguration(), "GetConfiguration", {}),
            (commands.GetConfiguration(("a", "b")), "GetConfiguration", {"key": ["a", "b"]}),
            (commands.ChangeConfiguration("a", "1"), "ChangeConfiguration", {"key": "a", "value": "1"}),
            (commands.Reset(), "Reset", {"type": "Soft"}),
            (commands.Reset(hard=True), "Reset", {"type": "Hard"}),
            (OpaqueCommand("ClearCache", {}), "ClearCache", {}),
            (
                OpaqueCommand("UnlockConnector", {"connectorId": 1}),
                "UnlockConnector",
                {"connectorId": 1},
            ),
            (
                OpaqueCommand("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE}),
                "SetChargingProfile",
                {"connectorId": 1, "csChargingProfiles": PROFILE},
            ),
        ],
    )
    def test_are_written_and_read_again(self, dialect, command, action, body):
        assert dialect.write_command(command) == (action, body)
        assert dialect.read_command(action, body) == command

    def test_an_opaque_command_may_name_an_action_that_has_a_class(self, dialect):
        assert dialect.write_command(OpaqueCommand("Reset", {"type": "Hard"})) == ("Reset", {"type": "Hard"})

    def test_a_tag_for_a_remote_start_may_not_be_longer_than_the_schema_says(self, dialect):
        with pytest.raises(SchemaViolation) as raised:
            dialect.write_command(commands.RemoteStartTransaction("A" * 21))
        assert str(raised.value) == "RemoteStartTransaction: $.idTag: must be at most 20 characters long"

    @pytest.mark.parametrize(
        ("action", "body", "path", "rule"),
        [
            ("Reset", {}, "$.type", "required"),
            ("Reset", {"type": "Warm"}, "$.type", "enum"),
            ("Reset", {"type": "Hard", "now": True}, "$", "additionalProperties"),
            ("Reset", None, "$", "type"),
            ("Reset", [], "$", "type"),
            ("ClearCache", "now", "$", "type"),
            ("UnlockConnector", {"connectorId": "1"}, "$.connectorId", "type"),
            ("RemoteStopTransaction", {"transactionId": 7.0}, "$.transactionId", "type"),
            ("UnlockConnector", {"connectorId": 2**63}, "$.connectorId", "type"),
            ("DataTransfer", {"vendorId": "a", "data": "\ud800"}, "$.data", "type"),
            ("ReserveNow", {"connectorId": float("nan")}, "$.connectorId", "type"),
            (
                "SetChargingProfile",
                {
                    "connectorId": 1,
                    "csChargingProfiles": PROFILE
                    | {
                        "chargingSchedule": {
                            "chargingRateUnit": "A",
                            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.15}],
                        }
                    },
                },
                "$.csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit",
                "multipleOf",
            ),
        ],
    )
    def test_a_body_that_does_not_fit_is_refused_with_path_and_rule(self, dialect, action, body, path, rule):
        with pytest.raises(SchemaViolation) as raised:
            dialect.read_command(action, body)
        assert (raised.value.action, raised.value.path, raised.value.rule) == (action, path, rule)

    def test_a_body_deeper_than_a_frame_may_be_is_refused(self, dialect):
        body: dict = {}
        for _ in range(5000):
            body = {"data": [body]}
        with pytest.raises(SchemaViolation, match="nested deeper"):
            dialect.read_command("DataTransfer", body)

    def test_what_cannot_be_sent_is_not_written_either(self, dialect):
        with pytest.raises(SchemaViolation):
            dialect.write_command(commands.ChangeConfiguration("a", "\udc00"))

    def test_text_beyond_ascii_can_be_sent(self, dialect):
        command = commands.ChangeConfiguration("a", "é😀")
        assert dialect.write_command(command)[1]["value"] == "é😀"

    def test_an_unknown_action_is_refused_with_those_that_are_known(self, dialect):
        for refused in (
            lambda: dialect.read_command("Explode", {}),
            lambda: dialect.write_command(OpaqueCommand("Explode", {})),
            lambda: dialect.read_answer("Explode", {}),
            lambda: dialect.read_command("Heartbeat", {}),
        ):
            with pytest.raises(ActionUnknown) as raised:
                refused()
            assert len(raised.value.known) == 26
            assert all(one < other for one, other in pairwise(raised.value.known))

    def test_a_command_that_a_version_lacks_is_unknown_to_it(self):
        with pytest.raises(ActionUnknown, match="'Reset'"):
            v201.dialect().write_command(commands.Reset())


class TestAnswers:
    @pytest.mark.parametrize(
        ("action", "payload", "status"),
        [
            ("Reset", {"status": "Rejected"}, "Rejected"),
            ("UnlockConnector", {"status": "Unlocked"}, "Unlocked"),
            ("ChangeConfiguration", {"status": "RebootRequired"}, "RebootRequired"),
            ("GetLocalListVersion", {"listVersion": 3}, ""),
            ("GetDiagnostics", {}, ""),
            ("Reset", {"status": "accepted", "extra": None}, "Accepted"),
        ],
    )
    def test_a_status_is_read(self, dialect, action, payload, status):
        assert dialect.read_answer(action, payload) == StatusAnswer(status)

    @pytest.mark.parametrize("payload", [{}, {"status": "Perhaps"}, {"status": 5}, None, 5, [], "Accepted"])
    def test_an_answer_that_cannot_be_mended_is_refused(self, dialect, payload):
        with pytest.raises(SchemaViolation):
            dialect.read_answer("Reset", payload)

    def test_every_action_has_its_answer_checked(self, dialect):
        for action in dialect.outgoing:
            with pytest.raises(SchemaViolation):
                dialect.read_answer(action, 5)


class TestConfiguration:
    """5.8: GetConfiguration.conf, which charge points get wrong in every way there is."""

    def read(self, dialect, payload):
        answer = dialect.read_answer("GetConfiguration", payload)
        assert isinstance(answer, ConfigurationAnswer)
        return answer

    def test_a_sound_answer(self, dialect):
        payload = {
            "configurationKey": [
                {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
                {"key": "AuthorizationKey", "readonly": True},
            ],
            "unknownKey": ["Foo"],
        }
        assert self.read(dialect, payload) == ConfigurationAnswer(
            (ConfigurationKey("HeartbeatInterval", "300", False), ConfigurationKey("AuthorizationKey", None, True)),
            ("Foo",),
        )

    @pytest.mark.parametrize("payload", [{}, {"configurationKey": None, "unknownKey": None}, {"configurationKey": []}])
    def test_missing_lists_are_empty(self, dialect, payload):
        assert self.read(dialect, payload) == ConfigurationAnswer(())

    @pytest.mark.parametrize(("said", "meant"), [("true", True), ("False", False), (1, True), (0, False), ("1", True)])
    def test_readonly_in_other_types(self, dialect, said, meant):
        """An Entratek's readonly is "true" in quotes."""
        answer = self.read(dialect, {"configurationKey": [{"key": "a", "readonly": said, "value": "x"}]})
        assert answer.keys == (ConfigurationKey("a", "x", meant),)

    def test_values_in_other_types(self, dialect):
        said = [{"key": "a", "readonly": False, "value": value} for value in (5, 5.5, True, None)]
        answer = self.read(dialect, {"configurationKey": said})
        assert [key.value for key in answer.keys] == ["5", "5.5", "true", None]

    def test_values_longer_than_500_are_kept_whole(self, dialect):
        answer = self.read(dialect, {"configurationKey": [{"key": "a", "readonly": False, "value": "x" * 900}]})
        assert answer.keys[0].value == "x" * 900

    def test_a_single_entry_without_a_list(self, dialect):
        answer = self.read(dialect, {"ConfigurationKey": {"Key": "a", "Readonly": False}, "unknownKey": "b"})
        assert answer == ConfigurationAnswer((ConfigurationKey("a", None, False),), ("b",))

    def test_entries_without_a_key_are_left_out(self, dialect):
        said = [{"readonly": True}, {"key": "", "readonly": True}, 5, {"key": "a"}, {"key": {}, "readonly": True}]
        answer = self.read(dialect, {"configurationKey": said, "unknownKey": [5.5, "", {}, "b"]})
        assert answer == ConfigurationAnswer((ConfigurationKey("a", None, False),), ("5.5", "b"))

    def test_lists_that_are_none_are_empty(self, dialect):
        assert self.read(dialect, {"configurationKey": 5, "unknownKey": {}}) == ConfigurationAnswer(())

    @pytest.mark.parametrize("payload", [5, [1], "x", None])
    def test_what_is_no_object_is_refused(self, dialect, payload):
        with pytest.raises(SchemaViolation):
            dialect.read_answer("GetConfiguration", payload)


class TestErrorCodes:
    def test_are_spelled_as_1_6_spells_them(self, dialect):
        """OCPP-J 1.6, table 7: two of them have other spellings in 2.0.1."""
        assert set(dialect.error_codes.values()) == {
            "NotImplemented",
            "NotSupported",
            "InternalError",
            "ProtocolError",
            "SecurityError",
            "FormationViolation",
            "PropertyConstraintViolation",
            "OccurenceConstraintViolation",
            "TypeConstraintViolation",
            "GenericError",
        }
        assert set(ERROR_CODES) == set(v201.ERROR_CODES)
