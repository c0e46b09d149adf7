"""JSON schemas as msgspec types: the check that a valid message passes, in a tenth of the time of generated code.

Only what the schemas of OCPP use is known here, and only what msgspec checks in exactly the same way. A schema with
anything else has no shape, and is checked by the code that fastjsonschema generates for it.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

_WITHOUT_EFFECT = frozenset(
    {"$schema", "$id", "id", "title", "description", "comment", "javaType", "format", "default", "type"}
)
"""Keywords that check nothing here; formats are not checked on purpose (`schemas`)."""

_OF_KIND = {
    "object": frozenset({"properties", "required", "additionalProperties", "definitions"}),
    "array": frozenset({"items", "minItems", "maxItems", "additionalItems"}),
    "string": frozenset({"enum", "maxLength", "minLength"}),
    "integer": frozenset[str](),
    "number": frozenset[str](),
    "boolean": frozenset[str](),
}

_PLAIN: dict[str, Any] = {"integer": int, "number": float, "boolean": bool}


class NoShape(Exception):
    """The schema asks for something that is not known here."""


def shape(schema: Mapping[str, Any]) -> Any:
    """A type for `msgspec.convert` that takes exactly what `schema` takes. Raises `NoShape`."""
    return _shape(schema, schema.get("definitions", {}), 0)


def _shape(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Any:
    reference = schema.get("$ref")
    if reference is not None:
        name = str(reference).removeprefix("#/definitions/")
        if name not in definitions or depth > 16:
            raise NoShape(reference)
        return _shape(definitions[name], definitions, depth + 1)
    kind = schema.get("type")
    if kind is None and not schema.keys() - _WITHOUT_EFFECT:
        return Any
    if not isinstance(kind, str) or kind not in _OF_KIND:
        raise NoShape(kind)
    if kind != "object":  # many say it of words and lists too, where it means nothing
        schema = {keyword: value for keyword, value in schema.items() if keyword != "additionalProperties"}
    if unknown := schema.keys() - _OF_KIND[kind] - _WITHOUT_EFFECT:
        raise NoShape(sorted(unknown))
    match kind:
        case "object":
            return _object(schema, definitions, depth)
        case "array":
            return _array(schema, definitions, depth)
        case "string":
            return _string(schema)
    return _PLAIN[kind]


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Any:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required, others = set(schema.get("required", ())), schema.get("additionalProperties", True)
    if not required <= properties.keys() or others not in (True, False):
        raise NoShape("properties that are not described one by one")
    fields: list[Any] = []
    names: dict[str, str] = {}
    for name, described in sorted(properties.items(), key=lambda item: item[0] not in required):
        of = _shape(described, definitions, depth + 1)
        place = f"p{len(fields)}"  # a property may be named like a word of Python
        names[place] = name
        fields.append((place, of) if name in required else (place, of | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct("Shape", fields, rename=names, forbid_unknown_fields=others is False, gc=False)


def _array(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Any:
    of = list[_shape(schema["items"], definitions, depth + 1)] if "items" in schema else list  # type: ignore[misc]
    least, most = schema.get("minItems"), schema.get("maxItems")
    return Annotated[of, msgspec.Meta(min_length=least, max_length=most)] if least or most else of


def _string(schema: Mapping[str, Any]) -> Any:
    words = schema.get("enum")
    if words is None:
        least, most = schema.get("minLength"), schema.get("maxLength")
        return Annotated[str, msgspec.Meta(min_length=least, max_length=most)] if least or most else str
    if "maxLength" in schema or "minLength" in schema or not all(isinstance(word, str) for word in words):
        raise NoShape("an enumeration with more than words")
    return Literal[tuple(words)]
