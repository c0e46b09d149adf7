"""Housekeeping: what grows old is thrown away, a little at a time."""

import logging
from collections.abc import Callable
from datetime import timedelta

from mcppd.core.tasks import Tasks
from mcppd.db import retention
from mcppd.db.database import Database
from mcppd.hooks import Clock, Timer
from mcppd.model.errors import StorageError
from mcppd.model.settings import Settings

log = logging.getLogger(__name__)

INTERVAL_S = 3600.0
CHUNK = 2000
"""Rows deleted in one commit, so that no answer waits long behind it."""


class Housekeeping:
    def __init__(self, clock: Clock, database: Database, tasks: Tasks, settings: Callable[[], Settings]) -> None:
        self._clock = clock
        self._database = database
        self._tasks = tasks
        self._settings = settings
        self._timer: Timer | None = None

    def start(self) -> None:
        self._timer = self._clock.call_later(INTERVAL_S, self._due)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self.start()
        self._tasks.spawn(self.prune(), "housekeeping")

    async def prune(self) -> int:
        """Delete meter values outside transactions that are older than `storage.meter_values_retention`."""
        before = self._clock.now() - timedelta(seconds=self._settings().storage.meter_values_retention)
        deleted = 0
        try:
            more = True
            while more:
                deleted += await self._database.write(retention.prune_meter_values, before, CHUNK, urgent=False)
                more = await self._database.read(retention.more_to_prune, before)
        except StorageError as error:
            log.warning("meter_values_not_pruned", extra={"reason": str(error)})
        if deleted:
            log.info("meter_values_pruned", extra={"rows": deleted, "before": before.isoformat()})
        return deleted
