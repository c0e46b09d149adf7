"""StartTransaction and StopTransaction (OCPP 1.6, 4.8 and 4.10): idempotent, always answered.

What is stored, matched and mended is decided in one commit in `mcppd.db.transactions`; here it is asked for and told.
"""

import logging
from typing import Any

from mcppd.core.handlers.authorization import open_to_all, verdict
from mcppd.core.metering import transaction_data
from mcppd.core.turn import Turn
from mcppd.db import transactions
from mcppd.model.charge_points import ConnectorRef
from mcppd.model.events import Event, TransactionRecovered, TransactionStarted, TransactionStopped
from mcppd.model.replies import Outcome, Started, Stopped
from mcppd.model.requests import StartTransaction, StopTransaction
from mcppd.model.transactions import ClosedTransaction, StopMatch

log = logging.getLogger(__name__)

WHOLE = ConnectorRef(0, 0)


async def start_transaction(turn: Turn, request: StartTransaction) -> Outcome:
    charge_point = turn.charge_point
    recorded = await turn.database.write(
        transactions.start,
        charge_point.id,
        request,
        now=turn.received_at,
        open_to_all=open_to_all(turn),
        verdict=await verdict(turn, request.id_tag),
    )
    reply = Started(recorded.transaction.id, recorded.info)
    if recorded.repeated:
        log.info("transaction_start_repeated", extra=_about(turn, recorded.transaction.id))
        return Outcome(reply)
    events: list[Event] = []
    if recorded.superseded is not None:
        _close(turn, recorded.superseded)
        events.append(TransactionRecovered(**turn.said, transaction=recorded.superseded))
        log.warning("transaction_recovered", extra=_about(turn, recorded.superseded.id, recovery="superseded"))
    connector = charge_point.connector(recorded.transaction.connector)
    if connector is not None:
        connector.started(recorded.transaction)
        turn.services.orphans.watch(charge_point, connector)
    events.append(TransactionStarted(**turn.said, transaction=recorded.transaction, status=recorded.info.status))
    log.info(
        "transaction_started",
        extra=_about(turn, recorded.transaction.id, connector=str(request.connector), status=recorded.info.status),
    )
    return Outcome(reply, tuple(events))


async def stop_transaction(turn: Turn, request: StopTransaction) -> Outcome:
    tag = request.id_tag
    recorded = await turn.database.write(
        transactions.stop,
        turn.charge_point.id,
        request,
        now=turn.received_at,
        open_to_all=open_to_all(turn),
        verdict=None if tag is None else await verdict(turn, tag),
        readings=transaction_data(request.values, WHOLE, turn.received_at),
    )
    reply = Stopped(recorded.info)
    if recorded.transaction is None:
        return Outcome(reply, (await _unmatched(turn, request),))
    about = _about(turn, recorded.transaction.id, match=recorded.match, energy_wh=recorded.transaction.energy_wh)
    if recorded.match is StopMatch.REPEATED:
        log.info("transaction_stop_repeated", extra=about)
        return Outcome(reply)
    _close(turn, recorded.transaction)
    log.info("transaction_stopped", extra={**about, "reason": recorded.transaction.reason})
    event = TransactionStopped(**turn.said, transaction=recorded.transaction, match=recorded.match)
    return Outcome(reply, (event,))


def _close(turn: Turn, closed: ClosedTransaction) -> None:
    turn.services.orphans.forget(closed.id)
    holder = turn.charge_point.running(closed.id) or turn.charge_point.connector(closed.connector)
    if holder is not None:
        holder.closed(closed)


async def _unmatched(turn: Turn, request: StopTransaction) -> Event:
    """No transaction of this charge point fits: what was said is kept for people to look at."""
    reason = f"transaction {request.transaction_id} fits none of this charge point"
    await turn.quarantine(reason, urgent=True)
    log.warning("transaction_stop_unmatched", extra=_about(turn, request.transaction_id))
    return turn.quarantined(reason)


def _about(turn: Turn, transaction_id: int | None, **more: Any) -> dict[str, Any]:
    return turn.about("transaction", transaction=transaction_id, **more)
