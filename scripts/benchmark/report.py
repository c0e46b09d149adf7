"""The figures as people and programs read them."""

import os
import platform
from pathlib import Path
from typing import Any

from scripts.benchmark.scenarios import IDLE_LINKS, MOST_IDLE_MIB, MOST_KIB_PER_LINK, MOST_START_S
from scripts.benchmark.servers import ROOT, Baseline, Mcppd

FILE = ROOT / "BENCHMARKS.md"
_FROM, _TO = "<!-- figures by scripts/bench --write -->\n", "<!-- end of figures -->\n"


def machine() -> str:
    text = Path("/proc/cpuinfo").read_text()
    models = {line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")}
    cores = len(os.sched_getaffinity(0))
    return f"{', '.join(sorted(models)) or platform.machine()}, {cores} cores, Python {platform.python_version()}"


def verdict(value: float, most: float | None) -> str:
    return "" if most is None else "ok" if value <= most else "TOO MUCH"


def load_rows(figures: dict[str, Any]) -> list[list[str]]:
    rows = [
        [
            "CPU per message",
            Baseline.name,
            Baseline(quiet=True).name,
            Mcppd.name,
            "ratio",
            "ratio, no log",
            "at most",
            "",
            "messages/s",
            "answer after (median, 99 %)",
        ]
    ]
    for name, found in figures.get("loads", {}).items():
        ours, theirs, quiet = found["mcppd"], found["baseline"], found["baseline_quiet"]
        rows.append(
            [
                name,
                f"{theirs['cpu_us']:.0f} us",
                f"{quiet['cpu_us']:.0f} us",
                f"{ours['cpu_us']:.0f} us",
                f"{found['ratio']:.3f}",
                f"{found['ratio_quiet']:.3f}",
                "" if found["most"] is None else f"{found['most']:g}",
                verdict(found["ratio"], found["most"]),
                f"{ours['messages_per_s']:.0f}",
                f"{ours['wait_ms_median']:.1f} ms, {ours['wait_ms_99']:.1f} ms",
            ]
        )
    return rows


def other_rows(figures: dict[str, Any]) -> list[list[str]]:
    rows = [["of one process", Baseline.name, Mcppd.name, "at most", ""]]
    if memory := figures.get("memory"):
        theirs, ours = memory[Baseline.name], memory[Mcppd.name]
        for label, key, unit, most in (
            ("PSS, idle", "idle_mib", "MiB", MOST_IDLE_MIB),
            ("RSS, idle", "idle_rss_mib", "MiB", None),
            (f"PSS per link ({IDLE_LINKS} idle links)", "link_kib", "KiB", MOST_KIB_PER_LINK),
        ):
            cells = [f"{theirs[key]:.1f} {unit}", f"{ours[key]:.1f} {unit}", "" if most is None else f"{most:g} {unit}"]
            rows.append([label, *cells, verdict(ours[key], most)])
    if start := figures.get("start_up"):
        cells = ["", f"{start['median_s']:.2f} s (worst {start['worst_s']:.2f} s)", f"{MOST_START_S:g} s"]
        rows.append(["start to READY", *cells, verdict(start["worst_s"], MOST_START_S)])
    return rows


def table(rows: list[list[str]]) -> str:
    """Aligned columns; it reads as well in Markdown as on a terminal."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def text(figures: dict[str, Any]) -> str:
    parts = [f"{figures['machine']}; load average before the run {figures['load_average']:.2f}.\n"]
    parts += [table(rows) for rows in (load_rows(figures), other_rows(figures)) if len(rows) > 1]
    return "\n".join(parts)


def write(figures: dict[str, Any]) -> None:
    """Put the figures into BENCHMARKS.md, between its two marks."""
    before, _, rest = FILE.read_text().partition(_FROM)
    _, _, after = rest.partition(_TO)
    FILE.write_text(f"{before}{_FROM}\n{text(figures)}\n{_TO}{after}")
