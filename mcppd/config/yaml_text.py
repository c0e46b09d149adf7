"""YAML to tree. The text is composed, never constructed: no tag can make an object, and every node knows its line."""

from typing import Any

import yaml

from mcppd.config.tree import Listing, Node, Scalar, Section
from mcppd.model.errors import Fault

MAX_NODES = 50_000
"""Aliases included: a few lines of them can stand for billions."""

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_PLAIN = {_TAG + kind for kind in ("null", "bool", "int", "float", "str", "timestamp", "value")}
_CONSTRUCTED = {_TAG + kind for kind in ("bool", "int", "float")}


def read_yaml(text: str, source: str, faults: list[Fault]) -> Section:
    """The tree of one file; what is wrong with its form is added to `faults`, and the rest is still read."""
    nothing = Section(source)
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        faults.append(Fault(_place(source, error), "", f"is not YAML: {_problem(error)}"))
        return nothing
    except RecursionError:
        faults.append(Fault(source, "", "is nested too deeply"))
        return nothing
    if root is None:
        return nothing
    reader = _Reader(source, faults)
    try:
        node = reader.read(root, "")
    except (_TooMuch, RecursionError):
        faults.append(Fault(source, "", f"holds more than {MAX_NODES} values, or an alias that holds itself"))
        return nothing
    if isinstance(node, Section):
        return node
    if not (isinstance(node, Scalar) and node.empty):
        faults.append(Fault(node.source, "", "must be sections such as `ocpp:` with settings under them"))
    return nothing


def read_value(text: str) -> Any:
    """What YAML takes the scalar `text` for; the text itself where it is anything else than a plain scalar."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return text
    return _value(node) if isinstance(node, yaml.ScalarNode) and node.tag in _PLAIN else text


class _TooMuch(Exception):
    pass


class _Reader:
    def __init__(self, file: str, faults: list[Fault]) -> None:
        self._file = file
        self._faults = faults
        self._nodes = 0

    def read(self, node: yaml.Node, path: str) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooMuch
        source = self._source(node)
        match node:
            case yaml.MappingNode():
                return Section(source, self._entries(node, path))
            case yaml.SequenceNode():
                return Listing(tuple(self.read(item, f"{path}[{i}]") for i, item in enumerate(node.value)), source)
            case yaml.ScalarNode(tag=tag) if tag in _PLAIN:
                return Scalar(node.value, source, _value(node), empty=tag == _TAG + "null")
        self._faults.append(Fault(source, path, f"must not carry the tag {node.tag}"))
        return Scalar("", source, empty=True)

    def _entries(self, node: yaml.MappingNode, path: str) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        inherited: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                inherited.update(self._merged(value_node, path))
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._faults.append(Fault(self._source(key_node), path, "must have plain names as keys"))
                continue
            key = key_node.value
            where = f"{path}.{key}" if path else key
            if key in entries:
                said = f"must be given once (first on line {lines[key]})"
                self._faults.append(Fault(self._source(key_node), where, said))
                continue
            lines[key] = key_node.start_mark.line + 1
            entry = self.read(value_node, where)
            if isinstance(entry, Scalar) and entry.empty:
                entry = Scalar(entry.text, self._source(key_node), empty=True)
            entries[key] = entry
        return {**inherited, **entries}

    def _merged(self, node: yaml.Node, path: str) -> dict[str, Node]:
        """What `<<: *anchor` brings in; of several the first wins, as YAML has it."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        entries: dict[str, Node] = {}
        for part in reversed(parts):
            if isinstance(part, yaml.MappingNode):
                entries.update(self._entries(part, path))
            else:
                self._faults.append(Fault(self._source(node), path, "must merge (<<) a section"))
        return entries

    def _source(self, node: yaml.Node) -> str:
        return f"{self._file}:{node.start_mark.line + 1}"


def _value(node: yaml.ScalarNode) -> Any:
    """The value of a scalar that carries one of the plain tags; a date stays text."""
    if node.tag == _TAG + "null":
        return None
    if node.tag not in _CONSTRUCTED:
        return node.value
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (ValueError, yaml.YAMLError):  # e.g. 0x_, which the resolver takes for a number
        return node.value


def _place(source: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{source}:{mark.line + 1}" if mark is not None else source


def _problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return f"{error.reason} at position {error.position}"
    parts = (getattr(error, "problem", None), getattr(error, "context", None))
    said = ", ".join(part for part in parts if part) or "unreadable"
    return said.replace("\n", " ")
