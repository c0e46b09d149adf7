"""The central system: who may connect, who is connected, and what is told when that changes.

Rules.

1. The newest link of a charge point takes over at once when its credentials prove it; without credentials the old link
   is asked first, and keeps its place if it answers. So is the one that took its place while it was being asked.
2. A link that was replaced changes nothing any more: links are compared, never identities.
3. No row is written for a charge point that was not let in.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from mcppd.core.admission import Admission, Refusal
from mcppd.core.answering import Answering
from mcppd.core.bus import Bus
from mcppd.core.charge_point import ChargePoint
from mcppd.core.correlation import correlation_id
from mcppd.core.counters import Counters
from mcppd.core.link import Link
from mcppd.core.site import Site
from mcppd.core.subprotocols import choose
from mcppd.core.tasks import Tasks
from mcppd.core.transport import Transport
from mcppd.core.turn import Services
from mcppd.db import charge_points, security
from mcppd.hooks import Candidate
from mcppd.model.charge_points import Registration
from mcppd.model.errors import CallRefused, StorageError
from mcppd.model.events import (
    ChargePointConnected,
    ChargePointDisconnected,
    ChargePointReady,
    ChargePointRegistered,
    LinkRefused,
    SecurityEventReported,
)
from mcppd.model.views import ChargePointView
from mcppd.ocpp.dialect import Dialect
from mcppd.ocpp.frame import Call

log = logging.getLogger(__name__)

PROBE_S = 3.0
"""How long an unauthenticated charge point's old link has to show that it lives."""

MAX_WAITERS = 64
"""Commands that may wait for one charge point to come back."""


