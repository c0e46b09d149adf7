"""`start` and `stop`: begin and end a transaction from here."""

import argparse
from typing import Any

from mcppd.cli import display
from mcppd.cli.answers import tell
from mcppd.cli.client import Client
from mcppd.cli.grammar import Grammar
from mcppd.cli.outcome import Exit, Failure
from mcppd.cli.places import find_place, one_connector

TAG = "MCPPCTL"


def add(grammar: Grammar) -> None:
    start_ = grammar.command(
        "start", start, "ask a charge point to start a transaction", "start CP001:1", "start CP001 --tag AB12CD34"
    )
    start_.add_argument("place", metavar="PLACE", help="charge point, or connector as CP001:2")
    start_.add_argument("--tag", default=TAG, help=f"id tag that it runs under (default {TAG})")
    stop_ = grammar.command("stop", stop, "ask a charge point to stop a transaction", "stop CP001:1", "stop 1834")
    stop_.add_argument("place", metavar="PLACE", help="charge point, connector as CP001:2, or number of a transaction")


def start(args: argparse.Namespace) -> int:
    place = find_place(args.client, args.place)
    connector = one_connector(place)
    body: dict[str, Any] = {"idTag": args.tag}
    if connector is not None:
        body["connectorId"] = connector
    answer = args.client.command(place.identity, "RemoteStartTransaction", body)
    where = place.identity if connector is None else f"{place.identity}:{connector}"
    return tell(args, answer, f"{where}: start under tag {args.tag}")


def stop(args: argparse.Namespace) -> int:
    identity, number, where = _find(args.client, args.place)
    answer = args.client.command(identity, "RemoteStopTransaction", {"transactionId": number})
    return tell(args, answer, f"{where}: stop of transaction {number}")


def _find(client: Client, text: str) -> tuple[str, int, str]:
    """(charge point, transaction, place to show) that `text` means. Raises Failure."""
    if text.isascii() and text.isdigit():
        try:
            told = client.get("transactions", text)
        except Failure as failure:
            if failure.code is not Exit.USAGE:
                raise
        else:
            where = f"{told['charge_point']}:{told['connector_id']}"
            if told["stopped_at"] is not None:
                ended = display.local(told["stopped_at"])
                raise Failure(Exit.USAGE, f"transaction {text} at {where} ended already, {ended}")
            return told["charge_point"], told["id"], where
    place = find_place(client, text)
    running = [connector for connector in place.connectors if connector["transaction"]]
    if len(running) > 1:
        choice = " or ".join(f"{place.identity}:{connector['connector_id']}" for connector in running)
        raise Failure(Exit.USAGE, f"{len(running)} transactions run at {place}: say {choice}")
    if not running:
        raise Failure(Exit.USAGE, f"no transaction runs at {place}; 'mcppctl list' shows where one does")
    return place.identity, running[0]["transaction"]["id"], f"{place.identity}:{running[0]['connector_id']}"
