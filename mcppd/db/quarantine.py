"""The quarantine: messages that were answered although something in them could not be believed."""

from dataclasses import dataclass
from datetime import datetime

import apsw


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
    raise NotImplementedError


def page(
    db: apsw.Connection, *, charge_point: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[QuarantineRow]:
    raise NotImplementedError
