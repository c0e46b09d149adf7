"""What core and storage count of themselves, as samples."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.metrics_core import Metric

from mcppd.core.counters import Counters
from mcppd.model.statistics import Histogram
from mcppd.monitoring import metrics_table as table
from mcppd.monitoring.metrics_samples import add_histogram, bounded, bounded_histograms
from mcppd.monitoring.metrics_sources import Storage, Subscription


def collect_core(links: int, counters: Counters, subscriptions: Sequence[Subscription]) -> Iterator[Metric]:
    yield _gauge(table.LINKS, links)
    yield _messages(counters)
    yield _histograms(table.HANDLING, counters.handling_s)
    yield _histograms(table.ROUND_TRIP, counters.call_s)
    yield _counts(table.ERRORS, counters.errors)
    yield _counts(table.VIOLATIONS, counters.violations)
    yield _counts(table.REPAIRS, counters.repairs)
    yield _counts(table.EVENTS, counters.events)
    yield _counts(table.PLUGIN_FAILURES, counters.plugin_failures)
    queued, dropped = Counter[str](), Counter[str]()
    for subscription in subscriptions:  # several may share a name: two people who watch
        queued[subscription.name] += len(subscription)
        dropped[subscription.name] += subscription.dropped
    gauge = table.QUEUED.gauge()
    for name, length in bounded(queued).items():
        gauge.add_metric((name,), length)
    yield gauge
    yield _counts(table.DROPPED, dropped)


def collect_storage(storage: Storage) -> Iterator[Metric]:
    for family, count in (
        (table.COMMITS, storage.commits),
        (table.ROWS, storage.rows),
        (table.FAILURES, storage.failures),
    ):
        counter = family.counter()
        counter.add_metric((), count)
        yield counter
    for family, histogram in (
        (table.COMMIT_SECONDS, storage.commit_seconds),
        (table.BATCH_SIZE, storage.batch_size),
    ):
        metric = family.histogram()
        add_histogram(metric, (), histogram)
        yield metric
    yield _gauge(table.DATABASE_BYTES, storage.database_bytes)
    yield _gauge(table.WAL_BYTES, storage.wal_bytes)
    yield _gauge(table.WAITING, storage.queue_depth)


def _messages(counters: Counters) -> Metric:
    """By direction, type and action; each (direction, type) is bounded by itself."""
    by_kind: dict[tuple[str, str], dict[str, float]] = {}
    for (direction, kind, action), count in counters.messages.items():
        by_kind.setdefault((direction, kind), {})[action] = count
    metric = table.MESSAGES.counter()
    for labels, counts in by_kind.items():
        for name, total in bounded(counts).items():
            metric.add_metric((*labels, name), total)
    return metric


def _gauge(family: table.Family, value: float) -> Metric:
    metric = family.gauge()
    metric.add_metric((), value)
    return metric


def _counts(family: table.Family, counts: Mapping[str, float]) -> Metric:
    metric = family.counter()
    for key, count in bounded(counts).items():
        metric.add_metric((key,), count)
    return metric


def _histograms(family: table.Family, histograms: Mapping[str, Histogram]) -> Metric:
    metric = family.histogram()
    for key, histogram in bounded_histograms(histograms).items():
        add_histogram(metric, (key,), histogram)
    return metric