class CentralSystem:
    def __init__(
        self,
        services: Services,
        answering: Answering,
        site: Site,
        bus: Bus,
        counters: Counters,
        tasks: Tasks,
        dialects: Sequence[Dialect],
        new_id: Callable[[], str],
    ) -> None:
        """`dialects` by preference; the first is spoken with charge points that offer no subprotocol."""
        self._services = services
        self._answering = answering
        self._site = site
        self._bus = bus
        self._counters = counters
        self._tasks = tasks
        self._dialects = tuple(dialects)
        self._new_id = new_id
        self._links: dict[str, Link] = {}
        self._waiters: dict[str, list[asyncio.Future[Link]]] = {}
        self._registering: set[str] = set()

    # Who is here -------------------------------------------------------------------------------------------------

    @property
    def subprotocols(self) -> tuple[str, ...]:
        return tuple(dialect.subprotocol for dialect in self._dialects)

    @property
    def links(self) -> int:
        return len(self._links)

    def views(self) -> list[ChargePointView]:
        return [charge_point.view(self._links.get(charge_point.identity)) for charge_point in self._site]

    def view(self, identity: str) -> ChargePointView | None:
        charge_point = self._site.get(identity)
        return charge_point.view(self._links.get(identity)) if charge_point is not None else None

    def charge_point(self, identity: str) -> ChargePoint | None:
        return self._site.get(identity)

    def dialect_of(self, charge_point: ChargePoint) -> Dialect:
        """What it speaks now, or spoke last."""
        link = self._links.get(charge_point.identity)
        if link is not None:
            return link.dialect
        spoken = (dialect for dialect in self._dialects if dialect.subprotocol == charge_point.protocol)
        return next(spoken, self._dialects[0])

    # Letting in --------------------------------------------------------------------------------------------------

    async def admit(self, candidate: Candidate) -> Admission | Refusal:
        """Decide on a handshake. Whatever is refused is told as an event."""
        try:
            admission = await self._admit(candidate)
        except StorageError as error:
            admission = Refusal(503, f"the database cannot be written: {error}")
        if isinstance(admission, Refusal):
            self._refused(candidate, admission)
        return admission

    async def _admit(self, candidate: Candidate) -> Admission | Refusal:
        chosen = choose(candidate.subprotocols, self._dialects)
        if chosen is None:
            spoken = ", ".join(self.subprotocols)
            return Refusal(101, f"offers {', '.join(candidate.subprotocols)}; spoken here: {spoken}")
        charge_point = self._site.get(candidate.identity)
        if charge_point is None and (refusal := self._may_register(candidate.identity)) is not None:
            return refusal
        if self._services.plugins.wants("admit"):
            verdict = await self._services.plugins.admit(candidate)
            if verdict is not None and not verdict.admitted:
                return Refusal(verdict.status, verdict.reason or "refused by a plugin")
        if charge_point is None:
            if (refusal := self._may_register(candidate.identity)) is not None:  # others may have come meanwhile
                return refusal
            charge_point = await self._register(candidate.identity)
        asked: Link | None = None
        while (old := self._links.get(candidate.identity)) is not None and old is not asked:
            asked = old
            if await old.probe(PROBE_S) and self._links.get(candidate.identity) is old:
                await self._hijacked(charge_point, candidate)
                return Refusal(409, "another link of this charge point is alive")
        dialect, subprotocol = chosen
        return Admission(candidate.identity, dialect, subprotocol, candidate.remote_address)

    def _may_register(self, identity: str) -> Refusal | None:
        settings = self._services.settings()
        if settings.onboarding.mode == "closed" and identity not in settings.charge_points:
            return Refusal(404, "unknown charge point; add it under charge_points, or set onboarding.mode: open")
        most = settings.ocpp.max_charge_points
        if len(self._site) + len(self._registering - {identity}) >= most:
            return Refusal(403, f"{most} charge points are registered already (ocpp.max_charge_points)")
        return None

    async def _register(self, identity: str) -> ChargePoint:
        now = self._services.clock.now()
        registration = self._services.settings().of(identity).registration or Registration.ACCEPTED
        self._registering.add(identity)
        try:
            stored = await self._services.database.write(charge_points.register, identity, registration, now)
        finally:
            self._registering.discard(identity)
        if (known := self._site.get(identity)) is not None:  # two handshakes of it at once
            return known
        charge_point = self._site.add(stored)
        log.info("charge_point_registered", extra={"charge_point": identity, "registration": registration})
        self._bus.publish([ChargePointRegistered(charge_point=identity, at=now, registration=registration)])
        return charge_point

    def _refused(self, candidate: Candidate, refusal: Refusal) -> None:
        self._counters.errors["link_refused"] += 1
        event = LinkRefused(
            charge_point=candidate.identity,
            at=self._services.clock.now(),
            status=refusal.status,
            reason=refusal.reason,
            remote_address=candidate.remote_address,
        )
        self._bus.publish([event])

    async def _hijacked(self, charge_point: ChargePoint, candidate: Candidate) -> None:
        now, what = self._services.clock.now(), f"second link from {candidate.remote_address} while the first is alive"
        try:
            await self._services.database.write(
                security.record_event, charge_point.id, "IdentityConflict", now, what, now, own=True, urgent=False
            )
        except StorageError as error:
            log.error("security_event_not_stored", extra={"charge_point": charge_point.identity, "reason": str(error)})
        event = SecurityEventReported(
            charge_point=charge_point.identity, at=now, type="IdentityConflict", tech_info=what, own=True
        )
        self._bus.publish([event])

    # Links -------------------------------------------------------------------------------------------------------

    def open_link(self, admission: Admission, transport: Transport) -> Link:
        """The handshake is done: the charge point's new link. An old one is closed and has no say any more."""
        charge_point = self._site.get(admission.identity)
        assert charge_point is not None, "admit registered it"
        old, now = self._links.get(admission.identity), self._services.clock.now()
        charge_point.generation += 1
        charge_point.protocol = admission.dialect.subprotocol
        if charge_point.last_connect_at is not None:
            charge_point.reconnects += 1
        charge_point.last_connect_at = now
        link = self._links[admission.identity] = Link(
            self,
            charge_point,
            admission.dialect,
            transport,
            generation=charge_point.generation,
            after=old.unfinished if old is not None else None,
            clock=self._services.clock,
            counters=self._counters,
            tasks=self._tasks,
            settings=self._services.settings,
            new_id=self._new_id,
        )
        if old is not None:
            old.close(1000, "replaced by a newer link")
            old.closed("replaced by a newer link")
        self._services.presence.changed(charge_point)
        self._tell_connected(link, now, replaced=old is not None)
        for waiter in self._waiters.pop(admission.identity, []):
            if not waiter.done():
                waiter.set_result(link)
        return link

    async def link_of(self, charge_point: ChargePoint, wait_s: float) -> Link | None:
        """Its link; if it has none, the one that it opens within `wait_s`; None if it opens none.

        Raises CallRefused if too many wait for it already.
        """
        identity = charge_point.identity
        link = self._links.get(identity)
        if link is not None or wait_s <= 0:
            return link
        waiters = self._waiters.setdefault(identity, [])
        if len(waiters) >= MAX_WAITERS:
            raise CallRefused(f"{MAX_WAITERS} commands wait for {identity} already; try again when it is connected")
        waiter: asyncio.Future[Link] = asyncio.get_running_loop().create_future()
        waiters.append(waiter)
        timer = self._services.clock.call_later(wait_s, waiter.cancel)
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() or _being_cancelled():
                raise
            return None
        finally:
            timer.cancel()
            if waiter in waiters:  # else the link took them all off the list
                waiters.remove(waiter)
            if not waiters and self._waiters.get(identity) is waiters:
                del self._waiters[identity]

    async def close(self, grace_s: float) -> None:
        """Let the calls in flight, both ways, be answered, for at most `grace_s`, and send no other.

        The door closes the connections.
        """
        tasks = [asyncio.ensure_future(link.finish()) for link in self._links.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()

    # What a link tells -------------------------------------------------------------------------------------------

    async def answer(self, link: Link, call: Call, received_at: datetime, solicited: bool) -> None:
        await self._answering.answer(link, call, received_at, solicited)

    def ready(self, link: Link, by: str) -> None:
        log.debug("link_ready", extra={"charge_point": link.identity, "by": by})
        event = ChargePointReady(
            charge_point=link.identity,
            at=self._services.clock.now(),
            correlation_id=correlation_id.get(),
            generation=link.generation,
            by=by,
        )
        self._bus.publish([event])

    def left(self, link: Link, reason: str) -> None:
        charge_point, now = link.charge_point, self._services.clock.now()
        connected_s = self._services.clock.monotonic() - link.opened_at
        if self._links.get(link.identity) is link:
            del self._links[link.identity]
            charge_point.last_disconnect_at = now
            self._services.presence.changed(charge_point)
            for connector in charge_point.connectors():
                connector.rest()
        extra = {"charge_point": link.identity, "generation": link.generation, "reason": reason}
        log.info("link_left", extra={**extra, "connected_s": round(connected_s, 1)})
        event = ChargePointDisconnected(
            charge_point=link.identity, at=now, generation=link.generation, reason=reason, connected_s=connected_s
        )
        self._bus.publish([event])

    def _tell_connected(self, link: Link, now: datetime, *, replaced: bool) -> None:
        extra = {"charge_point": link.identity, "generation": link.generation, "protocol": link.dialect.subprotocol}
        log.info("link_joined", extra={**extra, "remote_address": link.remote_address, "replaced": replaced})
        event = ChargePointConnected(
            charge_point=link.identity,
            at=now,
            generation=link.generation,
            remote_address=link.remote_address,
            protocol=link.dialect.subprotocol,
            replaced=replaced,
        )
        self._bus.publish([event])


def _being_cancelled() -> bool:
    """Whether it is our own task that is being cancelled, not only the future that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
