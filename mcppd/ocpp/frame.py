"""Frames of OCPP-J: text to CALL, CALLRESULT or CALLERROR and back (OCPP-J 1.6, section 4).

Rules.

1. `read_frame` raises `FrameError` and nothing else, whatever the text and however long.
2. What it returns is bounded: depth at most 32, integers within 64 bits with sign, numbers finite, strings encodable as
   UTF-8 and free of control characters but tab, line feed and carriage return.
3. A text that fits is decoded once, in C, by a decoder whose type states these bounds. Only one that does not is looked
   at again: read tolerantly if it can be, else to tell what is wrong and whose answer is awaited.
4. Nothing that the peer said goes back to it but the message id: errors are told in our own words.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from mcppd.model.errors import MCPPDError

MAX_DEPTH = 32
MAX_MESSAGE_ID = 36
MAX_ACTION = 64
MAX_DESCRIPTION = 255
MAX_CALL_ERROR_BYTES = 512
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1

KINDS = (
    "not_json",
    "not_a_frame",
    "unknown_type",
    "bad_message_id",
    "bad_action",
    "too_deep",
    "number_range",
    "bad_text",
)
"""Every `FrameError.kind` there is; `unknown_type` is to be ignored without an answer (OCPP-J 1.6, 4.1.3)."""

FRAME_SYNTAX = "frame_syntax"
CONTROL_CHARACTERS = "control_characters"
MENDED = (FRAME_SYNTAX, CONTROL_CHARACTERS)
"""What may have been put right in the text itself, as `Call.mended` names it."""


class ErrorCode(StrEnum):
    """Why a CALL is refused, in no version's spelling: a dialect's `error_codes` has that."""

    NOT_IMPLEMENTED = "not_implemented"
    NOT_SUPPORTED = "not_supported"
    INTERNAL_ERROR = "internal_error"
    PROTOCOL_ERROR = "protocol_error"
    SECURITY_ERROR = "security_error"
    FORMATION_VIOLATION = "formation_violation"
    PROPERTY_CONSTRAINT_VIOLATION = "property_constraint_violation"
    OCCURRENCE_CONSTRAINT_VIOLATION = "occurrence_constraint_violation"
    TYPE_CONSTRAINT_VIOLATION = "type_constraint_violation"
    GENERIC_ERROR = "generic_error"


@dataclass(frozen=True, slots=True)
class Call:
    """`payload` is a dict in every sound frame; null, absent, "", [] and "null" are read as {}."""

    id: str
    action: str
    payload: Any
    mended: tuple[str, ...] = ()
    """What was put right in the text before it could be read, of `MENDED`."""


@dataclass(frozen=True, slots=True)
class CallResult:
    id: str
    payload: Any


@dataclass(frozen=True, slots=True)
class CallError:
    """`id` may be "" or "-1": the peer could not read whose error it is."""

    id: str
    code: str
    description: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


Frame = Call | CallResult | CallError


class FrameError(MCPPDError):
    """A text that is no frame. With `is_call` and a `message_id` the peer waits, and a CALLERROR may be sent.

    `kind` is one of `KINDS`; `message_id` is at most 36 characters, cut where the peer's was longer.
    """

    def __init__(self, kind: str, message_id: str | None = None, *, is_call: bool = False) -> None:
        self.kind, self.message_id, self.is_call = kind, message_id, is_call
        super().__init__(_SENTENCES[kind])


_SENTENCES = {
    "not_json": "the text is not JSON",
    "not_a_frame": "the JSON is not a frame of OCPP-J: an array of 3 to 5 elements with a type in front",
    "unknown_type": "the message type is none of 2, 3 and 4",
    "bad_message_id": f"the message id is not a string of 1 to {MAX_MESSAGE_ID} characters",
    "bad_action": f"the action is not a string of 1 to {MAX_ACTION} characters",
    "too_deep": f"the JSON is nested deeper than {MAX_DEPTH} levels",
    "number_range": "a number is out of range: integers of 64 bits and finite fractions are understood",
    "bad_text": "a string holds half of a surrogate pair",
}


def _bounded_json(depth: int) -> Any:
    """The type of a JSON value of at most `depth` levels within the bounds of rule 2."""
    integer = Annotated[int, msgspec.Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
    value: Any = None | bool | integer | float | str
    for _ in range(depth):
        value = None | bool | integer | float | str | list[value] | dict[str, value]
    return value


# The deepest message of OCPP 1.6 and 2.x has seven levels below the frame. Every level doubles the size of the
# decoder, so deeper frames, which only carry data of a vendor's own, take the second path.
_decoder = msgspec.json.Decoder(list[_bounded_json(7)])  # type: ignore[misc]
_encode = msgspec.json.Encoder().encode

_EMPTY: tuple[Any, ...] = (None, "", [], "null")
_SURROUNDINGS = "\ufeff\0 \t\r\n\v\f"
_CONTROLS = {code: None for code in (*range(32), 127) if chr(code) not in "\t\r\n"}
_HEAD_OF_CALL = re.compile(
    rf'[\s\0\ufeff]*\[[\s\0]*2[\s\0]*,[\s\0]*"([^"\\\0-\x1f\ud800-\udfff]{{1,{MAX_MESSAGE_ID}}})"'
)


def read_frame(text: str) -> Frame:
    """The frame in `text`. Raises `FrameError`, never anything else."""
    mended: tuple[str, ...] = ()
    try:
        frame = _decoder.decode(text)
    except (ValueError, RecursionError):
        frame, mended = _read_tolerantly(text)
    if ("\\u00" in text or mended) and type(frame) is list:
        cleaned = frame[:2] + _without_controls(frame[2:])  # the message id goes back as it came
        if cleaned != frame:
            frame, mended = cleaned, (*mended, CONTROL_CHARACTERS)
    return _frame_of(frame, mended)


def _frame_of(frame: Any, mended: tuple[str, ...]) -> Frame:
    if type(frame) is not list or not frame:
        raise FrameError("not_a_frame")
    kind = frame[0]
    if type(kind) is not int or kind not in (2, 3, 4):
        raise FrameError("unknown_type")
    size = len(frame)
    if size == 1:
        raise FrameError("not_a_frame")
    message_id = frame[1]
    if kind == 4:
        return _call_error(frame, message_id, size)
    if type(message_id) is not str or not 0 < len(message_id) <= MAX_MESSAGE_ID:
        cut = message_id[:MAX_MESSAGE_ID] if type(message_id) is str and message_id else None
        raise FrameError("bad_message_id", cut, is_call=kind == 2)
    if kind == 3:
        if size > 3:
            raise FrameError("not_a_frame", message_id)
        return CallResult(message_id, _payload(frame[2] if size == 3 else None))
    if not 3 <= size <= 4:
        raise FrameError("not_a_frame", message_id, is_call=True)
    action = frame[2]
    if type(action) is not str or not 0 < len(action) <= MAX_ACTION:
        raise FrameError("bad_action", message_id, is_call=True)
    return Call(message_id, action, _payload(frame[3] if size == 4 else None), mended)


def _payload(said: Any) -> Any:
    if type(said) is dict:
        return said
    return {} if said in _EMPTY else said


def _call_error(frame: list[Any], message_id: Any, size: int) -> CallError:
    """A CALLERROR as tolerantly as can be: whatever it lacks, it ends a call of ours."""
    if message_id is None or type(message_id) is int:
        message_id = "" if message_id is None else str(message_id)
    if type(message_id) is not str or len(message_id) > MAX_MESSAGE_ID:
        raise FrameError("bad_message_id")
    code = frame[2] if size > 2 and type(frame[2]) is str else ""
    description = frame[3] if size > 3 and type(frame[3]) is str else ""
    details = frame[4] if size > 4 and type(frame[4]) is dict else {}
    return CallError(message_id, code[:MAX_ACTION], description[:MAX_DESCRIPTION], details)


def _read_tolerantly(text: str) -> tuple[Any, tuple[str, ...]]:
    """Read what a strict decoder refuses but Python's can make sense of, within the bounds. Raises `FrameError`."""
    stripped = text.strip(_SURROUNDINGS)
    try:
        frame = json.loads(stripped, strict=False, parse_int=_integer, parse_float=_fraction, parse_constant=_constant)
    except OverflowError:
        raise _error_in(text, "number_range") from None
    except RecursionError:
        raise _error_in(text, "too_deep") from None
    except ValueError:
        raise _error_in(text, "not_json") from None
    if _depth_exceeds(frame, MAX_DEPTH):
        raise _error_in(text, "too_deep")
    if not _encodable(stripped, frame):
        raise _error_in(text, "bad_text")
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return frame, (FRAME_SYNTAX,)
    return frame, ()  # sound JSON, only deeper than the decoder's type


