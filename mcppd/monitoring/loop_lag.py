"""How late the event loop runs what is due: the first sign of a daemon that hangs."""

from collections import deque

from mcppd.hooks import Clock, Timer

LAG_BOUND_S = 2.0
"""A loop later than this makes no progress."""

_EVERY_S = 5.0
_KEPT = 60


class LoopLag:
    """One timer every `every_s`, measured against the clock."""

    def __init__(self, clock: Clock, every_s: float = _EVERY_S) -> None:
        self._clock = clock
        self._every_s = every_s
        self._due = 0.0
        self._timer: Timer | None = None
        self._kept: deque[float] = deque([0.0], maxlen=_KEPT)

    def start(self) -> None:
        self._due = self._clock.monotonic() + self._every_s
        self._timer = self._clock.call_later(self._every_s, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def last_s(self) -> float:
        """The newest measurement, or how late the next one is already."""
        late = self._clock.monotonic() - self._due if self._timer is not None else 0.0
        return max(self._kept[-1], late)

    @property
    def max_s(self) -> float:
        """The largest of the last five minutes."""
        return max(*self._kept, self.last_s)

    def _tick(self) -> None:
        self._kept.append(max(0.0, self._clock.monotonic() - self._due))
        self.start()
