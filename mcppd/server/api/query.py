"""Query parameters as each route declares them: read once, checked against their bounds, refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from mcppd.model.timestamps import read_time
from mcppd.server.api.problems import Refused, refuse

MAX_PARAMETERS = 20
MAX_TEXT = 255


class Kind(StrEnum):
    TEXT = "text"
    COUNT = "whole number"
    SECONDS = "seconds"
    FLAG = "true or false"
    TIME = "time"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: Kind
    help: str
    default: Any = None
    low: float = 0
    high: float = 2**63 - 1
    choices: tuple[str, ...] = ()


def limit(default: int, high: int) -> Parameter:
    return Parameter("limit", Kind.COUNT, "how many items at most", default, low=1, high=high)


CURSOR = Parameter("cursor", Kind.COUNT, "`next` of the page before")
CHARGE_POINT = Parameter("charge_point", Kind.TEXT, "only of this charge point")


def read_query(query: bytes, parameters: tuple[Parameter, ...]) -> Mapping[str, Any]:
    """Every parameter by name, its default where it is absent. Raises Refused (400) naming the one that is wrong."""
    values = {parameter.name: parameter.default for parameter in parameters}
    known = {parameter.name: parameter for parameter in parameters}
    given = set()
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise refuse(400, "BadQuery", f"no more than {MAX_PARAMETERS} query parameters are taken") from None
    for name, text in pairs:
        if name not in known:
            takes = f"takes {', '.join(known)}" if known else "takes no query parameters"
            raise refuse(
                400, "BadParameter", f"unknown parameter {name[:64]!r}: this address {takes}", parameter=name[:64]
            )
        if name in given:
            raise refuse(400, "BadParameter", f"{name} is given more than once", parameter=name)
        given.add(name)
        values[name] = _read(known[name], text)
    return values


def _read(parameter: Parameter, text: str) -> Any:
    match parameter.kind:
        case Kind.TEXT:
            if 1 <= len(text) <= MAX_TEXT and "\0" not in text:
                return text
            raise _bad(parameter, f"a text of 1 to {MAX_TEXT} characters", text)
        case Kind.COUNT:
            number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
            if number is not None and parameter.low <= number <= parameter.high:
                return number
            raise _bad(parameter, f"a whole number from {parameter.low:g} to {parameter.high:g}", text)
        case Kind.SECONDS:
            try:
                seconds = float(text)
            except ValueError:
                seconds = -1.0
            if parameter.low <= seconds <= parameter.high:
                return seconds
            raise _bad(parameter, f"seconds from {parameter.low:g} to {parameter.high:g}", text)
        case Kind.FLAG:
            if text in ("true", "false"):
                return text == "true"
            raise _bad(parameter, "true or false", text)
        case Kind.TIME:
            # An unescaped + of an offset reaches us as a blank.
            at = read_time(text.replace(" ", "+") if text.count("T") == 1 else f"{text}T00:00:00Z").at
            if at is not None:
                return at
            raise _bad(parameter, "a time as 2026-11-21T08:00:00Z, or a date", text)
        case Kind.CHOICE:
            if text in parameter.choices:
                return text
            raise _bad(parameter, f"one of {', '.join(parameter.choices)}", text)


def _bad(parameter: Parameter, must_be: str, text: str) -> Refused:
    message = f"{parameter.name} must be {must_be} (got {text[:64]!r})"
    return refuse(400, "BadParameter", message, parameter=parameter.name)
