"""Id tags and the decision about them (OCPP 1.6, 3.4 and 4.1)."""

from dataclasses import dataclass
from datetime import datetime

from mcppd.model.replies import AuthorizationStatus, IdTagInfo


@dataclass(frozen=True, slots=True)
class IdTag:
    """A tag as the operator keeps it. `status` is the operator's word: Accepted, Blocked, Invalid or Expired."""

    id_tag: str
    status: AuthorizationStatus = AuthorizationStatus.ACCEPTED
    parent_id_tag: str | None = None
    expires_at: datetime | None = None
    note: str | None = None
    max_transactions: int | None = None
    """How many may run at once under it; None is any number."""


def fold_tag(id_tag: str) -> str:
    """The form in which tags are compared: idTag is a CiString (OCPP 1.6, 7.28)."""
    return id_tag.strip().upper()


def decide(tag: IdTag | None, *, now: datetime, running: int, open_to_all: bool) -> IdTagInfo:
    """What `tag` is told at `now`; None is a tag that nobody entered. `running` are its open transactions.

    In open mode every tag is accepted but those that the operator gave another status. An accepted tag is not told an
    expiry that has passed: the charge point would take that for Expired.
    """
    if tag is None:
        return IdTagInfo(AuthorizationStatus.ACCEPTED if open_to_all else AuthorizationStatus.INVALID)
    status = tag.status
    if status is AuthorizationStatus.ACCEPTED and not open_to_all:
        if tag.expires_at is not None and tag.expires_at <= now:
            status = AuthorizationStatus.EXPIRED
        elif tag.max_transactions is not None and running >= tag.max_transactions:
            status = AuthorizationStatus.CONCURRENT_TX
    passed = tag.expires_at is not None and tag.expires_at <= now
    expiry = None if passed and status is AuthorizationStatus.ACCEPTED else tag.expires_at
    return IdTagInfo(status, tag.parent_id_tag, expiry)
