"""The door for charge points: the listening sockets, and the life of all connections that come through them.

    OCPP-J over ws://BOX:9000/any/prefix/IDENTITY

Not built on websockets' own asyncio server, which keeps a task and several queues for each connection: here every
connection is a few callbacks around the library's sans-I/O protocol, for three quarters of the processor time and a
fifth of the memory.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence

from mcppd.hooks import Clock
from mcppd.model.errors import MCPPDError
from mcppd.model.settings import OcppSettings
from mcppd.server.ws_arrival import Arrival
from mcppd.server.ws_seam import CentralSystem, DoorStatistics, Surroundings

log = logging.getLogger(__name__)

BACKLOG = 512
"""Connections that wait to be accepted: all charge points of a site may come back in the same second."""

SOCKET_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""Set on the listening sockets; accepted ones inherit them. A peer that takes nothing or is gone is known in 30 to 60 s
even where nothing above TCP would notice."""


class DoorNotOpened(MCPPDError):
    """The address for charge points cannot be listened on."""


class WebSocketDoor:
    """Takes charge points in and hands them to `central`."""

    def __init__(
        self,
        central: CentralSystem,
        settings: OcppSettings,
        clock: Clock,
        heartbeat_interval_s: Callable[[str], float] | None = None,
    ) -> None:
        """`heartbeat_interval_s` by identity, where charge points differ: a link is dead after three of them."""
        self.statistics = DoorStatistics()
        self._settings = settings
        self._clock = clock
        self._servers: list[asyncio.Server] = []
        self._empty = asyncio.Event()
        protocol_log = logging.getLogger("mcppd.server.websocket.protocol")
        protocol_log.setLevel(logging.WARNING)  # below it come two lines a connection, and whole frames
        self._around = Surroundings(
            central,
            settings,
            clock,
            heartbeat_interval_s or (lambda identity: settings.heartbeat_interval),
            self.statistics,
            protocol_log,
            self._empty.set,
        )

    @property
    def port(self) -> int:
        """The port really listened on, where `ocpp.listen` says 0."""
        return int(self._servers[0].sockets[0].getsockname()[1])

    @property
    def listening(self) -> bool:
        """Whether charge points can connect."""
        return any(server.is_serving() for server in self._servers)

    async def open(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Listen on `sockets`, already bound, or else on `ocpp.listen`. Raises `DoorNotOpened`."""
        loop = asyncio.get_running_loop()
        for listening in sockets if sockets is not None else await self._bind():
            for option in SOCKET_OPTIONS:
                listening.setsockopt(*option)
            server = await loop.create_server(lambda: Arrival(self._around), sock=listening, backlog=BACKLOG)
            self._servers.append(server)
        log.info("door_opened", extra={"category": "system", "listen": self._settings.listen, "port": self.port})

    async def close(self, grace_s: float) -> None:
        """Take in nobody else, close all links with 1012, and after `grace_s` seconds cut those still there."""
        self.stop_accepting()
        around = self._around
        for guest in list(around.guests):
            guest.close(1012, "service restart")
        if around.guests:
            self._empty.clear()
            cut = self._clock.call_later(grace_s, self._cut_all)
            await self._empty.wait()
            cut.cancel()
        self._servers.clear()
        log.info("door_closed", extra={"category": "system"})

    def stop_accepting(self) -> None:
        """Take in nobody else; the links that there are go on."""
        for server in self._servers:
            server.close()

    def _cut_all(self) -> None:
        for guest in list(self._around.guests):
            guest.abort()

    async def _bind(self) -> list[socket.socket]:
        listen = self._settings.listen
        host, _, port = listen.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        bound: list[socket.socket] = []
        try:
            if int(port) not in range(1 << 16):  # getaddrinfo would take it modulo that
                raise ValueError(f"{port} is no port number")
            found = await asyncio.get_running_loop().getaddrinfo(
                host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            for family, kind, protocol, _, where in dict.fromkeys(found):
                listening = socket.socket(family, kind, protocol)
                bound.append(listening)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    # `::` alone takes IPv4 too; beside an IPv4 address of its own it must not.
                    only = len(found) > 1
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
                listening.bind(where)
                listening.listen(BACKLOG)
                listening.setblocking(False)
        except (OSError, ValueError) as problem:
            for listening in bound:
                listening.close()
            raise DoorNotOpened(_explain(listen, problem)) from problem
        return bound


def _explain(listen: str, problem: Exception) -> str:
    errno = problem.errno if isinstance(problem, OSError) else None
    what = os.strerror(errno) if errno is not None and errno > 0 else str(problem)
    return (
        f"cannot listen on {listen} for charge points: {what}; see what else uses that port (ss -ltnp), "
        "or set ocpp.listen to an address of this machine and a free port"
    )
