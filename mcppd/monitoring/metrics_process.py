"""The process as the kernel sees it, and what the daemon knows of itself."""

import logging
import os
import platform
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import Metric

from mcppd import __version__
from mcppd.hooks import Clock
from mcppd.monitoring import metrics_table as table
from mcppd.monitoring.logs import JsonLines
from mcppd.monitoring.loop_lag import LoopLag

_PROC = Path("/proc/self")


class ProcessMetrics:
    def __init__(self, lag: LoopLag, clock: Clock) -> None:
        self._lag = lag
        self._clock = clock
        self._started = clock.monotonic()

    def collect(self) -> Iterator[Metric]:
        build = table.BUILD.gauge()
        build.add_metric((__version__, platform.python_version()), 1)
        yield build
        gauges = (
            (table.UPTIME, self._clock.monotonic() - self._started),
            (table.LOOP_LAG, self._lag.last_s),
            (table.LOOP_LAG_MAX, self._lag.max_s),
            (table.RESIDENT, resident_bytes()),
            (table.OPEN_FDS, len(os.listdir(_PROC / "fd"))),
            (table.MAX_FDS, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        )
        for family, value in gauges:
            gauge = family.gauge()
            gauge.add_metric((), value)
            yield gauge
        logs = [handler for handler in logging.getLogger().handlers if isinstance(handler, JsonLines)]
        counters: tuple[tuple[table.Family, float | None], ...] = (
            (table.CPU, time.process_time()),
            (table.WRITTEN, written_bytes()),
            (table.LOG_SUPPRESSED, sum(handler.suppressed for handler in logs)),
            (table.LOG_LOST, sum(handler.lost for handler in logs)),
        )
        for family, count in counters:
            counter = family.counter()
            if count is not None:
                counter.add_metric((), count)
            yield counter


def resident_bytes() -> int:
    pages = int((_PROC / "statm").read_text().split()[1])
    return pages * resource.getpagesize()


def written_bytes() -> int | None:
    """None where the kernel does not account for it, or does not tell (containers)."""
    try:
        lines = (_PROC / "io").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes:")), None)
