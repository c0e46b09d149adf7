"""The configuration as it came out, printed as YAML: for `mcppd --check`."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import yaml

from mcppd.config.reading import FREE, option_of
from mcppd.config.values import duration_text
from mcppd.model.options import Kind
from mcppd.model.settings import Settings

HIDDEN = "(hidden)"

_SECRET = re.compile(r"password|passphrase|secret|token|authorizationkey|api_?key", re.IGNORECASE)


def effective(settings: Settings) -> str:
    """Every setting with its value; what is not set for a charge point is left out, and secrets are hidden."""
    return yaml.safe_dump(_section(settings), sort_keys=False, allow_unicode=True)


def _section(section: Any) -> dict[Any, Any]:
    shown: dict[Any, Any] = {}
    for field in fields(section):
        value = getattr(section, field.name)
        if FREE.get(type(section)) == field.name:
            shown.update({name: _free(entry) for name, entry in value.items()})
        elif (option := option_of(field)) is not None:
            if value is not None:
                shown[field.name] = duration_text(value) if option.kind is Kind.DURATION else _free(value)
        elif is_dataclass(value):
            shown[field.name] = _section(value)
        else:
            shown[field.name] = {name: _section(entry) for name, entry in value.items()}
    return shown


def _free(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case Mapping():
            return {
                name: HIDDEN if isinstance(entry, str) and entry and _SECRET.search(str(name)) else _free(entry)
                for name, entry in value.items()
            }
        case tuple() | list():
            return [_free(item) for item in value]
    return value
