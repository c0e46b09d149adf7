"""Firmware, diagnostics and log jobs: how far each has come (OCPP 1.6, 4.3 and 4.5; security extension)."""

from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.db.rows import every, first
from mcppd.db.times import from_ms, to_ms

MAX_JOBS = 100
"""Of one charge point and kind; the oldest go beyond that."""

FINAL = frozenset(
    {
        "Idle",
        "DownloadFailed",
        "InstallationFailed",
        "Installed",
        "InstallVerificationFailed",
        "InvalidSignature",
        "RevokedCertificate",
        "InvalidCertificate",
        "Uploaded",
        "UploadFailed",
        "UploadFailure",
        "BadMessage",
        "NotSupportedOperation",
        "PermissionDenied",
        "AcceptedCanceled",
    }
)
"""After one of these comes another job."""


@dataclass(frozen=True, slots=True)
class JobRow:
    id: int
    charge_point: str
    kind: str
    request_id: int | None
    status: str
    created_at: datetime
    updated_at: datetime


def record_status(
    db: apsw.Connection, charge_point_id: int, kind: str, status: str, request_id: int | None, now: datetime
) -> None:
    """Record how far the newest job of this kind and request has come; `kind` is firmware, diagnostics or log.

    A status that no running job can have begins another job. Idle, and a last word repeated, begin nothing.
    """
    at = to_ms(now)
    row = first(
        db,
        "SELECT id, status FROM jobs WHERE charge_point_id = ? AND kind = ? AND request_id IS ?"
        " ORDER BY id DESC LIMIT 1",
        (charge_point_id, kind, request_id),
    )
    if row is not None and (row[1] not in FINAL or status in ("Idle", row[1])):
        last_word = row[1] if status == "Idle" and row[1] in FINAL else status
        db.execute("UPDATE jobs SET status = ?, updated_at = ? WHERE id = ?", (last_word, at, row[0]))
        return
    db.execute(
        "INSERT INTO jobs (charge_point_id, kind, request_id, status, created_at, updated_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        (charge_point_id, kind, request_id, status, at),
    )
    db.execute(
        "DELETE FROM jobs WHERE id IN"
        " (SELECT id FROM jobs WHERE charge_point_id = ? AND kind = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
        (charge_point_id, kind, MAX_JOBS),
    )


def page(
    db: apsw.Connection, *, charge_point: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[JobRow]:
    """Newest first."""
    rows = every(
        db,
        "SELECT j.id, c.identity, j.kind, j.request_id, j.status, j.created_at, j.updated_at"
        " FROM jobs AS j JOIN charge_points AS c ON c.id = j.charge_point_id"
        " WHERE (?1 IS NULL OR c.identity = ?1) AND (?2 IS NULL OR j.id < ?2) ORDER BY j.id DESC LIMIT ?3",
        (charge_point, before_id, limit),
    )
    return [JobRow(row[0], row[1], row[2], row[3], row[4], from_ms(row[5]), from_ms(row[6])) for row in rows]
