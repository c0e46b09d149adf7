"""A central system in memory, to play the other side of a simulated charge point on a fake clock."""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcppd.simulator.configuration import Configuration
from mcppd.simulator.errors import DialFailed, SocketClosed
from mcppd.simulator.station import Station, StationSettings
from tests.equipment.clock import FakeClock, settle

ACCEPTED = {"idTagInfo": {"status": "Accepted"}}
NOW = "2026-11-21T08:00:00Z"
SILENCE = object()
"""In place of an answer: none comes."""


class MemorySocket:
    """`mcppd.simulator.connection.Socket`: what the charge point says is heard by `central` at once."""

    def __init__(self, central: "Central") -> None:
        self.central = central
        self.open = True
        self.close_reason: str | None = None
        self.aborted = False
        self._texts: deque[str] = deque()
        self._news = asyncio.Event()
        self._ending = ""

    async def send(self, text: str) -> None:
        if not self.open:
            raise SocketClosed(self._ending)
        self.central.hear(self, text)

    async def recv(self) -> str:
        while not self._texts:
            if not self.open:
                raise SocketClosed(self._ending)
            self._news.clear()
            await self._news.wait()
        return self._texts.popleft()

    async def close(self, reason: str) -> None:
        self.close_reason = reason
        self.end("closed by us")

    def abort(self) -> None:
        if self.open:
            self.aborted = True
        self.end("aborted")

    def deliver(self, text: str) -> None:
        self._texts.append(text)
        self._news.set()

    def end(self, reason: str) -> None:
        if self.open:
            self.open, self._ending = False, reason
            self._news.set()


class Central:
    """`answers` maps action to payload, SILENCE, a CALLERROR code (str), or a function of the request."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.sockets: list[MemorySocket] = []
        self.refusing: str | None = None
        self.dials: list[float] = []
        self.dialling = self.most_dialling = 0
        self.frames: list[tuple[int, list[Any]]] = []
        """(number of the link, frame) of all that came."""
        self.times: list[float] = []
        self.answers: dict[str, Any] = {
            "BootNotification": {"status": "Accepted", "currentTime": NOW, "interval": 300},
            "Heartbeat": {"currentTime": NOW},
            "Authorize": ACCEPTED,
            "StartTransaction": self._start,
            "StopTransaction": {},
        }
        self._transactions = itertools.count(71)
        self._ids = itertools.count(1)

    async def dial(self, _: Configuration) -> MemorySocket:
        self.dials.append(self.clock.monotonic())
        self.dialling += 1
        self.most_dialling = max(self.most_dialling, self.dialling)
        await asyncio.sleep(0)
        self.dialling -= 1
        if self.refusing is not None:
            raise DialFailed(self.refusing)
        self.sockets.append(MemorySocket(self))
        return self.sockets[-1]

    @property
    def socket(self) -> MemorySocket:
        return self.sockets[-1]

    def hear(self, socket: MemorySocket, text: str) -> None:
        frame = json.loads(text)
        self.frames.append((self.sockets.index(socket) + 1, frame))
        self.times.append(self.clock.monotonic())
        if frame[0] != 2:
            return
        answer = self.answers.get(frame[2], {})
        if callable(answer):
            answer = answer(frame[3])
        if isinstance(answer, str):
            socket.deliver(json.dumps([4, frame[1], answer, "no", {}]))
        elif answer is not SILENCE:
            socket.deliver(json.dumps([3, frame[1], answer]))

    async def asks(self, action: str, **payload: Any) -> Any:
        """Send a call and return the payload of its result, or the CALLERROR frame."""
        message_id = f"c{next(self._ids)}"
        self.socket.deliver(json.dumps([2, message_id, action, payload]))
        await settle()
        answers = [frame for _, frame in self.frames if frame[0] != 2 and frame[1] == message_id]
        assert len(answers) == 1, answers
        return answers[0][2] if answers[0][0] == 3 else answers[0]

    @property
    def said(self) -> list[str]:
        """The actions that came, connector status in brackets."""
        return [
            f"{frame[2]}({frame[3]['connectorId']} {frame[3]['status']})"
            if frame[2] == "StatusNotification"
            else frame[2]
            for _, frame in self.frames
            if frame[0] == 2
        ]

    def calls(self, action: str) -> list[Any]:
        return [frame[3] for _, frame in self.frames if frame[0] == 2 and frame[2] == action]

    def ids(self, action: str) -> list[str]:
        return [frame[1] for _, frame in self.frames if frame[0] == 2 and frame[2] == action]

    def forget(self) -> None:
        self.frames.clear()
        self.times.clear()

    def _start(self, _: Any) -> dict[str, Any]:
        return {"transactionId": next(self._transactions), **ACCEPTED}


@asynccontextmanager
async def plugged_into(
    central: Central, *, online: bool = True, **settings: Any
) -> AsyncIterator[tuple[Station, list[str]]]:
    """A charge point on `central`, running; and the lines it prints."""
    lines: list[str] = []
    station = Station(StationSettings(**settings), central.dial, central.clock, lines.append, chance=lambda: 0.5)
    running = asyncio.create_task(station.run())
    try:
        await settle()
        if online:
            await central.clock.advance(0.25)
            assert station.online.is_set()
        yield station, lines
    finally:
        await station.close()
        await running
