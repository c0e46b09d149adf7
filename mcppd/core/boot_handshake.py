"""The boot handshake of one link: from its opening to its readiness, and whether a BootNotification was asked for.

Rules.

1. All of it belongs to one link: nothing here outlives it, and nothing is inferred from what is known of the charge
   point but whether it ever booted.
2. A link is ready by its BootNotification, by activity of a charge point that booted before, or by `boot.timeout`.
3. A link without a BootNotification is asked for one once, after `boot.trigger_delay`.
4. The solicited mark is set just before the trigger goes out, used up by the next BootNotification, and cleared by a
   trigger that failed, by the time-out and by the end of the link.
5. What a BootNotification answers is settled when it arrives, not when its turn comes: a trigger that goes out in
   between is not what it answers.
"""

from collections.abc import Callable

from mcppd.hooks import Clock, Timer
from mcppd.model.settings import NEVER


class BootHandshake:
    def __init__(
        self,
        clock: Clock,
        *,
        timeout_s: float,
        trigger_delay_s: float,
        booted_before: bool,
        send_trigger: Callable[[], None],
        on_ready: Callable[[str], None],
    ) -> None:
        """`on_ready` is called once with boot, timeout or activity; `trigger_delay_s` may be `NEVER`."""
        self._clock = clock
        self._timeout_s = timeout_s
        self._booted_before = booted_before
        self._send_trigger = send_trigger
        self._on_ready = on_ready
        self._mark: Timer | None = None
        self._closed = False
        self.ready_by: str | None = None
        self._timeout: Timer | None = clock.call_later(timeout_s, self._timed_out)
        self._trigger: Timer | None = None
        if trigger_delay_s != NEVER:
            self._trigger = clock.call_later(trigger_delay_s, self._trigger_due)

    @property
    def ready(self) -> bool:
        return self.ready_by is not None

    @property
    def solicited(self) -> bool:
        """Whether the next BootNotification answers a trigger of ours."""
        return self._mark is not None

    def boot_arrived(self) -> bool:
        """A BootNotification came: whether we asked for it. Uses up the mark; no trigger goes out any more."""
        solicited = self.solicited
        self.unmark()
        self._cancel_trigger()
        return solicited

    def boot_answered(self) -> None:
        """The BootNotification got its answer: the link is ready."""
        self._become_ready("boot")

    def activity(self) -> None:
        """Any other message came."""
        if self._booted_before:
            self._become_ready("activity")

    def mark(self) -> None:
        """A trigger for a BootNotification goes out now."""
        self.unmark()
        if not self._closed:
            self._mark = self._clock.call_later(self._timeout_s, self.unmark)

    def unmark(self) -> None:
        if self._mark is not None:
            self._mark.cancel()
            self._mark = None

    def close(self) -> None:
        """The link ended: no timer of it fires any more, and it becomes ready no more."""
        self._closed = True
        self.unmark()
        self._cancel_trigger()
        self._cancel_timeout()

    def _become_ready(self, by: str) -> None:
        if self.ready_by is None and not self._closed:
            self.ready_by = by
            self._cancel_timeout()
            self._on_ready(by)

    def _timed_out(self) -> None:
        self._timeout = None
        self.unmark()
        self._become_ready("timeout")

    def _trigger_due(self) -> None:
        self._trigger = None
        self._send_trigger()

    def _cancel_trigger(self) -> None:
        if self._trigger is not None:
            self._trigger.cancel()
            self._trigger = None

    def _cancel_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
