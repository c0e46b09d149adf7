"""From meter values as told to readings as stored: which transaction they belong to, what counts, what is live.

Rules.

1. Meter values never open, reopen or end a transaction.
2. A register value that `EnergyRegister` does not believe is stored, flagged suspect and counts for nothing.
3. Only the newest element of a message, and only if it is not old, is live.
4. The same message said again after a lost answer is recognised by its content, also after a restart. Without a time
   that tells two messages apart, both count: two rows too many harm nobody, a value that is missing does.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mcppd.core.charge_point import ChargePoint
from mcppd.core.connector import Connector
from mcppd.db.meter_values import TOLD, Reading
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.meter_values import EnergyRegister, Measured, MeterValue, measure, merge_by_time, newest
from mcppd.model.requests import MeterValues
from mcppd.model.timestamps import TimeQuality, settle
from mcppd.model.transactions import OpenTransaction

LIVE_WITHIN = timedelta(minutes=2)
"""An element older than this at its arrival is history: a queue that is being flushed."""

EARLY = timedelta(minutes=10)
"""Meter values without a transaction id belong to the running transaction from this long before its start."""

REMEMBERED = 16
"""Messages per connector that are recognised when they are said again."""


class Repeats:
    """The last meter value messages of each connector, by fingerprint."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, ConnectorRef], deque[bytes]] = {}

    def add(self, charge_point_id: int, connector: ConnectorRef, fingerprint: bytes) -> None:
        self._seen.setdefault((charge_point_id, connector), deque(maxlen=REMEMBERED)).append(fingerprint)

    def has(self, charge_point_id: int, connector: ConnectorRef, fingerprint: bytes) -> bool:
        return fingerprint in self._seen.get((charge_point_id, connector), ())


@dataclass(frozen=True, slots=True)
class Metering:
    """What one MeterValues message comes to."""

    readings: tuple[Reading, ...]
    transaction: OpenTransaction | None
    """The running transaction it belongs to."""
    register: EnergyRegister | None
    """That transaction's register after it."""
    live: Measured | None
    suspect: bool
    peak_power_w: float = 0.0
    """Of what belongs to that transaction."""
    named: bool = False
    """The message itself names that transaction."""
    recognisable: bool = True
    """Each element has a time that the charge point told: the same again is a repeat."""


def take(charge_point: ChargePoint, connector: Connector, request: MeterValues, received_at: datetime) -> Metering:
    """Read `request` against what is known; changes nothing."""
    values = merge_by_time(request.values)
    measured = [measure(value) for value in values]
    named = request.transaction_id is not None
    transaction = _transaction(charge_point, connector, request.transaction_id)
    begin = None if transaction is None or named else transaction.started_at - EARLY
    register = None
    readings: list[Reading] = []
    suspect, peak_power_w, recognisable = False, 0.0, True
    for value, found in zip(values, measured, strict=True):
        at, quality = settle(value.at, received_at)
        recognisable = recognisable and quality in TOLD
        transaction_id, energy_wh, doubtful = request.transaction_id, None, False
        if transaction is not None and (begin is None or at >= begin):
            transaction_id = transaction.id
            register = register or transaction.register
            if found.energy_wh is not None:
                advanced = register.advance(found.energy_wh, at)
                if advanced is None:
                    suspect = doubtful = True
                else:
                    register, energy_wh = advanced, advanced.energy_at(found.energy_wh)
            if found.power_w is not None and found.power_w > peak_power_w:
                peak_power_w = found.power_w
        readings.append(
            Reading(
                connector.ref,
                transaction_id,
                at,
                quality,
                received_at,
                value.samples,
                found.energy_wh,
                energy_wh,
                found.power_w,
                doubtful,
            )
        )
    if register is None:
        transaction = None
    live = None if named and transaction is None else _live(values, measured, received_at)
    return Metering(tuple(readings), transaction, register, live, suspect, peak_power_w, named, recognisable)


def transaction_data(values: Sequence[MeterValue], ref: ConnectorRef, received_at: datetime) -> tuple[Reading, ...]:
    """The readings in a StopTransaction: stored with the transaction that it turns out to stop."""
    readings = []
    for value in merge_by_time(values):
        at, quality = settle(value.at, received_at)
        found = measure(value)
        reading = Reading(ref, None, at, quality, received_at, value.samples, found.energy_wh, power_w=found.power_w)
        readings.append(reading)
    return tuple(readings)


def _transaction(charge_point: ChargePoint, connector: Connector, named: int | None) -> OpenTransaction | None:
    """The running transaction that is meant: the one that is `named`, else the one on `connector`."""
    holder = connector if named is None else charge_point.running(named)
    return holder.transaction if holder is not None else None


def _live(values: Sequence[MeterValue], measured: Sequence[Measured], received_at: datetime) -> Measured | None:
    value = newest(values)
    if value is None:
        return None
    at, quality = settle(value.at, received_at)
    old = quality is TimeQuality.GOOD and at < received_at - LIVE_WITHIN
    return None if old else measured[values.index(value)]
