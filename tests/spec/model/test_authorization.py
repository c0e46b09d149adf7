"""What a tag is told, by what the operator entered (PROTOCOL, authorization)."""

from datetime import UTC, datetime, timedelta

import pytest

from mcppd.model.authorization import IdTag, decide
from mcppd.model.replies import AuthorizationStatus as Status

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAST, FUTURE = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("tag", "running", "in_list_mode", "in_open_mode"),
    [
        (None, 0, Status.INVALID, Status.ACCEPTED),
        (IdTag("A"), 5, Status.ACCEPTED, Status.ACCEPTED),
        (IdTag("A", expires_at=FUTURE), 0, Status.ACCEPTED, Status.ACCEPTED),
        (IdTag("A", expires_at=NOW), 0, Status.EXPIRED, Status.ACCEPTED),
        (IdTag("A", Status.BLOCKED, expires_at=PAST), 0, Status.BLOCKED, Status.BLOCKED),
        (IdTag("A", Status.INVALID, max_transactions=1), 1, Status.INVALID, Status.INVALID),
        (IdTag("A", max_transactions=2), 1, Status.ACCEPTED, Status.ACCEPTED),
        (IdTag("A", max_transactions=2), 2, Status.CONCURRENT_TX, Status.ACCEPTED),
        (IdTag("A", expires_at=PAST, max_transactions=1), 1, Status.EXPIRED, Status.ACCEPTED),
    ],
)
def test_the_operators_word_comes_before_expiry_and_that_before_concurrent_use(
    tag: IdTag | None, running: int, in_list_mode: Status, in_open_mode: Status
) -> None:
    assert decide(tag, now=NOW, running=running, open_to_all=False).status is in_list_mode
    assert decide(tag, now=NOW, running=running, open_to_all=True).status is in_open_mode


def test_an_accepted_tag_is_never_told_an_expiry_that_has_passed() -> None:
    tag = IdTag("A", expires_at=PAST, parent_id_tag="PARENT")
    assert decide(tag, now=NOW, running=0, open_to_all=True).expires_at is None
    assert decide(tag, now=NOW, running=0, open_to_all=False).expires_at == PAST
    assert decide(tag, now=NOW, running=0, open_to_all=True).parent_id_tag == "PARENT"
