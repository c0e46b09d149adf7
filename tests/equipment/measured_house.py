"""A house that stands still, to be measured: charge points, connectors and counters as the test puts them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from mcppd.core.bus import Bus
from mcppd.core.counters import Counters
from mcppd.model.charge_points import BootIdentity, ConnectorRef, ConnectorStatus, Registration
from mcppd.model.meter_values import EnergyRegister
from mcppd.model.statistics import SECONDS, SIZES, Histogram
from mcppd.model.transactions import ClosedTransaction, OpenTransaction
from mcppd.model.views import ChargePointView, ConnectorView
from mcppd.monitoring.loop_lag import LoopLag
from mcppd.monitoring.metrics import Metrics
from tests.equipment.clock import FakeClock

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def connector(number: int = 1, **changes: Any) -> ConnectorView:
    view = ConnectorView(
        connector=ConnectorRef.of_number(number),
        status=ConnectorStatus.AVAILABLE,
        error_code="NoError",
        info=None,
        since=NOW,
        transaction=None,
        plugged_in_at=None,
        served=False,
        reserved_for=None,
        power_w=0.0,
        current_a={},
        voltage_v={},
        state_of_charge_percent=None,
        energy_total_wh=0,
        transactions=0,
        status_changes=0,
    )
    return replace(view, **changes)


def charge_point(identity: str = "CP1", *connectors: ConnectorView, **changes: Any) -> ChargePointView:
    view = ChargePointView(
        identity=identity,
        registration=Registration.ACCEPTED,
        boot=BootIdentity(),
        protocol="ocpp1.6",
        connected=False,
        ready=False,
        generation=0,
        remote_address=None,
        connected_since=None,
        last_seen_at=None,
        last_boot_at=None,
        last_connect_at=None,
        last_disconnect_at=None,
        last_heartbeat_at=None,
        boots=0,
        reconnects=0,
        clock_skew_s=None,
        connectors=connectors,
    )
    return replace(view, **changes)


CHARGING = connector(
    2,
    status=ConnectorStatus.CHARGING,
    error_code="GroundFailure",
    transaction=OpenTransaction(
        7, ConnectorRef(2), "TAG", NOW - timedelta(seconds=90), NOW, EnergyRegister(1000, NOW, 250), max_power_w=11500.0
    ),
    power_w=11000.0,
    current_a={"L1": 16.0, "L2": 15.5},
    voltage_v={"L1": 230.0, "total": 229.0, "L1-N": 231.0},
    state_of_charge_percent=80.0,
    energy_total_wh=1_234_567,
    transactions=3,
    status_changes=9,
)


class House:
    """The sources of the metrics, standing still."""

    def __init__(self, *views: ChargePointView) -> None:
        self.clock = FakeClock(NOW)
        self.all_views = list(views)
        self.links = sum(view.connected for view in views)
        self.counters = Counters()
        self.storage = SimpleNamespace(
            commits=3,
            commit_seconds=Histogram(SECONDS),
            batch_size=Histogram(SIZES),
            rows=12,
            failures=1,
            database_bytes=4096,
            wal_bytes=8192,
            queue_depth=2,
        )
        self.bus = Bus()
        self.lag = LoopLag(self.clock)
        self.metrics = Metrics(self, self.counters, self.storage, self.bus, self.lag, self.clock)

    def views(self) -> list[ChargePointView]:
        return self.all_views

    @property
    def text(self) -> str:
        return self.metrics.exposition().decode()

    def value(self, series: str) -> float:
        return next(float(line.rpartition(" ")[2]) for line in self.text.splitlines() if line.startswith(series + " "))

    def has(self, series: str) -> bool:
        return any(line.startswith(series) for line in self.text.splitlines())


def busy() -> House:
    """A house in which every family has samples."""
    first = charge_point(
        'CP "1"\\ü\n',
        connector(0),
        connector(1),
        CHARGING,
        connected=True,
        connected_since=NOW - timedelta(seconds=61),
        last_seen_at=NOW,
        boots=2,
        reconnects=5,
        clock_skew_s=-1.5,
    )
    house = House(first, charge_point("CP2"))
    house.counters.messages["in", "call", "Heartbeat"] = 7
    house.counters.handling_s["Heartbeat"].observe(0.003)
    house.counters.call_s["Reset"].observe(1.5)
    house.counters.errors["stray"] += 1
    house.counters.violations["MeterValues"] += 1
    house.counters.repairs["coerced"] += 1
    house.counters.events["StatusReported"] += 1
    house.counters.plugin_failures["webhook"] += 1
    house.storage.commit_seconds.observe(0.02)
    house.storage.batch_size.observe(4)
    house.bus.subscribe("auto_start", 5)
    return house


def ended(**changes: Any) -> ClosedTransaction:
    closed = ClosedTransaction(7, ConnectorRef(1), "TAG", NOW - timedelta(minutes=10), NOW, 0, 1500, 1500, "Local")
    return replace(closed, **changes)
