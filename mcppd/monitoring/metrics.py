"""Metrics: a prometheus-client registry whose collectors read the state of the house when they are asked.

Rules.

1. Nothing is counted here that somebody else counts already; the exception are transactions that ended, taken from the
   bus.
2. Every family is always there, also without samples, and stands in `metrics_table`.
3. What could grow is capped here again (`bounded`), whatever the floor below promised.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from mcppd.core.clock import SystemClock
from mcppd.core.counters import Counters
from mcppd.hooks import Clock
from mcppd.model.events import Event, TransactionRecovered, TransactionStopped
from mcppd.model.statistics import Histogram
from mcppd.model.transactions import StopMatch
from mcppd.monitoring import metrics_table as table
from mcppd.monitoring.exposition import write
from mcppd.monitoring.loop_lag import LoopLag
from mcppd.monitoring.metrics_counts import collect_core, collect_storage
from mcppd.monitoring.metrics_process import ProcessMetrics
from mcppd.monitoring.metrics_samples import add_histogram
from mcppd.monitoring.metrics_site import collect_site
from mcppd.monitoring.metrics_sources import Bus, Central, Storage

DURATIONS = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400)
ENERGIES = (100, 500, 1000, 2000, 5000, 10000, 20000, 30000, 50000, 75000, 100000)


class Metrics:
    """The registry of one daemon; `exposition` is what /metrics answers."""

    def __init__(
        self,
        central: Central,
        counters: Counters,
        storage: Storage,
        bus: Bus,
        lag: LoopLag,
        clock: Clock | None = None,
    ) -> None:
        self._central = central
        self._counters = counters
        self._storage = storage
        self._bus = bus
        self._clock = clock if clock is not None else SystemClock()
        self._process = ProcessMetrics(lag, self._clock)
        self._durations = Histogram(DURATIONS)
        self._energies = Histogram(ENERGIES)
        bus.listen(self._count)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def exposition(self) -> bytes:
        """Everything in the text format 0.0.4 of Prometheus."""
        return write(self.registry.collect())

    def collect(self) -> Iterator[Metric]:
        yield from self._process.collect()
        yield from collect_core(self._central.links, self._counters, self._bus.subscriptions)
        yield from collect_storage(self._storage)
        yield from collect_site(self._central.views(), self._clock.now())
        durations, energies = table.ENDED_DURATION.histogram(), table.ENDED_ENERGY.histogram()
        add_histogram(durations, (), self._durations)
        add_histogram(energies, (), self._energies)
        yield durations
        yield energies

    def describe(self) -> list[Metric]:
        """Nothing: the registry need not look for doubles, and would call `collect` to do so."""
        return []

    def _count(self, event: Event) -> None:
        """A transaction ends once: a repeated or a late StopTransaction is not another end."""
        match event:
            case TransactionStopped(match=StopMatch.BY_ID | StopMatch.HEURISTIC) | TransactionRecovered():
                self._durations.observe(event.transaction.duration_s)
                self._energies.observe(event.transaction.energy_wh)
