"""Configuration keys as the charge points told them. Secrets among them are never kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.db.rows import every
from mcppd.db.times import from_ms, to_ms
from mcppd.model.commands import ConfigurationKey

MAX_KEYS = 1_000
"""Of one charge point; those seen longest ago go beyond that."""

_SECRET = frozenset({"authorizationkey", "cpoauthorizationkey", "basicauthpassword"})


@dataclass(frozen=True, slots=True)
class SeenKey:
    key: str
    value: str | None
    readonly: bool
    seen_at: datetime


def store(db: apsw.Connection, charge_point_id: int, keys: Sequence[ConfigurationKey], now: datetime) -> None:
    """Keep what was told; keys that were not are left as they are."""
    seen_at = to_ms(now)
    db.executemany(
        "INSERT INTO configuration_keys (charge_point_id, key, value, readonly, seen_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET value = excluded.value, readonly = excluded.readonly, seen_at = excluded.seen_at",
        [
            (charge_point_id, key.key, None if key.key.lower() in _SECRET else key.value, key.readonly, seen_at)
            for key in keys
        ],
    )
    db.execute(
        "DELETE FROM configuration_keys WHERE charge_point_id = ?1 AND key IN (SELECT key FROM configuration_keys"
        " WHERE charge_point_id = ?1 ORDER BY seen_at DESC, key LIMIT -1 OFFSET ?2)",
        (charge_point_id, MAX_KEYS),
    )


def load(db: apsw.Connection, charge_point_id: int) -> list[SeenKey]:
    """In alphabetical order."""
    rows = every(
        db,
        "SELECT key, value, readonly, seen_at FROM configuration_keys WHERE charge_point_id = ? ORDER BY key",
        (charge_point_id,),
    )
    return [SeenKey(row[0], row[1], bool(row[2]), from_ms(row[3])) for row in rows]
