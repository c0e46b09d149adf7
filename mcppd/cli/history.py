"""`transactions`: what was charged, newest first."""

import argparse
from typing import Any

from mcppd.cli import display
from mcppd.cli.grammar import Grammar

_PAGE = 1000
_HEADS = (" TRANSACTION", "PLACE", "TAG", "STARTED", " DURATION", " ENERGY", "ENDED BY")


def add(grammar: Grammar) -> None:
    parser = grammar.command(
        "transactions",
        transactions,
        "transactions, newest first",
        "transactions --open",
        "transactions --charge-point CP001 --limit 50",
    )
    parser.add_argument("--charge-point", metavar="ID", help="only of this charge point")
    parser.add_argument("--open", action="store_true", help="only those that run")
    parser.add_argument("--limit", metavar="N", type=_count, default=20, help="how many at most (default 20)")


def transactions(args: argparse.Namespace) -> int:
    items: list[dict[str, Any]] = []
    cursor = None
    while len(items) < args.limit:
        told = args.client.get(
            "transactions",
            charge_point=args.charge_point,
            open=args.open or None,
            limit=min(_PAGE, args.limit - len(items)),
            cursor=cursor,
        )
        items += told["items"]
        cursor = told["next"]
        if cursor is None:
            break
    if args.json:
        print(display.as_json({"items": items, "next": cursor}))
    elif items:
        print(display.table(_HEADS, map(_row, items)))
    else:
        print("no transaction yet" if not (args.open or args.charge_point) else "no such transaction")
    return 0


def _row(item: dict[str, Any]) -> list[object]:
    running = item["stopped_at"] is None
    seconds = display.seconds_since(item["started_at"]) if running else item["duration_s"]
    return [
        item["id"],
        f"{item['charge_point']}:{item['connector_id']}",
        item["id_tag"],
        display.local(item["started_at"]),
        display.duration(seconds),
        display.energy(item["energy_wh"]),
        "still running" if running else _ended_by(item),
    ]


def _ended_by(item: dict[str, Any]) -> str:
    reason = item.get("stop_reason") or "Local"  # OCPP 1.6, 6.49: a missing reason is Local
    return f"{reason} (recovered: {item['recovery']})" if item.get("recovery") else reason


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
