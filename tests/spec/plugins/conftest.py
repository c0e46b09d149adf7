"""A site of one charge point, as automatic start sees it: its context, and the one who plugs in and out."""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mcppd.model.charge_points import BootIdentity, BootMeaning, ConnectorRef, ConnectorStatus, Registration
from mcppd.model.commands import Command, CommandResult, RemoteStartTransaction, StatusAnswer
from mcppd.model.events import (
    ChargePointBooted,
    ChargePointConnected,
    ChargePointDisconnected,
    ChargePointReady,
    Event,
    StatusReported,
    TransactionStarted,
)
from mcppd.model.meter_values import EnergyRegister
from mcppd.model.settings import AutoStartSettings, Settings
from mcppd.model.transactions import OpenTransaction
from mcppd.model.views import ChargePointView, ConnectorView
from mcppd.plugins.auto_start import AutoStart, plugin
from tests.equipment.clock import FakeClock, settle

Answer = str | Exception | asyncio.Future[str]


class Site:
    """`mcppd.hooks.Context`, and the charge point CP1 that acts as the test says."""

    name = "auto_start"
    config: Mapping[str, Any] = {}
    log = logging.getLogger("mcppd.plugins.auto_start")

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.settings = Settings()
        self.view: ChargePointView | None = ChargePointView(
            "CP1",
            Registration.ACCEPTED,
            BootIdentity(),
            "1.6",
            True,
            True,
            1,
            "192.0.2.1:5000",
            *(None,) * 5,
            None,
            1,
            0,
            None,
            (connector(0), connector(1), connector(2)),
        )
        self.sent: list[Command] = []
        self.answers: deque[Answer] = deque()
        """What the charge point answers to the next RemoteStarts; Accepted when there are no more."""
        self.tasks: set[asyncio.Task[None]] = set()
        self.auto_start: AutoStart = plugin()

    # Context

    def charge_points(self) -> Sequence[ChargePointView]:
        return [self.view] if self.view is not None else []

    def charge_point(self, identity: str) -> ChargePointView | None:
        return self.view if identity == "CP1" else None

    async def send(self, charge_point: str, command: Command, *, wait_s: float = 0.0) -> CommandResult:
        assert charge_point == "CP1"
        self.sent.append(command)
        answer = self.answers.popleft() if self.answers else "Accepted"
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        return CommandResult("RemoteStartTransaction", StatusAnswer(answer), {"status": answer}, 0.1)

    def on_data_transfer(self, vendor_id: str, handler: Any) -> None:
        raise AssertionError("automatic start answers no vendor")

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.add(task)
        return task

    # The charge point

    @property
    def starts(self) -> list[tuple[str, int | None]]:
        """Tag and connector of each RemoteStart that was sent."""
        return [
            (command.id_tag, command.connector.number if command.connector is not None else None)
            for command in self.sent
            if isinstance(command, RemoteStartTransaction) and command.charging_profile is None
        ]

    @property
    def at_work(self) -> int:
        return sum(not task.done() for task in self.tasks)

    def set(self, **changes: Any) -> None:
        assert self.view is not None
        self.view = replace(self.view, **changes)

    def set_connector(self, number: int, **changes: Any) -> None:
        assert self.view is not None
        ref = ConnectorRef.of_number(number)
        self.set(connectors=tuple(replace(c, **changes) if c.connector == ref else c for c in self.view.connectors))

    def stands(self, number: int = 1) -> ConnectorView:
        assert self.view is not None
        found = self.view.connector(ConnectorRef.of_number(number))
        assert found is not None
        return found

    def configure(self, **auto_start: Any) -> None:
        self.settings = replace(self.settings, auto_start=AutoStartSettings(**auto_start))

    async def happens(self, event: Event) -> None:
        await self.auto_start.on_event(event)
        await settle()

    async def says(self, status: ConnectorStatus, number: int = 1) -> None:
        """A StatusNotification, with what core makes of it."""
        before = self.stands(number)
        plugged_in_at = before.plugged_in_at or (self.clock.now() if status.plugged else None)
        if status is ConnectorStatus.AVAILABLE:
            plugged_in_at = None
        served = before.served and plugged_in_at is not None
        self.set_connector(number, status=status, plugged_in_at=plugged_in_at, served=served)
        await self.happens(self.reported(status, before.status, number))

    def reported(self, status: ConnectorStatus, previous: ConnectorStatus, number: int) -> StatusReported:
        return StatusReported(
            charge_point="CP1",
            at=self.clock.now(),
            connector=ConnectorRef.of_number(number),
            status=status,
            previous=previous,
            error_code="NoError",
            changed=status is not previous,
        )

    def preparing(self, number: int) -> StatusReported:
        return self.reported(ConnectorStatus.PREPARING, ConnectorStatus.AVAILABLE, number)

    async def plugs_in(self, number: int = 1) -> None:
        await self.says(ConnectorStatus.PREPARING, number)

    async def unplugs(self, number: int = 1) -> None:
        await self.says(ConnectorStatus.AVAILABLE, number)

    def has_open_transaction(
        self, number: int = 1, *, interrupted: bool = False, energy_wh: int = 0
    ) -> OpenTransaction:
        now = self.clock.now()
        transaction = OpenTransaction(
            7, ConnectorRef.of_number(number), "AUTOSTART", now, now, EnergyRegister(0, now, energy_wh), interrupted
        )
        self.set_connector(number, transaction=transaction)
        return transaction

    async def starts_transaction(self, number: int = 1) -> None:
        transaction = self.has_open_transaction(number)
        self.set_connector(number, served=True)
        await self.happens(
            TransactionStarted(charge_point="CP1", at=self.clock.now(), transaction=transaction, status="Accepted")
        )

    async def stops_transaction(self, number: int = 1) -> None:
        self.set_connector(number, transaction=None)

    async def disconnects(self) -> None:
        self.set(connected=False, ready=False)
        await self.happens(
            ChargePointDisconnected(charge_point="CP1", at=self.clock.now(), generation=1, reason="gone", connected_s=9)
        )

    async def connects(self) -> None:
        self.set(connected=True, ready=False)
        event = ChargePointConnected(
            charge_point="CP1", at=self.clock.now(), generation=2, remote_address="192.0.2.1:5001", protocol="1.6"
        )
        await self.happens(event)

    async def becomes_ready(self) -> None:
        self.set(connected=True, ready=True)
        await self.happens(ChargePointReady(charge_point="CP1", at=self.clock.now(), generation=2, by="timeout"))

    async def comes_back(self) -> None:
        await self.connects()
        await self.becomes_ready()

    async def boots(self) -> None:
        """BootNotification, with what core makes of it: transactions interrupted, plug-ins forgotten."""
        assert self.view is not None
        for stands in self.view.connectors:
            interrupted = replace(stands.transaction, interrupted=True) if stands.transaction is not None else None
            self.set_connector(stands.connector.number, plugged_in_at=None, served=False, transaction=interrupted)
        meaning, now = BootMeaning.REBOOT, self.clock.now()
        await self.happens(ChargePointBooted(charge_point="CP1", at=now, identity=BootIdentity(), meaning=meaning))
        await self.becomes_ready()

    async def reboots(self) -> None:
        await self.disconnects()
        await self.connects()
        await self.boots()


def connector(number: int) -> ConnectorView:
    return ConnectorView(
        ConnectorRef.of_number(number),
        ConnectorStatus.AVAILABLE,
        "NoError",
        None,
        None,
        None,
        None,
        False,
        None,
        0.0,
        {},
        {},
        None,
        0,
        0,
        0,
    )


@pytest.fixture
async def site() -> Any:
    site = Site()
    await site.auto_start.start(site)
    yield site
    for task in site.tasks:
        task.cancel()
    for ended in await asyncio.gather(*site.tasks, return_exceptions=True):
        assert not isinstance(ended, Exception), "no attempt may end with an exception"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """The log: `told("auto_start_skipped")` are the records of that event."""
    with caplog.at_level(logging.DEBUG, "mcppd"):
        yield lambda event: [record for record in caplog.records if record.getMessage() == event]
