"""The shape that all commands share: `--json` and `--socket` before or after, two examples in each help."""

import argparse
from collections.abc import Callable

from mcppd.cli.client import SOCKET
from mcppd.cli.outcome import MEANINGS

Run = Callable[[argparse.Namespace], int]
"""A command: does it with `args.client`, prints, and returns the exit code. Raises Failure."""


class Grammar:
    def __init__(self) -> None:
        codes = "\n".join(f"  {code.value}  {meaning}" for code, meaning in MEANINGS.items())
        self._shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
        self._shared.add_argument("--json", action="store_true", help="JSON for programs instead of text for people")
        self._shared.add_argument(
            "--socket", metavar="PATH", help=f"control socket (else MCPPD_HTTP__SOCKET, else {SOCKET})"
        )
        self.parser = argparse.ArgumentParser(
            prog="mcppctl",
            description="See and steer the charge points of this site.",
            epilog=f"places: CP001 is a charge point, CP001:2 its connector 2\n\nexit codes:\n{codes}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[self._shared],
        )
        self._commands = self.parser.add_subparsers(metavar="COMMAND", required=True)

    def command(self, name: str, run: Run, help: str, *examples: str) -> argparse.ArgumentParser:
        """A new command, to add arguments to."""
        shown = "\n".join(f"  mcppctl {example}" for example in examples)
        parser: argparse.ArgumentParser = self._commands.add_parser(
            name,
            help=help,
            description=help[:1].upper() + help[1:] + ".",
            epilog=f"examples:\n{shown}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[self._shared],
        )
        parser.set_defaults(run=run)
        return parser
