"""What a charge point answered, told to a person or a program, and the exit code it means."""

import argparse
import sys
from typing import Any

from mcppd.cli import display
from mcppd.cli.outcome import Exit


def tell(args: argparse.Namespace, answer: dict[str, Any], what: str) -> int:
    """Print the answer to `what` (`CP001:1: start ...`): a refusal goes to stderr."""
    code = exit_of(answer)
    if args.json:
        print(display.as_json({"result": answer}))
    else:
        status = answer.get("status", "answered")
        print(display.safe(f"{what}: {status}"), file=sys.stderr if code else sys.stdout)
    return code


def exit_of(answer: dict[str, Any]) -> int:
    """An answer without a status, as to GetConfiguration, is one that was given."""
    from mcppd.model.commands import StatusAnswer

    status = answer.get("status")
    accepted = status is None or StatusAnswer(str(status)).accepted
    return Exit.ACCEPTED if accepted else Exit.REFUSED
