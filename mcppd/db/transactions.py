"""Transactions: their whole life, from StartTransaction to the last correction (OCPP 1.6, 4.8 and 4.10).

Rules.

1. A transaction is found by (charge point, id). What another charge point says of it is not heard.
2. One StartTransaction is one transaction, however often and by whatever way it is said.
3. At most one transaction is open on a connector; a new one closes the old one in the same commit.
4. Its energy enters the connector's total once, when it is closed; what replaces a recovered value corrects the total.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.db import closing, progress
from mcppd.db import meter_values as readings_table
from mcppd.db.id_tags import check
from mcppd.db.matching import find_stopped
from mcppd.db.meter_values import Reading, believable
from mcppd.db.progress import Kept
from mcppd.db.rows import first
from mcppd.db.times import from_ms, to_ms, told
from mcppd.db.transaction_rows import ReadingRow, TransactionRow, find, meter_values, page
from mcppd.model.authorization import fold_tag
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.errors import StorageRefused
from mcppd.model.meter_values import EnergyRegister
from mcppd.model.replies import IdTagInfo
from mcppd.model.requests import StartTransaction, StopTransaction
from mcppd.model.timestamps import TimeQuality, settle
from mcppd.model.transactions import MAX_TRANSACTION_ID, ClosedTransaction, OpenTransaction, StopMatch

__all__ = [
    "ReadingRow",
    "StartRecorded",
    "StopRecorded",
    "TransactionRow",
    "find",
    "load_open",
    "meter_values",
    "page",
    "recover",
    "start",
    "stop",
]


@dataclass(frozen=True, slots=True)
class StartRecorded:
    transaction: OpenTransaction
    info: IdTagInfo
    repeated: bool
    superseded: ClosedTransaction | None = None
    """The transaction that was open on the connector, and that this one closed."""
    ended: bool = False
    """A repeat of a start whose transaction has ended meanwhile: it is not open."""


@dataclass(frozen=True, slots=True)
class StopRecorded:
    match: StopMatch
    transaction: ClosedTransaction | None
    """None if UNMATCHED."""
    info: IdTagInfo | None
    """None if no tag was given."""
    counted_wh: int = 0
    """What was counted for the transaction before: 0 if it ran, and what recovery made up if it is REPLACED now."""
    contradicts: bool = False
    """REPEATED, but with another meterStop than the one that stands."""


def load_open(db: apsw.Connection) -> list[tuple[int, OpenTransaction]]:
    """(charge point, transaction) of all that run, each with its register as of the last counted reading."""
    return [(charge_point_id, kept.as_open()) for charge_point_id, kept in progress.load_open(db)]


def start(
    db: apsw.Connection,
    charge_point_id: int,
    request: StartTransaction,
    *,
    now: datetime,
    open_to_all: bool,
    verdict: IdTagInfo | None = None,
) -> StartRecorded:
    """Record a StartTransaction. The tag is checked, but whatever comes of that, there is a transaction.

    Raises `StorageRefused` when all transaction ids are used up.
    """
    tag_key = fold_tag(request.id_tag)
    standing = progress.open_on(db, charge_point_id, request.connector.evse_id, request.connector.connector_id)
    said_before = _said_before(db, charge_point_id, request, tag_key, standing)
    if said_before is not None:
        info = check(db, request.id_tag, now=now, open_to_all=open_to_all, verdict=verdict, before_id=said_before.id)
        return StartRecorded(said_before.as_open(), info, True, None, said_before.stopped_at is not None)
    superseded = None if standing is None else closing.supersede(db, charge_point_id, standing, request, now)
    info = check(db, request.id_tag, now=now, open_to_all=open_to_all, verdict=verdict)
    opened = _insert(db, charge_point_id, request, tag_key, info, now)
    return StartRecorded(opened, info, False, superseded)


def stop(
    db: apsw.Connection,
    charge_point_id: int,
    request: StopTransaction,
    *,
    now: datetime,
    open_to_all: bool,
    verdict: IdTagInfo | None = None,
    readings: Sequence[Reading] = (),
) -> StopRecorded:
    """Record a StopTransaction, with the `readings` of its transactionData (whose transaction and energy are set here).

    Nothing is recorded if it is a repeat, or fits no transaction of this charge point.
    """
    match, kept = find_stopped(db, charge_point_id, request)
    closed = None
    if kept is not None:
        unchanged = match is StopMatch.REPEATED
        closed = (
            kept.as_closed() if unchanged else closing.stop(db, charge_point_id, kept, match, request, now, readings)
        )
    info = None
    if request.id_tag is not None and request.id_tag.strip():
        info = check(
            db,
            request.id_tag,
            now=now,
            open_to_all=open_to_all,
            verdict=verdict,
            before_id=None if kept is None else kept.id,
        )
    counted_wh = 0 if kept is None else kept.energy_wh or 0
    told_wh = request.meter_stop_wh
    contradicts = match is StopMatch.REPEATED and kept is not None and told_wh not in (None, kept.meter_stop_wh)
    return StopRecorded(match, closed, info, counted_wh, contradicts)


def recover(
    db: apsw.Connection, charge_point_id: int, transaction_id: int, *, now: datetime
) -> ClosedTransaction | None:
    """Close a transaction that its charge point left open; None if it has been closed meanwhile.

    It ends with the last counted reading; without one, where it began, when the connector's status last changed.
    """
    row = first(
        db,
        progress.SELECT + "t.id = ? AND t.charge_point_id = ? AND t.stopped_at IS NULL",
        (transaction_id, charge_point_id),
    )
    if row is None:
        return None
    return closing.left_open(db, charge_point_id, progress.kept(db, row), now)


def _said_before(
    db: apsw.Connection, charge_point_id: int, request: StartTransaction, tag_key: str, standing: Kept | None
) -> Kept | None:
    """The transaction that this very StartTransaction made, if it did.

    A time that is missing, unreadable or of a clock that was never set tells two messages apart only as long as the
    transaction is open: after the next boot the same may be said of another one.
    """
    told_at, told_text = told(request.at)
    meter_start = believable(request.meter_start_wh)
    if standing is not None and (
        standing.tag_key,
        standing.meter_start_told_wh,
        standing.start_told_at,
        standing.start_told_text,
    ) == (tag_key, meter_start, told_at, told_text):
        return standing
    if told_at is None or request.at.quality is TimeQuality.UNSET_CLOCK:
        return None
    row = first(
        db,
        progress.SELECT + "t.charge_point_id = ? AND t.start_told_at = ? AND t.evse_id = ? AND t.connector_id = ?"
        " AND t.tag_key = ? AND t.meter_start_told_wh IS ?",
        (
            charge_point_id,
            told_at,
            request.connector.evse_id,
            request.connector.connector_id,
            tag_key,
            meter_start,
        ),
    )
    return None if row is None else progress.kept(db, row)


def _insert(
    db: apsw.Connection, charge_point_id: int, request: StartTransaction, tag_key: str, info: IdTagInfo, now: datetime
) -> OpenTransaction:
    connector = request.connector
    received_at = to_ms(now)
    at, quality = settle(request.at, now)
    started_at = to_ms(at)
    told_at, told_text = told(request.at)
    told_wh = meter_start = believable(request.meter_start_wh)
    reservation_id = request.reservation_id if (request.reservation_id or 0) > 0 else None  # 0 and -1 mean none
    if meter_start is None:
        meter_start = _guess_register(db, charge_point_id, connector)
    db.execute(
        "INSERT INTO transactions (charge_point_id, evse_id, connector_id, id_tag, tag_key, tag_status, started_at,"
        " start_told_at, start_told_text, start_quality, start_received_at, meter_start_wh, meter_start_told_wh,"
        " reservation_id, first_reading_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(id), 0) + 1 FROM meter_values))",
        (
            charge_point_id,
            connector.evse_id,
            connector.connector_id,
            request.id_tag,
            tag_key,
            info.status.value,
            started_at,
            told_at,
            told_text,
            quality.value,
            received_at,
            meter_start,
            told_wh,
            reservation_id,
        ),
    )
    transaction_id = db.last_insert_rowid()
    if transaction_id > MAX_TRANSACTION_ID:
        raise StorageRefused(
            f"all transaction ids up to {MAX_TRANSACTION_ID} are used up; move the database away and begin a new one"
        )
    db.execute(
        "INSERT INTO connectors (charge_point_id, evse_id, connector_id, transactions, last_started_at)"
        " VALUES (?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET"
        " transactions = transactions + 1, last_started_at = excluded.last_started_at",
        (charge_point_id, connector.evse_id, connector.connector_id, received_at),
    )
    db.execute("UPDATE charge_points SET last_tx_start_at = ? WHERE id = ?", (received_at, charge_point_id))
    if reservation_id is not None:
        db.execute(
            "UPDATE reservations SET status = 'Used', transaction_id = ?"
            " WHERE id = ? AND charge_point_id = ? AND status = 'Accepted'",
            (transaction_id, reservation_id, charge_point_id),
        )
    return OpenTransaction(
        transaction_id,
        connector,
        request.id_tag,
        from_ms(started_at),
        from_ms(received_at),
        EnergyRegister(meter_start, from_ms(started_at)),
        reservation_id=reservation_id,
    )


def _guess_register(db: apsw.Connection, charge_point_id: int, connector: ConnectorRef) -> int:
    """Where the connector's register stood when it was last heard of (Wh); 0 if it never was."""
    row = first(
        db,
        "SELECT last_register_wh FROM connectors WHERE charge_point_id = ? AND evse_id = ? AND connector_id = ?",
        (charge_point_id, connector.evse_id, connector.connector_id),
    )
    known = (None if row is None else row[0], readings_table.last_register(db, charge_point_id, connector))
    return max((register for register in known if register is not None), default=0)
