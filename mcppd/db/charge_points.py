"""Charge points: who they are, how they stand with us, when they were last heard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import apsw

from mcppd.model.charge_points import BootIdentity, Registration


@dataclass(frozen=True, slots=True)
class StoredChargePoint:
    id: int
    identity: str
    registration: Registration
    boot: BootIdentity
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
    """What core keeps in memory of a charge point's coming and going, to ride along with a commit."""

    charge_point_id: int
    protocol: str | None
    last_connect_at: datetime | None
    last_disconnect_at: datetime | None
    last_heartbeat_at: datetime | None
    last_message_at: datetime | None
    reconnects: int


def load_all(db: apsw.Connection) -> list[StoredChargePoint]:
    raise NotImplementedError


def register(db: apsw.Connection, identity: str, registration: Registration, now: datetime) -> StoredChargePoint:
    raise NotImplementedError


def set_registration(db: apsw.Connection, charge_point_id: int, registration: Registration) -> None:
    raise NotImplementedError


def record_boot(
    db: apsw.Connection, charge_point_id: int, identity: BootIdentity, is_boot: bool, now: datetime
) -> list[int]:
    raise NotImplementedError


def record_presence(db: apsw.Connection, presences: Sequence[Presence]) -> None:
    raise NotImplementedError