def _integer(digits: str) -> int:
    if len(digits) > 20:
        raise OverflowError
    value = int(digits)
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise OverflowError
    return value


def _fraction(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise OverflowError
    return value


def _constant(name: str) -> float:
    """NaN, Infinity and -Infinity, which are no JSON but which Python's decoder would take."""
    raise OverflowError


def _depth_exceeds(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [
            part
            for whole in layer
            if type(whole) in (list, dict)
            for part in (whole.values() if type(whole) is dict else whole)
        ]
        if not layer:
            return False
    return any(type(part) in (list, dict) for part in layer)


def _encodable(text: str, frame: Any) -> bool:
    """Whether no string in `frame` holds half of a surrogate pair; escapes in `text` may have made one."""
    try:
        text.encode()
        if "\\u" in text:
            _encode(frame)
    except UnicodeEncodeError:
        return False
    return True


def _without_controls(value: Any) -> Any:
    """`value` without control characters in any string, names of fields included."""
    if type(value) is str:
        return value if value.isprintable() else value.translate(_CONTROLS)
    if type(value) is list:
        return [_without_controls(part) for part in value]
    if type(value) is dict:
        return {_without_controls(name): _without_controls(part) for name, part in value.items()}
    return value


def _error_in(text: str, kind: str) -> FrameError:
    """The error, with the message id if the text begins as a CALL does: its sender waits for an answer."""
    head = _HEAD_OF_CALL.match(text)
    return FrameError(kind, head[1], is_call=True) if head else FrameError(kind)


def write_frame(frame: Frame) -> str:
    """`frame` as compact JSON in ASCII. A CALLERROR has at most 512 bytes and no details.

    Raises ValueError if a payload holds half of a surrogate pair. Its numbers must be finite.
    """
    match frame:
        case Call(message_id, action, payload):
            return write_json([2, message_id, action, payload])
        case CallResult(message_id, payload):
            return write_json([3, message_id, payload])
        case CallError(message_id, code, description):
            return _write_call_error(message_id[:MAX_MESSAGE_ID], code[:MAX_ACTION], description[:MAX_DESCRIPTION])


def _write_call_error(message_id: str, code: str, description: str) -> str:
    try:
        text = write_json([4, message_id, code, description, {}])
        if len(text) <= MAX_CALL_ERROR_BYTES:
            return text
        room = MAX_CALL_ERROR_BYTES - (len(text) - len(json.dumps(description)) + 2)
        text = write_json([4, message_id, code, description.encode("ascii", "replace").decode()[: max(0, room)], {}])
        if len(text) <= MAX_CALL_ERROR_BYTES:
            return text
    except ValueError:  # half of a surrogate pair: nothing that `read_frame` let in has one
        pass
    return '[4,"-1","InternalError","",{}]'


def write_json(value: Any) -> str:
    """`value` as compact JSON in ASCII. Raises ValueError for half of a surrogate pair; numbers must be finite."""
    text = _encode(value).decode()
    return text if text.isascii() else json.dumps(value, separators=(",", ":"), allow_nan=False)
