"""One plugin at work: its queue of events, its task, its failures and its pauses.

Rules.

1. Nothing that the plugin does comes out of here but results, `HookFailed`, and cancellation of the caller.
2. Failures are counted in a row for each hook, so that events that go well do not hide decisions that never do.
3. While it is paused, or before and after its life, its events are dropped and counted.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mcppd.core.bus import Subscription
from mcppd.core.correlation import correlation_id
from mcppd.core.plugin_calls import Caller, HookFault, finished
from mcppd.core.plugin_loader import Found
from mcppd.hooks import Clock, Timer
from mcppd.model.events import Event

log = logging.getLogger(__name__)

START_TIMEOUT_S = 10.0
EVENT_TIMEOUT_S = 30.0
FAILURES_IN_A_ROW = 5
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0
QUIET_S = 60.0
"""A hook that keeps failing, or blocking, is told about once in this time."""
MAX_SPAWNED = 1024
"""Tasks of one plugin."""
LAST_S = 0.5
"""What cancelled tasks get to end, when the plugin is stopped."""


class PluginState(StrEnum):
    LOADED = "loaded"
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    STOPPED = "stopped"


class HookFailed(Exception):
    """A hook failed or was late; that was counted and logged already."""


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """How one plugin stands; `reason` says why it is paused or failed."""

    name: str
    state: PluginState
    origin: str = ""
    reason: str = ""
    failures: int = 0
    queued: int = 0
    dropped: int = 0
    blocked: int = 0
    """How often it held the loop up."""


class PluginRunner:
    """`failed` and `paused` are called after the fact, `changed` whenever its state did."""

    def __init__(
        self,
        found: Found,
        clock: Clock,
        *,
        queue: int,
        failed: Callable[[str], None],
        paused: Callable[[str, str], None],
        changed: Callable[[], None],
    ) -> None:
        self.name = found.name
        self.found = found
        self.state = PluginState.LOADED
        self._clock = clock
        self._caller = Caller(found.name, clock, self._was_blocked)
        self._queue = Subscription(found.name, queue, lambda _: None)
        self._tell_failed, self._tell_paused, self._changed = failed, paused, changed
        self._reason = ""
        self._failures = 0
        self._blocked = 0
        self._dropped = 0
        self._in_a_row: Counter[str] = Counter()
        self._pause_s = FIRST_PAUSE_S
        self._paused_by = ""
        self._resumes: Timer | None = None
        self._told_at: dict[str, float] = {}
        self._untold: Counter[str] = Counter()
        self._delivery: asyncio.Task[None] | None = None
        self._spawned: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        return self.state is PluginState.RUNNING

    @property
    def status(self) -> PluginStatus:
        return PluginStatus(
            self.name,
            self.state,
            self.found.origin,
            self._reason,
            self._failures,
            len(self._queue),
            self._dropped + self._queue.dropped,
            self._blocked,
        )

    def has(self, hook: str) -> bool:
        return hook in self.found.hooks

    def offer(self, event: Event) -> None:
        """Queue `event`; never waits, never raises."""
        if self.state in (PluginState.LOADED, PluginState.RUNNING):
            self._queue.put(event)
        else:
            self._dropped += 1

    async def start(self, context: object) -> None:
        """Raises HookFailed if the plugin's `start` did; it is out of service then."""
        if self.has("start"):
            try:
                await self.call("start", self._hook("start"), (context,), START_TIMEOUT_S)
            except HookFailed as error:
                self._enter(PluginState.FAILED, str(error))
                await self._end_tasks()
                raise
        self._delivery = asyncio.get_running_loop().create_task(self._deliver(), name=f"plugin {self.name}")
        self._enter(PluginState.RUNNING)

    async def stop(self, timeout_s: float) -> None:
        """Deliver what is queued and call the plugin's `stop`, all within `timeout_s`; then end what is left."""
        deadline = self._clock.monotonic() + timeout_s
        self._queue.close()
        if self._resumes is not None:
            self._resumes.cancel()
        if self._delivery is not None:
            if not await finished(self._clock, {self._delivery}, timeout_s / 2):
                log.warning("plugin_events_lost", extra={"plugin": self.name, "events": len(self._queue)})
            if self.has("stop"):
                try:
                    rest_s = max(0.0, deadline - self._clock.monotonic())
                    await self.call("stop", self._hook("stop"), (), rest_s)
                except HookFailed:
                    pass  # told, and there is nothing more to ask of it
        self._enter(PluginState.STOPPED)
        await self._end_tasks()

    async def decide(self, hook: str, args: tuple[Any, ...], timeout_s: float, fits: Callable[[Any], bool]) -> Any:
        """What the plugin's hook decides, None if nothing. Raises HookFailed."""
        return await self.call(hook, self._hook(hook), args, timeout_s, lambda answer: answer is None or fits(answer))

    async def call(
        self,
        hook: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        timeout_s: float,
        fits: Callable[[Any], bool] = lambda _: True,
    ) -> Any:
        """Call a function of the plugin under the name `hook`. Raises HookFailed."""
        try:
            result = await self._caller.call(hook, function, args, timeout_s)
            if not fits(result):
                raise HookFault(f"returned something that is not an answer to it, of type {type(result).__name__}")
        except HookFault as fault:
            self._fail(hook, fault)
            raise HookFailed(f"{self.name}.{hook} {fault}") from fault
        self._in_a_row[hook] = 0
        if hook == self._paused_by:
            self._pause_s = FIRST_PAUSE_S
        return result

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `work` until it ends or the plugin does. Raises RuntimeError if there are too many, or it has ended."""
        if self.state in (PluginState.FAILED, PluginState.STOPPED) or len(self._spawned) >= MAX_SPAWNED:
            work.close()
            raise RuntimeError(f"plugin {self.name} has ended, or more than {MAX_SPAWNED} tasks; {name} was not begun")
        watched = self._caller.watch("spawn", work)
        task = asyncio.get_running_loop().create_task(watched, name=f"plugin {self.name} {name}")
        self._spawned.add(task)
        task.add_done_callback(self._spawned_ended)
        task.add_done_callback(lambda _: work.close())  # cancelled before its first step, nobody else would
        return task

    def _spawned_ended(self, task: asyncio.Task[None]) -> None:
        self._spawned.discard(task)
        if task.cancelled():
            return
        if (error := task.exception()) is None:
            self._in_a_row["spawn"] = 0
            return
        fault = HookFault(f"began {task.get_name()}, which raised {type(error).__name__}: {error}")
        fault.__cause__ = error
        self._fail("spawn", fault)

    async def _deliver(self) -> None:
        on_event = self._hook("on_event") if self.has("on_event") else None
        async for event in self._queue:
            if on_event is None or not self.running:
                self._dropped += 1
                continue
            correlation_id.set(event.correlation_id)
            try:
                await self.call("on_event", on_event, (event,), EVENT_TIMEOUT_S)
            except HookFailed:
                pass  # this event is lost to it; the next one may not be

    def _hook(self, name: str) -> Callable[..., Any]:
        hook: Callable[..., Any] = getattr(self.found.plugin, name)
        return hook

    def _fail(self, hook: str, fault: HookFault) -> None:
        self._failures += 1
        self._tell_failed(self.name)
        extra = {"plugin": self.name, "hook": hook, "reason": str(fault)}
        self._tell("plugin_failed", hook, extra, fault.__cause__)
        if self.running:
            self._in_a_row[hook] += 1
            if self._in_a_row[hook] >= FAILURES_IN_A_ROW:
                self._pause(hook, f"{hook} failed {FAILURES_IN_A_ROW} times in a row; at last it {fault}")

    def _was_blocked(self, hook: str, seconds: float) -> None:
        self._blocked += 1
        self._tell_failed(self.name)
        extra = {"plugin": self.name, "hook": hook, "duration_ms": round(seconds * 1000)}
        self._tell("plugin_blocked_loop", f"{hook} blocked", extra, None)

    def _tell(self, event: str, what: str, extra: dict[str, Any], error: BaseException | None) -> None:
        now = self._clock.monotonic()
        if now - self._told_at.get(what, -QUIET_S) < QUIET_S:
            self._untold[what] += 1
            return
        self._told_at[what] = now
        log.warning(event, extra={**extra, "suppressed": self._untold.pop(what, 0)}, exc_info=error)

    def _pause(self, hook: str, reason: str) -> None:
        seconds, self._pause_s = self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._in_a_row.clear()
        self._paused_by = hook
        self._resumes = self._clock.call_later(seconds, self._resume)
        log.error("plugin_paused", extra={"plugin": self.name, "reason": reason, "seconds": seconds})
        self._enter(PluginState.PAUSED, reason)
        self._tell_paused(self.name, reason)

    def _resume(self) -> None:
        log.info("plugin_resumed", extra={"plugin": self.name})
        self._enter(PluginState.RUNNING)

    def _enter(self, state: PluginState, reason: str = "") -> None:
        self.state, self._reason = state, reason
        self._changed()

    async def _end_tasks(self) -> None:
        self._queue.close()
        self._caller.threads.close()
        delivery = {self._delivery} if self._delivery is not None else set()
        tasks: set[asyncio.Task[Any]] = {*delivery, *self._spawned, *self._caller.left}
        for task in tasks:
            task.cancel()
        if not await finished(self._clock, tasks, LAST_S):
            names = sorted(task.get_name() for task in tasks if not task.done())
            log.warning("plugin_tasks_left", extra={"plugin": self.name, "tasks": names})
