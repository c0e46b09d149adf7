"""Operations: what an operator, a plugin or mcppd itself tells a charge point to do, and what is kept of its answer.

Rules.

1. A command is checked before it is sent, and its answer before anything is stored.
2. Whoever gave it may hang up: it stays in flight until it is answered, overdue, or the link closes.
3. Nothing is re-sent by itself.
"""

import asyncio
import logging
from typing import Any

from mcppd.core.bus import Bus
from mcppd.core.central_system import CentralSystem
from mcppd.core.charge_point import ChargePoint
from mcppd.core.correlation import correlation_id
from mcppd.core.link import Link
from mcppd.core.tasks import Tasks
from mcppd.db import configuration_keys
from mcppd.db.database import Database
from mcppd.hooks import Clock
from mcppd.model.charge_points import Registration
from mcppd.model.commands import (
    Answer,
    ChangeConfiguration,
    Command,
    CommandResult,
    ConfigurationAnswer,
    ConfigurationKey,
    RemoteStartTransaction,
    RemoteStopTransaction,
)
from mcppd.model.errors import ChargePointOffline, ChargePointUnknown, MCPPDError, NotPermitted, StorageError
from mcppd.model.events import CommandCompleted
from mcppd.model.replies import RegistrationStatus

log = logging.getLogger(__name__)

SECRET_KEYS = frozenset({"authorizationkey"})
"""Configuration keys, in lower case, whose values are never stored in clear."""


class Operations:
    def __init__(self, central: CentralSystem, database: Database, bus: Bus, clock: Clock, tasks: Tasks) -> None:
        self._central = central
        self._database = database
        self._bus = bus
        self._clock = clock
        self._tasks = tasks

    async def send(self, identity: str, command: Command, *, caller: str, wait_s: float = 0.0) -> CommandResult:
        """Send `command` and return the answer; `wait_s` is how long an offline charge point may take to come back.

        Raises CallRefused or SchemaViolation if it was not sent, CallFailed if it came to nothing.
        """
        charge_point = self._central.charge_point(identity)
        if charge_point is None:
            raise ChargePointUnknown(identity)
        action, _ = self._central.dialect_of(charge_point).write_command(command)
        work = self._run(charge_point, command, action, caller, wait_s)
        return await asyncio.shield(self._tasks.spawn(work, f"{action} {identity}", quiet=MCPPDError))

    async def send_raw(
        self, identity: str, action: str, body: Any, *, caller: str, wait_s: float = 0.0
    ) -> CommandResult:
        """The same for an action and a body as OCPP spells them (1.6, chapter 5). Raises also ActionUnknown."""
        charge_point = self._central.charge_point(identity)
        if charge_point is None:
            raise ChargePointUnknown(identity)
        command = self._central.dialect_of(charge_point).read_command(action, body)
        return await self.send(identity, command, caller=caller, wait_s=wait_s)

    async def _run(
        self, charge_point: ChargePoint, command: Command, action: str, caller: str, wait_s: float
    ) -> CommandResult:
        started = self._clock.monotonic()
        outcome = "failed"
        try:
            answer, payload = await self._call(charge_point, command, action, wait_s)
            outcome = getattr(answer, "status", "") or "answered"
            return CommandResult(action, answer, payload, self._clock.monotonic() - started)
        except MCPPDError as error:
            outcome = type(error).__name__
            raise
        finally:
            self._told(charge_point, action, outcome, self._clock.monotonic() - started, caller)

    async def _call(
        self, charge_point: ChargePoint, command: Command, action: str, wait_s: float
    ) -> tuple[Answer, dict[str, Any]]:
        link = await self._central.link_of(charge_point, wait_s)
        if link is None:
            raise ChargePointOffline(charge_point.identity)
        _check_permission(link, command, action)
        answer, payload = await link.call(command)
        await self._keep(charge_point, command, answer)
        return answer, payload

    async def _keep(self, charge_point: ChargePoint, command: Command, answer: Answer) -> None:
        """Store what the answer tells of the charge point's state."""
        keys: tuple[ConfigurationKey, ...] = ()
        match command, answer:
            case _, ConfigurationAnswer():
                keys = answer.keys
            case ChangeConfiguration(key, value), _ if answer.accepted:
                keys = (ConfigurationKey(key, value, readonly=False),)
        told = [key for key in keys if key.key.lower() not in SECRET_KEYS]
        if told:
            now = self._clock.now()
            try:
                await self._database.write(configuration_keys.store, charge_point.id, told, now, urgent=False)
            except StorageError as error:  # the answer is true all the same
                extra = {"charge_point": charge_point.identity, "reason": str(error)}
                log.error("configuration_not_stored", extra=extra)

    def _told(self, charge_point: ChargePoint, action: str, outcome: str, duration_s: float, caller: str) -> None:
        extra = {
            "charge_point": charge_point.identity,
            "action": action,
            "outcome": outcome,
            "caller": caller,
            "duration_ms": round(duration_s * 1000, 1),
        }
        log.info("command_completed", extra=extra)
        event = CommandCompleted(
            charge_point=charge_point.identity,
            at=self._clock.now(),
            correlation_id=correlation_id.get(),
            action=action,
            outcome=outcome,
            duration_s=duration_s,
            caller=caller,
        )
        self._bus.publish([event])


def _check_permission(link: Link, command: Command, action: str) -> None:
    """OCPP 1.6, 4.2: no remote start or stop while Pending, nothing at all while Rejected.

    What the configuration says holds at once; what the charge point was last answered holds until it asks again.
    """
    registration = link.charge_point.registration
    if registration is Registration.BLOCKED:
        raise NotPermitted(link.identity, action, "its registration is blocked")
    if link.registered is RegistrationStatus.REJECTED:
        raise NotPermitted(link.identity, action, "it was rejected, until its next BootNotification")
    if not isinstance(command, RemoteStartTransaction | RemoteStopTransaction):
        return
    if registration is Registration.PENDING:
        raise NotPermitted(link.identity, action, "its registration is pending")
    if link.registered is RegistrationStatus.PENDING:
        raise NotPermitted(link.identity, action, "it was answered Pending, until its next BootNotification")
