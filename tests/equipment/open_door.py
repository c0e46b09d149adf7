"""The door for charge points with a test on both of its sides: an inner side that does as told, and a raw peer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar, cast

from websockets.frames import Frame, Opcode

from mcppd.core.admission import Admission, Refusal
from mcppd.core.transport import Transport
from mcppd.hooks import Candidate
from mcppd.model.settings import OcppSettings
from mcppd.ocpp.dialect import Dialect
from mcppd.server.websocket import WebSocketDoor
from tests.equipment.charge_point import PATIENCE
from tests.equipment.clock import FakeClock, settle

T = TypeVar("T")

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455, 1.3."""


async def in_time(work: Awaitable[T]) -> T:
    async with asyncio.timeout(PATIENCE):
        return await work


class InnerLink:
    """A link that writes down what it hears; `react` may do more."""

    def __init__(self, admission: Admission, transport: Transport) -> None:
        self.admission, self.transport = admission, transport
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.reasons: list[str] = []
        self.gone = asyncio.Event()
        self.react: Callable[[str], object] = lambda text: None

    def receive(self, text: str) -> None:
        self.heard.put_nowait(text)
        self.react(text)

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)
        self.gone.set()

    async def hears(self) -> str:
        return await in_time(self.heard.get())

    async def ends(self) -> str:
        """Why it ended."""
        await in_time(self.gone.wait())
        await settle()
        (reason,) = self.reasons
        return reason


Decision = Callable[[Candidate], Awaitable[Admission | Refusal]]


async def welcome_all(candidate: Candidate) -> Admission | Refusal:
    """As core decides: the only subprotocol is ocpp1.6, and none at all passes for it."""
    chosen = "ocpp1.6" if "ocpp1.6" in candidate.subprotocols else None
    if candidate.subprotocols and chosen is None:
        return Refusal(101, "no common subprotocol")
    return Admission(candidate.identity, cast(Dialect, None), chosen, candidate.remote_address)


class InnerSide:
    """In the place of the central system."""

    def __init__(self, decide: Decision = welcome_all) -> None:
        self.decide = decide
        self.candidates: list[Candidate] = []
        self.links: list[InnerLink] = []
        self.arrived: asyncio.Queue[InnerLink] = asyncio.Queue()
        self.react: Callable[[InnerLink, str], object] = lambda link, text: None

    async def admit(self, candidate: Candidate) -> Admission | Refusal:
        self.candidates.append(candidate)
        return await self.decide(candidate)

    def open_link(self, admission: Admission, transport: Transport) -> InnerLink:
        link = InnerLink(admission, transport)
        link.react = lambda text: self.react(link, text)
        self.links.append(link)
        self.arrived.put_nowait(link)
        return link

    async def link(self) -> InnerLink:
        """The next link that opens."""
        return await in_time(self.arrived.get())


class OpenDoor:
    """A door on a free port of 127.0.0.1, its clock and its inner side."""

    def __init__(self, door: WebSocketDoor, inner: InnerSide, clock: FakeClock) -> None:
        self.door, self.inner, self.clock = door, inner, clock
        self.statistics = door.statistics

    @property
    def port(self) -> int:
        return self.door.port

    async def peer(self, identity: str = "CP1", *, extra: str = "", behind: bytes = b"") -> "RawPeer":
        """A peer past its handshake; `behind` is sent in the same segment as the request."""
        peer = await RawPeer.dial(self.port)
        await peer.sends(request(f"/ocpp/{identity}", extra=extra) + behind)
        status, _, _ = await peer.reads_answer()
        assert status == 101
        return peer


@asynccontextmanager
async def open_door(inner: InnerSide | None = None, **settings: Any) -> AsyncIterator[OpenDoor]:
    clock = FakeClock()
    inner = inner or InnerSide()
    door = WebSocketDoor(inner, replace(OcppSettings(listen="127.0.0.1:0"), **settings), clock)
    await door.open()
    try:
        yield OpenDoor(door, inner, clock)
    finally:
        closing = asyncio.ensure_future(door.close(0.0))
        await settle()
        await clock.advance(0.001)
        await in_time(closing)


def request(target: str, *, extra: str = "", without: str = "", subprotocols: str | None = "ocpp1.6") -> bytes:
    """A request head as most charge points send it, with `extra` lines and without the header named."""
    lines = [
        "Host: box:9000",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
        *([] if subprotocols is None else [f"Sec-WebSocket-Protocol: {subprotocols}"]),
    ]
    kept = [line for line in lines if not without or not line.startswith(f"{without}:")]
    return "\r\n".join([f"GET {target} HTTP/1.1", *kept, *extra.splitlines(), "", ""]).encode("latin-1")


def text(content: str | bytes, *, fin: bool = True) -> bytes:
    return frame(Opcode.TEXT, content, fin=fin)


def frame(opcode: Opcode, content: str | bytes = b"", *, fin: bool = True) -> bytes:
    """A frame as a client sends it."""
    data = content.encode() if isinstance(content, str) else content
    return Frame(opcode, data, fin).serialize(mask=True)


class RawPeer:
    """Bytes over a TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def dial(cls, port: int, *, receive_buffer: int | None = None) -> "RawPeer":
        """Connect; with a `receive_buffer` (bytes) the stream reads no further than that ahead either."""
        raw = socket.socket()
        raw.setblocking(False)
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await in_time(asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port)))
        except BaseException:
            raw.close()
            raise
        return cls(*await asyncio.open_connection(sock=raw, limit=receive_buffer or 1 << 20))

    async def sends(self, data: bytes) -> None:
        self.writer.write(data)
        await in_time(self.writer.drain())

    async def reads_answer(self) -> tuple[int, str, str]:
        """(status, the head as it came, body)."""
        head = (await in_time(self.reader.readuntil(b"\r\n\r\n"))).decode("latin-1")
        status = int(head.split(" ", 2)[1])
        length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("Content-Length:")), 0)
        return status, head, (await in_time(self.reader.readexactly(length))).decode()

    async def reads_frame(self) -> tuple[int, bytes]:
        """(opcode, payload) of the next frame, which must be whole and unmasked."""
        first, second = await in_time(self.reader.readexactly(2))
        assert first & 0x80, "a fragment came"
        assert first & 0x70 == 0, "reserved bits are set: compressed?"
        length = second
        if length == 126:
            length = int.from_bytes(await in_time(self.reader.readexactly(2)), "big")
        elif length == 127:
            length = int.from_bytes(await in_time(self.reader.readexactly(8)), "big")
        return first & 0x0F, await in_time(self.reader.readexactly(length))

    async def reads_close(self) -> tuple[int, str]:
        """The next frame, which must be a close frame, and nothing behind it but the end."""
        opcode, payload = await self.reads_frame()
        assert opcode == Opcode.CLOSE, f"opcode {opcode}: {payload!r}"
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    async def ended(self) -> bool:
        """Wait for the end of the connection; whether nothing came before it."""
        try:
            return not await in_time(self.reader.read())
        except ConnectionResetError:
            return True

    async def hangs_up(self) -> None:
        await self._ends(self.writer.close)

    async def breaks_off(self) -> None:
        """Leave without a word, whatever is still to be sent."""
        await self._ends(self.writer.transport.abort)

    async def _ends(self, how: Callable[[], None]) -> None:
        how()
        try:
            await in_time(self.writer.wait_closed())
        except ConnectionError:
            pass
