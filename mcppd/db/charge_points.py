"""Charge points: who they are, how they stand with us, when they were last heard."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

import apsw

from mcppd.db.rows import Row, every
from mcppd.db.times import from_ms_or_none, to_ms, to_ms_or_none
from mcppd.model.charge_points import BootIdentity, Registration

_COLUMNS = """
    id, identity, registration, protocol, last_connect_at, last_disconnect_at, last_boot_at, last_heartbeat_at,
    last_message_at, last_tx_start_at, last_tx_stop_at, boots, reconnects, vendor, model, charge_point_serial,
    charge_box_serial, firmware, iccid, imsi, meter_type, meter_serial
"""


@dataclass(frozen=True, slots=True)
class StoredChargePoint:
    id: int
    identity: str
    registration: Registration
    boot: BootIdentity
    """As told by the last BootNotification; not `known` if there never was one."""
    protocol: str | None = None
    last_connect_at: datetime | None = None
    last_disconnect_at: datetime | None = None
    last_boot_at: datetime | None = None
    last_heartbeat_at: datetime | None = None
    last_message_at: datetime | None = None
    last_tx_start_at: datetime | None = None
    last_tx_stop_at: datetime | None = None
    boots: int = 0
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class Presence:
    """What core keeps in memory of a charge point's coming and going, to ride along with a commit.

    None leaves a column as it is.
    """

    charge_point_id: int
    protocol: str | None
    last_connect_at: datetime | None
    last_disconnect_at: datetime | None
    last_heartbeat_at: datetime | None
    last_message_at: datetime | None
    reconnects: int


def load_all(db: apsw.Connection) -> list[StoredChargePoint]:
    return [_stored(row) for row in every(db, f"SELECT {_COLUMNS} FROM charge_points ORDER BY id")]


def register(db: apsw.Connection, identity: str, registration: Registration, now: datetime) -> StoredChargePoint:
    """Take in a charge point; one that is known already is returned as it stands."""
    db.execute(
        "INSERT INTO charge_points (identity, registration, registered_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (identity, registration.value, to_ms(now)),
    )
    return _stored(every(db, f"SELECT {_COLUMNS} FROM charge_points WHERE identity = ?", (identity,))[0])


def set_registration(db: apsw.Connection, charge_point_id: int, registration: Registration) -> None:
    db.execute("UPDATE charge_points SET registration = ? WHERE id = ?", (registration.value, charge_point_id))


def record_boot(
    db: apsw.Connection, charge_point_id: int, identity: BootIdentity, is_boot: bool, now: datetime
) -> list[int]:
    """Record a BootNotification; the ids of the transactions that run on it, if it was a real boot (`is_boot`).

    A real boot counts, marks what runs as interrupted, and forgets since when cables are in: the next status tells.
    """
    db.execute(
        "UPDATE charge_points SET vendor = ?, model = ?, charge_point_serial = ?, charge_box_serial = ?, firmware = ?,"
        " iccid = ?, imsi = ?, meter_type = ?, meter_serial = ? WHERE id = ?",
        (*astuple(identity), charge_point_id),
    )
    if not is_boot:
        return []
    db.execute(
        "UPDATE charge_points SET boots = boots + 1, last_boot_at = ? WHERE id = ?", (to_ms(now), charge_point_id)
    )
    db.execute(
        "UPDATE connectors SET plugged_in_at = NULL WHERE charge_point_id = ? AND plugged_in_at IS NOT NULL",
        (charge_point_id,),
    )
    interrupted = every(
        db,
        "UPDATE transactions SET interrupted = 1 WHERE charge_point_id = ? AND stopped_at IS NULL RETURNING id",
        (charge_point_id,),
    )
    return sorted(row[0] for row in interrupted)


def record_presence(db: apsw.Connection, presences: Sequence[Presence]) -> None:
    """Bring the columns of coming and going up to date; only rows that differ are written."""
    for presence in presences:
        db.execute(
            "UPDATE charge_points SET protocol = coalesce(?1, protocol),"
            " last_connect_at = coalesce(?2, last_connect_at), last_disconnect_at = coalesce(?3, last_disconnect_at),"
            " last_heartbeat_at = coalesce(?4, last_heartbeat_at), last_message_at = coalesce(?5, last_message_at),"
            " reconnects = ?6 WHERE id = ?7 AND (protocol IS NOT coalesce(?1, protocol)"
            " OR last_connect_at IS NOT coalesce(?2, last_connect_at)"
            " OR last_disconnect_at IS NOT coalesce(?3, last_disconnect_at)"
            " OR last_heartbeat_at IS NOT coalesce(?4, last_heartbeat_at)"
            " OR last_message_at IS NOT coalesce(?5, last_message_at) OR reconnects <> ?6)",
            (
                presence.protocol,
                to_ms_or_none(presence.last_connect_at),
                to_ms_or_none(presence.last_disconnect_at),
                to_ms_or_none(presence.last_heartbeat_at),
                to_ms_or_none(presence.last_message_at),
                presence.reconnects,
                presence.charge_point_id,
            ),
        )


def _stored(row: Row) -> StoredChargePoint:
    return StoredChargePoint(
        row[0],
        row[1],
        Registration(row[2]),
        BootIdentity(*row[13:]),
        row[3],
        from_ms_or_none(row[4]),
        from_ms_or_none(row[5]),
        from_ms_or_none(row[6]),
        from_ms_or_none(row[7]),
        from_ms_or_none(row[8]),
        from_ms_or_none(row[9]),
        from_ms_or_none(row[10]),
        row[11],
        row[12],
    )
