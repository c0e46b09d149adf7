"""The real clock keeps what the tests' clock promises."""

import asyncio
from datetime import UTC

from mcppd.core.clock import SystemClock


async def test_it_tells_the_time_in_utc_and_its_timers_fire_and_can_be_called_off() -> None:
    clock, fired = SystemClock(), []
    assert clock.now().tzinfo is UTC
    began = clock.monotonic()
    clock.call_later(0.0, fired.append, "due")
    clock.call_later(0.0, fired.append, "called off").cancel()
    await clock.sleep(0.001)
    await asyncio.sleep(0)
    assert fired == ["due"]
    assert clock.monotonic() - began >= 0.001
