"""Plain numbers to samples, with labels that cannot grow."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client.metrics_core import HistogramMetricFamily

from mcppd.model.statistics import Histogram

MAX_KEYS = 96
"""More keys than this in one table of counts become `other`: there are 64 actions at most in any version of OCPP."""

OTHER = "other"

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)


def bounded(counts: Mapping[str, float]) -> dict[str, float]:
    """`counts` with the keys that are no plain names, and those beyond `MAX_KEYS`, added up under `other`."""
    kept: dict[str, float] = {}
    for key, count in counts.items():
        name = key if _NAME.fullmatch(key) and (key in kept or len(kept) < MAX_KEYS) else OTHER
        kept[name] = kept.get(name, 0) + count
    return kept


def bounded_histograms(histograms: Mapping[str, Histogram]) -> dict[str, Histogram]:
    """As `bounded`; of those that do not fit, nothing is kept."""
    fitting = [(key, one) for key, one in histograms.items() if _NAME.fullmatch(key)]
    return dict(fitting[:MAX_KEYS])


def add_histogram(family: HistogramMetricFamily, labels: Sequence[str], histogram: Histogram) -> None:
    """One series of `family`. The counts are read once, so that the buckets agree with each other."""
    buckets: list[Any] = [(_edge(bound), count) for bound, count in histogram.cumulative()]
    family.add_metric(labels, buckets, sum_value=histogram.total)


def _edge(bound: float) -> str:
    return "+Inf" if bound == float("inf") else repr(float(bound))
