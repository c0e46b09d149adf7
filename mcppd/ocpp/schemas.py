"""The JSON schemas of the `ocpp` package: the one definition of every message, compiled when first needed.

Only the package's resources are read; none of its modules is imported. Formats are not checked: an unreadable time
never costs the answer (`mcppd.model.timestamps` reads what it can).
"""

from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any

import msgspec

from mcppd.model.errors import SchemaViolation
from mcppd.ocpp.shapes import NoShape, shape


class Schema:
    """One message's schema: `resource` is its file in the `ocpp` package, as in `v16/schemas/Heartbeat.json`."""

    __slots__ = ("_check", "_document", "_explain", "action", "resource")

    def __init__(self, action: str, resource: str) -> None:
        self.action, self.resource = action, resource
        self._check: Callable[[Any], Any] | None = None
        self._explain: Callable[[Any], Any] | None = None
        self._document: dict[str, Any] | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The schema itself; kept once it was asked for."""
        if self._document is None:
            self._document = self._load()
        return self._document

    def fits(self, value: Any) -> bool:
        """Whether `value` (JSON, at most 32 levels deep) fits. Cheap where it does."""
        check = self._check or self._compiled()
        try:
            check(value)
        except ValueError:  # of msgspec and of fastjsonschema
            return False
        return True

    def check(self, value: Any) -> None:
        """Raise `SchemaViolation` unless `value` fits."""
        violation = self.violation(value)
        if violation is not None:
            raise violation

    def violation(self, value: Any) -> SchemaViolation | None:
        """The first rule that `value` breaks; None if it fits."""
        if self.fits(value):
            return None
        # The validator that can tell what is wrong takes long to make, so it is only made for messages that someone
        # got wrong.
        if self._explain is None:
            self._explain = _generated(self.document, detailed=True)
        try:
            self._explain(value)
        except ValueError as error:
            return _violation(self.action, error)
        return None  # 1.0 is an integer in some drafts, and not in the shape's eyes

    def _compiled(self) -> Callable[[Any], Any]:
        document = self._load()
        try:
            self._check = partial(msgspec.convert, type=shape(document))
        except NoShape:
            self._check = _generated(document, detailed=False)
        return self._check

    def _load(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.json.decode(files("ocpp").joinpath(self.resource).read_bytes())
        return document


def _generated(document: dict[str, Any], *, detailed: bool) -> Callable[[Any], Any]:
    import fastjsonschema  # only where there is something to explain, or no shape: a box may do without for days

    check: Callable[[Any], Any] = fastjsonschema.compile(
        document, use_default=False, use_formats=False, detailed_exceptions=detailed
    )
    return check


def _violation(action: str, error: Any) -> SchemaViolation:
    """The error in our own words: nothing of the value is in it, only what the schema says."""
    path = "$" + (error.name or "").removeprefix("data")
    rule, demand = error.rule or "", error.rule_definition
    if rule == "required":
        missing = next(name for name in demand if name not in error.value)
        return SchemaViolation(action, f"{path}.{missing}", rule, "is required")
    return SchemaViolation(action, path, rule, _SENTENCES.get(rule, "breaks the rule {rule}").format(demand, rule=rule))


_SENTENCES = {
    "type": "must be of type {}",
    "enum": "must be one of {}",
    "maxLength": "must be at most {} characters long",
    "minItems": "must have at least {} elements",
    "maxItems": "must have at most {} elements",
    "additionalProperties": "has properties that the schema does not know",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "multipleOf": "must be a multiple of {}",
}
