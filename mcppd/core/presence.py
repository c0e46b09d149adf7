"""Who was last seen when. Kept in memory; written now and then, so that a quiet site does not wear its card."""

import logging
from collections.abc import Iterable
from datetime import datetime

from mcppd.core.charge_point import ChargePoint
from mcppd.core.tasks import Tasks
from mcppd.db import charge_points
from mcppd.db.database import Database
from mcppd.hooks import Clock, Timer
from mcppd.model.errors import StorageError

log = logging.getLogger(__name__)

WRITE_INTERVAL_S = 30.0
"""A power cut loses at most this much of "last seen"."""


class Presence:
    """Armed by the first change after a write: an idle site has no timer."""

    def __init__(self, clock: Clock, database: Database, tasks: Tasks) -> None:
        self._clock = clock
        self._database = database
        self._tasks = tasks
        self._changed: dict[int, ChargePoint] = {}
        self._timer: Timer | None = None

    def seen(self, charge_point: ChargePoint, at: datetime) -> None:
        """Any message came."""
        charge_point.last_message_at = at
        self.changed(charge_point)

    def changed(self, charge_point: ChargePoint) -> None:
        self._changed[charge_point.id] = charge_point
        if self._timer is None:
            self._timer = self._clock.call_later(WRITE_INTERVAL_S, self._due)

    async def write(self) -> None:
        """Store all that changed since the last time. What cannot be stored waits for the next time."""
        self.close()
        changed, self._changed = list(self._changed.values()), {}
        if not changed:
            return
        try:
            await self._database.write(charge_points.record_presence, _rows(changed), urgent=False)
        except StorageError as error:
            log.warning("presence_not_stored", extra={"reason": str(error)})
            for charge_point in changed:
                self.changed(charge_point)

    def close(self) -> None:
        """No timer is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        self._tasks.spawn(self.write(), "presence")


def _rows(changed: Iterable[ChargePoint]) -> list[charge_points.Presence]:
    return [
        charge_points.Presence(
            charge_point_id=charge_point.id,
            protocol=charge_point.protocol,
            last_connect_at=charge_point.last_connect_at,
            last_disconnect_at=charge_point.last_disconnect_at,
            last_heartbeat_at=charge_point.last_heartbeat_at,
            last_message_at=charge_point.last_message_at,
            reconnects=charge_point.reconnects,
        )
        for charge_point in changed
    ]
