"""How far each transaction has come, without an index on the readings and without a write for each of them.

Rules.

1. A reading is appended to `meter_values` and nothing else is written with it.
2. Every `ACCOUNT_EVERY` readings, `account` adds what they say to their transactions and moves the mark
   `accounted_reading` forward, in the same commit.
3. The truth about a running transaction is therefore its row and the readings beyond the mark, which are few: every
   question here reads both. Nothing is kept in memory, so a restart loses nothing and needs no catching up.
4. Adding the same readings twice changes nothing: all that is kept of them is a maximum.
"""

from dataclasses import dataclass, replace

import apsw

from mcppd.db.rows import Row, every, first
from mcppd.db.times import from_ms, from_ms_or_none
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.meter_values import EnergyRegister, Series
from mcppd.model.transactions import ClosedTransaction, OpenTransaction, Recovery

ACCOUNT_EVERY = 500

_INTERRUPTED = 1
"""In the column of that name; 2 says that it was taken up again, and 0 that there never was a reboot."""

MARK = "coalesce((SELECT value FROM meta WHERE key = 'accounted_reading'), 0)"

# Energy only grows, so the last counted value is the greatest. A register value that is not as far from meterStart as
# the energy says belongs to a register that began with the transaction. The peak power of one that ended is settled.
_SUMS = """
    max(m.energy_wh) AS energy, max(iif(m.energy_wh IS NULL, NULL, m.at)) AS at,
    max(iif(t.stopped_at IS NULL, m.power_w, NULL)) AS power, max(m.id) AS last,
    max(m.register_wh - t.meter_start_wh = m.energy_wh) AS lifetime, max(m.register_wh = m.energy_wh) AS session
"""

TAILS = f"""
    SELECT m.transaction_id, {_SUMS}
    FROM meter_values AS m
    JOIN transactions AS t ON t.id = m.transaction_id AND t.charge_point_id = m.charge_point_id
    WHERE m.id > {MARK}
    GROUP BY m.transaction_id
"""

_TAIL = f"""
    SELECT {_SUMS}
    FROM meter_values AS m JOIN transactions AS t ON t.id = ?1 AND t.charge_point_id = m.charge_point_id
    WHERE m.id > {MARK} AND m.transaction_id = ?1
"""

_ACCOUNT = f"""
    UPDATE transactions SET
        counted_wh = max(counted_wh, coalesce(tail.energy, 0)),
        counted_at = coalesce(max(counted_at, tail.at), counted_at, tail.at),
        max_power_w = max(max_power_w, coalesce(tail.power, 0)),
        last_reading_id = max(coalesce(last_reading_id, 0), tail.last),
        series = CASE WHEN tail.lifetime THEN 'lifetime'
                      WHEN tail.session AND series = 'undecided' THEN 'session' ELSE series END
    FROM ({TAILS}) AS tail WHERE transactions.id = tail.transaction_id
"""

_MOVE_MARK = """
    INSERT INTO meta (key, value) SELECT 'accounted_reading', coalesce(max(id), 0) FROM meter_values WHERE true
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""

_COLUMNS = """
    t.id, t.evse_id, t.connector_id, t.id_tag, t.tag_key, t.started_at, t.start_told_at, t.start_told_text,
    t.start_received_at, t.meter_start_wh, t.meter_start_told_wh, t.reservation_id, t.interrupted, t.counted_wh,
    t.counted_at, t.series, t.max_power_w, t.stopped_at, t.meter_stop_wh, t.energy_wh, t.stop_reason, t.recovery
"""

SELECT = f"SELECT {_COLUMNS} FROM transactions AS t WHERE "
"""To be completed with a condition on `t`, for `kept`."""

_SELECT_OPEN = f"""
    SELECT t.charge_point_id, tail.energy, tail.at, tail.power, tail.last, tail.lifetime, tail.session, {_COLUMNS}
    FROM transactions AS t LEFT JOIN ({TAILS}) AS tail ON tail.transaction_id = t.id
    WHERE t.stopped_at IS NULL ORDER BY t.id
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the rules of starting and stopping need to know of a transaction's row. Times are milliseconds."""

    id: int
    evse_id: int
    connector_id: int
    id_tag: str
    tag_key: str
    started_at: int
    start_told_at: int | None
    start_told_text: str | None
    start_received_at: int
    meter_start_wh: int
    meter_start_told_wh: int | None
    reservation_id: int | None
    interrupted: int
    counted_wh: int
    counted_at: int | None
    series: str
    max_power_w: float
    stopped_at: int | None
    meter_stop_wh: int | None
    energy_wh: int | None
    stop_reason: str | None
    recovery: str | None

    @property
    def register(self) -> EnergyRegister:
        last_at = from_ms(self.started_at if self.counted_at is None else max(self.started_at, self.counted_at))
        return EnergyRegister(self.meter_start_wh, last_at, self.counted_wh, Series(self.series))

    @property
    def connector(self) -> ConnectorRef:
        return ConnectorRef(self.evse_id, self.connector_id)

    def as_open(self) -> OpenTransaction:
        return OpenTransaction(
            self.id,
            self.connector,
            self.id_tag,
            from_ms(self.started_at),
            from_ms(self.start_received_at),
            self.register,
            self.interrupted == _INTERRUPTED,
            self.max_power_w,
            self.reservation_id,
        )

    def as_closed(self) -> ClosedTransaction:
        """Only for one that has ended."""
        return ClosedTransaction(
            self.id,
            self.connector,
            self.id_tag,
            from_ms(self.started_at),
            from_ms_or_none(self.stopped_at) or from_ms(self.started_at),
            self.meter_start_wh,
            self.meter_start_wh if self.meter_stop_wh is None else self.meter_stop_wh,
            self.energy_wh or 0,
            self.stop_reason or "",
            self.max_power_w,
            None if self.recovery is None else Recovery(self.recovery),
        )


def account(db: apsw.Connection) -> None:
    """Add the readings beyond the mark to their transactions, and move the mark."""
    db.execute(_ACCOUNT)
    db.execute(_MOVE_MARK)


def load_open(db: apsw.Connection) -> list[tuple[int, Kept]]:
    """(charge point, transaction) of all that run."""
    return [(row[0], _with_tail(row[7:], row[1:7])) for row in every(db, _SELECT_OPEN)]


def open_on(db: apsw.Connection, charge_point_id: int, evse_id: int, connector_id: int) -> Kept | None:
    """The transaction that runs on this connector."""
    row = first(
        db,
        SELECT + "t.charge_point_id = ? AND t.evse_id = ? AND t.connector_id = ? AND t.stopped_at IS NULL",
        (charge_point_id, evse_id, connector_id),
    )
    return None if row is None else kept(db, row)


def kept(db: apsw.Connection, row: Row) -> Kept:
    """The transaction of a row of `SELECT`, with what the readings beyond the mark add to it."""
    return _with_tail(row, first(db, _TAIL, (row[0],)))


def _with_tail(row: Row, tail: Row | None) -> Kept:
    if tail is None or tail[3] is None:
        return Kept(*row)
    energy, at, power, _last, lifetime, session = tail
    before = Kept(*row)
    series = before.series
    if lifetime:
        series = Series.LIFETIME
    elif session and series == Series.UNDECIDED:
        series = Series.SESSION
    return replace(
        before,
        counted_wh=max(before.counted_wh, energy or 0),
        counted_at=at if before.counted_at is None else max(before.counted_at, at or 0),
        series=series,
        max_power_w=max(before.max_power_w, power or 0.0),
    )
