"""The whole of core over a real database and a fake clock, with charge points that speak straight into it: no socket.

async with House(tmp_path) as house:
    cp = await house.connect("CP1")
    reply = await cp.says("BootNotification", chargePointVendor="V", chargePointModel="M")
    call = await cp.hears("GetConfiguration")
    cp.answers(call, configurationKey=[])
    await house.passes(seconds=5)
"""

import asyncio
import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcppd.core.admission import Admission, Refusal
from mcppd.core.assembly import Core
from mcppd.core.link import Link
from mcppd.db.database import Database
from mcppd.hooks import Candidate
from mcppd.model.commands import CommandResult
from mcppd.model.errors import StorageUnavailable
from mcppd.model.events import Event
from mcppd.model.settings import Settings
from mcppd.ocpp.dialect import Dialect
from mcppd.ocpp.v16 import dialect as v16
from tests.equipment.clock import FakeClock, settle

PATIENCE_S = 10.0
"""Real seconds that anything real (the writer's thread) may take before a test fails."""


class CallErrorAnswer(Exception):
    def __init__(self, code: str, description: str) -> None:
        self.code, self.description = code, description
        super().__init__(f"{code}: {description}")


@dataclass(frozen=True)
class HeardCall:
    id: str
    action: str
    payload: dict[str, Any]


class Wire:
    """A `Transport` that keeps what is sent."""

    def __init__(self, remote_address: str) -> None:
        self.remote_address = remote_address
        self.sent: asyncio.Queue[list[Any]] = asyncio.Queue()
        self.texts: list[str] = []
        self.closed_with: tuple[int, str] | None = None
        self.aborted = False
        self.reading = True
        self.alive = False
        """What a probe finds out."""

    def send(self, text: str) -> None:
        self.texts.append(text)
        self.sent.put_nowait(json.loads(text))

    def close(self, code: int, reason: str) -> None:
        self.closed_with = (code, reason)

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    async def probe(self, timeout_s: float) -> bool:
        return self.alive


