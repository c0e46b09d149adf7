"""Reservations that charge points accepted (OCPP 1.6, 5.13)."""

from datetime import datetime

import apsw

from mcppd.db.rows import every
from mcppd.db.times import from_ms, to_ms
from mcppd.model.charge_points import ConnectorRef


def load_active(db: apsw.Connection, now: datetime) -> list[tuple[int, ConnectorRef, str, datetime, int]]:
    """(charge point, connector, tag, expires at, reservation id) of those that still hold at `now`."""
    rows = every(
        db,
        "SELECT charge_point_id, evse_id, connector_id, id_tag, expires_at, id FROM reservations"
        " WHERE status = 'Accepted' AND expires_at > ? ORDER BY id",
        (to_ms(now),),
    )
    return [(row[0], ConnectorRef(row[1], row[2]), row[3], from_ms(row[4]), row[5]) for row in rows]
