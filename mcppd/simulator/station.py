"""A simulated charge point: its life from power-up to power-down, over however many links that takes.

Rules.

1. Nothing but BootNotification is sent on a link before it was accepted and the resume delay has passed, except what
   the central system asks for by TriggerMessage while it keeps us Pending (OCPP 1.6, 4.2).
2. Tasks that belong to a link end with it. A task that fails ends `run`: nothing fails in silence.
3. After a boot every connector tells its status; after a plain reconnect, those whose status is not known yet.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ocpp.v16 import call

from mcppd.model.errors import CallFailed, CallRefused, ConnectionClosed
from mcppd.simulator.clock import Clock, timestamp, within
from mcppd.simulator.configuration import Configuration
from mcppd.simulator.connection import Connection, Socket
from mcppd.simulator.connector import Connector
from mcppd.simulator.errors import Offline
from mcppd.simulator.handlers import CoreHandlers
from mcppd.simulator.outbox import Message, Outbox
from mcppd.simulator.reconnect import Backoff, Reconnect
from mcppd.simulator.speech import Speech, Trace
from mcppd.simulator.vehicle import Vehicle

SOFT_RESET_PATIENCE_S = 10.0
"""How long a soft reset waits for its last transaction messages to be answered."""


@dataclass(frozen=True, slots=True)
class StationSettings:
    """What one charge point is like. Durations in seconds."""

    identity: str = "CP001"
    vendor: str = "mcppd"
    model: str = "Simulator"
    firmware: str = "1.0"
    connectors: int = 1
    speed: float = 1.0
    """How many times faster than the clock energy flows."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Values of configuration keys that differ from the defaults."""
    boot_on_reconnect: bool = True
    """Whether every link begins with a BootNotification, or only the first after a power-up (OCPP-J 1.6, 4.2)."""
    backoff: Backoff = field(default_factory=Backoff)
    resume_delay_s: float = 0.25
    call_timeout_s: float = 30.0
    boot_retry_s: float = 60.0
    """Wait before the next BootNotification where the central system names none."""
    reboot_s: float = 2.0


