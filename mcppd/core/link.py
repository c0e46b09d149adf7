"""A link: the live WebSocket of one charge point.

Rules.

1. The reader (`receive`) never waits: it sorts frames and puts calls into a bounded inbox. A full inbox pauses reading.
2. One worker takes the calls in order, after those of the link before; it exists only while there are any. A handler
   may itself call the charge point.
3. What was received is handled even if the link closes meanwhile: it is a fact, only its answer is lost.
4. Nothing of a link outlives it: timers, waiting calls and the solicited mark end with `closed`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from mcppd.core.boot_handshake import BootHandshake
from mcppd.core.charge_point import ChargePoint
from mcppd.core.counters import Counters, Direction, MessageType
from mcppd.core.message_log import log_message
from mcppd.core.outbox import Outbox
from mcppd.core.tasks import Tasks
from mcppd.core.transport import Transport
from mcppd.hooks import Clock
from mcppd.model.charge_points import Registration
from mcppd.model.commands import Answer, Command, StatusAnswer, TriggerMessage
from mcppd.model.errors import BadAnswer, CallFailed, MCPPDError, SchemaViolation
from mcppd.model.replies import RegistrationStatus
from mcppd.model.settings import NEVER, Settings
from mcppd.ocpp.dialect import Dialect
from mcppd.ocpp.exchange import Answered, Asked, Exchange, Garbled, Repeated, Stray
from mcppd.ocpp.frame import Call, CallError

log = logging.getLogger(__name__)

ZOMBIE_AFTER = 3
"""Calls in a row without an answer, from a peer that still talks, after which its link is closed."""

GARBLE_PER_MINUTE = 10
"""More frames a minute than this that are not OCPP close the link with 1002."""


class Owner(Protocol):
    """What a link tells the central system."""

    async def answer(self, link: "Link", call: Call, received_at: datetime, solicited: bool) -> None: ...

    def ready(self, link: "Link", by: str) -> None: ...

    def left(self, link: "Link", reason: str) -> None: ...


class Link:
    def __init__(
        self,
        owner: Owner,
        charge_point: ChargePoint,
        dialect: Dialect,
        transport: Transport,
        *,
        generation: int,
        after: asyncio.Task[None] | None,
        clock: Clock,
        counters: Counters,
        tasks: Tasks,
        settings: Callable[[], Settings],
        new_id: Callable[[], str],
    ) -> None:
        """`after` is what the link before this one still has to do: its calls arrived earlier."""
        self.charge_point = charge_point
        self.dialect = dialect
        self.generation = generation
        self.remote_address = transport.remote_address
        self.opened_at = clock.monotonic()
        self.status_came = False
        """Whether a StatusNotification came on this link."""
        self.registered: RegistrationStatus | None = None
        """What its last BootNotification on this link was answered with: it holds by that until the next one."""
        self.open = True
        self.exchange = Exchange(dialect.error_codes, new_id)
        self._owner = owner
        self._transport = transport
        self._clock = clock
        self._counters = counters
        self._tasks = tasks
        self._settings = settings
        self._inbox: deque[tuple[Call, datetime, bool]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._after = after
        self._paused = False
        self._last_heard = self.opened_at
        self._garbled: deque[float] = deque(maxlen=GARBLE_PER_MINUTE)
        self._work_beside: dict[str, asyncio.Task[None]] = {}
        self._quirks: set[str] = set()
        identity = self.identity = charge_point.identity
        current = settings()
        self.outbox = Outbox(
            identity,
            self.exchange,
            clock=clock,
            counters=counters,
            timeout_s=lambda: settings().ocpp.call_timeout,
            send=self._send_call,
            on_unanswered=self._unanswered,
        )
        unasked = current.setup(identity)
        self.handshake = BootHandshake(
            clock,
            timeout_s=current.boot.timeout,
            trigger_delay_s=current.trigger_delay(identity) if unasked else NEVER,
            booted_before=charge_point.boot is not None,
            send_trigger=lambda: self.beside(self._trigger_boot(), "boot trigger"),
            on_ready=self._became_ready,
        )

    # What comes in ----------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return self.open and self.handshake.ready

    def receive(self, text: str) -> None:
        """Sort one text frame. Called by the door, in order of arrival."""
        self._last_heard = self._clock.monotonic()
        received = self.exchange.receive(text)
        match received:
            case Asked(call):
                self._note("in", "call", text, call.id, call.action)
                self._put(call)
            case Answered(frame, action):
                self._note(
                    "in", "call_error" if isinstance(frame, CallError) else "call_result", text, frame.id, action
                )
                self.outbox.answered(frame, action)
            case Repeated(texts):
                self._counters.errors["repeated"] += 1
                log_message("in", self.identity, text)
                self.send(texts, "call_result")
            case Stray(message_id, late):
                self._counters.errors["late" if late else "stray"] += 1
                if late:
                    self.outbox.answered_late()
                log_message("in", self.identity, text, message_id)
            case Garbled(kind, reply):
                log_message("in", self.identity, text)
                self._garble(kind, reply)

    def closed(self, reason: str) -> None:
        """The connection is gone. Called by the door exactly once."""
        if not self.open:
            return
        self.open = False
        self.handshake.close()
        self.outbox.close()
        for task in self._work_beside.values():
            task.cancel()
        self._owner.left(self, reason)

    def _put(self, call: Call) -> None:
        solicited = call.action == "BootNotification" and self.handshake.boot_arrived()
        self._inbox.append((call, self._clock.now(), solicited))
        if not self._paused and len(self._inbox) >= self._settings().ocpp.inbox:
            self._paused = True
            self._counters.errors["inbox_full"] += 1
            self._transport.pause_reading()
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            if self._after is not None:
                await asyncio.wait([self._after])
                self._after = None
            while self._inbox:
                call, received_at, solicited = self._inbox.popleft()
                if self._paused and len(self._inbox) <= self._settings().ocpp.inbox // 2:
                    self._paused = False
                    self._transport.resume_reading()
                await self._owner.answer(self, call, received_at, solicited)
        finally:
            self._worker = None

    def _garble(self, kind: str, reply: str | None) -> None:
        self._counters.errors[kind] += 1
        if kind == "unknown_type":  # of another version perhaps: it shall be ignored (OCPP-J 1.6, 4.1.3)
            return
        now = self._clock.monotonic()
        if len(self._garbled) == GARBLE_PER_MINUTE and now - self._garbled[0] < 60.0:
            log.warning("link_closed_for_garble", extra={"charge_point": self.identity, "kind": kind})
            self.close(1002, "too many frames that are not OCPP")
            return
        self._garbled.append(now)
        if reply is not None:
            self.send([reply], "call_error")

    # What goes out ----------------------------------------------------------------------------------------------

    def send(self, texts: list[str], kind: MessageType, action: str = "", message_id: str = "") -> None:
        """Send answers. On a link that is closed they are lost, as they would be on the wire."""
        for text in texts:
            if self.open:
                self._note("out", kind, text, message_id, action)
                self._transport.send(text)

    async def call(self, command: Command, *, at_once: bool = False) -> tuple[Answer, dict[str, Any]]:
        """Send `command` in its turn and return its answer, as understood and as spelled.

        Raises ActionUnknown or SchemaViolation before anything is sent, else what `Outbox.call` raises, or BadAnswer.
        """
        action, payload = self.dialect.write_command(command)
        before_send = None
        if isinstance(command, TriggerMessage) and command.requested == "BootNotification":
            before_send = self.handshake.mark
        try:
            answered = await self.outbox.call(action, payload, at_once=at_once, before_send=before_send)
            answer = self.dialect.read_answer(action, answered)
        except SchemaViolation as violation:
            self._fail_mark(before_send)
            self._counters.violations[action] += 1
            raise BadAnswer(self.identity, action, str(violation)) from violation
        except CallFailed:
            self._fail_mark(before_send)
            raise
        if isinstance(answer, StatusAnswer) and not answer.accepted:
            self._fail_mark(before_send)
        return answer, answered

    def beside(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work` for this link, in place of what still runs under the same name; it ends when the link closes."""
        if not self.open:
            work.close()
            return
        if (before := self._work_beside.get(name)) is not None:
            before.cancel()
        task = self._work_beside[name] = self._tasks.spawn(work, f"{name} {self.identity}")
        task.add_done_callback(partial(self._beside_ended, name))

    def _beside_ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._work_beside.get(name) is task:
            del self._work_beside[name]

    def close(self, code: int, reason: str) -> None:
        self._transport.close(code, reason)

    async def probe(self, timeout_s: float) -> bool:
        return await self._transport.probe(timeout_s)

    def note_quirks(self, kinds: Iterable[str]) -> set[str]:
        """Remember kinds of repair; those that are new on this link."""
        new = set(kinds) - self._quirks
        self._quirks |= new
        return new

    @property
    def unfinished(self) -> asyncio.Task[None] | None:
        """What answers the calls received so far, those of the links before included; None if all are answered."""
        return self._worker or self._after

    async def finish(self) -> None:
        """Answer what is received and let our call in flight be answered; no other goes out."""
        await self.outbox.finish()
        while self._worker is not None:
            await asyncio.wait([self._worker])

    def _send_call(self, message_id: str, action: str, text: str) -> None:
        self._note("out", "call", text, message_id, action)
        self._transport.send(text)

    def _fail_mark(self, marked: Callable[[], None] | None) -> None:
        if marked is not None:
            self.handshake.unmark()

    async def _trigger_boot(self) -> None:
        if self.charge_point.registration is Registration.BLOCKED:  # to be left alone (OCPP 1.6, 4.2)
            return
        try:
            await self.call(TriggerMessage("BootNotification"), at_once=True)
        except MCPPDError as error:
            log.info("boot_trigger_failed", extra={"charge_point": self.identity, "reason": str(error)})

    def _became_ready(self, by: str) -> None:
        self._owner.ready(self, by)
        self.beside(self._resume(), "resume")

    async def _resume(self) -> None:
        await self._clock.sleep(self._settings().boot.resume_delay)
        self.outbox.release()

    def _unanswered(self, times: int) -> None:
        """A zombie talks but answers nothing: only a new link cures it."""
        heard_s = self._clock.monotonic() - self._last_heard
        if times >= ZOMBIE_AFTER and heard_s < times * self._settings().ocpp.call_timeout:
            log.warning("link_closed_as_zombie", extra={"charge_point": self.identity, "calls": times})
            self._counters.errors["zombie"] += 1
            self.close(1001, "answers no calls")

    def _note(self, direction: Direction, kind: MessageType, text: str, message_id: str, action: str) -> None:
        """Count and log one frame. The label is the action if the dialect has it, else "other"."""
        known = action in self.dialect.incoming or action in self.dialect.outgoing
        self._counters.messages[direction, kind, action if known else "other"] += 1
        log_message(direction, self.identity, text, message_id, action)
