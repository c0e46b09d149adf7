"""Transactions that their charge point left open: closed when their connector is Available and no stop comes.

A new transaction on the same connector closes an old one in its own commit (`mcppd.db.transactions.start`); here is
the other way, by time (PROTOCOL: a connector that turned Available with an open transaction).
"""

import logging
from collections.abc import Callable

from mcppd.core.bus import Bus
from mcppd.core.charge_point import ChargePoint
from mcppd.core.connector import Connector
from mcppd.core.tasks import Tasks
from mcppd.db import transactions
from mcppd.db.database import Database
from mcppd.hooks import Clock, Timer
from mcppd.model.charge_points import ConnectorStatus
from mcppd.model.errors import StorageError
from mcppd.model.events import TransactionRecovered
from mcppd.model.settings import Settings

log = logging.getLogger(__name__)

RETRY_S = 60.0
"""Wait before another try when the database could not be written."""


class Orphans:
    """One timer for each transaction that is open on an Available connector."""

    def __init__(
        self, clock: Clock, database: Database, bus: Bus, tasks: Tasks, settings: Callable[[], Settings]
    ) -> None:
        self._clock = clock
        self._database = database
        self._bus = bus
        self._tasks = tasks
        self._settings = settings
        self._timers: dict[int, Timer] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def watch(self, charge_point: ChargePoint, connector: Connector) -> None:
        """`connector` reported its status: arm the timer of its transaction, or disarm it."""
        transaction = connector.transaction
        if transaction is None:
            return
        if connector.status is not ConnectorStatus.AVAILABLE:
            self.forget(transaction.id)
        elif transaction.id not in self._timers:
            self._arm(self._settings().orphans.grace, charge_point, connector, transaction.id)

    def forget(self, transaction_id: int) -> None:
        """The transaction ended, or goes on."""
        timer = self._timers.pop(transaction_id, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _arm(self, delay_s: float, charge_point: ChargePoint, connector: Connector, transaction_id: int) -> None:
        self._timers[transaction_id] = self._clock.call_later(
            delay_s, self._due, charge_point, connector, transaction_id
        )

    def _due(self, charge_point: ChargePoint, connector: Connector, transaction_id: int) -> None:
        del self._timers[transaction_id]
        self._tasks.spawn(self._recover(charge_point, connector, transaction_id), f"recover {transaction_id}")

    async def _recover(self, charge_point: ChargePoint, connector: Connector, transaction_id: int) -> None:
        now = self._clock.now()
        try:
            closed = await self._database.write(transactions.recover, charge_point.id, transaction_id, now=now)
        except StorageError as error:
            log.error("transaction_not_recovered", extra={"transaction": transaction_id, "reason": str(error)})
            self._arm(RETRY_S, charge_point, connector, transaction_id)
            return
        if closed is None:  # its stop came meanwhile
            return
        connector.closed(closed)
        extra = {
            "category": "transaction",
            "charge_point": charge_point.identity,
            "transaction": closed.id,
            "recovery": closed.recovery,
            "energy_wh": closed.energy_wh,
        }
        log.warning("transaction_recovered", extra=extra)
        self._bus.publish([TransactionRecovered(charge_point=charge_point.identity, at=now, transaction=closed)])
