"""`watch`: what happens, as it happens."""

import argparse
import json
from typing import Any

from mcppd.cli import display
from mcppd.cli.grammar import Grammar
from mcppd.cli.outcome import Exit, Failure
from mcppd.cli.sentences import sentence


def add(grammar: Grammar) -> None:
    parser = grammar.command(
        "watch", watch, "live events, one line each, until Ctrl-C", "watch", "watch --charge-point CP001 --json"
    )
    parser.add_argument("--charge-point", metavar="ID", help="only of this charge point")


def watch(args: argparse.Namespace) -> int:
    try:
        for event in args.client.events(args.charge_point):
            print(json.dumps(event, separators=(",", ":")) if args.json else _line(event), flush=True)
    except KeyboardInterrupt:
        return Exit.ACCEPTED
    raise Failure(Exit.UNREACHABLE, "mcppd ended the stream of events: it is stopping, or was restarted")


def _line(event: dict[str, Any]) -> str:
    time = display.local(event["at"], "%H:%M:%S")
    return display.safe(f"{time}  {event['charge_point'] or 'mcppd':<12}  {sentence(event)}")
