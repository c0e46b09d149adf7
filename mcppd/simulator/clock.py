"""The time of the simulator: a Protocol of its own, so that tests can put a fake clock in its place."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol


class Timer(Protocol):
    def cancel(self) -> object: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall clock, aware UTC: for what is said and shown."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward: for durations."""
        ...

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> Timer: ...

    async def sleep(self, delay_s: float) -> None: ...


class SystemClock:
    """The real one, over the running event loop."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_s, callback, *args)

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


async def within(clock: Clock, seconds: float, work: Awaitable[object]) -> bool:
    """Whether `work` was done within `seconds`; it is cancelled if not."""
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            await doing
        return doing.done()
    finally:
        doing.cancel()
        waiting.cancel()


def timestamp(at: datetime) -> str:
    """`at` (UTC) as OCPP spells it, to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
