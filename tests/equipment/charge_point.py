"""A charge point to play the other side, over a real socket. Tests read like speech:

    async with ChargePoint.connect(port, "CP1") as cp:
        reply = await cp.says("Heartbeat")
        call = await cp.hears("Reset")
        await cp.answers(call, {"status": "Accepted"})

Rules.

1. Every wait ends: after `PATIENCE` seconds of real time with an AssertionError that says what was waited for and what
   came instead.
2. Nothing that arrives is lost: what nobody has asked for yet stays unread until somebody does.
3. `hears` answers by habit the calls that stand between it and the one it waits for, if there is a habit for them (the
   daemon has one call in flight at a time); a call without a habit stays unread and unanswered.
"""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

PATIENCE = 10.0
"""Seconds of real time that anything may take."""

HABITS: Mapping[str, Mapping[str, Any]] = {
    "TriggerMessage": {"status": "NotImplemented"},
    "GetConfiguration": {"configurationKey": [], "unknownKey": []},
    "ChangeConfiguration": {"status": "NotSupported"},
}
"""What the daemon asks of itself after a connect or a boot, and the answers of a charge point that is of no help."""

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4

T = TypeVar("T")


class CallErrorAnswer(Exception):
    """The central system answered with a CALLERROR."""

    def __init__(self, code: str, description: str, details: Any = None) -> None:
        super().__init__(code, description, details)
        self.code, self.description, self.details = code, description, details


