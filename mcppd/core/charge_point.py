"""What core keeps at hand of one charge point: who it is, how it stands, its connectors; not its link."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from mcppd.core.connector import Connector
from mcppd.model.charge_points import WHOLE, BootIdentity, ConnectorRef, Registration
from mcppd.model.transactions import OpenTransaction
from mcppd.model.views import ChargePointView

MAX_CONNECTORS = 64
"""Per charge point, the charge point itself (0) included, which always has its place: what it says of others is
quarantined."""


class Presentable(Protocol):
    """What is shown of a link."""

    @property
    def ready(self) -> bool: ...

    @property
    def remote_address(self) -> str: ...


class ChargePoint:
    __slots__ = (
        "_connectors",
        "boot",
        "boots",
        "clock_skew_s",
        "generation",
        "id",
        "identity",
        "last_boot_at",
        "last_connect_at",
        "last_disconnect_at",
        "last_heartbeat_at",
        "last_message_at",
        "protocol",
        "reconnects",
        "registration",
    )

    def __init__(self, id: int, identity: str, registration: Registration) -> None:
        self.id = id
        self.identity = identity
        self.registration = registration
        self.boot: BootIdentity | None = None
        """What the last BootNotification said; None if there never was one."""
        self.protocol: str | None = None
        self.generation = 0
        self.boots = 0
        self.reconnects = 0
        self.last_boot_at: datetime | None = None
        self.last_connect_at: datetime | None = None
        self.last_disconnect_at: datetime | None = None
        self.last_heartbeat_at: datetime | None = None
        self.last_message_at: datetime | None = None
        self.clock_skew_s: float | None = None
        self._connectors: dict[ConnectorRef, Connector] = {}

    def connector(self, ref: ConnectorRef) -> Connector | None:
        """The connector at `ref`, new if it was not heard of before; None if there are too many already."""
        connector = self._connectors.get(ref)
        if connector is None:
            taken = len(self._connectors) + (WHOLE not in self._connectors and ref != WHOLE)
            if taken < MAX_CONNECTORS:
                connector = self._connectors[ref] = Connector(ref)
        return connector

    @property
    def whole(self) -> Connector:
        """The charge point itself."""
        return self._connectors.setdefault(WHOLE, Connector(WHOLE))

    def connectors(self) -> Iterator[Connector]:
        return iter(self._connectors.values())

    def running(self, transaction_id: int) -> Connector | None:
        """The connector on which this transaction runs."""
        for connector in self._connectors.values():
            if connector.transaction is not None and connector.transaction.id == transaction_id:
                return connector
        return None

    def transactions(self) -> Iterator[OpenTransaction]:
        return (connector.transaction for connector in self._connectors.values() if connector.transaction is not None)

    def view(self, link: Presentable | None) -> ChargePointView:
        """The picture of it, with the link that it has now."""
        return ChargePointView(
            identity=self.identity,
            registration=self.registration,
            boot=self.boot or BootIdentity(),
            protocol=self.protocol,
            connected=link is not None,
            ready=link is not None and link.ready,
            generation=self.generation,
            remote_address=link.remote_address if link is not None else None,
            connected_since=self.last_connect_at if link is not None else None,
            last_seen_at=self.last_message_at,
            last_boot_at=self.last_boot_at,
            last_connect_at=self.last_connect_at,
            last_disconnect_at=self.last_disconnect_at,
            last_heartbeat_at=self.last_heartbeat_at,
            boots=self.boots,
            reconnects=self.reconnects,
            clock_skew_s=self.clock_skew_s,
            connectors=tuple(self._connectors[ref].view() for ref in sorted(self._connectors)),
        )
