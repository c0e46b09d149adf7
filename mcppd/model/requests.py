"""What a charge point says: one class per request, free of any OCPP version's spelling.

A dialect reads frames into these; a handler takes one of these and nothing else.
"""

from dataclasses import dataclass

from mcppd.model.charge_points import BootIdentity, ConnectorRef
from mcppd.model.meter_values import MeterValue
from mcppd.model.timestamps import ReportedTime


@dataclass(frozen=True, slots=True)
class Authorize:
    id_tag: str


@dataclass(frozen=True, slots=True)
class BootNotification:
    identity: BootIdentity


@dataclass(frozen=True, slots=True)
class DataTransfer:
    vendor_id: str
    message_id: str | None = None
    data: str | None = None


@dataclass(frozen=True, slots=True)
class DiagnosticsStatusNotification:
    status: str


@dataclass(frozen=True, slots=True)
class FirmwareStatusNotification:
    """Also SignedFirmwareStatusNotification, then with `signed`; `request_id` is None where the message has none."""

    status: str
    request_id: int | None = None
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Heartbeat:
    pass


@dataclass(frozen=True, slots=True)
class LogStatusNotification:
    status: str
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class MeterValues:
    """`transaction_id` is None where absent or below 1."""

    connector: ConnectorRef
    values: tuple[MeterValue, ...]
    transaction_id: int | None = None


@dataclass(frozen=True, slots=True)
class SecurityEventNotification:
    type: str
    at: ReportedTime
    tech_info: str | None = None


@dataclass(frozen=True, slots=True)
class SignCertificate:
    csr: str


@dataclass(frozen=True, slots=True)
class StartTransaction:
    connector: ConnectorRef
    id_tag: str
    """"" where it was absent or blank: free vending."""
    meter_start_wh: int | None
    """None where it was absent or unreadable."""
    at: ReportedTime
    reservation_id: int | None = None


@dataclass(frozen=True, slots=True)
class StatusNotification:
    """`status` is as spelled by the charge point's version; the handler maps what it does not know to UNKNOWN."""

    connector: ConnectorRef
    status: str
    error_code: str = "NoError"
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None
    at: ReportedTime | None = None


@dataclass(frozen=True, slots=True)
class StopTransaction:
    """`transaction_id` is as said, so 0, -1 and ids never issued occur; None where absent or unreadable."""

    transaction_id: int | None
    meter_stop_wh: int | None
    at: ReportedTime
    id_tag: str | None = None
    reason: str | None = None
    values: tuple[MeterValue, ...] = ()


Request = (
    Authorize
    | BootNotification
    | DataTransfer
    | DiagnosticsStatusNotification
    | FirmwareStatusNotification
    | Heartbeat
    | LogStatusNotification
    | MeterValues
    | SecurityEventNotification
    | SignCertificate
    | StartTransaction
    | StatusNotification
    | StopTransaction
)


@dataclass(frozen=True, slots=True)
class Repair:
    """Something in a frame that was put right before it was read.

    `kind` is from a fixed set (a metric label); `path` as in `$.idTag`; `lossy` says that information was lost,
    so the raw frame goes to the quarantine.
    """

    kind: str
    path: str
    lossy: bool = False
