"""What goes with time: meter values outside transactions. Transactions and their readings stay."""

from datetime import datetime

import apsw

from mcppd.db.rows import every, first, only
from mcppd.db.times import to_ms

_WINDOW = 20_000
"""Rows looked at in one call: some 10 ms of the writer's time."""


_MARK = "SELECT coalesce((SELECT value FROM meta WHERE key = 'pruned_reading'), 0)"

_NEWEST = "(SELECT max(id) FROM meter_values)"


def more_to_prune(db: apsw.Connection, before: datetime) -> bool:
    """Whether there are readings received before `before` that `prune_meter_values` has not looked at."""
    row = first(db, f"SELECT received_at FROM meter_values WHERE id > ({_MARK}) AND id < {_NEWEST} ORDER BY id LIMIT 1")
    return row is not None and row[0] < to_ms(before)


def prune_meter_values(db: apsw.Connection, before: datetime, limit: int = 1000) -> int:
    """Delete readings outside transactions that were received before `before`; returns how many, at most `limit`.

    A mark in `meta` remembers how far it came, so what must stay is looked at once and not at every call. One call goes
    through a bounded stretch: 0 does not mean that nothing is left to do. The newest row always stays, or its id would
    be given out again.
    """
    mark = only(db, _MARK)
    end = only(
        db,
        "SELECT max(id) FROM (SELECT id, received_at FROM meter_values WHERE id > ? ORDER BY id LIMIT ?)"
        f" WHERE received_at < ? AND id < {_NEWEST}",
        (mark, _WINDOW, to_ms(before)),
    )
    if end is None:
        return 0
    gone = every(
        db,
        "DELETE FROM meter_values WHERE id IN (SELECT id FROM meter_values WHERE id > ? AND id <= ?"
        " AND transaction_id IS NULL AND received_at < ? ORDER BY id LIMIT ?) RETURNING id",
        (mark, end, to_ms(before), limit),
    )
    if len(gone) == limit:
        end = max(row[0] for row in gone)
    db.execute(
        "INSERT INTO meta (key, value) VALUES ('pruned_reading', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (end,),
    )
    return len(gone)
