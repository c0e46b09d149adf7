"""The boot handshake of one link: from its opening to its readiness, and whether a BootNotification was asked for.

Rules.

1. All of it belongs to one link: nothing here outlives it, and nothing is inferred from what is known of the charge
   point but whether it ever booted.
2. A link is ready by its BootNotification, by activity of a charge point that booted before, or by `boot.timeout`.
3. A link without a BootNotification is asked for one once, after `boot.trigger_delay`.
4. The solicited mark is set just before the trigger goes out, used up by the next BootNotification, and cleared by a
   trigger that failed, by the time-out and by the end of the link.
"""

from collections.abc import Callable

from mcppd.hooks import Clock, Timer
from mcppd.model.charge_points import BootIdentity, BootMeaning, boot_meaning
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
        self.ready_by: str | None = None
        self.booted = False
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

    def boot(self, said: BootIdentity, last: BootIdentity | None) -> BootMeaning:
        """A BootNotification came: what it means. Uses up the mark; no trigger goes out on this link any more."""
        meaning = boot_meaning(solicited=self.solicited, said=said, last=last)
        self.unmark()
        self.booted = True
        self._cancel_trigger()
        return meaning

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
        self._mark = self._clock.call_later(self._timeout_s, self.unmark)

    def unmark(self) -> None:
        if self._mark is not None:
            self._mark.cancel()
            self._mark = None

    def close(self) -> None:
        """The link ended: no timer of it fires any more."""
        self.unmark()
        self._cancel_trigger()
        self._cancel_timeout()

    def _become_ready(self, by: str) -> None:
        if self.ready_by is None:
            self.ready_by = by
            self._cancel_timeout()
            self._on_ready(by)

    def _timed_out(self) -> None:
        self._timeout = None
        self.unmark()
        self._become_ready("timeout")

    def _trigger_due(self) -> None:
        self._trigger = None
        if not self.booted:
            self._send_trigger()

    def _cancel_trigger(self) -> None:
        if self._trigger is not None:
            self._trigger.cancel()
            self._trigger = None

    def _cancel_timeout(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
