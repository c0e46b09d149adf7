"""Times as charge points tell them: any ISO 8601 form in, aware UTC datetimes and a quality flag out.

Rules.

1. An unreadable time never costs the answer: it becomes a `ReportedTime` without a time.
2. Messages are ordered by arrival. What the charge point's clock says is data beside it.
3. `settle` decides which time is used; the flag beside it says why.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import NamedTuple

FUTURE_TOLERANCE = timedelta(minutes=5)
"""A time further ahead of arrival than this is not believed."""

_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
"""Before this no charge point's clock is right: it has not been set since its boot."""

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?"
    r"\s*(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)?",
    re.ASCII,
)


class TimeQuality(StrEnum):
    GOOD = "good"
    MISSING_ZONE = "missing_zone"
    """Without an offset; read as UTC."""
    UNSET_CLOCK = "unset_clock"
    """Before 2020: the clock was not set since the charge point's boot."""
    FUTURE = "future"
    UNREADABLE = "unreadable"
    MISSING = "missing"


class ReportedTime(NamedTuple):
    """A time as told: `at` in UTC, None if missing or unreadable; `text` is what was said, at most 64 characters.

    A named tuple, as it is made with every message: a frozen dataclass takes four times as long.
    """

    at: datetime | None
    quality: TimeQuality
    text: str = ""


MISSING_TIME = ReportedTime(None, TimeQuality.MISSING)


def read_time(value: object) -> ReportedTime:
    """Read any ISO 8601 form, or seconds or milliseconds since 1970 as a number. Never raises."""
    if value is None or value == "":
        return MISSING_TIME
    if isinstance(value, bool):
        return ReportedTime(None, TimeQuality.UNREADABLE, str(value))
    if isinstance(value, int | float):
        return _read_epoch(value)
    if not isinstance(value, str):
        return ReportedTime(None, TimeQuality.UNREADABLE, type(value).__name__)
    text = value.strip()[:64]
    if text[-1:] == "Z" and len(text) >= 20 and text[10] == "T" and text[4] == "-":  # what nearly all of them say
        try:
            return _with_quality(datetime.fromisoformat(text), text, zoned=True)
        except ValueError:
            pass  # a leap second, 24:00, or nothing at all: looked at closely below
    match = _ISO.fullmatch(text)
    try:
        at = _assemble(match) if match else _read_other_form(text)
        return _with_quality(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC), text, zoned=bool(at.tzinfo))
    except (ValueError, OverflowError):
        return ReportedTime(None, TimeQuality.UNREADABLE, text)


def settle(reported: ReportedTime, received_at: datetime) -> tuple[datetime, TimeQuality]:
    """The time to use for a message received at `received_at` (UTC): as told if believable, else the arrival."""
    if reported.at is None or reported.quality is TimeQuality.UNSET_CLOCK:
        return received_at, reported.quality
    if reported.at > received_at + FUTURE_TOLERANCE:
        return received_at, TimeQuality.FUTURE
    return reported.at, reported.quality


def _read_epoch(value: int | float) -> ReportedTime:
    if not abs(value) < 1e15:  # NaN too; and a huge integer has no text to show
        return ReportedTime(None, TimeQuality.UNREADABLE, type(value).__name__)
    at = datetime(1970, 1, 1, tzinfo=UTC)
    try:
        at += timedelta(seconds=value / 1000 if abs(value) > 1e11 else value)
    except OverflowError:
        return ReportedTime(None, TimeQuality.UNREADABLE, str(value))
    return _with_quality(at, str(value), zoned=True)


def _assemble(match: re.Match[str]) -> datetime:
    """The time with its zone, or without one where none was given."""
    year, month, day, hour, minute = (int(match[i]) for i in range(1, 6))
    second = int(match[6] or 0)
    microsecond = int((match[7] or "0")[:6].ljust(6, "0"))
    carry = timedelta()
    if second == 60:  # a leap second is the first of the next minute
        second, carry = 59, timedelta(seconds=1)
    if hour == 24 and minute == 0 and second == 0:  # midnight at the end of the day
        hour, carry = 0, carry + timedelta(days=1)
    zone: timezone | None = UTC if match[8] else None
    if match[9]:
        offset = timedelta(hours=int(match[10]), minutes=int(match[11] or 0))
        zone = timezone(-offset if match[9] == "-" else offset)
    return datetime(year, month, day, hour, minute, second, microsecond, zone) + carry


def _read_other_form(text: str) -> datetime:
    """The rarer forms of ISO 8601: without separators, week dates. A date alone is no time."""
    if "T" not in text.upper():
        raise ValueError(text)
    return datetime.fromisoformat(text.upper())


def _with_quality(at: datetime, text: str, *, zoned: bool) -> ReportedTime:
    if at < _EARLIEST:
        return ReportedTime(at, TimeQuality.UNSET_CLOCK, text)
    return ReportedTime(at, TimeQuality.GOOD if zoned else TimeQuality.MISSING_ZONE, text)
