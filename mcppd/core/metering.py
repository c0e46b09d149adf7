"""From meter values as told to readings as stored: which transaction they belong to, what counts, what is live.

Rules.

1. Meter values never open, reopen or end a transaction.
2. A register value that `EnergyRegister` does not believe is stored, flagged suspect and counts for nothing.
3. Only the newest element of a message, and only if it is not old, is live.
4. The same message said again after a lost answer is recognised by its content, also after a restart.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mcppd.core.charge_point import ChargePoint
from mcppd.core.connector import Connector
from mcppd.db.meter_values import Reading
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


def take(charge_point: ChargePoint, connector: Connector, request: MeterValues, received_at: datetime) -> Metering:
    """Read `request` against what is known; changes nothing."""
    values = merge_by_time(request.values)
    measured = [measure(value) for value in values]
    transaction = _transaction(charge_point, connector, request, values, received_at)
    transaction_id = transaction.id if transaction is not None else request.transaction_id
    register = transaction.register if transaction is not None else None
    readings: list[Reading] = []
    suspect, peak_power_w = False, 0.0
    for value, found in zip(values, measured, strict=True):
        at, quality = settle(value.at, received_at)
        energy_wh, doubtful = None, False
        if register is not None and found.energy_wh is not None:
            advanced = register.advance(found.energy_wh, at)
            if advanced is None:
                suspect = doubtful = True
            else:
                register, energy_wh = advanced, advanced.energy_wh
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
        if found.power_w is not None and found.power_w > peak_power_w:
            peak_power_w = found.power_w
    ended = request.transaction_id is not None and transaction is None
    live = None if ended else _live(values, measured, received_at)
    return Metering(tuple(readings), transaction, register, live, suspect, peak_power_w)


def transaction_data(values: Sequence[MeterValue], ref: ConnectorRef, received_at: datetime) -> tuple[Reading, ...]:
    """The readings in a StopTransaction: stored with the transaction that it turns out to stop."""
    readings = []
    for value in merge_by_time(values):
        at, quality = settle(value.at, received_at)
        found = measure(value)
        reading = Reading(ref, None, at, quality, received_at, value.samples, found.energy_wh, power_w=found.power_w)
        readings.append(reading)
    return tuple(readings)


def _transaction(
    charge_point: ChargePoint,
    connector: Connector,
    request: MeterValues,
    values: Sequence[MeterValue],
    received_at: datetime,
) -> OpenTransaction | None:
    if request.transaction_id is not None:
        holder = charge_point.running(request.transaction_id)
        return holder.transaction if holder is not None else None
    running = connector.transaction
    if running is None or not values:
        return None
    at, _ = settle(values[0].at, received_at)
    return running if at >= running.started_at - EARLY else None


def _live(values: Sequence[MeterValue], measured: Sequence[Measured], received_at: datetime) -> Measured | None:
    value = newest(values)
    if value is None:
        return None
    at, quality = settle(value.at, received_at)
    old = quality is TimeQuality.GOOD and at < received_at - LIVE_WITHIN
    return None if old else measured[values.index(value)]
