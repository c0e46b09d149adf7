"""Id tags: those that the operator entered, and those that merely came by."""

from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.db.rows import Row, every, first, only
from mcppd.db.times import from_ms_or_none, to_ms, to_ms_or_none
from mcppd.model.authorization import IdTag, decide, fold_tag
from mcppd.model.replies import AuthorizationStatus, IdTagInfo

MAX_UNKNOWN = 2_000
"""Tags that only came by; the oldest go beyond that, because anybody can make up tags."""

_SEEN_EVERY_MS = 3_600_000
_COLUMNS = "id_tag, status, parent_id_tag, expires_at, note, max_transactions"


@dataclass(frozen=True, slots=True)
class IdTagRow:
    """A tag for people to read; `entered` is None for one that nobody entered and that only came by."""

    id: int
    id_tag: str
    entered: IdTag | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None


def lookup(db: apsw.Connection, id_tag: str) -> IdTag | None:
    """The tag as the operator entered it; None if nobody did."""
    row = first(db, f"SELECT {_COLUMNS} FROM id_tags WHERE tag_key = ?", (fold_tag(id_tag),))
    return None if row is None else _entered(row)


def enter(db: apsw.Connection, tag: IdTag) -> None:
    """Keep `tag` as the operator's word, in place of what was known of it."""
    db.execute(
        f"INSERT INTO id_tags (tag_key, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tag_key) DO UPDATE SET"
        " id_tag = excluded.id_tag, status = excluded.status, parent_id_tag = excluded.parent_id_tag,"
        " expires_at = excluded.expires_at, note = excluded.note, max_transactions = excluded.max_transactions",
        (
            fold_tag(tag.id_tag),
            tag.id_tag,
            tag.status.value,
            tag.parent_id_tag,
            to_ms_or_none(tag.expires_at),
            tag.note,
            tag.max_transactions,
        ),
    )


def remove(db: apsw.Connection, id_tag: str) -> bool:
    """Forget the tag; False if it was not known."""
    db.execute("DELETE FROM id_tags WHERE tag_key = ?", (fold_tag(id_tag),))
    return db.changes() > 0


def check(
    db: apsw.Connection,
    id_tag: str,
    *,
    now: datetime,
    open_to_all: bool,
    verdict: IdTagInfo | None = None,
    before_id: int | None = None,
) -> IdTagInfo:
    """What `id_tag` is told; `verdict` if somebody decided already. A tag that nobody entered is noted down.

    `before_id` leaves out that transaction and later ones when those that run under the tag are counted.
    """
    key = fold_tag(id_tag)
    tag = _present(db, key, id_tag, to_ms(now)) if key else None
    if verdict is not None:
        return verdict
    counts = tag is not None and tag.max_transactions is not None and not open_to_all
    return decide(tag, now=now, running=_running(db, key, before_id) if counts else 0, open_to_all=open_to_all)


def running(db: apsw.Connection, id_tag: str) -> int:
    """How many transactions are open under the tag, on the whole site."""
    return _running(db, fold_tag(id_tag), None)


def page(db: apsw.Connection, *, after_id: int = 0, limit: int = 100) -> list[IdTagRow]:
    """In the order in which they became known."""
    rows = every(
        db,
        f"SELECT {_COLUMNS}, id, first_seen_at, last_seen_at FROM id_tags WHERE id > ? ORDER BY id LIMIT ?",
        (after_id, limit),
    )
    return [IdTagRow(row[6], row[0], _entered(row), from_ms_or_none(row[7]), from_ms_or_none(row[8])) for row in rows]


def _present(db: apsw.Connection, key: str, id_tag: str, now: int) -> IdTag | None:
    """Note that the tag was presented, at most once an hour; the tag if it was entered."""
    row = first(db, f"SELECT {_COLUMNS}, id, last_seen_at FROM id_tags WHERE tag_key = ?", (key,))
    if row is None:
        db.execute(
            "INSERT INTO id_tags (tag_key, id_tag, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?)",
            (key, id_tag, now, now),
        )
        db.execute(
            "DELETE FROM id_tags WHERE id IN"
            " (SELECT id FROM id_tags WHERE status IS NULL ORDER BY id DESC LIMIT -1 OFFSET ?)",
            (MAX_UNKNOWN,),
        )
        return None
    seen = row[7]
    if seen is None or abs(now - seen) >= _SEEN_EVERY_MS:
        db.execute(
            "UPDATE id_tags SET first_seen_at = coalesce(first_seen_at, ?1), last_seen_at = ?1 WHERE id = ?2",
            (now, row[6]),
        )
    return _entered(row)


def _running(db: apsw.Connection, key: str, before_id: int | None) -> int:
    count: int = only(
        db,
        "SELECT count(*) FROM transactions WHERE stopped_at IS NULL AND tag_key = ?1 AND (?2 IS NULL OR id < ?2)",
        (key, before_id),
    )
    return count


def _entered(row: Row) -> IdTag | None:
    id_tag, status, parent_id_tag, expires_at, note, max_transactions = row[:6]
    if status is None:
        return None
    return IdTag(
        id_tag, AuthorizationStatus(status), parent_id_tag, from_ms_or_none(expires_at), note, max_transactions
    )
