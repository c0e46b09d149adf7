"""The meaning of one setting's text, by its kind. Readers raise ValueError with a sentence that begins with "must"."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from mcppd.config.tree import Listing, Node, Scalar, Section, is_empty
from mcppd.model.addresses import read_address
from mcppd.model.options import Kind, Option
from mcppd.model.settings import NEVER

_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d)?", re.ASCII)
_SECONDS = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+)\s*(b|kib|mib|gib)?", re.ASCII)
_BYTES = {None: 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def read_value(node: Node, option: Option) -> Any:
    """The value of `option` in `node`. Raises ValueError."""
    match option.kind, node:
        case Kind.NAMED_VALUES, _:
            return _named_values(node)
        case Kind.TEXTS, Listing(items=items):
            return tuple(_item(item) for item in items)
        case Kind.TEXTS, Scalar(text=text):
            return tuple(part.strip() for part in text.split(",") if part.strip())
        case kind, Scalar(text=text, empty=False):
            return _READERS[kind](text, option)
    raise ValueError(f"must be {described(option)}")


def described(option: Option) -> str:
    """What a value of `option` looks like, with its bounds: for faults and for the reference."""
    match option.kind:
        case Kind.FLAG:
            return "true or false"
        case Kind.COUNT:
            return "a whole number" + _bounds(option)
        case Kind.DURATION:
            word = ", or never" if option.never else ""
            return "a duration such as 30, 500ms, 5s, 10m, 2h or 7d" + _bounds(option, duration_text) + word
        case Kind.SIZE:
            return "a number of bytes such as 65536, 64KiB or 1MiB" + _bounds(option, size_text)
        case Kind.ADDRESS:
            return "HOST:PORT, [IPV6]:PORT or PORT"
        case Kind.PATH:
            return "a path"
        case Kind.CHOICE:
            return " or ".join((", ".join(option.choices[:-1]), option.choices[-1]))
        case Kind.TEXTS:
            return "a list of texts"
        case Kind.NAMED_VALUES:
            return "a section of names and values"
        case Kind.TEXT if option.high is not None:
            return f"a text of {option.low or 0:g} to {option.high:g} characters"
    return "a text"


def duration_text(seconds: float) -> str:
    """Seconds in the largest unit that divides them: 600 is `10m`."""
    if seconds == NEVER:
        return "never"
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.10g}{unit}"
    return f"{seconds * 1000:.10g}ms" if 0 < seconds < 1 else f"{seconds:.10g}s"


def size_text(size: float) -> str:
    for unit, length in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= length and size % length == 0:
            return f"{size / length:.10g}{unit}"
    return f"{size:.10g}"


def _bounds(option: Option, shown: Callable[[float], str] = "{:.10g}".format) -> str:
    if option.low is not None and option.high is not None:
        return f" from {shown(option.low)} to {shown(option.high)}"
    return ""


def _within(value: float, option: Option) -> bool:
    return (option.low is None or value >= option.low) and (option.high is None or value <= option.high)


def _flag(text: str, option: Option) -> bool:
    try:
        return _FLAGS[text.strip().lower()]
    except KeyError:
        raise ValueError(f"must be {described(option)}") from None


def _count(text: str, option: Option) -> int:
    if re.fullmatch(r"\d{1,18}", text.strip(), re.ASCII) and _within(value := int(text), option):
        return value
    raise ValueError(f"must be {described(option)}")


def _duration(text: str, option: Option) -> float:
    text = text.strip().lower()
    if option.never and text == "never":
        return NEVER
    match = _DURATION.fullmatch(text)
    if match is not None:
        value = float(match[1]) * _SECONDS[match[2]]
        if math.isfinite(value) and _within(value, option):
            return value
    raise ValueError(f"must be {described(option)}")


def _size(text: str, option: Option) -> int:
    match = _SIZE.fullmatch(text.strip().lower())
    if match is not None and len(match[1]) <= 18 and _within(value := int(match[1]) * _BYTES[match[2]], option):
        return value
    raise ValueError(f"must be {described(option)}")


def _address(text: str, option: Option) -> str:
    return str(read_address(text))


def _path(text: str, option: Option) -> str:
    if "\0" in text or len(text) > 4096:
        raise ValueError("must be a path")
    return text


def _choice(text: str, option: Option) -> str:
    for choice in option.choices:
        if text.strip().lower() == choice.lower():
            return choice
    raise ValueError(f"must be {described(option)}")


def _text(text: str, option: Option) -> str:
    if not _within(len(text), option):
        raise ValueError(f"must be {described(option)}")
    return text


_READERS: Mapping[Kind, Callable[[str, Option], Any]] = {
    Kind.TEXT: _text,
    Kind.FLAG: _flag,
    Kind.COUNT: _count,
    Kind.DURATION: _duration,
    Kind.SIZE: _size,
    Kind.ADDRESS: _address,
    Kind.PATH: _path,
    Kind.CHOICE: _choice,
}


def _item(node: Node) -> str:
    if isinstance(node, Scalar) and not node.empty:
        return node.text
    raise ValueError("must be a list of texts")


def _named_values(node: Node) -> dict[str, str]:
    """Names to texts as they were written: `true` stays `true`, because a charge point gets it so."""
    if is_empty(node):
        return {}
    if not isinstance(node, Section):
        raise ValueError("must be a section of names and values")
    values = {}
    for name, entry in node.entries.items():
        if not isinstance(entry, Scalar) or entry.empty:
            raise ValueError(f'must have one value under each name ("{name}" has not)')
        values[name] = entry.text
    return values
