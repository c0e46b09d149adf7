"""Whether a peer is still there: what to do about silence and about a peer that takes nothing. No socket, no clock.

Rules.

1. Any frame is a sign of life. A missing pong alone never is a sign of death: some charge points answer no ping.
2. Silence counts only while it is listened for: not while reading is paused on our side.
3. A peer that takes a little of what is sent in each `send_timeout` is slow, not dead. What it takes is looked at
   `LOOKS` times in each, so that one that has stopped is cut after a `send_timeout` and a quarter at most.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again after `delay_s`."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Ping:
    """Ping the peer now, and look again after `delay_s`."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """The peer is gone: `reason` in words."""

    reason: str


LEAST_DELAY_S: Final = 0.001
LOOKS: Final = 4


class Vigil:
    """The signs of life of one connection. Every `now` is monotonic seconds."""

    __slots__ = ("_pinged_at", "_stalled_at", "_taken", "heard_at", "ping_interval_s", "send_timeout_s")

    def __init__(self, now: float, ping_interval_s: float, send_timeout_s: float) -> None:
        self.ping_interval_s = ping_interval_s
        self.send_timeout_s = send_timeout_s
        self.heard_at = now
        """When anything last came. Set by the reader of the socket."""
        self._pinged_at = now
        self._stalled_at: float | None = None
        self._taken = 0

    @property
    def stalled(self) -> bool:
        """Whether more is waiting to be sent than may be."""
        return self._stalled_at is not None

    def stall(self, now: float, taken: int) -> float:
        """Too much is waiting to be sent; the peer has `taken` that many bytes in all. When to look, in seconds."""
        self._stalled_at, self._taken = now, taken
        return self.send_timeout_s / LOOKS

    def flow(self) -> None:
        """What was waiting to be sent is taken."""
        self._stalled_at = None

    def look(self, now: float, *, dead_after_s: float, listening: bool, taken: int) -> Wait | Ping | Cut:
        """What to do now. `dead_after_s` is the silence that ends a link, in seconds."""
        dues = []
        if self._stalled_at is not None:
            if taken > self._taken:
                self._stalled_at, self._taken = now, taken
            elif now >= self._stalled_at + self.send_timeout_s:
                return Cut(f"took nothing of what was sent to it for {self.send_timeout_s:g} s")
            dues.append(min(now + self.send_timeout_s / LOOKS, self._stalled_at + self.send_timeout_s))
        if not listening:
            self.heard_at = now
        if now >= self.heard_at + dead_after_s:
            return Cut(f"silent for {dead_after_s:g} s")
        ping_due = max(self.heard_at, self._pinged_at) + self.ping_interval_s
        ping = now >= ping_due and not self.stalled
        if ping:
            self._pinged_at = now
        if now >= ping_due:
            ping_due = now + self.ping_interval_s
        delay_s = max(LEAST_DELAY_S, min(*dues, ping_due, self.heard_at + dead_after_s) - now)
        return Ping(delay_s) if ping else Wait(delay_s)
