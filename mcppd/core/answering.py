"""The way of one request: read, decide, store, answer, and only then tell.

Rules.

1. A request is answered after the commit that makes the answer true, and events go out after the answer.
2. When storage fails there is no answer: the charge point repeats the message and so keeps it for us.
3. This is the one place where whatever a handler raises is turned into an answer.
"""

import logging
from asyncio import Future
from datetime import datetime
from itertools import count

from mcppd.core.bus import Bus
from mcppd.core.correlation import correlation_id
from mcppd.core.counters import Counters
from mcppd.core.link import Link
from mcppd.core.routes import HANDLERS
from mcppd.core.turn import Services, Turn
from mcppd.model.errors import StorageError
from mcppd.model.replies import Outcome
from mcppd.model.requests import BootNotification
from mcppd.ocpp.dialect import Reading, Rejected
from mcppd.ocpp.frame import Call, ErrorCode

log = logging.getLogger(__name__)


class Answering:
    def __init__(self, services: Services, bus: Bus, counters: Counters, run_id: str) -> None:
        """`run_id` begins every correlation id, so that those of two runs of the daemon differ."""
        self._services = services
        self._bus = bus
        self._counters = counters
        self._correlation_ids = (f"{run_id}-{number:x}" for number in count(1))

    async def answer(self, link: Link, call: Call, received_at: datetime, solicited: bool) -> None:
        """Answer one call on the link it came from. Never raises."""
        started = self._services.clock.monotonic()
        mark = next(self._correlation_ids)
        correlation_id.set(mark)
        self._services.presence.seen(link.charge_point, received_at)
        answered = False
        turn = Turn(self._services, link, link.charge_point, call, received_at, mark, solicited)
        try:
            outcome = await self._outcome(turn, call)
            payload = link.dialect.write_reply(call.action, outcome.reply)
            link.send(link.exchange.answer(call, payload), "call_result", call.action, call.id)
            answered = True
            self._counters.handling_s[call.action].observe(self._services.clock.monotonic() - started)
            if outcome.after is not None:
                outcome.after()
            self._bus.publish(outcome.events)
        except Rejected as rejected:
            self._refuse(turn, rejected.code, rejected.description)
        except StorageError as error:
            link.exchange.drop(call)
            self._counters.errors["storage"] += 1
            log.error("not_stored_not_answered", extra=turn.about(reason=str(error)))
        except Exception:  # a bug in a handler must cost one answer, not the link
            self._counters.errors["handler_failed"] += 1
            log.exception("handler_failed", extra=turn.about())
            if not answered:
                self._refuse(turn, ErrorCode.INTERNAL_ERROR, "the central system failed; see its log")

    async def _outcome(self, turn: Turn, call: Call) -> Outcome:
        reading = await self._read(turn, call)
        if not isinstance(reading.request, BootNotification):
            turn.link.handshake.activity()
        handler = HANDLERS[type(reading.request)]
        if not reading.repairs and reading.fits:
            return await handler(turn, reading.request)
        reason = self._note_repairs(turn, call, reading)
        if reason is None:
            return await handler(turn, reading.request)
        # Submitted first, awaited last: it is in the handler's own commit, or in an earlier one.
        stored = turn.quarantine(reason)
        stored.add_done_callback(_seen)
        outcome = await handler(turn, reading.request)
        await stored
        return Outcome(outcome.reply, (*outcome.events, turn.quarantined(reason)), outcome.after)

    async def _read(self, turn: Turn, call: Call) -> Reading:
        """The request in `call`; a plugin may better the payload of one that does not fit its schema."""
        dialect, plugins = turn.link.dialect, self._services.plugins
        if not plugins.wants("repair"):
            return dialect.read(call)
        try:
            reading = dialect.read(call)
        except Rejected:
            reading = None
        if reading is not None and reading.fits and not reading.repairs:
            return reading
        better = await plugins.repair(turn.charge_point.identity, call.action, call.payload)
        return dialect.read(call if better is None else Call(call.id, call.action, better))

    def _note_repairs(self, turn: Turn, call: Call, reading: Reading) -> str | None:
        """Count what was put right; the reason for the quarantine if information was lost, else None."""
        for repair in reading.repairs:
            self._counters.repairs[repair.kind] += 1
        if not reading.fits:
            self._counters.violations[call.action] += 1
        lost = [f"{repair.kind} at {repair.path}" for repair in reading.repairs if repair.lossy]
        if not reading.fits:
            lost.append("does not fit its schema")
        first_time = turn.link.note_quirks(repair.kind for repair in reading.repairs)
        if first_time:
            log.warning("message_repaired", extra=turn.about(kinds=sorted(first_time)))
        return "; ".join(lost)[:1000] or None

    def _refuse(self, turn: Turn, code: ErrorCode, description: str) -> None:
        link, call = turn.link, turn.call
        self._counters.errors["refused"] += 1
        log.info("call_refused", extra=turn.about(code=code, reason=description))
        link.send(link.exchange.refuse(call, code, description), "call_error", call.action, call.id)


def _seen(stored: "Future[None]") -> None:
    """Where the handler fails too, nobody awaits what the quarantine failed with: it is the same trouble."""
    if not stored.cancelled():
        stored.exception()
