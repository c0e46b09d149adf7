"""A connection from its first byte to its link: the opening handshake and the decision whether to let it in.

Rules.

1. Everything ends within `ocpp.handshake_timeout`: a silent peer, one that drips, and a decision that does not come.
2. While the decision is pending nothing is read; what came behind the request is at most one read of the event loop,
   and is the first thing that the link gets.
3. Who is turned away has `LINGER_S` to read why.
"""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum
from typing import Any, cast

from mcppd.core.admission import Admission, Refusal
from mcppd.hooks import Timer
from mcppd.server import handshake
from mcppd.server.ws_connection import Connection
from mcppd.server.ws_seam import Surroundings, address, write_eof

log = logging.getLogger("mcppd.server.websocket")

LINGER_S = 3.0


class Phase(Enum):
    OPENING = "opening"
    ADMITTING = "admitting"
    DONE = "done"
    """Refused, cut or let in."""


class Arrival(asyncio.Protocol):
    """An accepted socket without a link. Hands the socket over to a `Connection`, or ends it."""

    __slots__ = ("_around", "_decision", "_head", "_identity", "_phase", "_remote_address", "_timer", "_transport")

    _transport: asyncio.Transport

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._phase = Phase.OPENING
        self._head = bytearray()
        self._decision: asyncio.Task[None] | None = None
        self._timer: Timer | None = None
        self._arm(around.settings.handshake_timeout, self._too_late)
        self._identity = ""
        self._remote_address = ""

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not of that class
        self._remote_address = address(transport.get_extra_info("peername"))
        around = self._around
        around.arrived(self)
        if len(around.arrivals) > around.max_arrivals:
            oldest = next(iter(around.arrivals))
            assert isinstance(oldest, Arrival)
            oldest._give_up(503, "too many connections that never finished their handshake")

    def data_received(self, data: bytes) -> None:
        self._around.statistics.bytes_in += len(data)
        if self._phase is not Phase.DONE:
            self._head += data
        if self._phase is Phase.OPENING:
            self._read_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = Phase.DONE
        self._disarm()
        if self._decision is not None:
            self._decision.cancel()
        self._around.left(self)

    # What the door calls.

    def close(self, code: int, reason: str) -> None:
        """As `abort`: there is no WebSocket connection to close yet."""
        self.abort()

    def abort(self) -> None:
        self._phase = Phase.DONE
        self._transport.abort()

    # The handshake.

    def _read_head(self) -> None:
        head = self._head
        end = handshake.END_OF_HEAD.search(head)
        size = len(head) if end is None else end.end()
        if not handshake.could_be_http(head):
            self._refuse(handshake.not_http(head))
        elif size > handshake.MAX_HEAD:
            self._refuse(Refusal(431, f"the request head is longer than {handshake.MAX_HEAD} bytes"))
        elif end is not None:
            request = bytes(head[:size])
            del head[:size]
            match handshake.read(request, self._remote_address, self._around.protocol_log):
                case Refusal() as refusal:
                    self._refuse(refusal)
                case opening:
                    self._ask(opening)

    def _ask(self, opening: handshake.Opening) -> None:
        self._identity = opening.candidate.identity
        self._phase = Phase.ADMITTING
        self._transport.pause_reading()
        self._decision = asyncio.get_running_loop().create_task(self._decide(opening))
        self._decision.add_done_callback(self._decided)

    async def _decide(self, opening: handshake.Opening) -> None:
        outcome = await self._around.central.admit(opening.candidate)
        if self._phase is not Phase.ADMITTING:
            return
        match outcome:
            case Refusal(101, reason):
                self._count(101, reason)
                self._hand_over(opening, None).close(1002, reason)
            case Refusal() as refusal:
                self._refuse(refusal)
            case admission:
                self._hand_over(opening, admission)

    def _decided(self, decision: asyncio.Task[None]) -> None:
        self._decision = None
        if decision.cancelled() or (problem := decision.exception()) is None:
            return
        log.error("admission_failed", exc_info=problem, extra=self._extra(category="error"))
        if self._phase is Phase.ADMITTING:
            self._refuse(Refusal(500, "internal error"))

    def _hand_over(self, opening: handshake.Opening, admission: Admission | None) -> Connection:
        """Complete the handshake; without an admission, without a subprotocol and without a link."""
        around, transport = self._around, self._transport
        self._phase = Phase.DONE
        self._disarm()
        connection = Connection(around, transport, self._identity, self._remote_address)
        around.let_in(self, connection)
        transport.set_protocol(connection)
        connection.write(handshake.welcome(opening.accept, admission.subprotocol if admission else None))
        connection.start(admission, bytes(self._head))
        return connection

    def _refuse(self, refusal: Refusal) -> None:
        self._count(refusal.status, refusal.reason)
        self._phase = Phase.DONE
        self._head.clear()
        self._arm(LINGER_S, self._transport.abort)
        answer = handshake.farewell(refusal)
        self._around.statistics.bytes_out += len(answer)
        self._transport.resume_reading()  # to see the peer's end of it
        self._transport.write(answer)
        write_eof(self._transport)

    def _arm(self, delay_s: float, then: Callable[[], object]) -> None:
        self._disarm()
        self._timer = self._around.clock.call_later(delay_s, then)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        if self._phase is Phase.OPENING:
            self._give_up(408, f"no handshake within {self._around.settings.handshake_timeout:g} s")
        elif self._decision is not None:
            self._decision.cancel()
            self._refuse(Refusal(503, "no decision in time; try again"))

    def _give_up(self, status: int, reason: str) -> None:
        """End it without a word."""
        if self._phase is not Phase.DONE:
            self._count(status, reason)
        self.abort()

    def _count(self, status: int, reason: str) -> None:
        self._around.statistics.refused[status] += 1
        log.info("handshake_refused", extra=self._extra(category="system", status=status, reason=reason))

    def _extra(self, **details: Any) -> dict[str, Any]:
        who = {"charge_point": self._identity} if self._identity else {}
        return {**details, **who, "remote_address": self._remote_address}
