"""What was written, before anybody asks what it means: texts, lists and sections, each with the place it came from.

Rules.

1. Nothing here knows a setting. The values are texts as written; `Scalar.value` is what YAML takes them for.
2. Later wins: `merge` joins sections key by key, and replaces everything else.
3. An empty section (`ocpp:` with nothing under it) sets nothing and undoes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_GOT = 60


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `empty` is a key with nothing behind it; `value` is for plugins: the meaning is theirs."""

    text: str
    source: str
    value: Any = None
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    items: tuple["Node", ...]
    source: str


@dataclass(frozen=True, slots=True)
class Section:
    source: str
    entries: Mapping[str, "Node"] = field(default_factory=dict)


Node = Scalar | Listing | Section


def is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.empty


def merge(earlier: Section, later: Section) -> Section:
    entries = dict(earlier.entries)
    for key, node in later.entries.items():
        before = entries.get(key)
        if isinstance(before, Section) and is_empty(node):
            continue
        entries[key] = merge(before, node) if isinstance(before, Section) and isinstance(node, Section) else node
    return Section(later.source, entries)


def nest(path: tuple[str, ...], leaf: Node) -> Section:
    """The section that sets `leaf` at `path` (at least one key) and nothing else."""
    for key in reversed(path):
        leaf = Section(leaf.source, {key: leaf})
    assert isinstance(leaf, Section)
    return leaf


def plain(node: Node) -> Any:
    """`node` as dicts, lists and values."""
    match node:
        case Scalar():
            return node.value
        case Listing():
            return [plain(item) for item in node.items]
        case Section():
            return {key: plain(entry) for key, entry in node.entries.items()}


def got(node: Node) -> str:
    """How a fault names what was found instead: `(got "abc")`, cut at 60 characters."""
    match node:
        case Scalar(empty=True):
            return "(got nothing)"
        case Scalar(text=text):
            shown = text if len(text) <= MAX_GOT else text[:MAX_GOT] + "..."
            bare = isinstance(node.value, int | float) and not isinstance(node.value, bool)
            return f"(got {shown})" if bare else f"(got {_quoted(shown)})"
        case Listing():
            return "(got a list)"
        case Section():
            return "(got a section)"


def _quoted(text: str) -> str:
    return '"' + "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text) + '"'
