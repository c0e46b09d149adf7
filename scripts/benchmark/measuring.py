"""How it is measured: the CPU time and the memory of a server process while the client's process loads it."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.benchmark.scenarios import IDLE_LINKS, QUIET, STARTS, Load
from scripts.benchmark.servers import ROOT, Baseline, Mcppd, Server

MIB = 1024.0
"""KiB in one."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one run of a load came to, for one server."""

    server: str
    cpu_us: float
    """User and system, all threads, per message."""
    messages_per_s: float
    wait_ms_median: float
    wait_ms_99: float
    messages: int
    errors: int


def cpu_s(pid: int) -> float:
    """CPU time of a process, user and system, all its threads, in seconds; clock ticks (10 ms) are its grain."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_kib(pid: int, kind: str = "Pss") -> int:
    """`Pss`, `Rss` or `Pss_Anon` of a process in KiB.

    Pss shares out what processes have in common, so other Pythons on the machine make it less; Rss does not. Pss_Anon
    is the heap alone, which nobody shares.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1])
    raise LookupError(f"/proc/{pid}/smaps_rollup tells no {kind}")


@contextmanager
def client(port: int, links: int, script: str, warm_up_s: float, seconds: float) -> Iterator[Callable[[], Any]]:
    """A client process that is connected and warm; calling what it gives runs the load and returns what came of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.benchmark.client", *map(str, (port, links, script, warm_up_s, seconds))],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    told = process.stdout.readline().strip()
    if told != "ready":
        sys.exit(f"the client did not get ready: {told!r}")

    def run() -> Any:
        process.stdin.write("go\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    try:
        yield run
    finally:
        process.kill()
        process.communicate()


def load(server: Server, scenario: Load, warm_up_s: float, seconds: float) -> Loaded:
    """Run `scenario` against a started server."""
    with client(server.port, scenario.links, scenario.script, warm_up_s, seconds) as run:
        before = cpu_s(server.pid)
        told = run()
        spent = cpu_s(server.pid) - before
    return Loaded(
        server.name,
        spent / max(1, told["messages"]) * 1e6,
        told["messages"] / told["seconds"],
        told["wait_ms_median"],
        told["wait_ms_99"],
        told["messages"],
        told["errors"],
    )


def compare(scenario: Load, seconds: float, repeats: int) -> dict[str, Any]:
    """`scenario` by turns against the baselines and mcppd, in the same minutes: the medians, and their ratios."""
    runs: dict[str, list[Loaded]] = {}
    for _ in range(repeats):
        for server in (Baseline(), Baseline(quiet=True), Mcppd({**QUIET, **scenario.settings})):
            with server:
                runs.setdefault(server.name, []).append(load(server, scenario, 1.0, seconds))
    middle = {name: sorted(found, key=lambda one: one.cpu_us)[len(found) // 2] for name, found in runs.items()}
    return {
        "what": scenario.what,
        "baseline": asdict(middle[Baseline.name]),
        "baseline_quiet": asdict(middle[Baseline(quiet=True).name]),
        "mcppd": asdict(middle[Mcppd.name]),
        "all_cpu_us": {name: [round(one.cpu_us, 1) for one in found] for name, found in runs.items()},
        "ratio": middle[Mcppd.name].cpu_us / middle[Baseline.name].cpu_us,
        "ratio_quiet": middle[Mcppd.name].cpu_us / middle[Baseline(quiet=True).name].cpu_us,
        "most": scenario.most_of_baseline,
    }


def memory(settle_s: float = 2.0) -> dict[str, dict[str, float]]:
    """PSS of each server without a link, and what each of many idle booted links adds."""
    found = {}
    for server in (Baseline(), Mcppd(QUIET)):
        with server:
            time.sleep(settle_s)
            pss, rss, heap = (memory_kib(server.pid, kind) for kind in ("Pss", "Rss", "Pss_Anon"))
            with client(server.port, IDLE_LINKS, "idle", settle_s, 0.0):
                grown = memory_kib(server.pid, "Pss_Anon") - heap
            found[server.name] = {"idle_mib": pss / MIB, "idle_rss_mib": rss / MIB, "link_kib": grown / IDLE_LINKS}
    return found


def start_up() -> dict[str, float]:
    """Seconds from starting the process to READY=1, on a database with charge points in it."""
    with tempfile.TemporaryDirectory(prefix="mcppd-bench-") as folder:
        data = Path(folder)
        with Mcppd(QUIET, data) as server, client(server.port, 50, "idle", 0.0, 0.0):
            pass
        times = []
        for _ in range(STARTS):
            with Mcppd(QUIET, data) as server:
                times.append(server.ready_s)
    return {"median_s": statistics.median(times), "worst_s": max(times)}
