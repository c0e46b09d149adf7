"""One open connection: an asyncio.Protocol around the library's sans-I/O WebSocket protocol. Callbacks, no task.

Rules.

1. A link hears messages in their order, none after `close` or `abort`, and `closed` once, at the very end.
2. Nothing is kept without bound: reading pauses while the link asks for it and while the peer does not take what is
   sent to it; what was read by then is at most one read of the event loop.
3. One timer. It is not moved when something comes: when it fires, it looks whether it is time.
4. The first reason for the end is the one that is told.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any

from websockets.frames import Frame
from websockets.protocol import State

from mcppd.core.admission import Admission
from mcppd.hooks import Timer
from mcppd.server.ws_messages import Messages, Unacceptable
from mcppd.server.ws_seam import Link, Surroundings, write_eof
from mcppd.server.ws_vigil import Cut, Ping, Vigil, Wait

log = logging.getLogger("mcppd.server.websocket")

CLOSING_S = 3.0
"""Seconds a peer may take to join in the closing handshake."""
SLICE = 16 * 1024
"""Bytes parsed before what they hold is delivered: bounds the frames that are held while reading is paused."""
WRITE_HIGH = 16 * 1024
"""Bytes waiting beyond what the kernel took, above which the peer counts as one that takes nothing."""
MAX_CLOSE_REASON = 123
"""Bytes of a reason in a close frame (RFC 6455, 5.5.1)."""
PING = b"mcppd"


class Phase(Enum):
    OPEN = "open"
    CLOSING = "closing"
    GONE = "gone"


class Connection(asyncio.Protocol):
    """`mcppd.core.transport.Transport` over one accepted socket."""

    __slots__ = (
        "_around",
        "_frames",
        "_held",
        "_identity",
        "_link",
        "_messages",
        "_phase",
        "_probes",
        "_protocol",
        "_reading",
        "_reason",
        "_timer",
        "_transport",
        "_unread",
        "_vigil",
        "_written",
        "remote_address",
    )

    def __init__(self, around: Surroundings, transport: asyncio.Transport, identity: str, remote_address: str) -> None:
        self._around = around
        self._transport = transport
        self._identity = identity
        self.remote_address = remote_address
        self._phase = Phase.OPEN
        self._protocol = around.new_protocol()
        self._messages = Messages()
        self._vigil = Vigil(around.clock.monotonic(), around.settings.ping_interval, around.settings.send_timeout)
        self._link: Link | None = None
        self._timer: Timer | None = None
        self._probes: list[asyncio.Future[bool]] = []
        self._unread = bytearray()
        """Bytes read and not parsed yet."""
        self._frames: deque[Any] | None = None
        """Frames parsed and not delivered yet."""
        self._held = False
        self._reading = False
        self._reason = ""
        self._written = 0

    def start(self, admission: Admission | None, early: bytes) -> None:
        """Open the link, and begin with what came `early`, behind the request. Reading is paused before."""
        self._transport.set_write_buffer_limits(high=WRITE_HIGH)
        self._arm(self._vigil.ping_interval_s)
        if admission is not None:
            self._tell(self._open_link, admission)
            self._unread += early
        self._advance()

    def _open_link(self, admission: Admission) -> None:
        self._link = self._around.central.open_link(admission, self)
        self._around.statistics.links += 1

    # What the event loop calls.

    def data_received(self, data: bytes) -> None:
        self._around.statistics.bytes_in += len(data)
        self._vigil.heard_at = self._around.clock.monotonic()
        if self._phase is not Phase.OPEN:
            self._protocol.receive_data(data)
            self._protocol.events_received()
            self._flush()
        elif not self._unread and not self._frames and len(data) <= SLICE:
            self._take(data)
        else:
            self._unread += data
            self._advance()

    def eof_received(self) -> None:
        self._because("hung up without a closing handshake")
        if self._phase is Phase.OPEN:
            self._begin_closing()

    def pause_writing(self) -> None:
        look_in_s = self._vigil.stall(self._around.clock.monotonic(), self._taken)
        if self._phase is Phase.OPEN:
            self._arm(look_in_s)
            self._update_reading()

    def resume_writing(self) -> None:
        self._vigil.flow()
        self._update_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._because(f"connection lost: {exc}" if exc else "connection closed")
        self._phase = Phase.GONE
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for heard in self._probes:
            _resolve(heard, False)
        self._protocol.parser.close()  # its frame refers back to the protocol: memory goes at once without the cycle
        link, self._link = self._link, None
        if link is not None:
            self._around.statistics.links -= 1
            self._tell(link.closed, self._reason)
        self._around.left(self)

    # What the link calls.

    def send(self, text: str) -> None:
        if self._phase is Phase.OPEN and self._protocol.state is State.OPEN:
            self._protocol.send_text(text.encode())
            self._flush()

    def close(self, code: int, reason: str) -> None:
        if self._phase is Phase.OPEN:
            self._because(f"closed by mcppd: {code} {reason}")
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(code, reason.encode()[:MAX_CLOSE_REASON].decode(errors="ignore"))
                self._flush()
            self._begin_closing()

    def abort(self) -> None:
        self._because("cut by mcppd")
        if self._phase is not Phase.GONE:
            self._phase = Phase.CLOSING
            self._transport.abort()

    def pause_reading(self) -> None:
        self._held = True
        self._update_reading()

    def resume_reading(self) -> None:
        self._held = False
        if self._unread or self._frames:
            asyncio.get_running_loop().call_soon(self._advance)
        else:
            self._update_reading()

    async def probe(self, timeout_s: float) -> bool:
        if self._phase is not Phase.OPEN or self._protocol.state is not State.OPEN:
            return False
        heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._probes.append(heard)
        # Where reading is paused, silence is ours and no verdict.
        timer = self._around.clock.call_later(timeout_s, lambda: _resolve(heard, not self._reading))
        self._ping()
        try:
            return await heard
        finally:
            timer.cancel()
            self._probes.remove(heard)

    # Frames.

    def _take(self, data: bytes) -> None:
        """Parse `data` and deliver what it completes."""
        protocol = self._protocol
        protocol.receive_data(data)
        self._flush()
        frames = protocol.events_received()
        if self._probes and frames:
            for heard in self._probes:
                _resolve(heard, True)
        for n, frame in enumerate(frames):
            if self._phase is not Phase.OPEN:
                return
            if self._held:
                self._frames = deque(frames[n:])
                break
            self._deliver(frame)  # type: ignore[arg-type]
        if self._phase is Phase.OPEN and protocol.state is not State.OPEN:
            if protocol.close_rcvd is not None:
                self._because(f"closed by the charge point: {_printable(str(protocol.close_rcvd))}")
            self._because(f"broke the WebSocket protocol: {protocol.parser_exc}")
            self._begin_closing()

    def _advance(self) -> None:
        """Deliver what was parsed, parse what was read, as far as the link takes it; then read on."""
        while self._phase is Phase.OPEN and not self._held:
            if self._frames:
                self._deliver(self._frames.popleft())
            elif self._unread:
                data = bytes(self._unread[:SLICE])
                del self._unread[:SLICE]
                self._take(data)
            else:
                self._frames = None
                break
        self._update_reading()

    def _deliver(self, frame: Frame) -> None:
        try:
            text = self._messages.add(frame)
        except Unacceptable as problem:
            self._because(f"broke the WebSocket protocol: {problem.reason}")
            if self._protocol.state is State.OPEN:
                self._protocol.fail(problem.code, problem.reason)
                self._flush()
            self._begin_closing()
        else:
            if text is not None and self._link is not None:
                self._tell(self._link.receive, text)

    def _tell(self, what: Callable[[Any], None], told: Any) -> None:
        """The one place where a failure of the inner side becomes the end of its link, and of nothing else."""
        try:
            what(told)
        except Exception:
            who = {"charge_point": self._identity, "remote_address": self.remote_address}
            log.exception("link_failed", extra={"category": "error", **who})
            self.close(1011, "internal error")

    # Time.

    def _arm(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._around.clock.call_later(delay_s, self._look)

    def _look(self) -> None:
        if self._phase is not Phase.OPEN:
            self._transport.abort()
            return
        around = self._around
        dead_after_s = max(around.settings.liveness_timeout, 3 * around.heartbeat_interval_s(self._identity))
        now = around.clock.monotonic()
        match self._vigil.look(now, dead_after_s=dead_after_s, listening=self._reading, taken=self._taken):
            case Cut(reason):
                self._because(reason)
                self.abort()
            case Ping(delay_s):
                self._arm(delay_s)
                self._ping()
            case Wait(delay_s):
                self._arm(delay_s)

    def _ping(self) -> None:
        self._protocol.send_ping(PING)
        self._flush()

    def _begin_closing(self) -> None:
        if self._phase is Phase.OPEN:
            self._phase = Phase.CLOSING
            self._unread.clear()
            self._frames = None
            self._arm(CLOSING_S)
            self._update_reading()

    # The socket.

    def write(self, data: bytes) -> None:
        self._written += len(data)
        self._around.statistics.bytes_out += len(data)
        self._transport.write(data)

    @property
    def _taken(self) -> int:
        """Bytes that the peer's side of the connection took in all."""
        return self._written - self._transport.get_write_buffer_size()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.write(data)
            else:
                write_eof(self._transport)

    def _update_reading(self) -> None:
        """While closing, always: the peer's part of the closing handshake must be seen."""
        idle = not (self._held or self._vigil.stalled or self._unread or self._frames)
        reading = idle or self._phase is not Phase.OPEN
        if reading is not self._reading and not self._transport.is_closing():
            self._reading = reading
            if reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _because(self, reason: str) -> None:
        self._reason = self._reason or reason


def _resolve(heard: "asyncio.Future[bool]", verdict: bool) -> None:
    if not heard.done():
        heard.set_result(verdict)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
