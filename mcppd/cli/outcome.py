"""How a command ends: the exit codes, and the one exception that carries them."""

from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    ACCEPTED = 0
    REFUSED = 1
    """By the charge point: an answer other than Accepted, or an error."""
    USAGE = 2
    """What was asked for does not exist or makes no sense."""
    OFFLINE = 3
    NO_ANSWER = 4
    UNREACHABLE = 5
    """The daemon is."""


MEANINGS = {
    Exit.ACCEPTED: "accepted",
    Exit.REFUSED: "refused by the charge point",
    Exit.USAGE: "usage: an unknown charge point, action or option, or a body against the schema",
    Exit.OFFLINE: "the charge point is offline",
    Exit.NO_ANSWER: "no answer in time",
    Exit.UNREACHABLE: "the daemon cannot be reached, or failed",
}


class Failure(Exception):
    """`message` is a sentence for the operator; `error` what the daemon said, if it did."""

    def __init__(self, code: Exit, message: str, error: dict[str, Any] | None = None) -> None:
        self.code, self.message = code, message
        self.error = error or {"message": message}
        super().__init__(message)


_BY_STATUS = {
    400: Exit.USAGE,
    404: Exit.USAGE,
    405: Exit.USAGE,
    409: Exit.OFFLINE,
    413: Exit.USAGE,
    415: Exit.USAGE,
    422: Exit.USAGE,
    502: Exit.REFUSED,
    504: Exit.NO_ANSWER,
}


def failure_of(status: int, error: dict[str, Any]) -> Failure:
    """What an HTTP status other than 200, with its error, means for who typed the command."""
    code = _BY_STATUS.get(status, Exit.UNREACHABLE)
    if error.get("kind") == "NotPermitted":
        code = Exit.REFUSED
    return Failure(code, str(error.get("message") or f"the daemon answered with HTTP status {status}"), error)
