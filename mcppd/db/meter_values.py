"""Meter values: one row for each MeterValue element, only ever appended.

There is no index beside the row's id. A transaction knows between which ids its readings lie, and what they add up to
is kept by `mcppd.db.progress`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from typing import Any

import apsw

from mcppd.db.progress import ACCOUNT_EVERY, account
from mcppd.db.rows import Row, every, first
from mcppd.db.times import from_ms, to_ms
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.meter_values import CONTEXT_PERIODIC, ENERGY, Sample, in_base_unit
from mcppd.model.timestamps import TimeQuality

TOLD = (TimeQuality.GOOD, TimeQuality.MISSING_ZONE)
"""With these `at` is what the charge point said; with any other it is when the message arrived."""

MAX_WH = 2**53


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


def believable(wh: int | None) -> int | None:
    """`wh`, or None if it is beyond all that a register can hold (and in the end beyond SQLite's integers)."""
    return wh if wh is None or -MAX_WH <= wh <= MAX_WH else None


def record(
    db: apsw.Connection, charge_point_id: int, readings: Sequence[Reading], *, resumed: int | None = None
) -> None:
    """Append `readings` in their order; `resumed` is an interrupted transaction that goes on with them.

    An id that is of no transaction of this charge point is not kept: it would come to mean one that begins later.
    """
    if not readings:
        return
    connector = readings[0].connector
    db.execute(
        "INSERT OR IGNORE INTO connectors (charge_point_id, evse_id, connector_id) VALUES (?, ?, ?)",
        (charge_point_id, connector.evse_id, connector.connector_id),
    )
    db.executemany(
        "INSERT INTO meter_values (charge_point_id, evse_id, connector_id, transaction_id, at, quality, received_at,"
        " register_wh, energy_wh, power_w, suspect, samples) VALUES (?1, ?2, ?3,"
        " (SELECT id FROM transactions WHERE id = ?4 AND charge_point_id = ?1), ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        [
            (
                charge_point_id,
                reading.connector.evse_id,
                reading.connector.connector_id,
                reading.transaction_id,
                to_ms(reading.at),
                None if reading.quality is TimeQuality.GOOD else reading.quality.value,
                to_ms(reading.received_at),
                believable(reading.register_wh),
                believable(reading.energy_wh),
                reading.power_w,
                reading.suspect,
                write_samples(reading.samples),
            )
            for reading in readings
        ],
    )
    last = db.last_insert_rowid()
    if resumed is not None:
        db.execute(
            "UPDATE transactions SET interrupted = 2 WHERE id = ? AND charge_point_id = ? AND interrupted = 1",
            (resumed, charge_point_id),
        )
    if last // ACCOUNT_EVERY != (last - len(readings)) // ACCOUNT_EVERY:
        account(db)


def fingerprint(readings: Sequence[Reading]) -> bytes:
    """16 bytes that are the same when the same MeterValues message is said again.

    They cover samples and told times, nothing of the arrival and nothing that was derived.
    """
    return _digest(
        (to_ms(reading.at) if reading.quality in TOLD else 0, write_samples(reading.samples)) for reading in readings
    )


def recent_fingerprints(db: apsw.Connection, limit: int = 1000) -> list[tuple[int, ConnectorRef, bytes]]:
    """(charge point, connector, fingerprint) of the messages in the newest `limit` rows, oldest first."""
    rows = every(
        db,
        "SELECT charge_point_id, evse_id, connector_id, received_at, iif(quality IS NULL OR quality = ?, at, 0),"
        " samples FROM meter_values WHERE id > (SELECT max(id) FROM meter_values) - ? ORDER BY id",
        (TimeQuality.MISSING_ZONE.value, limit),
    )
    return [  # the rows of one message lie together and have one time of arrival
        (int(key[0]), ConnectorRef(key[1], key[2]), _digest((row[4], row[5]) for row in message))
        for key, message in groupby(rows, key=lambda row: row[:4])
    ]


def last_register(db: apsw.Connection, charge_point_id: int, connector: ConnectorRef) -> int | None:
    """The newest believable register value (Wh) among the last readings of all, if there is one of this connector."""
    row = first(
        db,
        "SELECT register_wh FROM meter_values WHERE id > (SELECT max(id) FROM meter_values) - ? AND charge_point_id = ?"
        " AND evse_id = ? AND connector_id = ? AND register_wh IS NOT NULL AND NOT suspect ORDER BY id DESC LIMIT 1",
        (ACCOUNT_EVERY, charge_point_id, connector.evse_id, connector.connector_id),
    )
    return None if row is None else row[0]


def write_samples(samples: Iterable[Sample]) -> str:
    """JSON: [[value, measurand, phase, context, location, unit, raw], ...]; defaults at the end are left out."""
    return f"[{','.join(map(_write_sample, samples))}]"


def read_samples(text: str) -> tuple[Sample, ...]:
    return tuple(map(_read_sample, json.loads(text)))


def _write_sample(sample: Sample) -> str:
    value = sample.value
    if value is None:
        fields = (sample.measurand, sample.phase, sample.context, sample.location, sample.unit, sample.raw)
        return json.dumps([None, *fields], separators=(",", ":"))
    number = int(value) if value.is_integer() and abs(value) < 1e15 else value
    return f"[{number}{_kind(sample.measurand, sample.phase, sample.context, sample.location, sample.unit)}]"


@lru_cache(maxsize=1024)
def _kind(measurand: str, *others: str | None) -> str:
    """All of a sample but its value. A site has a few dozen of these, so each is written once."""
    fields: tuple[str | None, ...] = (measurand, *others)
    defaults = (ENERGY, *_defaults(measurand))
    while fields and fields[-1] == defaults[len(fields) - 1]:
        fields = fields[:-1]
    return "".join(f",{json.dumps(field)}" for field in fields)


def _read_sample(fields: list[Any]) -> Sample:
    value = None if fields[0] is None else float(fields[0])
    measurand = fields[1] if len(fields) > 1 else ENERGY
    told: list[Any] = fields[2:6]
    phase, context, location, unit = told + list(_defaults(measurand)[len(told) :])
    return Sample(value, measurand, unit, phase, location, context, fields[6] if len(fields) > 6 else None)


def _defaults(measurand: str) -> tuple[str | None, ...]:
    """Phase, context, location and unit that are left out."""
    return None, CONTEXT_PERIODIC, "Outlet", in_base_unit(0.0, measurand, None)[1]


def _digest(elements: Iterable[tuple[int, str]]) -> bytes:
    digest = blake2b(digest_size=16)
    for at, samples in elements:
        digest.update(f"{at}{samples};".encode())
    return digest.digest()


def from_row(row: Row) -> Row:
    """(at, quality, received_at, register_wh, energy_wh, power_w, suspect, samples) of such columns."""
    return (
        from_ms(row[0]),
        TimeQuality.GOOD if row[1] is None else TimeQuality(row[1]),
        from_ms(row[2]),
        *row[3:6],
        bool(row[6]),
        read_samples(row[7]),
    )
