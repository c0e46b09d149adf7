"""The program: reads the command line, runs the command, and ends with its exit code."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from mcppd.cli import calling, charging, display, history, overview, watching
from mcppd.cli.client import Client, socket_path
from mcppd.cli.grammar import Grammar
from mcppd.cli.outcome import Failure

GROUPS = (overview, charging, history, watching, calling)
INTERRUPTED = 130


def grammar() -> Grammar:
    whole = Grammar()
    for group in GROUPS:
        group.add(whole)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    args = grammar().parser.parse_args(argv, Namespace(json=False, socket=None))
    args.client = Client(socket_path(args.socket))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = int(args.run(args))
        sys.stdout.flush()
        return code
    except Failure as failure:
        message = (
            display.as_json({"error": failure.error}) if args.json else f"mcppctl: {display.safe(failure.message)}"
        )
        print(message, file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader, as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
