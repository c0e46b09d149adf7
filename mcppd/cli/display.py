"""How things look on a terminal: aligned tables, human units, nothing that could steer the terminal. No colours."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

NOTHING = "-"


def safe(value: object) -> str:
    """Text as it may go to a terminal: control characters, and those that turn the direction of writing, escaped."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def as_json(content: Any) -> str:
    """For programs; what is not ASCII is escaped, so that it is safe on a terminal too."""
    return json.dumps(content, indent=2)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their widest cell; None is `-`. Those whose head begins with a blank are right-aligned."""
    cells = [[NOTHING if cell is None else safe(cell) for cell in row] for row in rows]
    lines = [[head.strip() for head in heads], *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]

    def align(column: int, cell: str) -> str:
        return cell.rjust(widths[column]) if heads[column].startswith(" ") else cell.ljust(widths[column])

    return "\n".join("  ".join(align(i, cell) for i, cell in enumerate(line)).rstrip() for line in lines)


def listing(pairs: Iterable[tuple[str, object]]) -> str:
    """A name and its value a line; those that are None are left out."""
    shown = [(name, safe(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in shown)


def power(watts: float | None) -> str | None:
    return None if watts is None else f"{watts / 1000:.1f} kW"


def energy(watt_hours: float | None) -> str | None:
    return None if watt_hours is None else f"{watt_hours / 1000:.2f} kWh"


def duration(seconds: float | None) -> str | None:
    """The two largest units that say something: `45 s`, `7 min`, `2 h 05 min`, `3 d 4 h`."""
    if seconds is None:
        return None
    whole = int(max(0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def seconds_since(at: str | None) -> float | None:
    return None if at is None else (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()


def ago(at: str | None) -> str | None:
    elapsed = duration(seconds_since(at))
    return None if elapsed is None else f"{elapsed} ago"


def local(at: str | None, form: str = "%Y-%m-%d %H:%M") -> str | None:
    """A time of the API in the local zone."""
    return None if at is None else datetime.fromisoformat(at).astimezone().strftime(form)


def humane(key: str, value: Any) -> str:
    """A value of the API by the unit that its key names."""
    if isinstance(value, dict) and "name" in value:
        return f"{value['name']} {value.get('state', '')}".strip()
    if isinstance(value, dict):
        return ", ".join(f"{humane(name, item)} {_words(name)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(humane(key, item) for item in value) or "none"
    if value is None or isinstance(value, bool):
        return {None: NOTHING, True: "yes", False: "no"}[value]
    if key == "clock_skew_s":
        return f"{value:+.1f} s"
    if isinstance(value, int | float):
        for suffix, show in (("_wh", energy), ("_w", power), ("_s", duration), ("_bytes", size)):
            if key.endswith(suffix):
                return show(value) or NOTHING
    if isinstance(value, str) and key.endswith(("_at", "_since")):
        return ago(value) or NOTHING
    return str(value)


def _words(key: str) -> str:
    for suffix in ("_wh", "_w", "_s", "_bytes", "_at"):
        key = key.removesuffix(suffix)
    return key.replace("_", " ")


def title(key: str) -> str:
    """A key of the API as a heading."""
    return _words(key)
