"""Payloads for property tests: made after a schema, and gone wrong in places as those of charge points do."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60)

JSON = st.recursive(
    SCALARS,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=12), part, max_size=4),
    max_leaves=12,
)
"""Any JSON value, and what none should be: NaN, infinities, integers beyond 64 bits, halves of surrogate pairs."""

ODDITIES = st.sampled_from(["", " ", "null", "12", "12,5", "12.0", "true", "NaN", 0, 1, -1, 1.0, 2**63, 1e300, [], {}])


def payloads(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> st.SearchStrategy[Any]:
    """Values that mostly fit `schema`."""
    root = schema if root is None else root
    if "$ref" in schema:
        return payloads(root["definitions"][schema["$ref"].rpartition("/")[2]], root)
    return st.one_of(_fitting(schema, root), _fitting(schema, root), _fitting(schema, root), ODDITIES, JSON)


def _fitting(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    match schema.get("type"):
        case "object":
            return _objects(schema, root)
        case "array":
            return st.lists(st.deferred(lambda: payloads(schema["items"], root)), max_size=3)
        case "string" if "enum" in schema:
            options = st.sampled_from(schema["enum"])
            return options | options.map(str.lower)
        case "string" if "format" in schema:
            return st.sampled_from(["2026-11-21T12:00:00Z", "2026-11-21T12:00:00.123+01:00", "now"])
        case "string":
            return st.text(max_size=schema.get("maxLength", 30) + 3)
        case "integer":
            return st.integers(-2, 5000)
        case "number":
            return st.floats(0, 100)
        case _:
            return JSON


@st.composite
def _objects(draw: st.DrawFn, schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, part in schema.get("properties", {}).items():
        wanted = name in schema.get("required", ())
        if draw(st.integers(0, 9)) < (9 if wanted else 5):
            spelled = name if draw(st.integers(0, 9)) else name.upper()
            made[spelled] = draw(payloads(part, root))
    if draw(st.integers(0, 9)) == 0:
        made[draw(st.text(max_size=8))] = draw(JSON)
    return made
