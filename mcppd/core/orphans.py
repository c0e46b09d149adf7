"""Transactions that their charge point left open: closed when their connector is Available and no stop comes.

A new transaction on the same connector closes an old one in its own commit (`mcppd.db.transactions.start`); here is
the other way, by time (PROTOCOL: a connector that turned Available with an open transaction).

Rules.

1. What counts is that the connector turned Available while the transaction was open. An Available from before its start
   says nothing: many charge points start before they report, and some never report anything else.
2. After a reboot any Available counts, turned or not: the charge point says how it stands now.
3. A transaction of the charge point itself (connector 0) is never watched: 0 is Available while it charges.
"""

import logging
from collections.abc import Callable
from datetime import datetime

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

    def reported(self, charge_point: ChargePoint, connector: Connector, *, turned: bool) -> None:
        """`connector` reported its status, `turned` if it is another one: arm its transaction's timer, or disarm it."""
        transaction = connector.transaction
        if transaction is None:
            return
        if connector.status is not ConnectorStatus.AVAILABLE:
            self.forget(transaction.id)
        elif turned or transaction.interrupted:
            self._watch(charge_point, connector, transaction.id)

    def started(self, charge_point: ChargePoint, connector: Connector) -> None:
        """A transaction began on `connector`, perhaps hours ago and told only now: by then it was over."""
        self._resume(charge_point, connector, lambda since, begin: begin < since)

    def restored(self, charge_point: ChargePoint, connector: Connector) -> None:
        """`connector` is as the last run left it; which came first in the same moment is not known any more."""
        self._resume(charge_point, connector, lambda since, begin: begin <= since)

    def forget(self, transaction_id: int) -> None:
        """The transaction ended, or goes on."""
        timer = self._timers.pop(transaction_id, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _resume(
        self, charge_point: ChargePoint, connector: Connector, over: Callable[[datetime, datetime], bool]
    ) -> None:
        transaction, since = connector.transaction, connector.since
        if transaction is None or since is None or connector.status is not ConnectorStatus.AVAILABLE:
            return
        if transaction.interrupted or over(since, transaction.started_at):
            self._watch(charge_point, connector, transaction.id)

    def _watch(self, charge_point: ChargePoint, connector: Connector, transaction_id: int) -> None:
        if transaction_id not in self._timers and not connector.ref.is_charge_point:
            self._arm(self._settings().orphans.grace, charge_point, connector, transaction_id)

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
            if connector.status is ConnectorStatus.AVAILABLE and transaction_id not in self._timers:
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
