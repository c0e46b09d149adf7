"""Transactions: one charge each, from plug to bill, and the rules by which broken ones are mended."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mcppd.model.charge_points import ConnectorRef
from mcppd.model.meter_values import EnergyRegister

MAX_TRANSACTION_ID = 2**31 - 1


class Recovery(StrEnum):
    """How a transaction that was never properly stopped was closed, or a stop without a fitting id matched."""

    SUPERSEDED = "superseded"
    """A new transaction started on its connector."""
    LEFT_OPEN = "left_open"
    """The connector became Available and no StopTransaction came within the grace."""


class StopMatch(StrEnum):
    """How a StopTransaction found its transaction."""

    BY_ID = "by_id"
    HEURISTIC = "heuristic"
    """By connector, tag and meter, because the id was 0, -1, absent or never issued."""
    REPEATED = "repeated"
    """It had been stopped already with the same values: nothing changes."""
    REPLACED = "replaced"
    """It had been closed by recovery; the real values replaced the estimated ones."""
    UNMATCHED = "unmatched"
    """None fits: the message is quarantined and answered."""


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A running transaction as core keeps it at hand; the database holds the whole of it."""

    id: int
    connector: ConnectorRef
    id_tag: str
    started_at: datetime
    received_at: datetime
    register: EnergyRegister
    interrupted: bool = False
    """The charge point rebooted while it ran: the next Start, Stop, Available or MeterValues decides."""
    max_power_w: float = 0.0
    reservation_id: int | None = None

    @property
    def energy_wh(self) -> int:
        return self.register.energy_wh

    def metered(self, register: EnergyRegister, power_w: float, *, resumed: bool = True) -> "OpenTransaction":
        """The same after a meter value. `resumed`: it was named, so an interrupted transaction was taken up again."""
        return OpenTransaction(
            self.id,
            self.connector,
            self.id_tag,
            self.started_at,
            self.received_at,
            register,
            self.interrupted and not resumed,
            max(self.max_power_w, power_w),
            self.reservation_id,
        )


@dataclass(frozen=True, slots=True)
class ClosedTransaction:
    """A transaction that ended: by its StopTransaction, or by recovery (`recovery` says how)."""

    id: int
    connector: ConnectorRef
    id_tag: str
    started_at: datetime
    stopped_at: datetime
    meter_start_wh: int
    meter_stop_wh: int
    energy_wh: int
    reason: str
    max_power_w: float = 0.0
    recovery: Recovery | None = None

    @property
    def duration_s(self) -> float:
        return max(0.0, (self.stopped_at - self.started_at).total_seconds())
