"""How a charge point stands right now, as one frozen picture: what plugins, the API and the metrics are shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mcppd.model.charge_points import BootIdentity, ConnectorRef, ConnectorStatus, Registration
from mcppd.model.transactions import OpenTransaction


@dataclass(frozen=True, slots=True)
class ConnectorView:
    connector: ConnectorRef
    status: ConnectorStatus
    error_code: str
    info: str | None
    since: datetime | None
    """When the status last changed."""
    transaction: OpenTransaction | None
    plugged_in_at: datetime | None
    """When the cable that is in now went in, or the charge point booted with it in; None while unplugged."""
    served: bool
    """Whether a transaction was started since `plugged_in_at`."""
    reserved_for: str | None
    """Tag that an active reservation names."""
    power_w: float
    current_a: Mapping[str, float]
    voltage_v: Mapping[str, float]
    state_of_charge_percent: float | None
    energy_total_wh: int
    """All energy ever delivered here, the running transaction included."""
    transactions: int
    status_changes: int


@dataclass(frozen=True, slots=True)
class ChargePointView:
    identity: str
    registration: Registration
    boot: BootIdentity
    protocol: str | None
    connected: bool
    ready: bool
    generation: int
    remote_address: str | None
    connected_since: datetime | None
    last_seen_at: datetime | None
    last_boot_at: datetime | None
    last_connect_at: datetime | None
    last_disconnect_at: datetime | None
    last_heartbeat_at: datetime | None
    boots: int
    reconnects: int
    clock_skew_s: float | None
    """How far the charge point's clock is ahead of ours, by its last live message."""
    connectors: tuple[ConnectorView, ...] = field(default_factory=tuple)

    def connector(self, ref: ConnectorRef) -> ConnectorView | None:
        return next((view for view in self.connectors if view.connector == ref), None)
