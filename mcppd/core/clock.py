"""The real clock. Tests put a fake one in its place: nothing else in core knows the time."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any


class SystemClock:
    """`mcppd.hooks.Clock` over the running event loop."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_s, callback, *args)

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