class HandshakeRefused(Exception):
    """The central system answered the handshake with another HTTP status than 101."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str]) -> None:
        super().__init__(status, reason)
        self.status, self.reason, self.headers = status, reason, headers


@dataclass(frozen=True, slots=True)
class Heard:
    """A CALL of the central system."""

    id: str
    action: str
    payload: Any


class ChargePoint:
    """One connection of one charge point. Made by `connect`, or by `dial` where a test hangs up by itself."""

    def __init__(self, identity: str, socket: ClientConnection, habits: Mapping[str, Mapping[str, Any]]) -> None:
        self.identity = identity
        self.socket = socket
        self.habits = dict(habits)
        self.unread: list[str] = []
        """Frames that came and that nobody asked for yet, oldest first."""
        self._reading = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def connect(cls, port: int, identity: str, **options: Any) -> "AsyncIterator[ChargePoint]":
        """As `dial`; hangs up politely at the end of the block."""
        charge_point = await cls.dial(port, identity, **options)
        try:
            yield charge_point
        finally:
            await charge_point.leaves()

    @classmethod
    async def dial(
        cls,
        port: int,
        identity: str,
        *,
        subprotocols: Sequence[str] | None = ("ocpp1.6",),
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        path: str | None = None,
        auth: tuple[str, bytes | str] | None = None,
        host: str = "127.0.0.1",
        habits: Mapping[str, Mapping[str, Any]] = HABITS,
    ) -> "ChargePoint":
        """Connect to ws://`host`:`port``path`; the path is /ocpp/IDENTITY, percent-encoded, unless given.

        Raises `HandshakeRefused`.
        """
        sent = list(headers.items() if isinstance(headers, Mapping) else headers)
        if auth is not None:
            username, password = auth
            secret = password.encode() if isinstance(password, str) else password
            sent.append(("Authorization", "Basic " + base64.b64encode(username.encode() + b":" + secret).decode()))
        where = f"/ocpp/{quote(identity, safe='')}" if path is None else path
        try:
            socket = await connect(
                f"ws://{host}:{port}{where}",
                subprotocols=subprotocols,  # type: ignore[arg-type]
                additional_headers=sent,
                compression=None,
                ping_interval=None,
                open_timeout=PATIENCE,
                close_timeout=1,
                max_size=None,
                max_queue=None,
                user_agent_header=None,
                proxy=None,
            )
        except InvalidStatus as refused:
            response = refused.response
            reason = bytes(response.body).decode().strip()
            raise HandshakeRefused(response.status_code, reason, response.headers) from None
        return cls(identity, socket, habits)

    @property
    def subprotocol(self) -> str | None:
        return self.socket.subprotocol

    # What the charge point says.

    async def says(self, action: str, payload: Any = None, *, message_id: str | None = None) -> Any:
        """Send a CALL and return the payload of its CALLRESULT. Raises `CallErrorAnswer`."""
        return await self.reply_to(await self.begins(action, payload, message_id=message_id))

    async def begins(self, action: str, payload: Any = None, *, message_id: str | None = None) -> str:
        """Send a CALL and return its message id without waiting for the answer."""
        message_id = message_id or str(uuid.uuid4())
        await self.sends_text(json.dumps([CALL, message_id, action, {} if payload is None else payload]))
        return message_id

    async def reply_to(self, message_id: str) -> Any:
        """The payload of the answer to that CALL. Raises `CallErrorAnswer`."""

        def is_reply(frame: Any) -> bool:
            return _is_list(frame, 3) and frame[0] in (CALL_RESULT, CALL_ERROR) and frame[1] == message_id

        frame = await self._bounded(self._take(is_reply), f"the answer to {message_id}")
        if frame[0] == CALL_ERROR:
            raise CallErrorAnswer(*frame[2:])
        return frame[2]

    async def answers(self, call: Heard, payload: Any = None) -> None:
        await self.sends_text(json.dumps([CALL_RESULT, call.id, {} if payload is None else payload]))

    async def refuses(self, call: Heard, code: str = "NotSupported", description: str = "") -> None:
        """Answer with a CALLERROR."""
        await self.sends_text(json.dumps([CALL_ERROR, call.id, code, description, {}]))

    async def sends_text(self, raw: str | bytes) -> None:
        """Send one frame as it is: text for a str, binary for bytes."""
        await self._bounded(self.socket.send(raw), "room to send")

    # What the charge point hears.

    async def hears(self, action: str) -> Heard:
        """The next CALL with this action. Those before it are answered by habit, or stay unread."""
        while True:
            frame = await self._bounded(
                self._take(lambda frame: _is_call(frame) and (frame[2] == action or frame[2] in self.habits)),
                f"a {action} from the central system",
            )
            call = Heard(frame[1], frame[2], frame[3])
            if call.action == action:
                return call
            await self.answers(call, self.habits[call.action])

    async def next_frame(self) -> Any:
        """The oldest unread frame, read as JSON."""
        return json.loads(await self.next_text())

    async def next_text(self) -> str:
        """The oldest unread frame as it came."""
        while not self.unread:
            await self._bounded(self._read_one(), "a frame")
        return self.unread.pop(0)

    async def closed(self) -> tuple[int, str]:
        """Wait until the central system closes the connection: (code, reason); 1006 if without a closing handshake."""
        await self._bounded(self.socket.wait_closed(), "the end of the connection")
        return self.socket.close_code or 1006, self.socket.close_reason or ""

    # How it ends.

    async def leaves(self, code: int = 1000, reason: str = "") -> None:
        """Hang up with a closing handshake; one second after that without."""
        await self.socket.close(code, reason)

    async def vanishes(self) -> None:
        """Break the connection without a word."""
        self.socket.transport.abort()
        with suppress(ConnectionClosed):
            await self.socket.wait_closed()

    async def _take(self, wanted: Callable[[Any], bool]) -> Any:
        """The first unread frame that is `wanted`, reading on until there is one."""
        seen = 0
        while True:
            while seen < len(self.unread):
                frame = _read_json(self.unread[seen])
                if wanted(frame):
                    del self.unread[seen]
                    return frame
                seen += 1
            had = len(self.unread)
            async with self._reading:
                if len(self.unread) == had:
                    self.unread.append(await self._receive())
                else:  # somebody else read or took meanwhile
                    seen = 0

    async def _read_one(self) -> None:
        async with self._reading:
            if not self.unread:
                self.unread.append(await self._receive())

    async def _receive(self) -> str:
        data = await self.socket.recv()
        return data if isinstance(data, str) else data.decode()

    async def _bounded(self, work: Coroutine[Any, Any, T], what: str) -> T:
        try:
            async with asyncio.timeout(PATIENCE):
                return await work
        except TimeoutError:
            problem = f"waited {PATIENCE:g} s for {what}"
        except ConnectionClosed as closed:
            problem = f"the connection ended ({closed}) while waiting for {what}"
        raise AssertionError(f"{self.identity}: {problem}; unread: {[text[:200] for text in self.unread]}")


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_list(frame: Any, length: int) -> bool:
    return isinstance(frame, list) and len(frame) >= length


def _is_call(frame: Any) -> bool:
    return _is_list(frame, 4) and frame[0] == CALL
