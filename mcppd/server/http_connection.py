"""One HTTP connection: uvicorn's protocol on h11, with the time limits and the quiet that a daemon needs.

uvicorn's own server is not used: it wakes ten times a second.
"""

import asyncio
import functools
import logging
import pwd
import socket
import struct
from typing import Any

import h11

from mcppd.server.api.app import Listener
from mcppd.server.api.encode import to_bytes
from mcppd.server.api.problems import Problem
from mcppd.server.lean_uvicorn import Config, H11Protocol, ServerState

MAX_CONNECTIONS = 64
"""Of one listener. Those beyond are answered 503; twice as many are not let in at all."""
HEAD_TIMEOUT_S = 10.0
"""How long the head of a request may take to arrive, and what follows an answer."""
KEEP_ALIVE_S = 15
LINGER_S = 30
"""How long a peer may leave what was sent to it unacknowledged."""
MAX_HEAD = 16 * 1024

_quiet = logging.getLogger("mcppd.server.http_connection.protocol")


def protocol_config(app: Any) -> Config:
    _quiet.setLevel(logging.ERROR)  # uvicorn warns of every bad request: a peer could fill the log
    return Config(
        app,
        http=H11Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        h11_max_incomplete_event_size=MAX_HEAD,
    )


def server_state() -> ServerState:
    """What the connections of one listener share."""
    state = ServerState()
    state.default_headers = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
    return state


class Connection(H11Protocol):
    def __init__(self, config: Config, state: ServerState, *, control: bool) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.logger = _quiet
        self._control = control
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        crowd = len(self.connections)
        super().connection_made(transport)
        if crowd >= 2 * MAX_CONNECTIONS:
            transport.abort()
            return
        caller = _control_caller(transport) if self._control else _tcp_caller(transport)
        self.app_state = {"listener": Listener(self._control, caller, crowd >= MAX_CONNECTIONS, transport.abort)}
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.busy:
            self._forget_deadline()
        elif self._deadline is None:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._forget_deadline()
        self._deadline = self.loop.call_later(LINGER_S, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """What h11 could not read gets the same kind of answer as everything else, if one can still be given."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        problem = Problem(400, "BadRequest", "this is not an HTTP request that can be read")
        body = to_bytes(problem.body())
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def stop(self) -> None:
        """Close when the answer under way is out: at once where there is none."""
        try:
            self.shutdown()
        except h11.LocalProtocolError:
            self.transport.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade that is not offered is ignored (RFC 9110, 7.8)."""

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self._too_late)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        self.transport.abort()


def _tcp_caller(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LINGER_S * 1000)
    address = transport.get_extra_info("peername")
    return f"http:{address[0]}" if address else "http:unknown"


def _control_caller(transport: asyncio.Transport) -> str:
    """By the credentials that the kernel vouches for (unix(7), SO_PEERCRED)."""
    peer = transport.get_extra_info("socket")
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return f"control:{_user_name(uid)}"


@functools.lru_cache(maxsize=32)
def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
