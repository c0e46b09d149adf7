"""A clock that only the test moves."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any


class _Timer:
    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.callback, self.args = callback, args
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """`mcppd.hooks.Clock` whose time stands still until `advance`."""

    def __init__(self, now: datetime = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)) -> None:
        self._start = now
        self._elapsed = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _Timer]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return 1000.0 + self._elapsed

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> _Timer:
        timer = _Timer(callback, args)
        heapq.heappush(self._timers, (self._elapsed + max(0.0, delay_s), next(self._order), timer))
        return timer

    async def sleep(self, delay_s: float) -> None:
        future = asyncio.get_running_loop().create_future()
        timer = self.call_later(delay_s, lambda: future.done() or future.set_result(None))
        try:
            await future
        finally:
            timer.cancel()

    async def advance(self, seconds: float) -> None:
        """Move on by `seconds`, firing each timer at its own moment and letting all that it wakes run."""
        target = self._elapsed + seconds
        await settle()
        while self._timers and self._timers[0][0] <= target:
            due, _, timer = heapq.heappop(self._timers)
            self._elapsed = max(self._elapsed, due)
            if not timer.cancelled:
                timer.callback(*timer.args)
            await settle()
        self._elapsed = target
        await settle()

    def forget(self) -> None:
        """Drop every timer: whoever set them is no more."""
        self._timers.clear()

    @property
    def pending(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._timers)


async def settle(turns: int = 30) -> None:
    """Let everything run that can run without time passing."""
    for _ in range(turns):
        await asyncio.sleep(0)
