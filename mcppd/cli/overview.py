"""`status`, `list`, `show`: how the site stands now."""

import argparse
from typing import Any

from mcppd.cli import display
from mcppd.cli.grammar import Grammar
from mcppd.cli.places import find_place

_HEADS = ("PLACE", "LINK", "STATUS", " POWER", " CHARGED", "TAG", "SINCE", "LAST SEEN")
_SHOWN_BY_STATUS = ("version", "uptime_s", "started_at")
_OF_THE_LINK = ("connected", "ready", "connectors", "id")


def add(grammar: Grammar) -> None:
    grammar.command("status", status, "the site and the daemon in a few numbers", "status", "status --json")
    grammar.command("list", list_all, "every charge point and connector as it stands", "list", "list --json")
    show_ = grammar.command("show", show, "all that is known of one charge point", "show CP001", "show CP001 --json")
    show_.add_argument("id", metavar="ID", help="charge point")


def status(args: argparse.Namespace) -> int:
    told: dict[str, Any] = args.client.get("status")
    if args.json:
        print(display.as_json(told))
        return 0
    version, uptime = told.get("version", ""), display.duration(told.get("uptime_s"))
    print(display.safe(f"mcppd {version}".strip() + (f", up {uptime}" if uptime else "")))
    rest = ((display.title(key), display.humane(key, told[key])) for key in told if key not in _SHOWN_BY_STATUS)
    print(display.listing(rest))
    return 0


def list_all(args: argparse.Namespace) -> int:
    told = args.client.get("charge-points")
    if args.json:
        print(display.as_json(told))
        return 0
    rows = [row for item in told["items"] for row in _rows(item)]
    print(display.table(_HEADS, rows) if rows else "no charge point has connected yet")
    return 0


def show(args: argparse.Namespace) -> int:
    told = find_place(args.client, args.id).charge_point
    if args.json:
        print(display.as_json(told))
        return 0
    pairs: list[tuple[str, object]] = [("charge point", told["id"]), ("link", _link(told))]
    for key, value in told.items():
        if key not in _OF_THE_LINK and value is not None:
            pairs.append((display.title(key), display.humane(key, value)))
    print(display.listing(pairs))
    if told["connectors"]:
        print()
        print(display.table(_HEADS, _rows(told)))
    return 0


def _rows(charge_point: dict[str, Any]) -> list[list[object]]:
    """A row for each connector; one for a charge point that has not told of any."""
    link, seen = _link(charge_point), display.ago(charge_point["last_seen_at"])
    connectors = [place for place in charge_point["connectors"] if place["connector_id"] > 0]
    if not connectors:
        return [[charge_point["id"], link, None, None, None, None, None, seen]]
    return [[f"{charge_point['id']}:{place['connector_id']}", link, *_cells(place), seen] for place in connectors]


def _cells(place: dict[str, Any]) -> list[object]:
    running = place["transaction"] or {}
    status = (
        place["status"]
        if place["error_code"] in ("NoError", "", None)
        else f"{place['status']} ({place['error_code']})"
    )
    since = display.duration(display.seconds_since(place["since"]))
    watts = display.power(place["power_w"]) if running or place["power_w"] else None
    return [status, watts, display.energy(running.get("energy_wh")), running.get("id_tag"), since]


def _link(charge_point: dict[str, Any]) -> str:
    if not charge_point["connected"]:
        return "offline"
    return "online" if charge_point["ready"] else "joining"
