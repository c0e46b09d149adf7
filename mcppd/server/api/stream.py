"""Answers that go out piece by piece, and the live stream of events among them (server-sent events, WHATWG HTML 9.2).

Rules.

1. Events are kept once, in a ring: a listener has only its place in it. One that is slower than the ring is long is
   told by `EventsMissed` how many went by, and goes on with the oldest that is left.
2. Sequence numbers begin at the clock's milliseconds when the stream opened, so that those of a daemon that ran before
   are always smaller: whoever comes back with one of them is told so by `EventsMissed` and gets the whole ring.
3. A peer that takes nothing for SEND_TIMEOUT_S is cut.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mcppd.hooks import Clock
from mcppd.model.events import Event
from mcppd.server.api import encode
from mcppd.server.api.asking import Ask
from mcppd.server.api.problems import refuse
from mcppd.server.api.query import CHARGE_POINT
from mcppd.server.api.services import Services

SEND_TIMEOUT_S = 30.0
RING = 512
MAX_LISTENERS = 16
HEARTBEAT_S = 15.0
PARAMETERS = (CHARGE_POINT,)
_BURST = 64


class Streamed(Response):
    """An answer made of `pieces`, sent as they come; the iteration is ended when the peer hangs up."""

    def __init__(self, pieces: AsyncIterator[bytes], media_type: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status_code=200, headers={**(headers or {}), "content-type": media_type})
        del self.headers["content-length"]
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sending = asyncio.current_task()
        hung_up = False

        async def watch() -> None:
            nonlocal hung_up
            while (await receive())["type"] != "http.disconnect":
                pass
            hung_up = True
            if sending is not None:
                sending.cancel()

        watching = asyncio.create_task(watch(), name="http hang-up")
        try:
            if scope["method"] != "HEAD":
                async for piece in self._pieces:
                    await _send(send, piece, more=True)
            await _send(send, b"", more=False)
        except asyncio.CancelledError:
            if not hung_up or sending is None:
                raise
            sending.uncancel()
        finally:
            watching.cancel()
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()


async def _send(send: Send, piece: bytes, *, more: bool) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await send({"type": "http.response.body", "body": piece, "more_body": more})


class _Kept:
    __slots__ = ("_text", "event", "number")

    def __init__(self, number: int, event: Event) -> None:
        self.number, self.event = number, event
        self._text: bytes | None = None

    @property
    def text(self) -> bytes:
        """As it goes over the line: made when the first listener needs it."""
        if self._text is None:
            encoded = encode.event(self.event)
            head = f"id: {self.number}\nevent: {encoded['kind']}\ndata: ".encode()
            self._text = head + encode.to_bytes(encoded) + b"\n\n"
        return self._text


class EventStream:
    """All listeners of `/api/v1/events`, and the ring they read."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ring: deque[_Kept] = deque(maxlen=RING)
        self._opened = self._last = int(clock.now().timestamp() * 1000)
        self._wakers: set[asyncio.Event] = set()
        self._closed = False

    @property
    def listeners(self) -> int:
        return len(self._wakers)

    def keep(self, event: Event) -> None:
        """Take `event` in and wake the listeners. For `Bus.listen`."""
        self._last += 1
        self._ring.append(_Kept(self._last, event))
        for waker in self._wakers:
            waker.set()

    def close(self) -> None:
        """End every listener's stream after what it has not read yet."""
        self._closed = True
        for waker in self._wakers:
            waker.set()

    async def __call__(self, services: Services, ask: Ask) -> Response:
        if len(self._wakers) >= MAX_LISTENERS and ask.method != "HEAD":
            raise refuse(503, "Busy", f"{MAX_LISTENERS} listen to the events already; try again when one has left")
        pieces = self._listen(self._place(ask.headers.get("last-event-id", "")), ask.query["charge_point"])
        return Streamed(pieces, "text/event-stream")

    def _place(self, last_event_id: str) -> int:
        """The number after which a listener goes on; without one, or with nonsense, only what is yet to come."""
        if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19):
            return self._last
        return min(int(last_event_id), self._last)

    async def _listen(self, place: int, charge_point: str | None) -> AsyncIterator[bytes]:
        waker = asyncio.Event()
        self._wakers.add(waker)
        try:
            yield b"retry: 3000\n: mcppd events\n\n"
            while True:
                while place < self._last:
                    oldest = self._ring[0].number if self._ring else self._last + 1
                    if place < oldest - 1:
                        yield self._missed(oldest - 1 - place if place >= self._opened else None)
                        place = oldest - 1
                        continue
                    burst = self._after(place)
                    place = burst[-1].number
                    told = [kept.text for kept in burst if charge_point in (None, kept.event.charge_point)]
                    if told:
                        yield b"".join(told)
                if self._closed:
                    return
                if not await self._woken(waker):
                    yield b":\n\n"
        finally:
            self._wakers.discard(waker)

    def _after(self, place: int) -> list[_Kept]:
        first = max(0, place + 1 - self._ring[0].number)
        return [self._ring[i] for i in range(first, min(first + _BURST, len(self._ring)))]

    async def _woken(self, waker: asyncio.Event) -> bool:
        """Wait for an event, or HEARTBEAT_S; whether it was an event."""
        silent = False

        def beat() -> None:
            nonlocal silent
            silent = True
            waker.set()

        timer = self._clock.call_later(HEARTBEAT_S, beat)
        try:
            await waker.wait()
        finally:
            timer.cancel()
            waker.clear()
        return not silent

    def _missed(self, count: int | None) -> bytes:
        """What tells a listener that `count` events went by; None where the daemon restarted meanwhile."""
        gap = {"kind": "EventsMissed", "charge_point": "", "at": encode.time_text(self._clock.now()), "missed": count}
        return b"event: EventsMissed\ndata: " + encode.to_bytes(gap) + b"\n\n"
