"""What we say to a charge point, and what it answers: free of any OCPP version's spelling.

`OpaqueCommand` carries an action that has no class here yet: it is sent as the operator spelled it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcppd.model.charge_points import ConnectorRef


@dataclass(frozen=True, slots=True)
class RemoteStartTransaction:
    id_tag: str
    connector: ConnectorRef | None = None
    charging_profile: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RemoteStopTransaction:
    transaction_id: int


@dataclass(frozen=True, slots=True)
class TriggerMessage:
    """`requested` is the name of the message: BootNotification, StatusNotification, MeterValues, Heartbeat, ..."""

    requested: str
    connector: ConnectorRef | None = None


@dataclass(frozen=True, slots=True)
class GetConfiguration:
    """All keys where `keys` is empty."""

    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeConfiguration:
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Reset:
    hard: bool = False


@dataclass(frozen=True, slots=True)
class OpaqueCommand:
    action: str
    body: Mapping[str, Any]


Command = (
    RemoteStartTransaction
    | RemoteStopTransaction
    | TriggerMessage
    | GetConfiguration
    | ChangeConfiguration
    | Reset
    | OpaqueCommand
)


@dataclass(frozen=True, slots=True)
class ConfigurationKey:
    """One key as the charge point told it; `value` None where it is not set or not readable."""

    key: str
    value: str | None
    readonly: bool


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """`status` as spelled by the charge point; "" where the answer has none."""

    status: str

    @property
    def accepted(self) -> bool:
        """Whether the charge point does, or will do, what it was told."""
        return self.status in ("Accepted", "Unlocked", "RebootRequired", "Scheduled")


@dataclass(frozen=True, slots=True)
class ConfigurationAnswer:
    """The answer to GetConfiguration."""

    keys: tuple[ConfigurationKey, ...]
    unknown_keys: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return True


Answer = StatusAnswer | ConfigurationAnswer


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What came of a command: `payload` exactly as the charge point spelled it, `answer` as it was understood."""

    action: str
    answer: Answer
    payload: Mapping[str, Any]
    duration_s: float
