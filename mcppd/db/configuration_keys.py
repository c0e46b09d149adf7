"""Configuration keys as the charge points told them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.model.commands import ConfigurationKey


@dataclass(frozen=True, slots=True)
class SeenKey:
    key: str
    value: str | None
    readonly: bool
    seen_at: datetime


def store(db: apsw.Connection, charge_point_id: int, keys: Sequence[ConfigurationKey], now: datetime) -> None:
    raise NotImplementedError


def load(db: apsw.Connection, charge_point_id: int) -> list[SeenKey]:
    raise NotImplementedError
