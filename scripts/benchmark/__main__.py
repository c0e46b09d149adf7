"""`scripts/bench`: measure, print, and keep where asked to."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from scripts.benchmark import measuring, report
from scripts.benchmark.scenarios import LOADS


def main() -> int:
    names = [*(scenario.name for scenario in LOADS), "memory", "start-up"]
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure mcppd on loopback beside a baseline.")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--only", action="append", choices=names, help="only this scenario; may be given several times")
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--write", action="store_true", help="write the figures into BENCHMARKS.md")
    options = parser.parse_args()
    if options.list:
        for scenario in LOADS:
            print(f"{scenario.name:<22}{scenario.what}")
        print(f"{'memory':<22}PSS idle, and per idle link\n{'start-up':<22}from the start of the process to READY=1")
        return 0
    wanted = set(options.only or names)
    seconds, repeats = (3.0, 1) if options.quick else (8.0, 3)

    figures: dict[str, Any] = {"machine": report.machine(), "load_average": os.getloadavg()[0], "loads": {}}
    for scenario in LOADS:
        if scenario.name in wanted:
            print(f"{scenario.name}: {scenario.what}", file=sys.stderr)
            figures["loads"][scenario.name] = measuring.compare(scenario, seconds, repeats)
    if "memory" in wanted:
        print("memory", file=sys.stderr)
        figures["memory"] = measuring.memory()
    if "start-up" in wanted:
        print("start-up", file=sys.stderr)
        figures["start_up"] = measuring.start_up()
    print(report.text(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.write:
        report.write(figures)
    failed = [
        found for found in figures["loads"].values() if found["mcppd"]["errors"] or not found["mcppd"]["messages"]
    ]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
