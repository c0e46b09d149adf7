"""Calling a plugin's functions: within a time, off the loop if they are plain, and watched if they are not.

Rules.

1. A call ends in its result or in `HookFault`, whatever the function does: raise, hang, call `sys.exit`, cancel itself.
2. Whoever is late is cancelled if it is asynchronous and abandoned if it is in a thread. Nobody waits for it.
3. The cancellation of the caller is never mistaken for one of the plugin's, and always passed on.
"""

import asyncio
import inspect
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

from mcppd.core.plugin_threads import Threads
from mcppd.hooks import Clock

BLOCKING_S = 0.1
"""An asynchronous hook that holds the loop up for longer should have been a plain function."""

T = TypeVar("T")


class HookFault(Exception):
    """What a plugin's function did wrong, as a sentence; the cause is what it raised, if it did."""


class Caller:
    """Calls the functions of one plugin. `blocked` is told (hook, seconds) of each step that held the loop up."""

    def __init__(self, name: str, clock: Clock, blocked: Callable[[str, float], None]) -> None:
        self._clock = clock
        self._blocked = blocked
        self.threads = Threads(name)
        self._left: set[asyncio.Task[Any]] = set()

    @property
    def left(self) -> frozenset[asyncio.Task[Any]]:
        """Calls that were given up and did not end yet."""
        return frozenset(self._left)

    async def call(self, hook: str, function: Callable[..., Any], args: tuple[Any, ...], timeout_s: float) -> Any:
        """The result of `function(*args)`, awaited if need be. Raises `HookFault`."""
        work = asyncio.get_running_loop().create_task(self._invoke(hook, function, args), name=f"plugin hook {hook}")
        try:
            in_time = await finished(self._clock, {work}, timeout_s)
        finally:
            if not work.done():
                self._leave(work)
        if not in_time:
            raise HookFault(f"took longer than {timeout_s:g} s")
        if work.cancelled():
            raise HookFault("cancelled itself")
        if (error := work.exception()) is not None:
            raise HookFault(f"raised {type(error).__name__}: {error}") from error
        return work.result()

    async def watch(self, hook: str, work: Coroutine[Any, Any, T]) -> T:
        """Run `work`, telling of each step that holds the loop up."""

        def stepped(seconds: float) -> None:
            if seconds > BLOCKING_S:
                self._blocked(hook, seconds)

        return await _steps(work, self._clock.monotonic, stepped)

    async def _invoke(self, hook: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        if is_async(function):
            return await self.watch(hook, function(*args))
        result = await self.threads.run(function, *args)
        return await result if inspect.isawaitable(result) else result

    def _leave(self, work: asyncio.Task[Any]) -> None:
        self._left.add(work)
        work.add_done_callback(self._ended)
        work.cancel()

    def _ended(self, work: asyncio.Task[Any]) -> None:
        self._left.discard(work)
        if not work.cancelled():
            work.exception()  # seen: its lateness was told already


async def finished(clock: Clock, work: set[asyncio.Task[Any]], timeout_s: float) -> bool:
    """Whether all of `work` ended within `timeout_s`; what did not goes on. Never raises what the work raised."""
    expired: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = clock.call_later(timeout_s, expired.set_result, None)
    waiting: set[asyncio.Future[Any]] = set(work)
    try:
        while waiting and not expired.done():
            _, pending = await asyncio.wait({*waiting, expired}, return_when=asyncio.FIRST_COMPLETED)
            waiting = pending - {expired}
    finally:
        timer.cancel()
    return not waiting


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling `function` gives a coroutine; an object with an asynchronous `__call__` counts."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


@types.coroutine
def _steps(
    work: Coroutine[Any, Any, T], monotonic: Callable[[], float], stepped: Callable[[float], None]
) -> Generator[Any, Any, T]:
    """Drive `work` from one suspension to the next, as `await` would, and measure each step."""
    resume: Callable[[Any], Any] = work.send
    argument: Any = None
    while True:
        began = monotonic()
        try:
            awaited = resume(argument)
        except StopIteration as stop:
            result: T = stop.value
            return result
        except SystemExit as error:  # it would end the loop, and with it the daemon
            raise RuntimeError("it called sys.exit") from error
        finally:
            stepped(monotonic() - began)
        try:
            argument = yield awaited
            resume = work.send
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001 - it is thrown where `work` is suspended
            argument, resume = error, work.throw
