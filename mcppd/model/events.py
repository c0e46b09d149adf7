"""What happened: past tense, published after the answer that reports it was sent, to plugins and the event stream.

Every event names the charge point's identity (`charge_point`), when we learned of it (`at`, UTC) and the correlation id
that ties it to the log. `EVENTS` lists all kinds by name.
"""

from dataclasses import dataclass
from datetime import datetime

from mcppd.model.charge_points import BootIdentity, BootMeaning, ConnectorRef, ConnectorStatus, Registration
from mcppd.model.meter_values import Measured
from mcppd.model.transactions import ClosedTransaction, OpenTransaction, StopMatch


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    charge_point: str
    at: datetime
    correlation_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePointRegistered(_Event):
    """A charge point that was never seen before was taken in."""

    registration: Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePointConnected(_Event):
    """A link was opened. `generation` counts the links of this charge point since the daemon started."""

    generation: int
    remote_address: str
    protocol: str
    replaced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePointReady(_Event):
    """The link may carry commands. `by` is boot, timeout or activity."""

    generation: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePointDisconnected(_Event):
    generation: int
    reason: str
    connected_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargePointBooted(_Event):
    """It really (re)started: a plain reconnect that answered our trigger is not this."""

    identity: BootIdentity
    meaning: BootMeaning


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRefused(_Event):
    """A handshake was turned away; `status` is the HTTP status it got."""

    status: int
    reason: str
    remote_address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReported(_Event):
    """A StatusNotification was stored; `changed` tells whether it says something new."""

    connector: ConnectorRef
    status: ConnectorStatus
    previous: ConnectorStatus
    error_code: str
    changed: bool
    info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPresented(_Event):
    """An Authorize was answered with `status`."""

    id_tag: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStarted(_Event):
    transaction: OpenTransaction
    status: str
    """What its tag was told: Accepted, Invalid, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStopped(_Event):
    transaction: ClosedTransaction
    match: StopMatch


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRecovered(_Event):
    """A transaction that its charge point left open was closed; `transaction.recovery` says how."""

    transaction: ClosedTransaction


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionInterrupted(_Event):
    """The charge point rebooted while this one ran."""

    transaction_id: int
    connector: ConnectorRef


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValuesReceived(_Event):
    connector: ConnectorRef
    measured: Measured
    transaction_id: int | None = None
    suspect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgressed(_Event):
    """A firmware, diagnostics or log status came in; `kind` is firmware, diagnostics or log."""

    kind: str
    status: str
    request_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEventReported(_Event):
    """By the charge point, or found by the daemon itself (`own`)."""

    type: str
    tech_info: str | None = None
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequested(_Event):
    """A SignCertificate was kept for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReceived(_Event):
    """A DataTransfer was answered with `status`."""

    vendor_id: str
    message_id: str | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageQuarantined(_Event):
    action: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCompleted(_Event):
    """A command came to an end; `outcome` is the answered status, or the error's name."""

    action: str
    outcome: str
    duration_s: float
    caller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginPaused(_Event):
    """A plugin failed too often and gets no events for a while; `charge_point` is ""."""

    plugin: str
    reason: str


Event = (
    CertificateRequested
    | ChargePointBooted
    | ChargePointConnected
    | ChargePointDisconnected
    | ChargePointReady
    | ChargePointRegistered
    | CommandCompleted
    | DataReceived
    | JobProgressed
    | LinkRefused
    | MessageQuarantined
    | MeterValuesReceived
    | PluginPaused
    | SecurityEventReported
    | StatusReported
    | TagPresented
    | TransactionInterrupted
    | TransactionRecovered
    | TransactionStarted
    | TransactionStopped
)

EVENTS: dict[str, type] = {kind.__name__: kind for kind in Event.__args__}
