"""One grammar for places: `CP001` is a charge point, `CP001:2` its connector 2."""

from typing import Any, NamedTuple

from mcppd.cli.client import Client
from mcppd.cli.outcome import Exit, Failure


class Place(NamedTuple):
    charge_point: dict[str, Any]
    """As the API shows it."""
    connector: int | None

    @property
    def identity(self) -> str:
        return str(self.charge_point["id"])

    def __str__(self) -> str:
        return self.identity if self.connector is None else f"{self.identity}:{self.connector}"

    @property
    def connectors(self) -> list[dict[str, Any]]:
        """Those that this place means, without the charge point itself (0)."""
        own = [place for place in self.charge_point["connectors"] if place["connector_id"] > 0]
        return [place for place in own if self.connector in (None, place["connector_id"])]


def find_place(client: Client, text: str) -> Place:
    """Ask the daemon for `text`. An identity may itself end in a colon and a number. Raises Failure."""
    head, colon, tail = text.rpartition(":")
    if colon and head and tail.isascii() and tail.isdigit():
        try:
            return Place(client.get("charge-points", head), int(tail))
        except Failure as failure:
            if failure.code is not Exit.USAGE:
                raise
    try:
        return Place(client.get("charge-points", text), None)
    except Failure as failure:
        raise _with_suggestion(client, head if colon and tail.isdigit() else text, failure) from failure


def one_connector(place: Place) -> int | None:
    """The connector that is meant; None where the charge point has told of none. Raises Failure if unclear."""
    if place.connector is not None:
        return place.connector
    numbers = [connector["connector_id"] for connector in place.connectors]
    if len(numbers) > 1:
        choice = " or ".join(f"{place.identity}:{number}" for number in numbers)
        raise Failure(Exit.USAGE, f"{place.identity} has {len(numbers)} connectors: say {choice}")
    return numbers[0] if numbers else None


def _with_suggestion(client: Client, text: str, failure: Failure) -> Failure:
    if failure.error.get("kind") != "ChargePointUnknown":
        return failure
    from difflib import get_close_matches

    known = {str(item["id"]).lower(): str(item["id"]) for item in client.get("charge-points")["items"]}
    close = get_close_matches(text.lower(), known, 1)
    if not close:
        return failure
    return Failure(failure.code, f"no charge point {text!r} is known; did you mean {known[close[0]]}?", failure.error)
