"""Meter values: one row for each MeterValue element, only ever appended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.model.charge_points import ConnectorRef
from mcppd.model.meter_values import Sample
from mcppd.model.timestamps import TimeQuality


@dataclass(frozen=True, slots=True)
class Reading:
    """One MeterValue element as it is kept. `at` is the time to use, `quality` how it came to be."""

    connector: ConnectorRef
    transaction_id: int | None
    at: datetime
    quality: TimeQuality
    received_at: datetime
    samples: tuple[Sample, ...]
    register_wh: int | None = None
    energy_wh: int | None = None
    """Energy of the transaction so far; None if suspect, or without transaction."""
    power_w: float | None = None
    suspect: bool = False


def record(db: apsw.Connection, charge_point_id: int, readings: Sequence[Reading]) -> None:
    raise NotImplementedError


def fingerprint(readings: Sequence[Reading]) -> bytes:
    """16 bytes that are the same for the same MeterValues said again: samples and told times, nothing of the arrival."""
    raise NotImplementedError


def recent_fingerprints(db: apsw.Connection, limit: int = 1000) -> list[tuple[int, ConnectorRef, bytes]]:
    """(charge point, connector, fingerprint) of the messages in the newest `limit` rows, oldest first."""
    raise NotImplementedError
