"""What systemd is told (sd_notify(3)), and the proof of progress that feeds its watchdog.

Rules.

1. WATCHDOG=1 goes out only when the loop is on time and the database answered a no-op in time. A disk that cannot be
   written is an error, told elsewhere, and no hang: a restart would not help, so the watchdog is fed.
2. Without NOTIFY_SOCKET nothing is sent and no timer runs.
3. One round at a time: a third of the watchdog's interval apart, ten seconds where there is no watchdog.
"""

import asyncio
import logging
import os
from collections.abc import Callable

import sdnotify

from mcppd.hooks import Clock, Timer
from mcppd.model.errors import StorageError
from mcppd.monitoring.loop_lag import LAG_BOUND_S, LoopLag
from mcppd.monitoring.proof import Proof, prove

__all__ = ["LoopLag", "Supervisor"]

log = logging.getLogger(__name__)

PROOF_BOUND_S = 15.0
"""A database that has not answered a no-op within this, or within half the watchdog's interval, hangs."""

STATUS_EVERY_S = 10.0
"""The status line is sent when it changed, and not more often than this."""


class Supervisor:
    """The daemon's side of sd_notify. `summary` is the status line, counts of the moment."""

    def __init__(self, clock: Clock, lag: LoopLag, proof: Proof, summary: Callable[[], str]) -> None:
        self._clock = clock
        self._lag = lag
        self._proof = proof
        self._summary = summary
        self._notifier = _notifier()
        self._watchdog_s = watchdog_interval() if self._notifier is not None else None
        self._timer: Timer | None = None
        self._round: asyncio.Task[None] | None = None
        self._status = ""
        self._status_at = 0.0
        self._stopping = False

    def ready(self) -> None:
        """Everything listens, or a reload is done. From the first time on the watchdog is fed."""
        if self._notifier is None:
            return
        self._status, self._status_at = self._summary(), self._clock.monotonic()
        self._notify("READY=1", f"STATUS={self._status}")
        if self._timer is None:
            self._schedule()

    def reloading(self) -> None:
        self._notify("RELOADING=1", f"MONOTONIC_USEC={int(self._clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        """The watchdog is still fed: a stop that hangs is noticed, one that takes its time is not cut short."""
        self._stopping = True
        self._notify("STOPPING=1", "STATUS=stopping")

    def close(self) -> None:
        """Nothing is sent any more, and no timer is left."""
        if self._timer is not None:
            self._timer.cancel()
        if self._round is not None:
            self._round.cancel()
        if self._notifier is not None:
            self._notifier.socket.close()
            self._notifier = None

    def _schedule(self) -> None:
        every_s = STATUS_EVERY_S if self._watchdog_s is None else self._watchdog_s / 3
        self._timer = self._clock.call_later(every_s, self._begin)

    def _begin(self) -> None:
        self._schedule()
        if self._round is None or self._round.done():
            self._round = asyncio.get_running_loop().create_task(self._once(), name="watchdog")

    async def _once(self) -> None:
        if self._watchdog_s is not None:
            hang = await self._hang(self._watchdog_s)
            if hang is None:
                self._notify("WATCHDOG=1")
            else:
                log.error("watchdog_not_fed", extra={"reason": hang})
        self._tell_status()

    async def _hang(self, watchdog_s: float) -> str | None:
        """What makes no progress; None if all does."""
        if (late_s := self._lag.last_s) > LAG_BOUND_S:
            return f"the event loop is {late_s:.1f} s late"
        bound_s = min(PROOF_BOUND_S, watchdog_s / 2)
        try:
            await prove(self._proof, bound_s, self._clock)
        except TimeoutError:
            return f"the database has not answered within {bound_s:g} s"
        except StorageError as error:
            log.debug("watchdog_fed_without_disk", extra={"reason": str(error)})
        return None

    def _tell_status(self) -> None:
        now = self._clock.monotonic()
        if self._stopping or now - self._status_at < STATUS_EVERY_S:
            return
        status = self._summary()
        if status != self._status:
            self._status, self._status_at = status, now
            self._notify(f"STATUS={status}")

    def _notify(self, *assignments: str) -> None:
        if self._notifier is None:
            return
        # sdnotify encodes Latin-1, and a line break would begin another assignment.
        lines = (line.replace("\n", " ").encode("ascii", "replace").decode() for line in assignments)
        try:
            self._notifier.notify("\n".join(lines))
        except OSError as error:
            log.warning("systemd_not_told", extra={"told": assignments[0], "reason": str(error)})


def watchdog_interval() -> float | None:
    """Seconds from WATCHDOG_USEC; None where no watchdog waits for this process (sd_watchdog_enabled(3))."""
    interval, of = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if not (interval.isascii() and interval.isdigit()) or int(interval) == 0 or of not in (None, str(os.getpid())):
        return None
    return int(interval) / 1e6


def _notifier() -> sdnotify.SystemdNotifier | None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return None
    try:
        if not address.startswith("@"):
            os.stat(address)  # first: sdnotify leaves its socket open where it cannot connect
        notifier = sdnotify.SystemdNotifier(debug=True)
    except OSError as error:
        log.warning("systemd_not_reached", extra={"reason": str(error)})
        return None
    # A service manager that takes nothing must not hold up the event loop.
    notifier.socket.setblocking(False)
    return notifier