class Station:
    def __init__(
        self,
        settings: StationSettings,
        dial: Callable[[Configuration], Awaitable[Socket]],
        clock: Clock,
        say: Callable[[str], None],
        *,
        chance: Callable[[], float] = random.random,
        trace: Trace | None = None,
    ) -> None:
        self.settings, self.clock, self.say = settings, clock, say
        self.keys = Configuration({**settings.keys, "NumberOfConnectors": str(settings.connectors)})
        self.control = Reconnect(settings.backoff, settings.resume_delay_s, chance)
        self.connection = Connection(lambda: dial(self.keys), self.control, clock, self)
        self.speech = Speech(settings.identity, self.connection, clock, settings.call_timeout_s, trace)
        self.speech.answer_with(CoreHandlers(self))
        self.after_answer = self.speech.after_answer
        self.outbox = Outbox(self.speech.ask, self.keys, clock, say)
        self.connectors = {
            number: Connector(number, outbox=self.outbox, keys=self.keys, clock=clock, say=say, speed=settings.speed)
            for number in range(1, settings.connectors + 1)
        }
        self.online = asyncio.Event()
        self.registered = False
        """Whether a BootNotification was accepted since power-up."""
        self._told_itself = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._of_link: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._registering: asyncio.Task[None] | None = None
        self._heartbeat: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Live until `close`. Raises what a task of its own failed with (a bug)."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._spawn(self.connection.run())

    async def close(self) -> None:
        """Power down: the link is closed, and `run` returns. What waits in the outbox is lost."""
        for connector in self.connectors.values():
            connector.close()
        await self.connection.close("stopped")
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()

    # -- what people do -------------------------------------------------------------------------------------------

    def plug(self, connector: int = 1, vehicle: Vehicle | None = None) -> None:
        self.connectors[connector].plug(vehicle or Vehicle())

    def unplug(self, connector: int = 1) -> None:
        self.connectors[connector].unplug()

    async def present_tag(self, id_tag: str, connector: int = 1) -> None:
        """Someone holds a tag to the reader: it stops the transaction that it started, else it starts one if it may."""
        target = self.connectors[connector]
        running = target.transaction
        if running is not None and running.id_tag.casefold() == id_tag.casefold():
            target.stop("Local", id_tag)
        elif target.can_start() and await self._may_charge(id_tag):
            target.start(id_tag)

    async def lose_network(self, seconds: float) -> None:
        """The network is gone for `seconds` (no closing handshake)."""
        self.say(f"the network goes away for {seconds:g} s")
        await self.connection.drop("the network went away", wait_s=seconds, abruptly=True)

    # -- what the central system does -----------------------------------------------------------------------------

    def remote_start(self, connector: Connector, id_tag: str) -> None:
        if self.keys.flag("AuthorizeRemoteTxRequests"):
            self._spawn(self._authorize_and_start(connector, id_tag), of_link=True)
        else:
            connector.start(id_tag)

    def restart(self, kind: str) -> None:
        """Reboot: `kind` is Soft or Hard. A soft reset first tells the end of its transactions; a hard one after it."""
        self._spawn(self._restart(kind))

    def trigger(self, message: str, connector_id: int | None) -> bool:
        numbers = [connector_id] if connector_id is not None else list(self.connectors)
        connectors = [self.connectors[number] for number in numbers if number in self.connectors]
        match message:
            case "BootNotification":
                self.after_answer(lambda: self._spawn(self._boot_again(), of_link=True))
                return True
            case "Heartbeat":
                payloads: list[Callable[[], Any]] = [call.Heartbeat]
            case "StatusNotification":
                payloads = [one.status_message().build for one in connectors]
                if connector_id in (None, 0):
                    payloads.insert(0, self._own_status().build)
            case "MeterValues":
                payloads = [partial(one.sample, "Trigger") for one in connectors]
            case "DiagnosticsStatusNotification":
                payloads = [lambda: call.DiagnosticsStatusNotification("Idle")]
            case "FirmwareStatusNotification":
                payloads = [lambda: call.FirmwareStatusNotification("Idle")]
            case _:
                return False
        self.after_answer(lambda: self._spawn(self._send_triggered(payloads), of_link=True))
        return True

    def keys_changed(self) -> None:
        for connector in self.connectors.values():
            connector.keys_changed()
        if self.control.online:
            self._beat()

    # -- what the connection tells --------------------------------------------------------------------------------

    def dial_failed(self, reason: str, wait_s: float) -> None:
        self.say(f"no connection: {reason}; again in {wait_s:.1f} s")

    def link_opened(self, link: int) -> None:
        self.say("connected")
        if self.registered and not self.settings.boot_on_reconnect:
            self._spawn(self._resume(link, self.control.carry_on(link)), of_link=True)
        else:
            self._registering = self._spawn(self._register(link), of_link=True)

    async def heard(self, text: str) -> None:
        await self.speech.hear(text)

    def link_closed(self, reason: str, wait_s: float) -> None:
        self.say(f"disconnected after {self.control.statistics.last_duration_s:.0f} s: {reason}")
        self.online.clear()
        self.speech.link_closed()
        self.outbox.link_closed()
        for task in self._of_link:
            task.cancel()

    # -- registration ---------------------------------------------------------------------------------------------

    async def _register(self, link: int, wait_s: float | None = 0.0) -> None:
        """Say BootNotification after `wait_s` until it is accepted, as often as the central system allows."""
        while self.control.link == link and not (self.control.online or self.control.resuming):
            if wait_s:
                await self.clock.sleep(wait_s)
                wait_s = 0.0
                continue  # it may have been accepted meanwhile
            try:
                wait_s = await self._boot(link)
            except (ConnectionClosed, CallRefused):
                return
            except CallFailed as error:
                self.say(str(error))
                wait_s = self.settings.boot_retry_s

    async def _boot(self, link: int) -> float | None:
        """One BootNotification: returns the wait before the next, None when it was accepted."""
        settings = self.settings
        answer = await self.speech.ask(
            call.BootNotification(
                charge_point_model=settings.model,
                charge_point_vendor=settings.vendor,
                charge_point_serial_number=settings.identity[:25],
                firmware_version=settings.firmware,
            )
        )
        self.say(f"boot {answer.status}, interval {answer.interval} s")
        if answer.status != "Accepted":
            self.registered = False
            self.online.clear()
            self.control.suspend(link)
            return float(answer.interval or settings.boot_retry_s)
        self.registered = True
        if answer.interval > 0:
            self.keys.keep("HeartbeatInterval", str(answer.interval))
        delay_s = self.control.accepted(link)
        if self.control.online:
            self._beat()
        else:
            self._told_itself = False
            for connector in self.connectors.values():
                connector.forget_told()
            self._spawn(self._resume(link, delay_s), of_link=True)
        return None

    async def _boot_again(self) -> None:
        """A BootNotification that was asked for: a refusal leads to the usual repeats."""
        link = self.control.link
        try:
            wait_s = await self._boot(link)
        except (CallFailed, CallRefused) as error:
            self.say(str(error))
            return
        if wait_s is not None and (self._registering is None or self._registering.done()):
            self._registering = self._spawn(self._register(link, wait_s), of_link=True)

    async def _resume(self, link: int, delay_s: float | None) -> None:
        """After the resume delay: online, and everything that waits is told."""
        if delay_s is None:
            return
        await self.clock.sleep(delay_s)
        if not self.control.resume(link):
            return
        self.say("online")
        self.online.set()
        status = [one.status_message() for one in self.connectors.values() if one.untold]
        if not self._told_itself:
            status.insert(0, self._own_status())
        self.outbox.online(status)
        self._spawn(self.outbox.run(), of_link=True)
        self._beat()

    def _own_status(self) -> Message:
        at = timestamp(self.clock.now())

        def answered(_: Any) -> None:
            self._told_itself = True

        return Message(
            "StatusNotification",
            lambda: call.StatusNotification(0, "NoError", "Available", timestamp=at),
            answered=answered,
        )

    # -- work beside ----------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._heartbeat = self._spawn(self._heartbeats(), of_link=True)

    async def _heartbeats(self) -> None:
        while (interval_s := self.keys.count("HeartbeatInterval")) > 0:
            await self.clock.sleep(interval_s)
            await self._tell(call.Heartbeat())

    async def _send_triggered(self, payloads: list[Callable[[], Any]]) -> None:
        if self.control.resuming:
            await self.clock.sleep(self.settings.resume_delay_s)
        for payload in payloads:
            await self._tell(payload(), asked_for=True)

    async def _tell(self, payload: Any, *, asked_for: bool = False) -> None:
        """Say something whose loss matters to nobody."""
        try:
            await self.speech.ask(payload, asked_for=asked_for)
        except (CallFailed, CallRefused) as error:
            self.say(str(error))

    async def _authorize_and_start(self, connector: Connector, id_tag: str) -> None:
        if await self._may_charge(id_tag):
            connector.start(id_tag)

    async def _may_charge(self, id_tag: str) -> bool:
        """Ask the central system; offline, AllowOfflineTxForUnknownId decides (there is no cache and no local list)."""
        try:
            answer = await self.speech.ask(call.Authorize(id_tag=id_tag))
        except (Offline, ConnectionClosed):
            allowed = self.keys.flag("AllowOfflineTxForUnknownId")
            self.say(f"{id_tag} is {'allowed' if allowed else 'refused'} offline")
            return allowed
        except CallFailed as error:
            self.say(str(error))
            return False
        status = str(answer.id_tag_info["status"])
        self.say(f"{id_tag} is {status}")
        return status == "Accepted"

    async def _restart(self, kind: str) -> None:
        self.say(f"{kind.lower()} reset")
        for connector in self.connectors.values():
            connector.stop(f"{kind}Reset")
        if kind == "Soft":
            await within(self.clock, SOFT_RESET_PATIENCE_S, self.outbox.empty())
        self.keys.boot()
        self.registered = False
        for connector in self.connectors.values():
            connector.stop(f"{kind}Reset")  # one may have begun meanwhile
            connector.restart()
        await self.connection.drop(f"{kind.lower()} reset", wait_s=self.settings.reboot_s)

    def _spawn(self, work: Coroutine[Any, Any, None], *, of_link: bool = False) -> asyncio.Task[None]:
        assert self._group is not None
        task = self._group.create_task(work)
        for tasks in (self._tasks, self._of_link) if of_link else (self._tasks,):
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return task
