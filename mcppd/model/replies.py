"""What we answer to a charge point: one class per confirmation. A dialect writes these."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mcppd.model.events import Event


class AuthorizationStatus(StrEnum):
    """AuthorizationStatus (OCPP 1.6, 7.2)."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


@dataclass(frozen=True, slots=True)
class IdTagInfo:
    status: AuthorizationStatus
    parent_id_tag: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Authorized:
    """Answers Authorize."""

    info: IdTagInfo


class RegistrationStatus(StrEnum):
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class Registered:
    """Answers BootNotification; `interval_s` is the heartbeat interval, or the wait before the next one."""

    status: RegistrationStatus
    current_time: datetime
    interval_s: int


@dataclass(frozen=True, slots=True)
class CurrentTime:
    """Answers Heartbeat."""

    current_time: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """Answers StartTransaction: there is always an id, 1..2^31-1, whatever the tag's status."""

    transaction_id: int
    info: IdTagInfo


@dataclass(frozen=True, slots=True)
class Stopped:
    """Answers StopTransaction; `info` only if a tag was given."""

    info: IdTagInfo | None = None


@dataclass(frozen=True, slots=True)
class DataTransferred:
    """Answers DataTransfer: `status` is Accepted, Rejected, UnknownMessageId or UnknownVendorId (OCPP 1.6, 7.14)."""

    status: str
    data: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateRequestTaken:
    """Answers SignCertificate."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """Answers every request whose confirmation is empty."""


Reply = Authorized | Registered | CurrentTime | Started | Stopped | DataTransferred | CertificateRequestTaken | Noted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler returns: the reply, the events to publish once it is sent, and what to do right after that."""

    reply: Reply
    events: tuple[Event, ...] = ()
    after: Callable[[], None] | None = None
