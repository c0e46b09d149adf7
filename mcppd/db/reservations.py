"""Reservations that charge points accepted."""

from datetime import datetime

import apsw

from mcppd.model.charge_points import ConnectorRef


def load_active(db: apsw.Connection, now: datetime) -> list[tuple[int, ConnectorRef, str, datetime, int]]:
    """(charge point, connector, tag, expires at, reservation id) of those that still hold at `now`."""
    raise NotImplementedError
