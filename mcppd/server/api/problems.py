"""What the API answers when something is wrong: a status, and `{"error": {"kind", "message", ...}}`.

`kind` is for programs, `message` a sentence that tells a person what to do. `problem_of` is the one place where errors
of the house become answers of this door.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.exceptions import HTTPException

from mcppd.model import errors


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    kind: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {"error": {"kind": self.kind, **self.details, "message": self.message}}


class Refused(Exception):
    """Raised anywhere below a route to answer with `problem`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


def refuse(status: int, kind: str, message: str, **details: Any) -> Refused:
    return Refused(Problem(status, kind, message, details))


_STATUS: tuple[tuple[type[errors.MCPPDError], int], ...] = (
    (errors.ChargePointUnknown, 404),
    (errors.ActionUnknown, 404),
    (errors.ChargePointOffline, 409),
    (errors.NotPermitted, 409),
    (errors.CallRefused, 409),
    (errors.SchemaViolation, 422),
    (errors.CallErrorReceived, 502),
    (errors.BadAnswer, 502),
    (errors.ConnectionClosed, 504),
    (errors.NoAnswer, 504),
    (errors.CallFailed, 502),
    (errors.StorageError, 503),
)
"""The first that fits counts."""


def problem_of(error: Exception) -> Problem | None:
    """The answer for an error that was foreseen; None for one that was not."""
    match error:
        case Refused():
            return error.problem
        case HTTPException(status_code=405):
            allowed = (error.headers or {}).get("Allow", "")
            message = f"this address takes {allowed} only"
            return Problem(405, "MethodNotAllowed", message, headers={"allow": allowed})
        case errors.MCPPDError():
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), None)
            return None if status is None else Problem(status, type(error).__name__, str(error), _details(error))
        case TimeoutError():
            return Problem(503, "TooSlow", "the daemon could not read this in time; narrow it down or try again")
    return None


def _details(error: errors.MCPPDError) -> dict[str, Any]:
    match error:
        case errors.SchemaViolation():
            return {"path": error.path, "rule": error.rule}
        case errors.CallErrorReceived():
            return {"code": error.code, "description": error.description}
        case errors.ActionUnknown():
            return {"known": list(error.known)}
    return {}
