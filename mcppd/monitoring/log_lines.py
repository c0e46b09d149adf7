"""One log record, one JSON object, one line.

Rules.

1. The fields of every line come first and in this order: ts, level, event, category, charge_point, correlation_id,
   message_id, action, duration_ms; then whatever else the record carries.
2. Nothing a charge point says leaves this module raw: JSON in ASCII, so that no control character, line break or
   invisible sign gets through, and cut.
3. Secrets are taken out first (`redaction`).
"""

import json
import logging
import math
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from mcppd.core.correlation import correlation_id
from mcppd.monitoring.redaction import redact_frame, redact_pairs, redact_text

MAX_TEXT = 256
MAX_FRAME = 4096
_MAX_ITEMS = 32
_MAX_DEPTH = 4

_FIRST = ("category", "charge_point", "correlation_id", "message_id", "action", "duration_ms")
_OWN = frozenset({"ts", "level", "event", "exception"})
_OF_EVERY_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


_to_json = json.JSONEncoder(separators=(",", ":")).encode


def line_of(record: logging.LogRecord, now: datetime) -> str:
    """The line for `record`, without its line break. A message that does not fit its arguments is shown as written."""
    return encode(fields_of(record, now))


def encode(fields: Mapping[str, Any]) -> str:
    return _to_json(fields)


def fields_of(record: logging.LogRecord, now: datetime) -> dict[str, Any]:
    extra = redact_pairs({name: value for name, value in record.__dict__.items() if name not in _OF_EVERY_RECORD})
    extra.setdefault("category", "error" if record.levelno >= logging.ERROR else "system")
    if not extra.get("correlation_id"):
        extra["correlation_id"] = correlation_id.get() or None
    fields: dict[str, Any] = {
        "ts": timestamp(now),
        "level": record.levelname.lower(),
        "event": _cut(redact_text(_message(record)), MAX_TEXT),
    }
    for name in _FIRST:
        if (value := extra.pop(name, None)) is not None:
            fields[name] = _value(value, 0)
    for name, value in extra.items():
        if value is not None:
            fields[f"{name}_" if name in _OWN else _cut(name, MAX_TEXT)] = _extra(name, value)
    if record.exc_info and record.exc_info[1] is not None:
        fields["exception"] = _exception(record.exc_info[1])
    return fields


def timestamp(now: datetime) -> str:
    """`now` (aware) as 2026-11-21T08:00:00.000Z."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _extra(name: str, value: Any) -> Any:
    if name == "frame":
        return _cut(redact_frame(str(value)), MAX_FRAME)
    return _value(value, 0)


def _value(value: Any, depth: int) -> Any:
    match value:
        case Enum():
            return _value(value.value, depth)
        case bool() | None:
            return value
        case int():
            return value if abs(value) < 1 << 63 else _cut(f"{value:#x}", MAX_TEXT)
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return _cut(redact_text(value), MAX_TEXT)
        case datetime() if value.tzinfo is not None:
            return timestamp(value)
        case Mapping() if depth < _MAX_DEPTH:
            pairs = list(redact_pairs(value).items())
            return {_cut(str(name), MAX_TEXT): _value(entry, depth + 1) for name, entry in pairs[:_MAX_ITEMS]}
        case list() | tuple() | set() | frozenset() if depth < _MAX_DEPTH:
            return [_value(item, depth + 1) for item in list(value)[:_MAX_ITEMS]]
        case BaseException():
            return _cut(redact_text(f"{type(value).__name__}: {value}"), MAX_TEXT)
    return _cut(redact_text(str(value)), MAX_TEXT)


def _exception(error: BaseException) -> str:
    """The whole traceback as one string; of a long one the end, which says most."""
    text = redact_text("".join(traceback.format_exception(error)).rstrip())
    return text if len(text) <= MAX_FRAME else "..." + text[3 - MAX_FRAME :]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
