"""Shapes take exactly what their schemas take: held against code that fastjsonschema generates from the same schema."""

from importlib.resources import files
from typing import Any

import fastjsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcppd.ocpp.shapes import NoShape, shape
from tests.equipment.payloads import payloads

DOCUMENTS: dict[str, dict[str, Any]] = {
    file.name: msgspec.json.decode(file.read_bytes())
    for file in sorted(files("ocpp").joinpath("v16/schemas").iterdir(), key=lambda file: file.name)
    if file.name.endswith(".json")
}
WITHOUT = {"GetCompositeScheduleResponse.json", "RemoteStartTransaction.json", "SetChargingProfile.json"}
"""They ask for multiples of 0.1, which binary fractions are not."""


def takes(kind: Any, value: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def fits(check: Any, value: Any) -> bool:
    try:
        check(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


def holds_whole_fraction(value: Any) -> bool:
    """Whether a number like 1.0 is in it, which is an integer in some drafts of JSON schema and not in others."""
    match value:
        case dict():
            return any(map(holds_whole_fraction, value.values()))
        case list():
            return any(map(holds_whole_fraction, value))
        case float():
            return value.is_integer()
    return False


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - WITHOUT))
def test_a_shape_takes_what_its_schema_takes_and_nothing_else(name: str) -> None:
    document = DOCUMENTS[name]
    kind = shape(document)
    check = fastjsonschema.compile(document, use_default=False, use_formats=False)

    @settings(max_examples=60, deadline=None, database=None)
    @given(payloads(document))
    def agree(value: Any) -> None:
        if not holds_whole_fraction(value):
            assert takes(kind, value) == fits(check, value)

    agree()


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_a_schema_with_an_unknown_demand_has_no_shape(name: str) -> None:
    with pytest.raises(NoShape):
        shape(DOCUMENTS[name])


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"type": "object", "required": ["a"]},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "string", "pattern": "a+"},
        {"type": "string", "enum": ["a", 1]},
        {"$ref": "#/definitions/Nowhere"},
        {"definitions": {"Loop": {"$ref": "#/definitions/Loop"}}, "$ref": "#/definitions/Loop"},
        {"anyOf": []},
    ],
)
def test_what_is_not_known_here_is_left_to_generated_code(schema: dict[str, Any]) -> None:
    with pytest.raises(NoShape):
        shape(schema)


@given(st.integers() | st.text() | st.none() | st.lists(st.integers()))
def test_a_schema_that_asks_nothing_takes_anything(value: Any) -> None:
    assert takes(shape({}), value)
