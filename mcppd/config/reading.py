"""Tree to settings: walks the dataclasses of `mcppd.model.settings` beside the tree and collects every fault.

Rules.

1. The dataclasses alone say which settings exist: a field with an `Option` is a setting, one without is a section or a
   map of sections (`MAPS`), and everything else that was written is unknown.
2. A setting with a fault keeps its default, so that the reading goes on and finds the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from typing import Any, get_args

from mcppd.config.tree import Node, Scalar, Section, got, is_empty, plain
from mcppd.config.values import read_value
from mcppd.model.errors import Fault
from mcppd.model.options import Option
from mcppd.model.settings import (
    ChargePointSettings,
    ConnectorSettings,
    PluginsSettings,
    Settings,
)


class Places(dict[str, str]):
    """Where each setting was written: path -> source. For checks that only make sense when all is read."""


def read_settings(tree: Section, places: Places, faults: list[Fault]) -> Settings:
    settings: Settings = _read_section(Settings, tree, "", places, faults)
    return settings


def option_of(field: Field[Any]) -> Option | None:
    return field.metadata.get("option")


def _read_section(kind: type, node: Section, path: str, places: Places, faults: list[Fault]) -> Any:
    known = {field.name: field for field in fields(kind)}
    free = FREE.get(kind)
    values: dict[str, Any] = {}
    others: dict[str, Node] = {}
    for key, entry in node.entries.items():
        field = known.get(key)
        if field is None or key == free:
            others[key] = entry
            continue
        where = _join(path, key)
        places[where] = entry.source
        if option := option_of(field):
            try:
                values[key] = _converted(read_value(entry, option), field)
            except ValueError as error:
                faults.append(Fault(entry.source, where, f"{error} {got(entry)}"))
        elif not isinstance(entry, Section):
            if not is_empty(entry):
                faults.append(Fault(entry.source, where, f"must be a section with settings under it {got(entry)}"))
        elif key in MAPS:
            values[key] = _read_map(key, entry, where, places, faults)
        else:
            values[key] = _read_section(_section_type(field), entry, where, places, faults)
    names = [name for name in known if name != free]
    if free is not None:
        values[free] = _read_plugins(others, path, names, places, faults)
    else:
        faults.extend(_unknown(entry, path, key, names) for key, entry in others.items())
    return kind(**values)


def _read_map(key: str, node: Section, path: str, places: Places, faults: list[Fault]) -> dict[Any, Any]:
    kind, read_key = MAPS[key]
    values = {}
    for name, entry in node.entries.items():
        where = _join(path, name)
        try:
            key = read_key(name)
        except ValueError as error:
            faults.append(Fault(entry.source, where, str(error)))
            continue
        if isinstance(entry, Section):
            values[key] = _read_section(kind, entry, where, places, faults)
        elif is_empty(entry):
            values[key] = kind()
        else:
            faults.append(Fault(entry.source, where, f"must be a section with settings under it {got(entry)}"))
    return values


def _read_plugins(
    entries: Mapping[str, Node], path: str, names: list[str], places: Places, faults: list[Fault]
) -> dict[str, Any]:
    """Every section under `plugins` that is no setting of ours belongs to the plugin of that name."""
    sections: dict[str, Any] = {}
    for name, entry in entries.items():
        where = _join(path, name)
        places[where] = entry.source
        if is_empty(entry):
            sections[name] = {}
        elif not isinstance(entry, Section):
            fault = _unknown(entry, path, name, names)
            said = f"must be the section of a plugin {got(entry)}" + fault.message.partition("setting")[2]
            faults.append(Fault(entry.source, where, said))
        else:
            enabled = entry.entries.get("enabled")
            if enabled is not None and not (isinstance(enabled, Scalar) and isinstance(enabled.value, bool)):
                said = f"must be true or false {got(enabled)}"
                faults.append(Fault(enabled.source, _join(where, "enabled"), said))
            sections[name] = plain(entry)
    return sections


def _unknown(entry: Node, path: str, key: str, names: list[str]) -> Fault:
    from difflib import get_close_matches  # only a wrong configuration needs it

    close = get_close_matches(key.lower().replace("-", "_"), names, n=1)
    hint = f"; did you mean {_join(path, close[0])}?" if close else f"; there are {', '.join(sorted(names))}"
    return Fault(entry.source, _join(path, key), f"is no known setting{hint}")


def _converted(value: Any, field: Field[Any]) -> Any:
    """A choice whose field is an enumeration becomes its member."""
    for kind in get_args(field.type):
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(value)
    return value


def _section_type(field: Field[Any]) -> type:
    assert isinstance(field.type, type)
    assert is_dataclass(field.type)
    return field.type


def _identity(name: str) -> str:
    if not name.strip() or not name.isprintable() or len(name) > 255:
        raise ValueError("must be the identity of a charge point: 1 to 255 printable characters")
    return name


def _connector(name: str) -> int:
    if name.isascii() and name.isdigit() and 1 <= int(name[:9]) <= 255:
        return int(name)
    raise ValueError("must be the number of a connector, 1 to 255")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


MAPS: Mapping[str, tuple[type, Callable[[str], Any]]] = {
    "charge_points": (ChargePointSettings, _identity),
    "connectors": (ConnectorSettings, _connector),
}
"""Fields that map names to sections: what a section is, and how a name is read."""

FREE: Mapping[type, str] = {PluginsSettings: "named"}
"""Sections with room for keys of others, and the field that takes them."""
