"""Schema-guided repair: walks a message beside its schema and puts right what charge points commonly get wrong.

Rules.

1. Only what does not fit its place is touched: a sound message comes out as it went in.
2. It knows schemas, not messages: a repair for one action or one charge point has no place here.
3. It never raises, whatever the value. What it cannot mend it leaves for the schema to refuse.
4. Every repair is told, with a kind of `KINDS`; the first 64 of a message at least, and always one that was lossy.
"""

import re
from collections.abc import Mapping
from datetime import UTC
from math import isfinite
from typing import Any

from mcppd.model.meter_values import read_number
from mcppd.model.requests import Repair
from mcppd.model.timestamps import read_time
from mcppd.ocpp.fields import is_placeholder
from mcppd.ocpp.frame import MAX_INTEGER, MENDED, MIN_INTEGER, write_json

KINDS: tuple[str, ...] = (
    *MENDED,
    "field_case",
    "unknown_field",
    "null_field",
    "placeholder",
    "array_wrapped",
    "number_from_text",
    "integer_from_fraction",
    "number_rounded",
    "boolean_from_text",
    "text_from_scalar",
    "text_from_json",
    "time_from_number",
    "enum_case",
    "text_trimmed",
    "text_cut",
)
"""Every kind of repair; `text_cut` alone is lossy."""

MAX_REPAIRS = 64

_DIGITS = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def mend(schema: Mapping[str, Any], value: Any, *, cut: bool = True) -> tuple[Any, tuple[Repair, ...]]:
    """`value` as near to `schema` as it can be brought, and what was done for it; `value` itself is left as it is.

    Without `cut`, texts that are too long stay so.
    """
    mender = _Mender(schema, cut)
    mended = mender.mend(schema, value, "$")
    return mended, tuple(mender.repairs)


class _Mender:
    __slots__ = ("cut", "repairs", "root")

    def __init__(self, root: Mapping[str, Any], cut: bool) -> None:
        self.root, self.cut = root, cut
        self.repairs: list[Repair] = []

    def note(self, kind: str, path: str, *, lossy: bool = False) -> None:
        if len(self.repairs) < MAX_REPAIRS:
            self.repairs.append(Repair(kind, path, lossy))
        elif lossy and not any(repair.lossy for repair in self.repairs):
            self.repairs[-1] = Repair(kind, path, lossy)

    def resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self.root["definitions"][schema["$ref"].rpartition("/")[2]]
        return schema

    def mend(self, schema: Mapping[str, Any], value: Any, path: str) -> Any:
        schema = self.resolve(schema)
        match schema.get("type"):
            case "object":
                return self.mend_object(schema, value, path) if type(value) is dict else value
            case "array":
                return self.mend_array(schema, value, path)
            case "string":
                return self.mend_text(schema, value, path)
            case "integer" | "number" as kind:
                return self.mend_number(value, path, integer=kind == "integer")
            case "boolean":
                return self.mend_boolean(value, path)
            case _:
                return value

    def mend_object(self, schema: Mapping[str, Any], value: dict[str, Any], path: str) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        required = schema.get("required", ())
        closed = schema.get("additionalProperties") is False
        by_case: dict[str, str] = {}
        mended: dict[str, Any] = {}
        for name, part in value.items():
            known = name
            if name not in properties:
                by_case = by_case or {known.lower(): known for known in properties}
                known = by_case.get(name.strip().lower(), "")
                if not known or known in value or known in mended:
                    if closed:
                        self.note("unknown_field", f"{path}.{_shown(name)}")
                    else:
                        mended[name] = part
                    continue
                self.note("field_case", f"{path}.{known}")
            where = f"{path}.{known}"
            if known not in required:
                if part is None:
                    self.note("null_field", where)
                    continue
                if type(part) is str and is_placeholder(part) and not _takes(self.resolve(properties[known]), part):
                    self.note("placeholder", where)
                    continue
            mended[known] = self.mend(properties[known], part, where)
        return mended

    def mend_array(self, schema: Mapping[str, Any], value: Any, path: str) -> Any:
        items = self.resolve(schema.get("items", {}))
        if type(value) is not list:
            if type(value) is not (dict if items.get("type") == "object" else str):
                return value
            self.note("array_wrapped", path)
            value = [value]
        mended = []
        for index, part in enumerate(value):
            where = f"{path}[{index}]"
            if part is None:
                self.note("null_field", where)
            else:
                mended.append(self.mend(items, part, where))
        return mended

    def mend_text(self, schema: Mapping[str, Any], value: Any, path: str) -> Any:
        if type(value) is not str:
            value = self.text_from(schema, value, path)
            if type(value) is not str:
                return value
        options = schema.get("enum")
        if options is not None:
            if value not in options:
                folded = value.strip().casefold()
                fitting = next((option for option in options if option.casefold() == folded), None)
                if fitting is not None:
                    self.note("enum_case", path)
                    return fitting
            return value
        limit = schema.get("maxLength")
        if limit is None or len(value) <= limit:
            return value
        trimmed = value.strip()
        if len(trimmed) <= limit:
            self.note("text_trimmed", path)
            return trimmed
        if not self.cut:
            return value
        self.note("text_cut", path, lossy=True)
        return trimmed[:limit]

    def text_from(self, schema: Mapping[str, Any], value: Any, path: str) -> Any:
        """The text that was meant by a value of another type; the value where none can be told."""
        if type(value) is bool:
            self.note("text_from_scalar", path)
            return "true" if value else "false"
        if type(value) in (int, float):
            if not MIN_INTEGER <= value <= MAX_INTEGER:
                return value
            if schema.get("format") == "date-time":
                at = read_time(value).at
                if at is None:
                    return value
                self.note("time_from_number", path)
                return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
            self.note("text_from_scalar", path)
            return str(value)
        if value is None or "maxLength" in schema or "enum" in schema or "format" in schema:
            return value
        try:
            text = write_json(value)  # free text may well have been meant to hold it: DataTransfer's data
        except (ValueError, TypeError, RecursionError):
            return value
        self.note("text_from_json", path)
        return text

    def mend_number(self, value: Any, path: str, *, integer: bool) -> Any:
        number: int | float | None = None
        if type(value) is str:
            text = value.strip()
            number = int(text) if _DIGITS.fullmatch(text) else read_number(text)
        elif type(value) is float and integer and isfinite(value):
            number = value
        if number is None or not MIN_INTEGER <= number < MAX_INTEGER + 1:
            return value
        if type(value) is str:
            self.note("number_from_text", path)
        if not integer or type(number) is int:
            return number
        if round(number) != number:
            self.note("number_rounded", path)
        elif type(value) is float:
            self.note("integer_from_fraction", path)
        return round(number)

    def mend_boolean(self, value: Any, path: str) -> Any:
        if type(value) not in (str, int):
            return value
        meant = _BOOLEANS.get(str(value).strip().lower()) if value in (0, 1) or type(value) is str else None
        if meant is None:
            return value
        self.note("boolean_from_text", path)
        return meant


def _takes(schema: Mapping[str, Any], text: str) -> bool:
    """Whether a placeholder such as "" or "null" is a legal value here."""
    return schema.get("type") == "string" and text in schema.get("enum", (text,))


def _shown(name: str) -> str:
    """The name of an unknown field, if it looks like one."""
    return name if len(name) <= 40 and name.isascii() and name.isidentifier() else "*"
