"""Firmware, diagnostics and log jobs: how far each has come."""

from dataclasses import dataclass
from datetime import datetime

import apsw


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
    raise NotImplementedError


def page(
    db: apsw.Connection, *, charge_point: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[JobRow]:
    raise NotImplementedError
