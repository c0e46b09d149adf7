"""`call`: any action that OCPP has, body and answer as it spells them."""

import argparse
import json
import sys
from typing import Any

from mcppd.cli import display
from mcppd.cli.answers import exit_of
from mcppd.cli.grammar import Grammar
from mcppd.cli.outcome import Exit, Failure


def add(grammar: Grammar) -> None:
    call_ = grammar.command(
        "call",
        call,
        "send any OCPP command to a charge point",
        "call CP001 GetConfiguration",
        """call CP001 Reset '{"type": "Soft"}' --wait 60""",
    )
    call_.add_argument("id", metavar="ID", help="charge point")
    call_.add_argument("action", metavar="ACTION", help="as OCPP spells it: Reset, UnlockConnector, ...")
    call_.add_argument(
        "body", metavar="JSON", nargs="?", default="{}", help="as OCPP spells it; - reads standard input"
    )
    call_.add_argument(
        "--wait", metavar="SECONDS", type=float, default=0.0, help="how long an offline one may take to come back"
    )


def call(args: argparse.Namespace) -> int:
    try:
        answer = args.client.command(args.id, args.action, _body(args.body), args.wait)
    except Failure as failure:
        raise _with_suggestion(args.action, failure) from failure
    print(display.as_json({"result": answer} if args.json else answer))
    return exit_of(answer)


def _with_suggestion(action: str, failure: Failure) -> Failure:
    from difflib import get_close_matches

    known = {str(name).lower(): str(name) for name in failure.error.get("known") or ()}
    close = get_close_matches(action.lower(), known, 1)
    if not close:
        return failure
    message = f"no action {action!r} can be sent; did you mean {known[close[0]]}?"
    return Failure(failure.code, message, failure.error)


def _body(text: str) -> Any:
    try:
        return json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise Failure(Exit.USAGE, f'the body is not JSON: {error}; quote it as in \'{{"type": "Soft"}}\'') from error
