"""The command line of mcppd-sim."""

import argparse
from collections.abc import Callable
from urllib.parse import urlsplit

from mcppd import __version__
from mcppd.simulator.scenarios import SCENARIOS

DEFAULT_URL = "ws://127.0.0.1:9000/ocpp"

EXAMPLES = f"""scenarios:
{chr(10).join(f"  {one.name:<9}{one.help}" for one in SCENARIOS.values())}

examples:
  mcppd-sim                                       one charge point, charging again and again
  mcppd-sim --count 50 --stagger 0.2 ws://box:9000/ocpp
  mcppd-sim --scenario offline --charge-time 30   what happens when the network is lost
"""


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        prog="mcppd-sim",
        description="Simulated OCPP 1.6 charge points, to try a central system without hardware.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add("url", nargs="?", type=_url, default=DEFAULT_URL, metavar="URL", help="central system (%(default)s)")
    add("--id", default="CP001", help="identity of the first charge point (%(default)s)")
    add("--count", type=_whole(1, 1000), default=1, metavar="N", help="how many: CP001, CP002, ... (%(default)s)")
    add("--connectors", type=_whole(1, 99), default=1, metavar="N", help="connectors of each (%(default)s)")
    add("--scenario", choices=SCENARIOS, default="cycle", help="what happens there, see below (%(default)s)")
    add("--cycles", type=_whole(0, 10**6), default=0, metavar="N", help="rounds of cycle; 0 is for ever (%(default)s)")
    add("--charge-time", type=_number(0, 10**6), default=60.0, metavar="S", help="seconds of a charge (%(default)s)")
    add("--pause", type=_number(0, 10**6), default=10.0, metavar="S", help="seconds between charges (%(default)s)")
    add("--offline-time", type=_number(0, 10**6), default=20.0, metavar="S", help="seconds offline (%(default)s)")
    add(
        "--stagger", type=_number(0, 3600), default=1.0, metavar="S", help="seconds between charge points (%(default)s)"
    )
    add(
        "--speed", type=_number(0.01, 3600), default=1.0, metavar="X", help="energy flows X times as fast (%(default)s)"
    )
    add("--power", type=_number(0.1, 1000), default=11.0, metavar="KW", help="of the vehicle at most (%(default)s)")
    add("--battery", type=_number(1, 1000), default=60.0, metavar="KWH", help="size of the battery (%(default)s)")
    add("--soc", type=_number(0, 100), default=30.0, metavar="PERCENT", help="charge of the battery (%(default)s)")
    add(
        "--meter-interval", type=_whole(0, 86400), default=10, metavar="S", help="seconds between samples (%(default)s)"
    )
    add("--tag", default="LOCALTAG", help="id tag of the scenario local (%(default)s)")
    add("--vendor", default="mcppd", help="(%(default)s)")
    add("--model", default="Simulator", help="(%(default)s)")
    add("--firmware", default="1.0", help="(%(default)s)")
    add("--password", help="password for HTTP Basic authentication; the user name is the identity")
    add("--reconnect-without-boot", action="store_true", help="BootNotification after a reboot only, not on every link")
    add("--messages", action="store_true", help="print every OCPP message")
    add("--quiet", action="store_true", help="print no events")
    add("--version", action="version", version=f"mcppd-sim {__version__}")
    return arguments


def identities(first: str, count: int) -> list[str]:
    """`count` identities, `first` before all: the number at its end counts up, 2 is put there if it has none."""
    stem = first.rstrip("0123456789")
    digits = first[len(stem) :]
    return [first] + [f"{stem}{int(digits or 1) + further:0{len(digits)}d}" for further in range(1, count)]


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"must be like {DEFAULT_URL} (got {text!r})")
    return text


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high} (got {text!r})")
        return int(text)

    return read


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be a number from {low:g} to {high:g} (got {text!r})")
        return value

    return read
