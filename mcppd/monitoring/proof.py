"""Proof that the memory makes progress, within a bound: what health and the watchdog both ask for."""

import asyncio
from collections.abc import Awaitable, Callable

from mcppd.hooks import Clock

Proof = Callable[[], Awaitable[None]]
"""Returns once the writer answered; raises StorageError if the disk cannot be written."""


async def prove(proof: Proof, bound_s: float, clock: Clock) -> None:
    """Wait for `proof`. Raises what it raises, and TimeoutError if it takes longer than `bound_s`."""
    work = asyncio.ensure_future(proof())
    late = False

    def give_up() -> None:
        nonlocal late
        late = True
        work.cancel()

    timer = clock.call_later(bound_s, give_up)
    try:
        await work
    except asyncio.CancelledError:
        if late:
            raise TimeoutError(f"no answer within {bound_s:g} s") from None
        raise
    finally:
        timer.cancel()
