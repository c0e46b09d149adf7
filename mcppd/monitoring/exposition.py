"""Metrics to text, format 0.0.4 of Prometheus.

prometheus-client's own `generate_latest` takes three times as long, and the event loop waits for it: a gateway with
hundreds of connectors would answer nobody for a good part of a second at every scrape. A test holds the two to the same
bytes.
"""

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

_SHORT = 1e6
"""From here on `floatToGoString` has a form of its own."""


def write(metrics: Iterable[Metric]) -> bytes:
    """The text of `metrics`: counters, gauges and histograms without timestamps."""
    lines: list[str] = []
    escaped: dict[str, str] = {}
    for metric in metrics:
        name = metric.name + "_total" if metric.type == "counter" else metric.name
        help_text = metric.documentation.replace("\\", r"\\").replace("\n", r"\n")
        lines.append(f"# HELP {name} {help_text}\n# TYPE {name} {metric.type}\n")
        for sample in metric.samples:
            value = float(sample.value)
            text = repr(value) if -_SHORT < value < _SHORT else _long(value)
            if not sample.labels:
                lines.append(f"{sample.name} {text}\n")
                continue
            pairs = []
            for key, label in sorted(sample.labels.items()):
                shown = escaped.get(label)
                if shown is None:
                    shown = escaped[label] = _escape(label)
                pairs.append(f'{key}="{shown}"')
            lines.append(f"{sample.name}{{{','.join(pairs)}}} {text}\n")
    return "".join(lines).encode()


def _escape(label: str) -> str:
    return label.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _long(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]
