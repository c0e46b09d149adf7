"""Id tags: those that the operator entered, and those that merely came by."""

from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.model.authorization import IdTag
from mcppd.model.replies import IdTagInfo


@dataclass(frozen=True, slots=True)
class IdTagRow:
    """A tag for people to read; `entered` is None for one that nobody entered and that only came by."""

    id: int
    id_tag: str
    entered: IdTag | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None


def lookup(db: apsw.Connection, id_tag: str) -> IdTag | None:
    raise NotImplementedError


def check(
    db: apsw.Connection, id_tag: str, *, now: datetime, open_to_all: bool, verdict: IdTagInfo | None = None
) -> IdTagInfo:
    raise NotImplementedError


def running(db: apsw.Connection, id_tag: str) -> int:
    raise NotImplementedError


def page(db: apsw.Connection, *, after_id: int = 0, limit: int = 100) -> list[IdTagRow]:
    raise NotImplementedError
