"""OCPP 1.6 with the security extension, as tables: an action is one row."""

from collections.abc import Callable, Mapping
from typing import Any

from mcppd.model import commands, replies
from mcppd.model.replies import Reply
from mcppd.model.requests import Request
from mcppd.ocpp.dialect import Dialect, Incoming, Outgoing
from mcppd.ocpp.frame import ErrorCode
from mcppd.ocpp.schemas import Schema
from mcppd.ocpp.v16 import commands as ask
from mcppd.ocpp.v16 import replies as reply
from mcppd.ocpp.v16 import requests as said

ERROR_CODES = {
    ErrorCode.NOT_IMPLEMENTED: "NotImplemented",
    ErrorCode.NOT_SUPPORTED: "NotSupported",
    ErrorCode.INTERNAL_ERROR: "InternalError",
    ErrorCode.PROTOCOL_ERROR: "ProtocolError",
    ErrorCode.SECURITY_ERROR: "SecurityError",
    ErrorCode.FORMATION_VIOLATION: "FormationViolation",
    ErrorCode.PROPERTY_CONSTRAINT_VIOLATION: "PropertyConstraintViolation",
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    ErrorCode.TYPE_CONSTRAINT_VIOLATION: "TypeConstraintViolation",
    ErrorCode.GENERIC_ERROR: "GenericError",
}
"""OCPP-J 1.6, table 7, with its spelling of "occurence"."""


def _request(action: str) -> Schema:
    return Schema(action, f"v16/schemas/{action}.json")


def _response(action: str) -> Schema:
    return Schema(action, f"v16/schemas/{action}Response.json")


def _incoming() -> Mapping[str, Incoming]:
    def row(
        action: str,
        read: Callable[[Mapping[str, Any]], Request],
        answer: type[Reply] = replies.Noted,
        write: Callable[[Any], dict[str, Any]] = reply.write_noted,
        *,
        about_transaction: bool = False,
    ) -> tuple[str, Incoming]:
        return action, Incoming(_request(action), _response(action), read, answer, write, about_transaction)

    return dict(
        (
            row("Authorize", said.read_authorize, replies.Authorized, reply.write_authorized),
            row("BootNotification", said.read_boot_notification, replies.Registered, reply.write_registered),
            row("DataTransfer", said.read_data_transfer, replies.DataTransferred, reply.write_data_transferred),
            row("DiagnosticsStatusNotification", said.read_diagnostics_status),
            row("FirmwareStatusNotification", said.read_firmware_status),
            row("Heartbeat", said.read_heartbeat, replies.CurrentTime, reply.write_current_time),
            row("LogStatusNotification", said.read_log_status),
            row("MeterValues", said.read_meter_values_request, about_transaction=True),
            row("SecurityEventNotification", said.read_security_event),
            row(
                "SignCertificate",
                said.read_sign_certificate,
                replies.CertificateRequestTaken,
                reply.write_certificate_request_taken,
            ),
            row("SignedFirmwareStatusNotification", said.read_signed_firmware_status),
            row(
                "StartTransaction",
                said.read_start_transaction,
                replies.Started,
                reply.write_started,
                about_transaction=True,
            ),
            row("StatusNotification", said.read_status_notification, about_transaction=True),
            row(
                "StopTransaction",
                said.read_stop_transaction,
                replies.Stopped,
                reply.write_stopped,
                about_transaction=True,
            ),
        )
    )


_WITHOUT_CLASS = (
    "CancelReservation",
    "CertificateSigned",
    "ChangeAvailability",
    "ClearCache",
    "ClearChargingProfile",
    "DataTransfer",
    "DeleteCertificate",
    "ExtendedTriggerMessage",
    "GetCompositeSchedule",
    "GetDiagnostics",
    "GetInstalledCertificateIds",
    "GetLocalListVersion",
    "GetLog",
    "InstallCertificate",
    "ReserveNow",
    "SendLocalList",
    "SetChargingProfile",
    "SignedUpdateFirmware",
    "UnlockConnector",
    "UpdateFirmware",
)
"""Actions sent as the operator spells them; any status in the answer is understood."""


def _outgoing() -> Mapping[str, Outgoing]:
    def row(
        command: type[commands.Command],
        write: Callable[[Any], dict[str, Any]],
        read: Callable[[Mapping[str, Any]], commands.Command],
        read_answer: Callable[[Mapping[str, Any]], commands.Answer] = ask.read_status_answer,
        *,
        tolerant: bool = False,
    ) -> tuple[str, Outgoing]:
        action = command.__name__
        return action, Outgoing(_request(action), _response(action), read_answer, command, write, read, tolerant)

    return dict(
        (
            *(
                (action, Outgoing(_request(action), _response(action), ask.read_status_answer))
                for action in _WITHOUT_CLASS
            ),
            row(commands.ChangeConfiguration, ask.write_change_configuration, ask.read_change_configuration),
            row(
                commands.GetConfiguration,
                ask.write_get_configuration,
                ask.read_get_configuration,
                ask.read_configuration_answer,
                tolerant=True,
            ),
            row(commands.RemoteStartTransaction, ask.write_remote_start, ask.read_remote_start),
            row(commands.RemoteStopTransaction, ask.write_remote_stop, ask.read_remote_stop),
            row(commands.Reset, ask.write_reset, ask.read_reset),
            row(commands.TriggerMessage, ask.write_trigger_message, ask.read_trigger_message),
        )
    )


def dialect() -> Dialect:
    """OCPP 1.6 as the dialect of links with the subprotocol `ocpp1.6`."""
    return Dialect("1.6", "ocpp1.6", ERROR_CODES, _incoming(), _outgoing())
