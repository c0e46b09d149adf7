"""What core keeps at hand of one connector: a picture of the stored facts, and live values that are never stored."""

from datetime import datetime

from mcppd.model.charge_points import ConnectorRef, ConnectorStatus
from mcppd.model.meter_values import EnergyRegister, Measured
from mcppd.model.transactions import ClosedTransaction, OpenTransaction
from mcppd.model.views import ConnectorView


class Connector:
    """Changed only after the commit that makes the change true, except for the live values."""

    __slots__ = (
        "current_a",
        "energy_closed_wh",
        "energy_shown_wh",
        "error_code",
        "info",
        "last_started_at",
        "plugged_in_at",
        "power_w",
        "ref",
        "reserved_for",
        "since",
        "state_of_charge_percent",
        "status",
        "status_changes",
        "transaction",
        "transactions",
        "voltage_v",
    )

    def __init__(self, ref: ConnectorRef) -> None:
        self.ref = ref
        self.status = ConnectorStatus.UNKNOWN
        self.error_code = "NoError"
        self.info: str | None = None
        self.since: datetime | None = None
        self.plugged_in_at: datetime | None = None
        self.last_started_at: datetime | None = None
        self.transaction: OpenTransaction | None = None
        self.transactions = 0
        self.status_changes = 0
        self.energy_closed_wh = 0
        self.energy_shown_wh = 0
        self.reserved_for: str | None = None
        self.power_w = 0.0
        self.current_a: dict[str, float] = {}
        self.voltage_v: dict[str, float] = {}
        self.state_of_charge_percent: float | None = None

    @property
    def served(self) -> bool:
        """Whether a transaction was started since the cable went in."""
        if self.plugged_in_at is None or self.last_started_at is None:
            return False
        return self.last_started_at >= self.plugged_in_at

    @property
    def energy_total_wh(self) -> int:
        """Never goes down, so that it can be shown as a counter: a lower correction waits to be caught up."""
        running = self.transaction.energy_wh if self.transaction is not None else 0
        self.energy_shown_wh = max(self.energy_shown_wh, self.energy_closed_wh + running)
        return self.energy_shown_wh

    def started(self, transaction: OpenTransaction) -> None:
        self.transaction = transaction
        self.last_started_at = transaction.received_at
        self.transactions += 1

    def closed(self, transaction: ClosedTransaction, counted_wh: int = 0) -> None:
        """`transaction` ended here; it need not be the running one (a superseded or a late one).

        `counted_wh` of its energy is in the total already: what recovery had counted before the real stop came.
        """
        self.energy_shown_wh = self.energy_total_wh
        self.energy_closed_wh += transaction.energy_wh - counted_wh
        if self.transaction is not None and self.transaction.id == transaction.id:
            self.transaction = None
            self.rest()

    def measured(self, values: Measured) -> None:
        """Take live values; what `values` does not tell stays as it was."""
        if values.power_w is not None:
            self.power_w = values.power_w
        self.current_a.update(values.current_a)
        self.voltage_v.update(values.voltage_v)
        if values.state_of_charge_percent is not None:
            self.state_of_charge_percent = values.state_of_charge_percent

    def metered(self, transaction_id: int, register: EnergyRegister, max_power_w: float, *, resumed: bool) -> None:
        """The running transaction's register moved on; `resumed` if it was named, and so taken up again."""
        if self.transaction is not None and self.transaction.id == transaction_id:
            self.transaction = self.transaction.metered(register, max_power_w, resumed=resumed)

    def rest(self) -> None:
        """No power flows now, whatever was last measured."""
        self.power_w = 0.0
        self.current_a = dict.fromkeys(self.current_a, 0.0)

    def view(self) -> ConnectorView:
        return ConnectorView(
            connector=self.ref,
            status=self.status,
            error_code=self.error_code,
            info=self.info,
            since=self.since,
            transaction=self.transaction,
            plugged_in_at=self.plugged_in_at,
            served=self.served,
            reserved_for=self.reserved_for,
            power_w=self.power_w,
            current_a=dict(self.current_a),
            voltage_v=dict(self.voltage_v),
            state_of_charge_percent=self.state_of_charge_percent,
            energy_total_wh=self.energy_total_wh,
            transactions=self.transactions,
            status_changes=self.status_changes,
        )
