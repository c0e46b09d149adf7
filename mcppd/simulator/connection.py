"""The edge of the connection: dials, reads, waits and closes as the reconnect controller says.

Rules.

1. One task does it all, one thing after the other: a second dial cannot begin while one is in flight.
2. `send` hands a text to the present link or raises `Offline`; it never keeps one for later.
3. The peer hears of every link exactly once that it opened and once that it closed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from mcppd.simulator.clock import Clock
from mcppd.simulator.errors import DialFailed, Offline, SocketClosed
from mcppd.simulator.reconnect import Reconnect, State


class Socket(Protocol):
    """One open link. `send` and `recv` raise `SocketClosed` with the reason once it is gone."""

    async def send(self, text: str) -> None: ...

    async def recv(self) -> str: ...

    async def close(self, reason: str) -> None:
        """The closing handshake, bounded in time."""
        ...

    def abort(self) -> None:
        """Cut it without a word, as a lost network does."""
        ...


Dial = Callable[[], Awaitable[Socket]]
"""Opens a link; raises `DialFailed`."""


class Peer(Protocol):
    """Who is told what happens. None of these may block."""

    def dial_failed(self, reason: str, wait_s: float) -> None: ...

    def link_opened(self, link: int) -> None: ...

    async def heard(self, text: str) -> None: ...

    def link_closed(self, reason: str, wait_s: float) -> None: ...


class Connection:
    def __init__(self, dial: Dial, control: Reconnect, clock: Clock, peer: Peer) -> None:
        self.control = control
        self._dial, self._clock, self._peer = dial, clock, peer
        self._socket: Socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._pause_s: float | None = None
        self._ended = False

    async def run(self) -> None:
        """Dial, talk, wait, and again, until `close`."""
        self._task = asyncio.current_task()
        while not self._ended:
            wait_s = await self._one_link()
            if not self._ended:
                await self._clock.sleep(wait_s)

    async def send(self, text: str) -> None:
        """Raises `Offline` when there is no link, or it went away just now."""
        if self._socket is None or self.control.state is not State.CONNECTED:
            raise Offline("a message", f"the connection is {self.control.state}")
        try:
            await self._socket.send(text)
        except SocketClosed as closed:
            raise Offline("a message", str(closed)) from closed

    async def drop(self, reason: str, *, wait_s: float | None = None, abruptly: bool = False) -> None:
        """Close the link, if there is one, and dial again after `wait_s` (None: after the back-off)."""
        socket = self._socket
        if socket is None or self.control.state is not State.CONNECTED:
            return
        self._pause_s = wait_s
        self.control.close(reason)
        if abruptly:
            socket.abort()
        else:
            await socket.close(reason)

    async def close(self, reason: str) -> None:
        """The end: close the link, or give up the dial or the wait; `run` returns or is cancelled."""
        self._ended = True
        if self._socket is not None:
            await self.drop(reason)
        elif self._task is not None:
            self._task.cancel()

    async def _one_link(self) -> float:
        """One dial and what comes of it: returns the seconds to wait before the next."""
        link = self.control.dial()
        try:
            socket = await self._dial()
        except DialFailed as error:
            wait_s = self.control.failed(str(error))
            self._peer.dial_failed(str(error), wait_s)
            return wait_s
        except asyncio.CancelledError:
            self.control.failed("given up")
            raise
        self._socket, self._pause_s = socket, None
        self.control.opened(self._clock.monotonic())
        self._peer.link_opened(link)
        reason = "the charge point stopped"
        try:
            while True:
                await self._peer.heard(await socket.recv())
        except SocketClosed as closed:
            reason = str(closed)
        finally:
            self._socket = None
            socket.abort()
            wait_s = self.control.lost(reason, self._clock.monotonic())
            if self._pause_s is not None:
                wait_s = self._pause_s
            self._peer.link_closed(self.control.statistics.last_reason, wait_s)
        return wait_s
