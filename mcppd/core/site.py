"""The site: every charge point that is registered here, as it stands. Restored from the database at start."""

from collections.abc import Iterator
from datetime import datetime

from mcppd.core.charge_point import ChargePoint
from mcppd.core.connector import Connector
from mcppd.core.metering import Repeats
from mcppd.db import charge_points, connectors, meter_values, reservations, transactions
from mcppd.db.charge_points import StoredChargePoint
from mcppd.db.connectors import StoredConnector
from mcppd.db.database import Database


class Site:
    """Bounded by `ocpp.max_charge_points`: whoever adds to it asks `len` first."""

    def __init__(self) -> None:
        self._by_identity: dict[str, ChargePoint] = {}
        self.repeats = Repeats()

    def __len__(self) -> int:
        return len(self._by_identity)

    def __iter__(self) -> Iterator[ChargePoint]:
        return iter(self._by_identity.values())

    def get(self, identity: str) -> ChargePoint | None:
        return self._by_identity.get(identity)

    def add(self, stored: StoredChargePoint) -> ChargePoint:
        """The charge point of this row; the one at hand if it is here already."""
        known = self._by_identity.get(stored.identity)
        if known is not None:
            return known
        charge_point = self._by_identity[stored.identity] = _restored(stored)
        return charge_point

    def restore(self, database: Database, now: datetime) -> None:
        """Take up where the last run ended. Blocking: called before the loop serves anybody."""
        by_id = {stored.id: self.add(stored) for stored in database.read_now(charge_points.load_all)}
        for row in database.read_now(connectors.load_all):
            connector = by_id[row.charge_point_id].connector(row.connector)
            if connector is not None:
                _restore_connector(connector, row)
        for charge_point_id, transaction in database.read_now(transactions.load_open):
            connector = by_id[charge_point_id].connector(transaction.connector)
            if connector is not None:
                connector.transaction = transaction
        for charge_point_id, ref, id_tag, _, _ in database.read_now(reservations.load_active, now):
            connector = by_id[charge_point_id].connector(ref)
            if connector is not None:
                connector.reserved_for = id_tag
        for charge_point_id, ref, fingerprint in database.read_now(meter_values.recent_fingerprints):
            self.repeats.add(charge_point_id, ref, fingerprint)


def _restored(stored: StoredChargePoint) -> ChargePoint:
    charge_point = ChargePoint(stored.id, stored.identity, stored.registration)
    charge_point.boot = stored.boot if stored.boot.known else None
    charge_point.protocol = stored.protocol
    charge_point.boots = stored.boots
    charge_point.reconnects = stored.reconnects
    charge_point.last_boot_at = stored.last_boot_at
    charge_point.last_connect_at = stored.last_connect_at
    charge_point.last_disconnect_at = stored.last_disconnect_at
    charge_point.last_heartbeat_at = stored.last_heartbeat_at
    charge_point.last_message_at = stored.last_message_at
    return charge_point


def _restore_connector(connector: Connector, row: StoredConnector) -> None:
    connector.status = row.status
    connector.error_code = row.error_code
    connector.info = row.info
    connector.since = row.since
    connector.plugged_in_at = row.plugged_in_at
    connector.last_started_at = row.last_started_at
    connector.energy_closed_wh = row.energy_total_wh
    connector.energy_shown_wh = row.energy_shown_wh
    connector.transactions = row.transactions
    connector.status_changes = row.status_changes
