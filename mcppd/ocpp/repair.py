"""Schema-guided repair: walks a message beside its schema and puts right what charge points commonly get wrong."""

from collections.abc import Mapping
from typing import Any

from mcppd.model.requests import Repair

KINDS: tuple[str, ...] = ()


def mend(schema: Mapping[str, Any], value: Any, *, cut: bool = True) -> tuple[Any, tuple[Repair, ...]]:
    """`value` as near to `schema` as it can be brought, and what was done for it. Never raises."""
    return value, ()
