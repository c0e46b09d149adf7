"""Security events and certificate requests."""

from dataclasses import dataclass
from datetime import datetime

import apsw


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
    raise NotImplementedError


def record_certificate_request(db: apsw.Connection, charge_point_id: int, csr: str, now: datetime) -> None:
    raise NotImplementedError


def page(
    db: apsw.Connection, *, charge_point: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[SecurityEventRow]:
    raise NotImplementedError


def certificate_requests(
    db: apsw.Connection, *, charge_point: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[CertificateRequestRow]:
    raise NotImplementedError
