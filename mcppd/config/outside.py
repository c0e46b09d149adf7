"""Settings from outside the files: variables `MCPPD_<SECTION>__<KEY>` and flags `--set section.key=value`."""

import re
from collections.abc import Iterable, Mapping

from mcppd.config.tree import Scalar, Section, merge, nest
from mcppd.config.yaml_text import read_value
from mcppd.model.errors import Fault

PREFIX = "MCPPD_"

_SEGMENT = re.compile(r'"([^"]+)"|([^."=]+)')


def read_environment(environ: Mapping[str, str], sections: Iterable[str], faults: list[Fault]) -> Section:
    """What the environment sets. `__` separates the levels; identities and configuration keys keep their case.

    A variable that was plainly meant for a section but has no `__` is a fault; any other `MCPPD_...` is not ours.
    """
    tree = Section("environment")
    known = tuple(sections)
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        parts = name[len(PREFIX) :].split("__")
        if len(parts) == 1:
            _single(name, parts[0].lower(), known, faults)
        elif not all(parts):
            faults.append(Fault(name, "", "must name a section and a key, as in MCPPD_STORAGE__DIRECTORY"))
        else:
            value = environ[name]
            tree = merge(tree, nest(_path(parts), Scalar(value, name, read_value(value))))
    return tree


def read_overrides(overrides: Iterable[str], faults: list[Fault]) -> Section:
    """What `--set` sets, in order. A name with dots goes into double quotes: `charge_points."CP.1".boot.setup=off`."""
    tree = Section("--set")
    for override in overrides:
        path = _override_path(override)
        if path is None:
            faults.append(Fault("--set", "", f'must be section.key=value (got "{override[:60]}")'))
            continue
        keys, value = path
        tree = merge(tree, nest(keys, Scalar(value, "--set", read_value(value))))
    return tree


def _single(name: str, rest: str, sections: tuple[str, ...], faults: list[Fault]) -> None:
    for section in sections:
        if rest.startswith(section + "_"):
            meant = f"{PREFIX}{section}__{rest[len(section) + 1 :]}".upper()
            faults.append(Fault(name, "", f"must have two underscores between section and key: {meant}"))
            return


def _path(parts: list[str]) -> tuple[str, ...]:
    lowered = [part.lower() for part in parts]
    if lowered[0] == "charge_points":
        lowered[1] = parts[1]
    for at, part in enumerate(lowered[:-1]):
        if part == "configuration":
            lowered[at + 1] = parts[at + 1]
    return tuple(lowered)


def _override_path(override: str) -> tuple[tuple[str, ...], str] | None:
    keys: list[str] = []
    at = 0
    while match := _SEGMENT.match(override, at):
        keys.append(match[1] or match[2].strip())
        at = match.end()
        if override[at : at + 1] == "=":
            return tuple(keys), override[at + 1 :].strip()
        if override[at : at + 1] != ".":
            return None
        at += 1
    return None
