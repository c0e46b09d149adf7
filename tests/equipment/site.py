"""Stand-ins for the rest of the house behind the HTTP door, and a client that asks over real sockets.

async with Site(tmp_path) as site:
    site.add("CP1")
    answer = await site.ask("GET", "/api/v1/charge-points/CP1")
    answer = await site.ask("POST", "/api/v1/charge-points/CP1/commands/Reset", {"type": "Soft"}, control=True)
"""

import asyncio
import http.client
import json
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mcppd.core.bus import Bus
from mcppd.model.authorization import IdTag
from mcppd.model.charge_points import BootIdentity, ConnectorRef, ConnectorStatus, Registration
from mcppd.model.commands import CommandResult, StatusAnswer
from mcppd.model.errors import ActionUnknown, ChargePointUnknown
from mcppd.model.meter_values import EnergyRegister
from mcppd.model.settings import HttpSettings
from mcppd.model.transactions import OpenTransaction, Recovery
from mcppd.model.views import ChargePointView, ConnectorView
from mcppd.server.api.services import Services
from mcppd.server.http_door import HttpDoor
from tests.equipment.clock import FakeClock

EIGHT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
ACTIONS = ("GetConfiguration", "RemoteStartTransaction", "RemoteStopTransaction", "Reset")


@dataclass(frozen=True, slots=True)
class TransactionRow:
    id: int
    charge_point: str
    connector: ConnectorRef
    id_tag: str
    started_at: datetime
    stopped_at: datetime | None
    meter_start_wh: int
    meter_stop_wh: int | None
    energy_wh: int
    max_power_w: float = 11000.0
    stop_reason: str | None = None
    recovery: Recovery | None = None


@dataclass(frozen=True, slots=True)
class ReadingRow:
    id: int
    connector: ConnectorRef
    at: datetime
    energy_wh: int | None


