"""What the connections of the door for charge points share, and what they need of the inner side."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from websockets.protocol import State
from websockets.server import ServerProtocol

from mcppd.core.admission import Admission, Refusal
from mcppd.core.transport import Transport
from mcppd.hooks import Candidate, Clock
from mcppd.model.settings import OcppSettings


class Link(Protocol):
    """The inner side of an open connection."""

    def receive(self, text: str) -> None: ...

    def closed(self, reason: str) -> None: ...


class CentralSystem(Protocol):
    """Who decides who is let in, and makes the links."""

    async def admit(self, candidate: Candidate) -> Admission | Refusal: ...

    def open_link(self, admission: Admission, transport: Transport) -> Link: ...


class Guest(Protocol):
    """A connection in any phase."""

    def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None: ...


@dataclass(slots=True)
class DoorStatistics:
    connections: int = 0
    """Open TCP connections, with and without a link."""
    links: int = 0
    """Open links."""
    refused: Counter[int] = field(default_factory=Counter)
    """Handshakes that came to nothing, by HTTP status; 101 is the wrong subprotocol, 408 no handshake in time."""
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(slots=True)
class Surroundings:
    """One door, as its connections see it."""

    central: CentralSystem
    settings: OcppSettings
    clock: Clock
    heartbeat_interval_s: Callable[[str], float]
    """By identity: what the charge point was told."""
    statistics: DoorStatistics
    protocol_log: logging.Logger
    """Where the WebSocket library may complain."""
    on_empty: Callable[[], object]
    """Called when the last connection is gone."""
    guests: dict[Guest, None] = field(default_factory=dict)
    """Every open connection, oldest first."""
    arrivals: dict[Guest, None] = field(default_factory=dict)
    """Those that have no link yet, or will never have one, oldest first."""

    @property
    def max_arrivals(self) -> int:
        """How many connections without a link may be open: all charge points at once after a power cut, and some."""
        return 2 * self.settings.max_charge_points + 16

    def arrived(self, guest: Guest) -> None:
        self.statistics.connections += 1
        self.guests[guest] = self.arrivals[guest] = None

    def let_in(self, arrival: Guest, connection: Guest) -> None:
        """`connection` goes on with the socket of `arrival`."""
        del self.guests[arrival], self.arrivals[arrival]
        self.guests[connection] = None

    def left(self, guest: Guest) -> None:
        self.statistics.connections -= 1
        del self.guests[guest]
        self.arrivals.pop(guest, None)
        if not self.guests:
            self.on_empty()

    def new_protocol(self) -> ServerProtocol:
        """A WebSocket protocol past its handshake, without extensions: nothing is ever compressed."""
        return ServerProtocol(state=State.OPEN, max_size=self.settings.max_message_size, logger=self.protocol_log)


def write_eof(transport: asyncio.Transport) -> None:
    """Say that nothing more comes, and let the peer finish; where that cannot be said (TLS), close."""
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()


def address(peername: Any) -> str:
    """The peer's IP address; an IPv4 one as such, even when it came through an IPv6 socket."""
    return str(peername[0]).removeprefix("::ffff:") if peername else "unknown"
