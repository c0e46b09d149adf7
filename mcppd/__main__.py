"""mcppd, the daemon: `python -m mcppd`, or the program `mcppd`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import mcppd
from mcppd.config import DEFAULT_PATH, effective, load
from mcppd.model.errors import ConfigurationError
from mcppd.model.settings import Settings

EX_CONFIG = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the configuration and serve. Returns the exit status: 78 if the configuration or the database is refused."""
    options = _parser().parse_args(arguments)

    def read() -> Settings:
        return load(options.config, environ=os.environ, overrides=options.set)

    try:
        settings = read()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    if options.check:
        print(f"# the configuration is sound; what came of {options.config or DEFAULT_PATH} and the rest:")
        print(effective(settings), end="")
        return 0
    # Imported late: --check and a faulty configuration need none of it.
    from mcppd.daemon import serve

    return serve(settings, read)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mcppd", description="OCPP central system for charge points on the LAN.")
    parser.add_argument("--config", type=Path, metavar="FILE", help=f"configuration (default {DEFAULT_PATH})")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override one setting; may be given several times",
    )
    parser.add_argument("--check", action="store_true", help="read the configuration, tell what is wrong, and exit")
    parser.add_argument("--version", action="version", version=f"mcppd {mcppd.__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
