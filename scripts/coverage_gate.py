"""Holds each of the floors that carry the promises to its least coverage, of lines and of branches."""

import json
import sys
from pathlib import Path

FLOORS = ("mcppd/model/", "mcppd/ocpp/", "mcppd/db/", "mcppd/core/")
LEAST_PERCENT = 90.0


def percent(covered: int, total: int) -> float:
    return 100.0 * covered / total if total else 100.0


def shares(report: dict, floor: str) -> tuple[float, float]:
    """(lines, branches) of `floor` that were run, in percent. Raises LookupError if the report knows no file of it."""
    files = [file["summary"] for name, file in report["files"].items() if name.startswith(floor)]
    if not files:
        raise LookupError(floor)

    def total(key: str) -> int:
        return sum(file[key] for file in files)

    return (
        percent(total("covered_lines"), total("num_statements")),
        percent(total("covered_branches"), total("num_branches")),
    )


def main(path: str) -> int:
    report = json.loads(Path(path).read_text())
    short = 0
    for floor in FLOORS:
        try:
            lines, branches = shares(report, floor)
        except LookupError:
            print(f"coverage: {floor} nothing was measured")
            short += 1
            continue
        enough = min(lines, branches) >= LEAST_PERCENT
        short += not enough
        print(
            f"coverage: {floor:<13} lines {lines:5.1f} %  branches {branches:5.1f} %"
            + ("" if enough else f"  less than {LEAST_PERCENT:g} %")
        )
    if short:
        print("coverage: the least covered files there:")
        files = [(file["summary"]["percent_covered"], name) for name, file in report["files"].items()]
        for share, name in sorted(file for file in files if file[1].startswith(FLOORS))[:10]:
            print(f"coverage:   {share:5.1f} %  {name}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
