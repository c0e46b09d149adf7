"""What changed between two configurations, and what of it a running daemon cannot take over."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from mcppd.config.reading import FREE, option_of
from mcppd.model.settings import Settings


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """Paths of the changed settings that only a restart applies, in the order of the reference."""
    return list(_changed(old, new, ""))


def _changed(old: Any, new: Any, path: str) -> Iterator[str]:
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after:
            continue
        where = f"{path}.{field.name}" if path else field.name
        option = option_of(field)
        if option is None:
            if is_dataclass(before):
                yield from _changed(before, after, where)
        elif option.reload:
            continue
        elif FREE.get(type(old)) == field.name:
            names = sorted({*before, *after})
            yield from (f"{path}.{name}" for name in names if before.get(name) != after.get(name))
        else:
            yield where
