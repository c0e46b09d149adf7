"""Fields as charge points fill them in, read without ever raising: what the readers of every version are made of.

After repair a field mostly holds what its schema asks for. In a message about a transaction it may still hold anything,
so each of these takes anything.
"""

from datetime import UTC, datetime
from typing import Any

from mcppd.model.charge_points import ConnectorRef
from mcppd.model.timestamps import ReportedTime, read_time
from mcppd.ocpp.frame import MAX_INTEGER, MIN_INTEGER

_PLACEHOLDERS = frozenset({"", "null", "(null)", "nil", "none", "undefined", "na", "n/a", "0x0000"})


def is_placeholder(text: str) -> bool:
    """Whether `text` only fills a place that has nothing to say."""
    return len(text) < 40 and text.strip().casefold() in _PLACEHOLDERS


def integer(value: Any) -> int | None:
    """An integer of at most 64 bits with sign; whole numbers with a fraction of 0 count, and others are rounded."""
    if type(value) is int:
        return value if MIN_INTEGER <= value <= MAX_INTEGER else None
    if type(value) is float and MIN_INTEGER <= value < MAX_INTEGER:
        return round(value)
    return None


def text(value: Any, limit: int = 255) -> str:
    """A text of at most `limit` characters; "" for anything else."""
    return value[:limit] if type(value) is str else ""


def optional_text(value: Any, limit: int = 255) -> str | None:
    """As `text`, trimmed; None for placeholders and for anything else."""
    if type(value) is not str or is_placeholder(value):
        return None
    return value.strip()[:limit]


def connector(value: Any) -> ConnectorRef:
    """The place that `connectorId` names; the charge point itself where it names none."""
    number = integer(value)
    return ConnectorRef.of_number(number if number is not None and number > 0 else 0)


def optional_time(value: Any) -> ReportedTime | None:
    return None if value is None else read_time(value)


def zulu(at: datetime) -> str:
    """`at` (aware) as `YYYY-MM-DDTHH:MM:SSZ`: no fraction, which some charge points cannot read."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat("T", "seconds")[:19] + "Z"
