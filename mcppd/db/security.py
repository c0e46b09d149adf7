"""Security events and certificate requests (security whitepaper, A02, A04)."""

from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.db.rows import every
from mcppd.db.times import from_ms, to_ms

MAX_EVENTS = 1_000
MAX_CERTIFICATE_REQUESTS = 20
"""Of one charge point; the oldest go beyond that. Those that were not let in share one portion of events."""


@dataclass(frozen=True, slots=True)
class SecurityEventRow:
    id: int
    charge_point: str | None
    type: str
    at: datetime
    received_at: datetime
    tech_info: str | None
    own: bool


@dataclass(frozen=True, slots=True)
class CertificateRequestRow:
    id: int
    charge_point: str
    csr: str
    received_at: datetime


def record_event(
    db: apsw.Connection,
    charge_point_id: int | None,
    type: str,
    at: datetime,
    tech_info: str | None,
    now: datetime,
    own: bool = False,
) -> None:
    """Record an event that the charge point reported, or that the daemon found by itself (`own`).

    `charge_point_id` is None for one that is not known; `tech_info` then says who.
    """
    db.execute(
        "INSERT INTO security_events (charge_point_id, type, at, received_at, tech_info, own)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (charge_point_id, type, to_ms(at), to_ms(now), tech_info, own),
    )
    db.execute(
        "DELETE FROM security_events WHERE id IN"
        " (SELECT id FROM security_events WHERE charge_point_id IS ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
        (charge_point_id, MAX_EVENTS),
    )


def record_certificate_request(db: apsw.Connection, charge_point_id: int, csr: str, now: datetime) -> None:
    """Keep a SignCertificate for the operator; the same request said again is kept once."""
    db.execute("DELETE FROM certificate_requests WHERE charge_point_id = ? AND csr = ?", (charge_point_id, csr))
    db.execute(
        "INSERT INTO certificate_requests (charge_point_id, csr, received_at) VALUES (?, ?, ?)",
        (charge_point_id, csr, to_ms(now)),
    )
    db.execute(
        "DELETE FROM certificate_requests WHERE id IN"
        " (SELECT id FROM certificate_requests WHERE charge_point_id = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
        (charge_point_id, MAX_CERTIFICATE_REQUESTS),
    )


def page(
    db: apsw.Connection, *, charge_point: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[SecurityEventRow]:
    """Newest first."""
    rows = every(
        db,
        "SELECT e.id, c.identity, e.type, e.at, e.received_at, e.tech_info, e.own"
        " FROM security_events AS e LEFT JOIN charge_points AS c ON c.id = e.charge_point_id"
        " WHERE (?1 IS NULL OR c.identity = ?1) AND (?2 IS NULL OR e.id < ?2) ORDER BY e.id DESC LIMIT ?3",
        (charge_point, before_id, limit),
    )
    return [
        SecurityEventRow(row[0], row[1], row[2], from_ms(row[3]), from_ms(row[4]), row[5], bool(row[6])) for row in rows
    ]


def certificate_requests(
    db: apsw.Connection, *, charge_point: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[CertificateRequestRow]:
    """Newest first."""
    rows = every(
        db,
        "SELECT r.id, c.identity, r.csr, r.received_at"
        " FROM certificate_requests AS r JOIN charge_points AS c ON c.id = r.charge_point_id"
        " WHERE (?1 IS NULL OR c.identity = ?1) AND (?2 IS NULL OR r.id < ?2) ORDER BY r.id DESC LIMIT ?3",
        (charge_point, before_id, limit),
    )
    return [CertificateRequestRow(row[0], row[1], row[2], from_ms(row[3])) for row in rows]
