"""Frames to messages: fragments put together, text made of bytes. No socket."""

from typing import Any

from websockets.frames import Frame, Opcode

MAX_FRAGMENTS = 256
"""Frames of one message."""

TOO_BIG, NOT_TEXT = 1009, 1007


class Unacceptable(Exception):
    """The connection fails with close `code` (RFC 6455, 7.4.1) because of `reason`."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason)


class Messages:
    """Puts messages together. Their size, and the order of fragments, the protocol under it has checked."""

    __slots__ = ("_fragments",)

    def __init__(self) -> None:
        self._fragments: list[Any] | None = None

    def add(self, frame: Frame) -> str | None:
        """The text of the message that `frame` completes, binary ones read like text; None if it completes none.

        Raises `Unacceptable` for too many fragments, and for what is not UTF-8.
        """
        opcode = frame.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if frame.fin:
                return _text(frame.data)
            self._fragments = [frame.data]
        elif opcode is Opcode.CONT and self._fragments is not None:
            self._fragments.append(frame.data)
            if len(self._fragments) > MAX_FRAGMENTS:
                self._fragments = None
                raise Unacceptable(TOO_BIG, f"more than {MAX_FRAGMENTS} fragments")
            if frame.fin:
                fragments, self._fragments = self._fragments, None
                return _text(b"".join(fragments))
        return None


def _text(data: Any) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as problem:
        raise Unacceptable(NOT_TEXT, f"not UTF-8: {problem.reason} at position {problem.start}") from None