@dataclass(frozen=True, slots=True)
class KeyRow:
    key: str
    value: str | None
    readonly: bool
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class TagRow:
    id: int
    id_tag: str
    entered: IdTag | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A row of quarantine or security events, as far as the door cares."""

    id: int
    charge_point: str
    raw: str


class FakeCentral:
    def __init__(self) -> None:
        self.known: dict[str, ChargePointView] = {}

    def views(self) -> list[ChargePointView]:
        return list(self.known.values())

    def view(self, identity: str) -> ChargePointView | None:
        return self.known.get(identity)


class FakeOperations:
    """Answers what `outcome` says: a payload, an error to raise, or a future to wait for."""

    def __init__(self, central: FakeCentral) -> None:
        self._central = central
        self.sent: list[tuple[str, str, Any, str, float]] = []
        self.ended = 0
        self.outcome: Any = {"status": "Accepted"}

    async def send_raw(self, identity: str, action: str, body: Any, *, caller: str, wait_s: float = 0) -> CommandResult:
        if self._central.view(identity) is None:
            raise ChargePointUnknown(identity)
        if action not in ACTIONS:
            raise ActionUnknown(action, ACTIONS)
        self.sent.append((identity, action, body, caller, wait_s))
        outcome = await self.outcome if isinstance(self.outcome, asyncio.Future) else self.outcome
        self.ended += 1
        if isinstance(outcome, Exception):
            raise outcome
        return CommandResult(action, StatusAnswer(outcome.get("status", "")), outcome, 0.1)


class FakeArchive:
    def __init__(self) -> None:
        self.rows: list[TransactionRow] = []
        self.readings: list[ReadingRow] = []
        self.keys: list[KeyRow] = []
        self.tags: list[TagRow] = []
        self.notes: list[NoteRow] = []
        self.held: list[Any] = []
        self.profiles: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    async def transactions(self, **filters: Any) -> list[TransactionRow]:
        self.asked.append(filters)
        if self.failure is not None:
            raise self.failure
        before, wanted, open_ = filters["before_id"], filters["charge_point"], filters["open"]
        fitting = [
            row
            for row in sorted(self.rows, key=lambda row: -row.id)
            if (before is None or row.id < before)
            and wanted in (None, row.charge_point)
            and open_ in (None, row.stopped_at is None)
        ]
        return fitting[: filters["limit"]]

    async def transaction(self, transaction_id: int) -> TransactionRow | None:
        return next((row for row in self.rows if row.id == transaction_id), None)

    async def meter_values(self, transaction_id: int, after_id: int | None, limit: int) -> list[ReadingRow]:
        return [row for row in self.readings if row.id > (after_id or 0)][:limit]

    async def configuration(self, identity: str) -> list[KeyRow]:
        return self.keys

    async def id_tags(self, after: int | None, limit: int) -> list[TagRow]:
        return [row for row in self.tags if row.id > (after or 0)][:limit]

    async def reservations(self) -> list[Any]:
        return self.held

    async def charging_profiles(self) -> list[Any]:
        return self.profiles

    async def quarantine(self, before_id: int | None, limit: int) -> list[NoteRow]:
        return [row for row in self.notes if before_id is None or row.id < before_id][:limit]

    async def security_events(self, before_id: int | None, limit: int) -> list[NoteRow]:
        return await self.quarantine(before_id, limit)


class FakeHealth:
    def __init__(self) -> None:
        self.reasons: list[str] = []

    async def alive(self) -> tuple[bool, list[str]]:
        return not self.reasons, self.reasons

    async def ready(self) -> tuple[bool, list[str]]:
        return not self.reasons, self.reasons


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error, which is the same at every address: a kind for programs and a sentence for people."""
        error = self.json["error"]
        assert error["kind"]
        assert " " in error["message"]
        return error


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float = 10) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Site:
    """An open HttpDoor with stand-ins behind it."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.clock = FakeClock(EIGHT)
        self.central = FakeCentral()
        self.operations = FakeOperations(self.central)
        self.archive = FakeArchive()
        self.health = FakeHealth()
        self.bus = Bus()
        self.told: dict[str, Any] = {"version": "1.2.3", "started_at": EIGHT - timedelta(hours=2), "uptime_s": 7200.0}
        self.services = Services(
            self.central,
            self.operations,
            self.archive,
            self.bus,
            lambda: b"mcppd_links 1\n",
            self.health,
            lambda: self.told,
        )
        self.socket = str(directory / "run" / "control.sock")
        self.settings = HttpSettings(**{"listen": "127.0.0.1:0", "socket": self.socket, **settings})
        self._writers: list[asyncio.StreamWriter] = []
        self.door = HttpDoor(self.services, self.settings, self.clock)

    async def __aenter__(self) -> "Site":
        await self.door.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.door.close(0.5)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    def add(self, identity: str, *connectors: ConnectorView, **changes: Any) -> ChargePointView:
        view = replace(charge_point(identity, *connectors), **changes)
        self.central.known[identity] = view
        return view

    def connection(self, *, control: bool = False) -> http.client.HTTPConnection:
        if control:
            return UnixConnection(self.socket)
        return http.client.HTTPConnection("127.0.0.1", self.door.port, timeout=10)

    async def ask(
        self, method: str, path: str, body: Any = None, *, control: bool = False, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request over a connection of its own. `body` is sent as it is if bytes, as JSON otherwise."""
        return await asyncio.to_thread(self._ask, method, path, body, control, headers or {})

    def _ask(self, method: str, path: str, body: Any, control: bool, headers: dict[str, str]) -> Answer:
        connection = self.connection(control=control)
        try:
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
                headers = {"Content-Type": "application/json", **headers}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    async def raw(self, *, control: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to write bytes to; it is closed with the site."""
        if control:
            reader, writer = await asyncio.open_unix_connection(self.socket)
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.door.port)
        self._writers.append(writer)
        return reader, writer

    async def listen(self, query: str = "", **headers: str) -> "Listening":
        reader, writer = await self.raw()
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
        writer.write(f"GET /api/v1/events{query} HTTP/1.1\r\nHost: localhost\r\n{''.join(lines)}\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        listening = Listening(reader, writer, head.decode())
        if listening.status == 200:
            await listening.block()  # the greeting: from here on nothing is missed
        return listening


@dataclass
class Listening:
    """A listener of the live events."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: str
    _left: str = ""
    _lines: deque[str] = field(default_factory=deque)

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    async def block(self) -> str:
        """The next block of lines; "" at the end of the stream."""
        while "\n\n" not in self._left:
            size = int((await asyncio.wait_for(self.reader.readline(), 10)).strip() or b"0", 16)
            if size == 0:
                return ""
            self._left += (await asyncio.wait_for(self.reader.readexactly(size + 2), 10))[:-2].decode()
        block, _, self._left = self._left.partition("\n\n")
        return block

    async def event(self) -> tuple[str, str, dict[str, Any]]:
        """(id, event, data) of the next event; heartbeats are passed over."""
        while (block := await self.block()) == ":":
            pass
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        return fields.get("id", ""), fields["event"], json.loads(fields["data"])


async def until(condition: Callable[[], object]) -> None:
    """Wait until something real, as a socket's closing, has come about; ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.001)


def charge_point(identity: str, *connectors: ConnectorView) -> ChargePointView:
    return ChargePointView(
        identity=identity,
        registration=Registration.ACCEPTED,
        boot=BootIdentity(vendor="Wall", model="Box 11", firmware="1.0"),
        protocol="1.6",
        connected=True,
        ready=True,
        generation=1,
        remote_address="192.0.2.7",
        connected_since=EIGHT,
        last_seen_at=EIGHT,
        last_boot_at=EIGHT,
        last_connect_at=EIGHT,
        last_disconnect_at=None,
        last_heartbeat_at=EIGHT,
        boots=1,
        reconnects=0,
        clock_skew_s=0.5,
        connectors=connectors,
    )


def connector(number: int, **changes: Any) -> ConnectorView:
    view = ConnectorView(
        connector=ConnectorRef.of_number(number),
        status=ConnectorStatus.AVAILABLE,
        error_code="NoError",
        info=None,
        since=EIGHT,
        transaction=None,
        plugged_in_at=None,
        served=False,
        reserved_for=None,
        power_w=0.0,
        current_a={},
        voltage_v={},
        state_of_charge_percent=None,
        energy_total_wh=1000,
        transactions=1,
        status_changes=3,
    )
    return replace(view, **changes)


def charging(number: int, transaction_id: int) -> ConnectorView:
    return connector(
        number,
        status=ConnectorStatus.CHARGING,
        transaction=running(number, transaction_id),
        plugged_in_at=EIGHT,
        served=True,
        power_w=7400.0,
        current_a={"L1": 16.0, "L2": 16.0},
        energy_total_wh=4500,
    )


def running(number: int, transaction_id: int) -> OpenTransaction:
    return OpenTransaction(
        id=transaction_id,
        connector=ConnectorRef.of_number(number),
        id_tag="TAG1",
        started_at=EIGHT,
        received_at=EIGHT,
        register=EnergyRegister(meter_start_wh=1000, last_at=EIGHT, energy_wh=3500),
        max_power_w=7400.0,
    )


def ended(transaction_id: int, identity: str = "CP1", **changes: Any) -> TransactionRow:
    row = TransactionRow(
        id=transaction_id,
        charge_point=identity,
        connector=ConnectorRef.of_number(1),
        id_tag="TAG1",
        started_at=EIGHT,
        stopped_at=EIGHT + timedelta(hours=1),
        meter_start_wh=1000,
        meter_stop_wh=8400,
        energy_wh=7400,
        stop_reason="EVDisconnected",
    )
    return replace(row, **changes)
