"""Times as the tables hold them: INTEGER milliseconds since 1970, UTC."""

from datetime import UTC, datetime

from mcppd.model.timestamps import ReportedTime


def to_ms(at: datetime) -> int:
    """`at` must be aware. What is finer than a millisecond is rounded."""
    return round(at.timestamp() * 1000)


def to_ms_or_none(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def from_ms_or_none(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def told(reported: ReportedTime) -> tuple[int | None, str | None]:
    """A time as it was told: milliseconds, or the text that could not be read."""
    at = to_ms_or_none(reported.at)
    return at, reported.text or None if at is None else None
