"""What is known of a setting beside its value: how its text is read, its bounds, its meaning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """How the text of a setting is read."""

    TEXT = "text"
    FLAG = "true or false"
    COUNT = "whole number"
    DURATION = "duration"
    SIZE = "bytes"
    ADDRESS = "HOST:PORT"
    PATH = "path"
    CHOICE = "choice"
    TEXTS = "list of texts"
    NAMED_VALUES = "map of names to values"


@dataclass(frozen=True, slots=True)
class Option:
    """What the reader and the reference file need to know of one setting."""

    kind: Kind
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    reload: bool = False
    """Whether SIGHUP applies a change; a restart is needed otherwise."""
    never: bool = False
    """Whether the word `never` is taken too; it is read as `NEVER`."""


def option(default: Any, kind: Kind, help: str, **bounds: Any) -> Any:
    """A dataclass field that carries its `Option` in its metadata."""
    metadata = {"option": Option(kind, help, **bounds)}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)
