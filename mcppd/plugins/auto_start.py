"""Automatic start: a vehicle is plugged in, and its transaction is started by RemoteStartTransaction.

Rules.

1. One plug-in is served once. Served means that a transaction started, not that a RemoteStart was accepted.
2. One attempt at a time for each connector. From an Accepted until the start, or `START_BOUND_S`, no further one is
   sent: a connector may well say Preparing again meanwhile.
3. What stands in the way is looked up when an attempt is due, never remembered. What only an event can clear away ends
   the attempt, and the event begins the next.
4. Finishing and being served last until the cable is out; Available and a reboot forget all. After a reboot, a
   connector is not believed to be Preparing until the charge point says so on its present link.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from mcppd.hooks import Context, Timer
from mcppd.model.authorization import fold_tag
from mcppd.model.charge_points import ConnectorRef, ConnectorStatus, Registration
from mcppd.model.commands import CommandResult, RemoteStartTransaction, StatusAnswer
from mcppd.model.errors import CallErrorReceived, CallFailed, CallRefused, SchemaViolation
from mcppd.model.events import (
    ChargePointBooted,
    ChargePointConnected,
    ChargePointReady,
    Event,
    StatusReported,
    TransactionStarted,
)
from mcppd.model.settings import AutoStartSettings
from mcppd.model.views import ChargePointView, ConnectorView

START_BOUND_S = 120.0
"""How long a charge point that accepted may take to start; ConnectionTimeOut is seldom longer."""

LONGEST_RETRY_S = 600.0

FORM_ERRORS = frozenset(
    {
        "FormationViolation",
        "FormatViolation",
        "NotSupported",
        "OccurenceConstraintViolation",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "ProtocolError",
        "TypeConstraintViolation",
    }
)
"""What a charge point answers that does not like the form of a RemoteStart, rather than the start itself."""

DISABLED = "auto_start.enabled is false"

Key = tuple[str, ConnectorRef]


@dataclass(slots=True, eq=False)
class PlugIn:
    """One cable in one connector, from plugged to unplugged."""

    charge_point: str
    connector: ConnectorRef
    plugged_in_at: datetime | None
    seen_at_s: float
    """When it was first seen here, on the monotonic clock."""
    attempts: int = 0
    over: str = ""
    """Why nothing more is done until the cable is out; "" while something may be."""
    without_connector: bool = False
    """Whether the charge point did not like connectorId, and is the only one that it can mean."""
    running: Timer | None = None
    told: set[str] = field(default_factory=set)

    @property
    def where(self) -> dict[str, object]:
        """For the log."""
        return {"charge_point": self.charge_point, "connector": str(self.connector), "category": "transaction"}

    def cancel(self) -> None:
        if self.running is not None:
            self.running.cancel()
            self.running = None


def plugin() -> "AutoStart":
    return AutoStart()


class AutoStart:
    subscribes = (StatusReported, TransactionStarted, ChargePointReady, ChargePointBooted, ChargePointConnected)

    _context: Context

    def __init__(self) -> None:
        self._plug_ins: dict[Key, PlugIn] = {}
        self._preparing: set[Key] = set()
        """The connectors whose last word on the present link was Preparing."""

    async def start(self, context: Context) -> None:
        self._context = context

    async def on_event(self, event: Event) -> None:
        match event:
            case StatusReported():
                self._reported(event)
            case TransactionStarted():
                self._served(event)
            case ChargePointReady():
                self._resume(event.charge_point)
            case ChargePointBooted():
                self._booted(event.charge_point)
            case ChargePointConnected():
                self._preparing = {key for key in self._preparing if key[0] != event.charge_point}

    # What happened

    def _reported(self, event: StatusReported) -> None:
        if event.connector.is_charge_point:
            return
        key = event.charge_point, event.connector
        self._preparing.discard(key)
        if event.status is ConnectorStatus.AVAILABLE:
            self._unplugged(key)
        elif event.status is ConnectorStatus.FINISHING:
            self._finishing(key)
        elif event.status is ConnectorStatus.PREPARING:
            self._preparing.add(key)
            self._plugged(key)

    def _unplugged(self, key: Key) -> None:
        if (plug_in := self._plug_ins.pop(key, None)) is not None:
            self._log(logging.DEBUG, "auto_start_unplugged", plug_in)
            plug_in.cancel()

    def _finishing(self, key: Key) -> None:
        """Some charge points stay in Finishing and refuse every start until the cable is out."""
        if (plug_in := self._plug_in(key)) is not None and not plug_in.over:
            self._end(plug_in, "the connector is Finishing")

    def _served(self, event: TransactionStarted) -> None:
        plug_in = self._plug_ins.get((event.charge_point, event.transaction.connector))
        if plug_in is None:
            return
        if not plug_in.over:
            self._log(logging.INFO, "auto_start_served", plug_in, transaction=event.transaction.id)
            self._end(plug_in, "it was served")

    def _resume(self, charge_point: str) -> None:
        """The link may carry commands: go on where a cable is in."""
        if (view := self._context.charge_point(charge_point)) is None:
            return
        for stands in view.connectors:
            key = charge_point, stands.connector
            if stands.connector.is_charge_point or stands.status is not ConnectorStatus.PREPARING:
                continue
            if stands.plugged_in_at is not None or key in self._preparing:  # a reboot takes plugged_in_at away
                self._plugged(key)

    def _booted(self, charge_point: str) -> None:
        """It forgot what it was told."""
        for key in [key for key in self._plug_ins if key[0] == charge_point]:
            self._plug_ins.pop(key).cancel()

    def _plugged(self, key: Key) -> None:
        if (plug_in := self._plug_in(key)) is None or plug_in.running is not None:
            return
        if obstacle := plug_in.over or self._obstacle(plug_in):
            self._skip(plug_in, obstacle)
        else:
            plug_in.running = self._context.spawn(self._serve(plug_in), f"{plug_in.charge_point}/{plug_in.connector}")

    def _plug_in(self, key: Key) -> PlugIn | None:
        """The cable that is in this connector now: a new one if it went in at another time than the last."""
        charge_point, connector = key
        view = self._context.charge_point(charge_point)
        if view is None or (stands := view.connector(connector)) is None:
            return None
        last = self._plug_ins.get(key)
        if last is not None and last.plugged_in_at in (None, stands.plugged_in_at):
            last.plugged_in_at = stands.plugged_in_at
            return last
        if last is not None:
            last.cancel()
        now_s = self._context.clock.monotonic()
        plug_in = self._plug_ins[key] = PlugIn(charge_point, connector, stands.plugged_in_at, now_s)
        return plug_in

    # What is done

    async def _serve(self, plug_in: PlugIn) -> None:
        """Attempt until it is served, until something stands in the way, or until there are no attempts left."""
        try:
            while True:
                if plug_in.attempts > self._settings(plug_in).retries:
                    self._log(logging.WARNING, "auto_start_given_up", plug_in, attempts=plug_in.attempts)
                    plug_in.over = "all attempts failed"
                    return
                if (wait_s := self._wait_s(plug_in)) > 0:
                    self._log(logging.DEBUG, "auto_start_scheduled", plug_in, seconds=wait_s)
                    await self._context.clock.sleep(wait_s)
                if (obstacle := self._obstacle(plug_in)) is not None:
                    self._skip(plug_in, obstacle)
                    return
                if not await self._attempt(plug_in):
                    return
        finally:
            plug_in.running = None

    async def _attempt(self, plug_in: PlugIn) -> bool:
        """One RemoteStart and the wait for a start, which ends all this by cancelling it. Whether to try again."""
        plug_in.attempts += 1
        try:
            result = await self._send(plug_in)
        except CallRefused as error:
            plug_in.attempts -= 1  # nothing was sent
            self._skip(plug_in, str(error))
            return False
        except (CallFailed, SchemaViolation) as error:
            self._log(logging.WARNING, "auto_start_failed", plug_in, reason=str(error))
            return True
        if not result.answer.accepted:
            status = result.answer.status if isinstance(result.answer, StatusAnswer) else ""
            self._log(logging.WARNING, "auto_start_refused", plug_in, status=status, attempts=plug_in.attempts)
            return True
        self._log(logging.INFO, "auto_start_accepted", plug_in, attempts=plug_in.attempts)
        await self._context.clock.sleep(START_BOUND_S)
        self._log(logging.WARNING, "auto_start_without_effect", plug_in, seconds=START_BOUND_S)
        return True

    async def _send(self, plug_in: PlugIn) -> CommandResult:
        """Send RemoteStart in its least form; once more without connectorId to those that do not understand it so."""
        tag = self._settings(plug_in).id_tag
        if plug_in.without_connector:
            return await self._context.send(plug_in.charge_point, RemoteStartTransaction(tag))
        try:
            return await self._context.send(plug_in.charge_point, RemoteStartTransaction(tag, plug_in.connector))
        except CallErrorReceived as error:
            if error.code not in FORM_ERRORS or not self._alone(plug_in):
                raise
            self._log(logging.INFO, "auto_start_without_connector", plug_in, reason=str(error))
            plug_in.without_connector = True
            return await self._context.send(plug_in.charge_point, RemoteStartTransaction(tag))

    # What is known

    def _settings(self, plug_in: PlugIn) -> AutoStartSettings:
        return self._context.settings.auto_start_for(plug_in.charge_point, plug_in.connector.number)

    def _wait_s(self, plug_in: PlugIn) -> float:
        """Before the next attempt: what is left of the delay since the plug-in, or the wait before this retry."""
        settings = self._settings(plug_in)
        if not plug_in.attempts:
            return plug_in.seen_at_s + settings.delay - self._context.clock.monotonic()
        return min(settings.retry_delay * 2.0 ** (plug_in.attempts - 1), LONGEST_RETRY_S)

    def _alone(self, plug_in: PlugIn) -> bool:
        """Whether the charge point has no other connector."""
        view = self._context.charge_point(plug_in.charge_point)
        return view is not None and sum(not one.connector.is_charge_point for one in view.connectors) == 1

    def _obstacle(self, plug_in: PlugIn) -> str | None:
        """Why no RemoteStart may be sent now."""
        view = self._context.charge_point(plug_in.charge_point)
        stands = view.connector(plug_in.connector) if view is not None else None
        if view is None or stands is None:
            return "the connector is not known"
        return self._obstacle_at(view, stands, self._settings(plug_in))

    def _obstacle_at(self, view: ChargePointView, stands: ConnectorView, settings: AutoStartSettings) -> str | None:
        if not settings.enabled:
            return DISABLED
        if stands.status is not ConnectorStatus.PREPARING:
            return f"the connector is {stands.status}"
        if stands.transaction is not None and not stands.transaction.interrupted:
            return f"transaction {stands.transaction.id} is open"
        if stands.served:
            return "it was served"
        if view.registration is not Registration.ACCEPTED:
            return f"the charge point is {view.registration}"
        if stands.reserved_for is not None and fold_tag(stands.reserved_for) != fold_tag(settings.id_tag):
            return "the connector is reserved for another tag"
        if not view.ready:
            return "the charge point is not connected, or not ready"
        return None

    # What is said

    def _end(self, plug_in: PlugIn, why: str) -> None:
        plug_in.over = why
        plug_in.cancel()

    def _skip(self, plug_in: PlugIn, reason: str) -> None:
        """Said once for each reason, then at DEBUG: charge points repeat their status."""
        level = logging.DEBUG if reason in plug_in.told or reason == DISABLED else logging.INFO
        plug_in.told.add(reason)
        self._log(level, "auto_start_skipped", plug_in, reason=reason)

    def _log(self, level: int, event: str, plug_in: PlugIn, **extra: object) -> None:
        self._context.log.log(level, event, extra={**plug_in.where, **extra})
