"""The quarantine: messages that were answered although something in them could not be believed."""

from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.db.rows import every
from mcppd.db.times import from_ms, to_ms

MAX_MESSAGES = 200
MAX_BYTES = 1 << 20
"""Of one charge point; the oldest go beyond either."""

MAX_RAW = 64 << 10
"""Characters kept of one message."""


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    id: int
    charge_point: str
    action: str
    message_id: str
    reason: str
    raw: str
    received_at: datetime


def record(
    db: apsw.Connection, charge_point_id: int, action: str, message_id: str, reason: str, raw: str, now: datetime
) -> None:
    """Keep a message as it came, cut at 64 KiB."""
    db.execute(
        "INSERT INTO quarantine (charge_point_id, action, message_id, reason, raw, received_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (charge_point_id, action, message_id, reason, raw[:MAX_RAW], to_ms(now)),
    )
    db.execute(
        "DELETE FROM quarantine WHERE id IN (SELECT id FROM ("
        " SELECT id, count(*) OVER newer AS messages, sum(octet_length(raw)) OVER newer AS bytes FROM quarantine"
        " WHERE charge_point_id = ? WINDOW newer AS (ORDER BY id DESC)) WHERE messages > ? OR bytes > ?)",
        (charge_point_id, MAX_MESSAGES, MAX_BYTES),
    )


def page(
    db: apsw.Connection, *, charge_point: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[QuarantineRow]:
    """Newest first."""
    rows = every(
        db,
        "SELECT q.id, c.identity, q.action, q.message_id, q.reason, q.raw, q.received_at"
        " FROM quarantine AS q JOIN charge_points AS c ON c.id = q.charge_point_id"
        " WHERE (?1 IS NULL OR c.identity = ?1) AND (?2 IS NULL OR q.id < ?2) ORDER BY q.id DESC LIMIT ?3",
        (charge_point, before_id, limit),
    )
    return [QuarantineRow(row[0], row[1], row[2], row[3], row[4], row[5], from_ms(row[6])) for row in rows]
