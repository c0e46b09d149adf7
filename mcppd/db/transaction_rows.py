"""Transactions and their readings for people to read: lists, pages, details."""

from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.db import meter_values as readings_table
from mcppd.db import progress
from mcppd.db.rows import Row, every, first
from mcppd.db.times import from_ms, from_ms_or_none, to_ms
from mcppd.model.authorization import fold_tag
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.meter_values import Sample
from mcppd.model.timestamps import TimeQuality
from mcppd.model.transactions import Recovery, StopMatch


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """A transaction for people to read. What belongs to the stop is None while it is open."""

    id: int
    charge_point: str
    connector: ConnectorRef
    id_tag: str
    tag_status: str
    started_at: datetime
    start_received_at: datetime
    start_time_quality: TimeQuality
    meter_start_wh: int
    meter_start_told_wh: int | None
    """None: it was not told, and `meter_start_wh` is a guess."""
    reservation_id: int | None
    interrupted: bool
    energy_wh: int
    """So far, while it is open."""
    max_power_w: float
    stopped_at: datetime | None
    stop_received_at: datetime | None
    stop_time_quality: TimeQuality | None
    """None while it is open, and if it was closed without a StopTransaction."""
    meter_stop_wh: int | None
    meter_stop_told_wh: int | None
    stop_suspect: bool
    """meterStop was told, but could not be believed."""
    stop_reason: str | None
    stop_id_tag: str | None
    match: StopMatch | None
    recovery: Recovery | None


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """A reading for people to read. `id` is the cursor."""

    id: int
    connector: ConnectorRef
    at: datetime
    quality: TimeQuality
    received_at: datetime
    register_wh: int | None
    energy_wh: int | None
    power_w: float | None
    suspect: bool
    samples: tuple[Sample, ...]


_SELECT = f"""
    SELECT t.id, c.identity, t.evse_id, t.connector_id, t.id_tag, t.tag_status, t.started_at, t.start_received_at,
        t.start_quality, t.meter_start_wh, t.meter_start_told_wh, t.reservation_id, t.interrupted,
        coalesce(t.energy_wh, max(t.counted_wh, coalesce(tail.energy, 0))),
        max(t.max_power_w, coalesce(tail.power, 0)), t.stopped_at, t.stop_received_at, t.stop_quality,
        t.meter_stop_wh, t.meter_stop_told_wh, t.stop_suspect, t.stop_reason, t.stop_id_tag, t.stop_match, t.recovery
    FROM transactions AS t
    JOIN charge_points AS c ON c.id = t.charge_point_id
    LEFT JOIN ({progress.TAILS}) AS tail ON tail.transaction_id = t.id
    WHERE """


def find(db: apsw.Connection, transaction_id: int) -> TransactionRow | None:
    row = first(db, _SELECT + "t.id = ?", (transaction_id,))
    return None if row is None else _row(row)


def page(
    db: apsw.Connection,
    *,
    charge_point: str | None = None,
    open: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    id_tag: str | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[TransactionRow]:
    """Newest first; `charge_point` is the identity; `since` <= started_at < `until`; `before_id` is the cursor."""
    conditions: list[str] = ["true"]
    values: list[object] = []
    for value, condition in (
        (charge_point, "t.charge_point_id = (SELECT id FROM charge_points WHERE identity = ?)"),
        (None if since is None else to_ms(since), "t.started_at >= ?"),
        (None if until is None else to_ms(until), "t.started_at < ?"),
        (None if id_tag is None else fold_tag(id_tag), "t.tag_key = ?"),
        (before_id, "t.id < ?"),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if open is not None:
        conditions.append("t.stopped_at IS NULL" if open else "t.stopped_at IS NOT NULL")
    rows = every(db, f"{_SELECT}{' AND '.join(conditions)} ORDER BY t.id DESC LIMIT ?", (*values, limit))
    return [_row(row) for row in rows]


def meter_values(db: apsw.Connection, transaction_id: int, after_id: int = 0, limit: int = 1000) -> list[ReadingRow]:
    """The readings of a transaction in the order of their arrival; [] for one that is not known."""
    bounds = first(
        db,
        "SELECT charge_point_id, first_reading_id, iif(stopped_at IS NULL, NULL, coalesce(last_reading_id, 0)),"
        f" {progress.MARK} FROM transactions WHERE id = ?",
        (transaction_id,),
    )
    if bounds is None:
        return []
    charge_point_id, lowest, last, mark = bounds
    after = max(after_id, lowest - 1)
    newest = 2**63 - 1
    # One that has ended lies between its bounds, but for late readings that are not accounted yet.
    ranges = [(after, newest)] if last is None else [(after, last), (max(after, last, mark), newest)]
    found: list[ReadingRow] = []
    for low, high in ranges:
        rows = every(
            db,
            "SELECT id, evse_id, connector_id, at, quality, received_at, register_wh, energy_wh, power_w, suspect,"
            " samples FROM meter_values WHERE id > ? AND id <= ? AND transaction_id = ? AND charge_point_id = ?"
            " ORDER BY id LIMIT ?",
            (low, high, transaction_id, charge_point_id, limit - len(found)),
        )
        found += [ReadingRow(row[0], ConnectorRef(row[1], row[2]), *readings_table.from_row(row[3:])) for row in rows]
    return found


def _row(row: Row) -> TransactionRow:
    return TransactionRow(
        row[0],
        row[1],
        ConnectorRef(row[2], row[3]),
        row[4],
        row[5],
        from_ms(row[6]),
        from_ms(row[7]),
        TimeQuality(row[8]),
        row[9],
        row[10],
        row[11],
        bool(row[12]),
        row[13],
        row[14],
        from_ms_or_none(row[15]),
        from_ms_or_none(row[16]),
        None if row[17] is None else TimeQuality(row[17]),
        row[18],
        row[19],
        bool(row[20]),
        row[21],
        row[22],
        None if row[23] is None else StopMatch(row[23]),
        None if row[24] is None else Recovery(row[24]),
    )
