"""A dialect: one OCPP version as explicit tables. Frames' payloads are read into the model's words by it, and written.

Rules.

1. Liberal in: what does not fit its schema is mended if it can be (`repair`), and every repair is told.
2. A message about a transaction is never refused for its content: what cannot be mended is read as far as it goes, with
   `Reading.fits` false (OCPP 1.6, 4.8, 4.10, 4.7: a failed check must not keep the answer back).
3. Strict out: everything written is checked against its schema. A reply that does not fit is our own mistake.
4. The tables are data: an action is one row, and a version is one function that returns a `Dialect`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mcppd.model.commands import Answer, Command, OpaqueCommand
from mcppd.model.errors import ActionUnknown, MCPPDError, SchemaViolation
from mcppd.model.replies import Reply
from mcppd.model.requests import Repair, Request
from mcppd.ocpp.frame import MAX_DEPTH, MAX_INTEGER, MIN_INTEGER, Call, ErrorCode
from mcppd.ocpp.repair import mend
from mcppd.ocpp.schemas import Schema

RULE_CODES = {
    "required": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "minItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "maxItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    "additionalProperties": ErrorCode.FORMATION_VIOLATION,
    "format": ErrorCode.FORMATION_VIOLATION,
}
"""The error for a broken schema keyword; any other is a constraint on the value of a property."""


class Rejected(MCPPDError):
    """A CALL that is refused with a CALLERROR. `description` is in our own words, at most 255 characters."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        self.code, self.description = code, description[:255]
        super().__init__(self.description)


@dataclass(frozen=True, slots=True)
class Reading:
    """A request as understood. `fits` is False where the schema is still violated and it was read as far as it goes."""

    request: Request
    repairs: tuple[Repair, ...] = ()
    fits: bool = True


@dataclass(frozen=True, slots=True)
class Incoming:
    """An action that the charge point calls, and our reply to it."""

    request: Schema
    response: Schema
    read: Callable[[Mapping[str, Any]], Request]
    """Total: whatever the fields hold, it returns a request."""
    reply: type[Reply]
    write: Callable[[Any], dict[str, Any]]
    about_transaction: bool = False
    """Never refused for its content."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An action that we call, and the charge point's answer to it.

    One without `command`, `write` and `read` has no class of its own: it is sent as an `OpaqueCommand`.
    """

    request: Schema
    response: Schema
    read_answer: Callable[[Mapping[str, Any]], Answer]
    command: type[Command] | None = None
    write: Callable[[Any], dict[str, Any]] | None = None
    read: Callable[[Mapping[str, Any]], Command] | None = None
    tolerant: bool = False
    """Whether an answer that does not fit its schema is still read for what it holds."""


class Dialect:
    """`subprotocol` is what the WebSocket handshake calls it; `error_codes` spells every `ErrorCode`."""

    __slots__ = ("_actions", "error_codes", "incoming", "outgoing", "subprotocol", "version")

    def __init__(
        self,
        version: str,
        subprotocol: str,
        error_codes: Mapping[ErrorCode, str],
        incoming: Mapping[str, Incoming],
        outgoing: Mapping[str, Outgoing],
    ) -> None:
        self.version, self.subprotocol = version, subprotocol
        self.error_codes: Mapping[ErrorCode, str] = MappingProxyType(dict(error_codes))
        self.incoming: Mapping[str, Incoming] = MappingProxyType(dict(incoming))
        self.outgoing: Mapping[str, Outgoing] = MappingProxyType(dict(outgoing))
        self._actions = {row.command: action for action, row in outgoing.items() if row.command is not None}

    def read(self, call: Call) -> Reading:
        """The request in `call`. Raises `Rejected`, never anything else."""
        row = self.incoming.get(call.action)
        if row is None:
            raise self._unreadable(call.action)
        payload = call.payload
        if row.request.fits(payload) and not call.mended:
            return Reading(row.read(payload))
        return self._read_mended(row, call)

    def _unreadable(self, action: str) -> Rejected:
        if action in self.outgoing:
            return Rejected(ErrorCode.NOT_SUPPORTED, "this action is for the central system to call")
        return Rejected(ErrorCode.NOT_IMPLEMENTED, "this action is not known")

    def _read_mended(self, row: Incoming, call: Call) -> Reading:
        payload, repairs = mend(row.request.document, call.payload)
        repairs = (*(Repair(kind, "$") for kind in call.mended), *repairs)
        violation = row.request.violation(payload)
        if violation is None:
            return Reading(row.read(payload), repairs)
        if not row.about_transaction:
            code = RULE_CODES.get(violation.rule, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION)
            raise Rejected(code, f"{violation.path}: {violation.message}")
        return Reading(row.read(payload if type(payload) is dict else {}), repairs, fits=False)

    def write_reply(self, action: str, reply: Reply) -> dict[str, Any]:
        """The payload of the CALLRESULT. Raises `SchemaViolation`: a mistake of ours, or of a plugin."""
        row = self.incoming[action]
        if type(reply) is not row.reply:
            raise SchemaViolation(action, "$", "type", f"is a {type(reply).__name__}, not a {row.reply.__name__}")
        payload = row.write(reply)
        row.response.check(payload)
        return payload

    def write_command(self, command: Command) -> tuple[str, dict[str, Any]]:
        """Action and payload of the CALL. Raises `SchemaViolation`, and `ActionUnknown` for what this version lacks."""
        match command:
            case OpaqueCommand(action, spelled):
                row, body = self._outgoing(action), dict(spelled)
            case _:
                action = self._actions.get(type(command), type(command).__name__)
                row = self._outgoing(action)
                body = row.write(command) if row.write is not None else {}
        _check_sendable(action, body)
        row.request.check(body)
        return action, body

    def read_command(self, action: str, body: Any) -> Command:
        """The command that an operator spelled. Raises `SchemaViolation` and `ActionUnknown`."""
        row = self._outgoing(action)
        _check_sendable(action, body)
        row.request.check(body)
        return OpaqueCommand(action, body) if row.read is None else row.read(body)

    def read_answer(self, action: str, payload: Any) -> Answer:
        """What the charge point answered to `action`, mended where needed. Raises `SchemaViolation`."""
        row = self._outgoing(action)
        if row.response.fits(payload):
            return row.read_answer(payload)
        mended, _ = mend(row.response.document, payload, cut=False)
        violation = row.response.violation(mended)
        if violation is None or (row.tolerant and type(mended) is dict):
            return row.read_answer(mended)
        raise violation

    def _outgoing(self, action: str) -> Outgoing:
        row = self.outgoing.get(action)
        if row is None:
            raise ActionUnknown(action, sorted(self.outgoing))
        return row


def _check_sendable(action: str, value: Any, path: str = "$", depth: int = 1) -> None:
    """Raise `SchemaViolation` for what a schema lets pass but a frame cannot carry: NaN, half a surrogate pair, ..."""
    match value:
        case str():
            if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
                raise SchemaViolation(action, path, "type", "holds half of a surrogate pair")
        case int():
            if not MIN_INTEGER <= value <= MAX_INTEGER:
                raise SchemaViolation(action, path, "type", "must be an integer of at most 64 bits")
        case float():
            if not math.isfinite(value):
                raise SchemaViolation(action, path, "type", "must be a finite number")
        case dict() | list():
            if depth == MAX_DEPTH:
                raise SchemaViolation(action, path, "type", f"is nested deeper than {MAX_DEPTH} levels")
            for name, part in value.items() if isinstance(value, dict) else enumerate(value):
                where = f"{path}[{name}]" if isinstance(value, list) else f"{path}.{name}"
                _check_sendable(action, part, where, depth + 1)
