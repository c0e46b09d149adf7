"""One link's state of exchange, sans-I/O: what came in, what we owe, what we wait for (OCPP-J 1.6, 4.1).

Rules.

1. One call of ours is in flight at a time; what answers it must bear its message id.
2. A CALL said again (same message id, action and payload) is not handled again: it gets the answer of the first. A
   message id stands for the last CALL that bore it: charge points start over with their ids, or have but one.
3. A CALL without content is the exception: it has nothing that a second handling could double, and its answer (the
   time) must not be an old one.
4. All that is remembered is bounded: 64 replies and 64 KiB of them, 64 repeats that wait, 16 overdue calls.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mcppd.ocpp.frame import Call, CallError, CallResult, ErrorCode, FrameError, read_frame, write_frame, write_json

MAX_REPLIES = 64
MAX_REPLY_BYTES = 64 * 1024
MAX_WAITING_REPEATS = 64
MAX_OVERDUE = 16

GARBLE_CODES = {
    "not_json": ErrorCode.FORMATION_VIOLATION,
    "not_a_frame": ErrorCode.FORMATION_VIOLATION,
    "bad_message_id": ErrorCode.PROTOCOL_ERROR,
    "bad_action": ErrorCode.FORMATION_VIOLATION,
    "too_deep": ErrorCode.FORMATION_VIOLATION,
    "number_range": ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
    "bad_text": ErrorCode.FORMATION_VIOLATION,
}
"""What a CALL that is no sound frame is refused with."""

_UNKNOWN_IDS = ("", "-1")
_canonical = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Asked:
    """A CALL to handle; it is owed one `answer`, `refuse` or `drop`."""

    call: Call


@dataclass(frozen=True, slots=True)
class Answered:
    """Our call in flight, of `action`, got its result or error."""

    frame: CallResult | CallError
    action: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """A CALL said again. `texts` are to be sent; none while the first is being handled: its answer has them."""

    texts: list[str]


@dataclass(frozen=True, slots=True)
class Stray:
    """A result or error that answers nothing in flight; `late` if it answers a call that was given up."""

    message_id: str
    late: bool


@dataclass(frozen=True, slots=True)
class Garbled:
    """No frame; `kind` is of `frame.KINDS`, `reply` is to be sent if there is one."""

    kind: str
    reply: str | None


Received = Asked | Answered | Repeated | Stray | Garbled


@dataclass(slots=True)
class _Open:
    """A CALL that is being handled, and how often it was said again meanwhile."""

    call: Call
    fingerprint: int
    repeats: int = 0


@dataclass(slots=True)
class _Replies:
    """The replies given last, oldest first: message id -> fingerprint of the CALL, and the reply without its id."""

    by_id: dict[int, tuple[int, str]] = field(default_factory=dict)
    size: int = 0

    def find(self, message_id: str, fingerprint: int) -> str | None:
        known, tail = self.by_id.get(hash(message_id), (0, ""))
        return tail if tail and known == fingerprint else None

    def forget(self, message_id: str) -> None:
        self.size -= len(self.by_id.pop(hash(message_id), (0, ""))[1])

    def keep(self, message_id: str, fingerprint: int, tail: str) -> None:
        self.forget(message_id)
        if len(tail) > MAX_REPLY_BYTES:
            return
        self.by_id[hash(message_id)] = (fingerprint, tail)
        self.size += len(tail)
        while len(self.by_id) > MAX_REPLIES or self.size > MAX_REPLY_BYTES:
            self.size -= len(self.by_id.pop(next(iter(self.by_id)))[1])


class Exchange:
    """`error_codes` are the spellings of the dialect spoken; `new_id` makes message ids of 1 to 36 characters."""

    __slots__ = ("_error_codes", "_in_flight", "_new_id", "_open", "_overdue", "_replies")

    def __init__(self, error_codes: Mapping[ErrorCode, str], new_id: Callable[[], str]) -> None:
        self._error_codes = error_codes
        self._new_id = new_id
        self._open: dict[str, list[_Open]] = {}
        self._replies = _Replies()
        self._in_flight: tuple[str, str] | None = None
        self._overdue: dict[str, None] = {}

    def receive(self, text: str) -> Received:
        """What `text` means on this link. Never raises."""
        try:
            frame = read_frame(text)
        except FrameError as error:
            return Garbled(error.kind, self._garble_reply(error))
        if type(frame) is Call:
            return self._asked(frame)
        return self._answered(frame)  # type: ignore[arg-type]

    def _asked(self, call: Call) -> Asked | Repeated:
        fingerprint = hash((call.id, call.action, _canonical(call.payload))) if call.payload else 0
        waiting = self._open.get(call.id)
        if fingerprint:
            tail = self._replies.find(call.id, fingerprint)
            if tail is not None:
                return Repeated([_with_id(call.id, tail)])
            for first in waiting or ():
                if first.fingerprint == fingerprint:
                    first.repeats = min(first.repeats + 1, MAX_WAITING_REPEATS)
                    return Repeated([])
        if waiting is None:
            self._open[call.id] = [_Open(call, fingerprint)]
        else:
            waiting.append(_Open(call, fingerprint))
        self._replies.forget(call.id)
        return Asked(call)

    def answer(self, call: Call, payload: Mapping[str, Any]) -> list[str]:
        """The texts that answer `call`: one for each time it was said so far. None if it is owed no answer any more."""
        return self._settle(call, f"3{write_json(payload)}" if payload else "3{}")

    def refuse(self, call: Call, code: ErrorCode, description: str) -> list[str]:
        """As `answer`, with a CALLERROR. `description` is in our own words and cut to fit."""
        text = write_frame(CallError(call.id, self._error_codes[code], description))
        return self._settle(call, f"4{text}")

    def drop(self, call: Call) -> None:
        """`call` will not be answered: what it says could not be stored. Said again, it is asked again."""
        self._close(call)

    def ask(self, action: str, payload: Mapping[str, Any]) -> tuple[str, str]:
        """Message id and text of a call of ours. Raises RuntimeError while one is in flight (OCPP-J 1.6, 4.1.1)."""
        if self._in_flight is not None:
            raise RuntimeError(f"{self._in_flight[1]} is in flight: {action} has to wait")
        message_id = self._new_id()
        text = write_frame(Call(message_id, action, payload))
        self._in_flight = (message_id, action)
        return message_id, text

    def abandon(self) -> None:
        """Our call in flight is overdue, so that the next may go; a result that still comes is a late stray."""
        if self._in_flight is None:
            return
        self._overdue[self._in_flight[0]] = None
        if len(self._overdue) > MAX_OVERDUE:
            del self._overdue[next(iter(self._overdue))]
        self._in_flight = None

    def _answered(self, frame: CallResult | CallError) -> Answered | Stray:
        if self._in_flight is not None:
            message_id, action = self._in_flight
            if frame.id == message_id or (type(frame) is CallError and frame.id in _UNKNOWN_IDS):
                self._in_flight = None
                return Answered(frame, action)
        late = frame.id in self._overdue
        if late:
            del self._overdue[frame.id]
        return Stray(frame.id, late)

    def _garble_reply(self, error: FrameError) -> str | None:
        if not error.is_call or error.message_id is None:
            return None
        code = self._error_codes[GARBLE_CODES[error.kind]]
        return write_frame(CallError(error.message_id, code, str(error)))

    def _settle(self, call: Call, tail: str) -> list[str]:
        settled = self._close(call)
        if settled is None:
            return []
        if settled.fingerprint and call.id not in self._open:
            self._replies.keep(call.id, settled.fingerprint, tail)
        return [_with_id(call.id, tail)] * (1 + settled.repeats)

    def _close(self, call: Call) -> _Open | None:
        waiting = self._open.get(call.id, [])
        one = next((one for one in waiting if one.call is call), None)
        if one is None:  # on its way it may have been replaced by one with a mended payload
            one = next((one for one in waiting if one.call.action == call.action), None)
        if one is not None:
            waiting.remove(one)
            if not waiting:
                del self._open[call.id]
        return one


def _with_id(message_id: str, tail: str) -> str:
    """The whole text of a reply that is kept without its id: most of those are the same three characters."""
    if tail[0] == "4":
        return tail[1:]
    return f"[3,{write_json(message_id)},{tail[1:]}]"
