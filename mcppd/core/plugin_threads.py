"""Threads for hooks that are plain functions: few, made when first needed, and never waited for.

Those of `concurrent.futures` are joined when the interpreter ends: a hook that hangs would hang the daemon's exit.
"""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

LIMIT = 2
"""Threads of one plugin: one may wait for something slow while the other still decides."""

_Job = Callable[[], None]


class Threads:
    """Made on the event loop and used from there only."""

    def __init__(self, name: str, limit: int = LIMIT) -> None:
        self._name = name
        self._limit = limit
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._made = 0

    def run(self, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Call `function` in a thread, in the caller's context. Cancelling the future keeps a call that waits from
        being made; one that runs is left to itself.
        """
        future: Future[Any] = Future()
        context = contextvars.copy_context()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = context.run(function, *args)
            except BaseException as error:  # noqa: BLE001 - it is handed to whoever waits
                future.set_exception(error if _can_be_raised(error) else RuntimeError(f"it raised {error!r}"))
            else:
                future.set_result(result)

        self._jobs.put(job)
        if not self._idle.acquire(blocking=False) and self._made < self._limit:
            self._made += 1
            threading.Thread(target=self._work, name=f"plugin-{self._name}-{self._made}", daemon=True).start()
        return asyncio.wrap_future(future)

    def close(self) -> None:
        """Threads end when what they do is done."""
        for _ in range(self._made):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self._idle.release()


def _can_be_raised(error: BaseException) -> bool:
    """SystemExit would end the loop that it is raised in, and StopIteration cannot be put into a future."""
    return isinstance(error, Exception) and not isinstance(error, StopIteration)
