"""A corner of OCPP 2.0.1 as a second set of tables: enough to show that core needs no change for another version."""

from collections.abc import Mapping
from typing import Any

from mcppd.model.charge_points import BootIdentity
from mcppd.model.replies import CurrentTime, Registered
from mcppd.model.requests import BootNotification, Heartbeat
from mcppd.ocpp.dialect import Dialect, Incoming
from mcppd.ocpp.fields import optional_text, zulu
from mcppd.ocpp.frame import ErrorCode
from mcppd.ocpp.schemas import Schema

ERROR_CODES = {
    ErrorCode.NOT_IMPLEMENTED: "NotImplemented",
    ErrorCode.NOT_SUPPORTED: "NotSupported",
    ErrorCode.INTERNAL_ERROR: "InternalError",
    ErrorCode.PROTOCOL_ERROR: "ProtocolError",
    ErrorCode.SECURITY_ERROR: "SecurityError",
    ErrorCode.FORMATION_VIOLATION: "FormatViolation",
    ErrorCode.PROPERTY_CONSTRAINT_VIOLATION: "PropertyConstraintViolation",
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurrenceConstraintViolation",
    ErrorCode.TYPE_CONSTRAINT_VIOLATION: "TypeConstraintViolation",
    ErrorCode.GENERIC_ERROR: "GenericError",
}


def read_boot_notification(said: Mapping[str, Any]) -> BootNotification:
    station = said["chargingStation"]
    modem = station.get("modem", {})
    return BootNotification(
        BootIdentity(
            vendor=optional_text(station.get("vendorName")),
            model=optional_text(station.get("model")),
            charge_point_serial=optional_text(station.get("serialNumber")),
            firmware=optional_text(station.get("firmwareVersion")),
            iccid=optional_text(modem.get("iccid")),
            imsi=optional_text(modem.get("imsi")),
        )
    )


def write_registered(reply: Registered) -> dict[str, Any]:
    return {
        "currentTime": zulu(reply.current_time),
        "interval": reply.interval_s,
        "status": reply.status.value,
    }


def dialect() -> Dialect:
    return Dialect(
        "2.0.1",
        "ocpp2.0.1",
        ERROR_CODES,
        incoming={
            "BootNotification": Incoming(
                Schema("BootNotification", "v201/schemas/BootNotificationRequest.json"),
                Schema("BootNotification", "v201/schemas/BootNotificationResponse.json"),
                read_boot_notification,
                Registered,
                write_registered,
            ),
            "Heartbeat": Incoming(
                Schema("Heartbeat", "v201/schemas/HeartbeatRequest.json"),
                Schema("Heartbeat", "v201/schemas/HeartbeatResponse.json"),
                lambda said: Heartbeat(),
                CurrentTime,
                lambda reply: {"currentTime": zulu(reply.current_time)},
            ),
        },
        outgoing={},
    )
