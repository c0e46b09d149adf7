"""Connectors: what each last said of itself, and what it ever delivered."""

from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.db.rows import every, first
from mcppd.db.times import from_ms_or_none, to_ms
from mcppd.model.charge_points import ConnectorRef, ConnectorStatus
from mcppd.model.requests import StatusNotification
from mcppd.model.timestamps import MISSING_TIME, settle


@dataclass(frozen=True, slots=True)
class StoredConnector:
    charge_point_id: int
    connector: ConnectorRef
    status: ConnectorStatus
    error_code: str
    info: str | None
    since: datetime | None
    """When the status last changed, as the charge point told it."""
    plugged_in_at: datetime | None
    """When the first status that says so was received; None while unplugged, and after a boot until told again."""
    energy_total_wh: int
    """All closed transactions; the running one is not in it."""
    energy_shown_wh: int
    """What a counter that only rises must not fall below."""
    transactions: int
    status_changes: int
    last_started_at: datetime | None
    """When the newest StartTransaction there was received."""


@dataclass(frozen=True, slots=True)
class StatusRecorded:
    previous: ConnectorStatus
    changed: bool
    """Whether status, error code, info or vendor error differ from what was known."""
    since: datetime | None
    plugged_in_at: datetime | None
    status_changes: int


def load_all(db: apsw.Connection) -> list[StoredConnector]:
    rows = every(
        db,
        "SELECT charge_point_id, evse_id, connector_id, status, error_code, info, since, plugged_in_at,"
        " energy_total_wh, energy_shown_wh, transactions, status_changes, last_started_at FROM connectors"
        " ORDER BY charge_point_id, evse_id, connector_id",
    )
    return [
        StoredConnector(
            row[0],
            ConnectorRef(row[1], row[2]),
            ConnectorStatus(row[3]),
            row[4],
            row[5],
            from_ms_or_none(row[6]),
            from_ms_or_none(row[7]),
            row[8],
            row[9],
            row[10],
            row[11],
            from_ms_or_none(row[12]),
        )
        for row in rows
    ]


def record_status(
    db: apsw.Connection, charge_point_id: int, request: StatusNotification, status: ConnectorStatus, now: datetime
) -> StatusRecorded:
    """Record a StatusNotification that means `status` (OCPP 1.6, 4.9). One that says nothing new writes nothing."""
    place = (charge_point_id, request.connector.evse_id, request.connector.connector_id)
    row = first(
        db,
        "SELECT status, since, plugged_in_at, status_changes, error_code, info, vendor_id, vendor_error_code"
        " FROM connectors WHERE charge_point_id = ? AND evse_id = ? AND connector_id = ?",
        place,
    )
    known, since, plugged_in_at, changes, *said_before = row or (ConnectorStatus.UNKNOWN, None, None, 0)
    previous = ConnectorStatus(known)
    said = [request.error_code, request.info, request.vendor_id, request.vendor_error_code]
    kept_before = since, plugged_in_at
    if status is ConnectorStatus.AVAILABLE:
        plugged_in_at = None
    elif status.plugged and plugged_in_at is None:
        plugged_in_at = to_ms(now)
    changed = status is not previous or said != said_before
    if status is not previous or since is None:
        since = to_ms(settle(request.at or MISSING_TIME, now)[0])
        changes += 1
    if changed or (since, plugged_in_at) != kept_before:
        db.execute(
            "INSERT INTO connectors (charge_point_id, evse_id, connector_id, status, since, plugged_in_at,"
            " status_changes, error_code, info, vendor_id, vendor_error_code) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET status = excluded.status, since = excluded.since,"
            " plugged_in_at = excluded.plugged_in_at, status_changes = excluded.status_changes,"
            " error_code = excluded.error_code, info = excluded.info, vendor_id = excluded.vendor_id,"
            " vendor_error_code = excluded.vendor_error_code",
            (*place, status.value, since, plugged_in_at, changes, *said),
        )
    return StatusRecorded(previous, changed, from_ms_or_none(since), from_ms_or_none(plugged_in_at), changes)
