"""Charge points and connectors, as samples."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client.metrics_core import Metric

from mcppd.model.charge_points import ConnectorStatus
from mcppd.model.views import ChargePointView, ConnectorView
from mcppd.monitoring import metrics_table as table
from mcppd.monitoring.metrics_samples import OTHER

MAX_CHARGE_POINTS = 10_000
MAX_CONNECTORS = 32
"""Of one charge point; whoever reports more is shown with the first of them."""

ERROR_CODES = frozenset(
    {
        "ConnectorLockFailure",
        "EVCommunicationError",
        "GroundFailure",
        "HighTemperature",
        "InternalError",
        "LocalListConflict",
        "NoError",
        "OtherError",
        "OverCurrentFailure",
        "OverVoltage",
        "PowerMeterFailure",
        "PowerSwitchFailure",
        "ReaderFailure",
        "ResetFailure",
        "UnderVoltage",
        "WeakSignal",
    }
)
"""ChargePointErrorCode (OCPP 1.6, 7.6); 2.0.1 has none."""

PHASES = ("total", "L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1")
"""Phase (OCPP 1.6, 7.36), and `total` for a value without one. Values of other phases are not shown."""

_STATUSES = tuple((status, status.value) for status in ConnectorStatus)


def collect_site(views: Sequence[ChargePointView], now: datetime) -> Iterator[Metric]:
    views = views[:MAX_CHARGE_POINTS]
    known = table.CHARGE_POINTS.gauge()
    known.add_metric((), len(views))
    yield known
    named = [(label(view.identity), view) for view in views]
    yield from _charge_points(named, now)
    yield from _connectors(
        [
            ((identity, str(connector.connector)), connector)
            for identity, view in named
            for connector in sorted(view.connectors, key=lambda one: one.connector)[:MAX_CONNECTORS]
        ],
        now,
    )


def label(identity: str) -> str:
    """`identity` in a form that UTF-8 can carry."""
    return identity.encode("utf-8", "backslashreplace").decode()


def _charge_points(views: list[tuple[str, ChargePointView]], now: datetime) -> Iterator[Metric]:
    connected, age = table.CONNECTED.gauge(), table.CONNECTED_SECONDS.gauge()
    boots, reconnects = table.BOOTS.counter(), table.RECONNECTS.counter()
    seen, skew = table.LAST_SEEN.gauge(), table.CLOCK_SKEW.gauge()
    for identity, view in views:
        labels = (identity,)
        connected.add_metric(labels, view.connected)
        age.add_metric(labels, _seconds_since(view.connected_since, now) if view.connected else 0)
        boots.add_metric(labels, view.boots)
        reconnects.add_metric(labels, view.reconnects)
        if view.last_seen_at is not None:
            seen.add_metric(labels, view.last_seen_at.timestamp())
        if view.clock_skew_s is not None:
            skew.add_metric(labels, view.clock_skew_s)
    yield from (connected, age, boots, reconnects, seen, skew)


def _connectors(views: list[tuple[tuple[str, str], ConnectorView]], now: datetime) -> Iterator[Metric]:
    yield _status(views)
    error = table.ERROR.gauge()
    changes, transactions, energy_total = (
        table.STATUS_CHANGES.counter(),
        table.TRANSACTIONS.counter(),
        table.ENERGY_TOTAL.counter(),
    )
    power, charge = table.POWER.gauge(), table.STATE_OF_CHARGE.gauge()
    for labels, view in views:
        error.add_metric((*labels, view.error_code if view.error_code in ERROR_CODES else OTHER), 1)
        changes.add_metric(labels, view.status_changes)
        transactions.add_metric(labels, view.transactions)
        energy_total.add_metric(labels, view.energy_total_wh)
        power.add_metric(labels, view.power_w)
        if view.state_of_charge_percent is not None:
            charge.add_metric(labels, view.state_of_charge_percent / 100)
    yield from (error, changes, transactions, energy_total, power, charge)
    yield from _running(views, now)
    yield from _phases(views)


def _status(views: list[tuple[tuple[str, str], ConnectorView]]) -> Metric:
    status = table.STATUS.gauge()
    for labels, view in views:
        for one, name in _STATUSES:
            status.add_metric((*labels, name), view.status is one)
    return status


def _running(views: list[tuple[tuple[str, str], ConnectorView]], now: datetime) -> Iterator[Metric]:
    active, duration = table.ACTIVE.gauge(), table.DURATION.gauge()
    energy, peak = table.ENERGY.gauge(), table.PEAK_POWER.gauge()
    for labels, view in views:
        running = view.transaction
        active.add_metric(labels, running is not None)
        duration.add_metric(labels, _seconds_since(running.started_at, now) if running is not None else 0)
        energy.add_metric(labels, running.energy_wh if running is not None else 0)
        peak.add_metric(labels, running.max_power_w if running is not None else 0)
    yield from (active, duration, energy, peak)


def _phases(views: list[tuple[tuple[str, str], ConnectorView]]) -> Iterator[Metric]:
    current, voltage = table.CURRENT.gauge(), table.VOLTAGE.gauge()
    for labels, view in views:
        for phase in PHASES:
            if phase in view.current_a:
                current.add_metric((*labels, phase), view.current_a[phase])
            if phase in view.voltage_v:
                voltage.add_metric((*labels, phase), view.voltage_v[phase])
    yield from (current, voltage)


def _seconds_since(at: datetime | None, now: datetime) -> float:
    """Never negative: a clock that was set back makes nothing run backwards."""
    return max(0.0, (now - at).total_seconds()) if at is not None else 0.0