class Peer:
    """A charge point's side of one link."""

    def __init__(self, link: Link, wire: Wire) -> None:
        self.link, self.wire = link, wire
        self._ids = (f"m{number}" for number in itertools.count(1))
        self._calls: list[HeardCall] = []
        self._answers: dict[str, list[list[Any]]] = {}

    def sends(self, action: str, payload: Any, message_id: str | None = None) -> str:
        """Put a CALL on the wire without waiting; returns its message id."""
        message_id = message_id or next(self._ids)
        self.link.receive(json.dumps([2, message_id, action, payload]))
        return message_id

    def sends_text(self, text: str) -> None:
        self.link.receive(text)

    async def says(self, action: str, payload: Any = None, /, **fields: Any) -> dict[str, Any]:
        """Send a CALL and wait for its answer. Raises CallErrorAnswer."""
        return await self.answer_to(self.sends(action, fields if payload is None else payload))

    async def answer_to(self, message_id: str) -> dict[str, Any]:
        while not self._answers.get(message_id):
            await self._next()
        frame = self._answers[message_id].pop(0)
        if frame[0] == 4:
            raise CallErrorAnswer(frame[2], frame[3])
        return frame[2]

    async def hears(self, action: str) -> HeardCall:
        """The next CALL with this action; others that come before it stay to be heard later."""
        while True:
            for call in self._calls:
                if call.action == action:
                    self._calls.remove(call)
                    return call
            await self._next()

    def has_heard(self, action: str) -> int:
        """How many CALLs with this action came that were not taken with `hears`."""
        while not self.wire.sent.empty():
            self._sort(self.wire.sent.get_nowait())
        return sum(call.action == action for call in self._calls)

    def answers(self, call: HeardCall, payload: Any = None, /, **fields: Any) -> None:
        self.link.receive(json.dumps([3, call.id, fields if payload is None else payload]))

    def refuses(self, call: HeardCall, code: str, description: str = "") -> None:
        self.link.receive(json.dumps([4, call.id, code, description, {}]))

    def leaves(self, reason: str = "gone") -> None:
        self.link.closed(reason)

    async def _next(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            self._sort(await self.wire.sent.get())

    def _sort(self, frame: list[Any]) -> None:
        if frame[0] == 2:
            self._calls.append(HeardCall(frame[1], frame[2], frame[3]))
        else:
            self._answers.setdefault(frame[1], []).append(frame)


class House:
    """`settings` may be changed while it runs; `restart` is a kill and a new start on the same database."""

    def __init__(
        self, directory: Path, settings: Settings | None = None, dialects: tuple[Dialect, ...] | None = None
    ) -> None:
        self.settings = settings or quiet_settings()
        self.clock = FakeClock()
        self.events: list[Event] = []
        self._peers: list[Peer] = []
        self._directory = directory
        self._dialects = dialects or (v16(),)
        self.clock_is_set = True

    async def __aenter__(self) -> "House":
        await self._open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._cut_links()
        await self.core.stop()
        self.database.close()

    def _cut_links(self) -> None:
        for peer in self._peers:
            peer.leaves("the house closes")

    async def restart(self) -> None:
        """Everything in memory is lost; the database is opened again."""
        self._cut_links()
        await self.core.tasks.stop(0.0)
        await self.core.plugins.stop()
        self.clock.forget()
        self.database.close()
        await self._open()

    async def _open(self) -> None:
        self.database = Database.open(self._directory, commit_interval_s=0.0)
        self.core = Core(
            lambda: self.settings, self.database, self.clock, self._dialects, clock_is_set=lambda: self.clock_is_set
        )
        self.core.bus.listen(self.events.append)
        await self.core.start()

    async def admit(self, identity: str, **candidate: Any) -> Admission | Refusal:
        candidate.setdefault("remote_address", "192.0.2.1")
        return await self.core.central.admit(Candidate(identity, **candidate))

    async def connect(self, identity: str = "CP1", **candidate: Any) -> Peer:
        admission = await self.admit(identity, **candidate)
        assert isinstance(admission, Admission), admission
        wire = Wire(admission.remote_address)
        peer = Peer(self.core.central.open_link(admission, wire), wire)
        self._peers.append(peer)
        await settle()
        return peer

    def sending(self, action: str, body: dict[str, Any], **more: Any) -> "asyncio.Task[CommandResult]":
        """Tell CP1 something, without waiting for its answer."""
        work = self.core.operations.send_raw("CP1", action, body, caller="test", **more)
        return asyncio.ensure_future(work)

    async def quiet(self) -> None:
        """Wait until everything that was said is stored and everything that follows from it has happened."""
        for _ in range(6):
            await self.database.proof_of_progress()
            await settle()

    async def passes(self, seconds: float) -> None:
        """Let time pass, and all that becomes due happen."""
        await self.quiet()
        await self.clock.advance(seconds)
        await self.quiet()

    def happened(self, kind: type) -> list[Any]:
        """The events of this kind so far."""
        return [event for event in self.events if isinstance(event, kind)]


def quiet_settings(**sections: dict[str, Any]) -> Settings:
    """Defaults, but nothing unasked: no set-up, no trigger, no automatic start. `boot={"setup": True}` changes that."""
    changes: dict[str, dict[str, Any]] = {"boot": {"setup": False}, "auto_start": {"enabled": False}}
    for name, values in sections.items():
        changes[name] = {**changes.get(name, {}), **values}
    settings = Settings()
    for name, values in changes.items():
        if name in ("charge_points", "configuration"):
            settings = replace(settings, **{name: values})
        else:
            settings = replace(settings, **{name: replace(getattr(settings, name), **values)})
    return settings


def disk_full(*args: object, **kwargs: object) -> None:
    """Stands for a write of a database whose disk is full, where a test puts it in the place of one."""
    raise StorageUnavailable("the disk is full")
