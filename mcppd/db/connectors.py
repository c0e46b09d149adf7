"""Connectors: what each last said of itself, and what it ever delivered."""

from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.model.charge_points import ConnectorRef, ConnectorStatus
from mcppd.model.requests import StatusNotification


@dataclass(frozen=True, slots=True)
class StoredConnector:
    charge_point_id: int
    connector: ConnectorRef
    status: ConnectorStatus
    error_code: str
    info: str | None
    since: datetime | None
    plugged_in_at: datetime | None
    energy_total_wh: int
    """All closed transactions; the running one is not in it."""
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
    raise NotImplementedError


def record_status(
    db: apsw.Connection, charge_point_id: int, request: StatusNotification, status: ConnectorStatus, now: datetime
) -> StatusRecorded:
    raise NotImplementedError
