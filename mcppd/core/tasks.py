"""Work that runs beside: referenced while it runs, told when it fails."""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Tasks:
    """The event loop keeps only weak references to tasks: this keeps real ones until they end."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(
        self, work: Coroutine[Any, Any, T], name: str, *, quiet: type[Exception] | None = None
    ) -> asyncio.Task[T]:
        """Start `work`. An exception is logged under `name`, unless it is a `quiet` one that its owner tells of."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(partial(self._ended, quiet))
        return task

    async def stop(self, grace_s: float) -> None:
        """Wait `grace_s` for what runs, then cancel the rest and wait for it to end."""
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
        rest = list(self._running)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _ended(self, quiet: type[Exception] | None, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if quiet is None or not isinstance(error, quiet):
            log.error("task_failed", extra={"task": task.get_name()}, exc_info=error)
