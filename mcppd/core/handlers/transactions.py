"""StartTransaction and StopTransaction (OCPP 1.6, 4.8 and 4.10): idempotent, always answered.

What is stored, matched and mended is decided in one commit in `mcppd.db.transactions`; here it is asked for and told.
"""

import logging
from dataclasses import replace
from typing import Any

from mcppd.core.handlers.authorization import open_to_all, verdict
from mcppd.core.handlers.status import TOO_MANY_CONNECTORS
from mcppd.core.metering import transaction_data
from mcppd.core.turn import Turn
from mcppd.db import transactions
from mcppd.db.meter_values import believable
from mcppd.model.charge_points import WHOLE
from mcppd.model.events import Event, TransactionRecovered, TransactionStarted, TransactionStopped
from mcppd.model.replies import Outcome, Started, Stopped
from mcppd.model.requests import StartTransaction, StopTransaction
from mcppd.model.transactions import ClosedTransaction, StopMatch

log = logging.getLogger(__name__)


async def start_transaction(turn: Turn, request: StartTransaction) -> Outcome:
    charge_point = turn.charge_point
    doubts = await _doubtful(turn, request.meter_start_wh)
    connector = charge_point.connector(request.connector)
    if connector is None:  # it is charged for all the same
        doubts += (await turn.keep(TOO_MANY_CONNECTORS),)
        connector, request = charge_point.whole, replace(request, connector=WHOLE)
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
        return Outcome(reply, doubts)
    events: list[Event] = [*doubts]
    if recorded.superseded is not None:
        _close(turn, recorded.superseded)
        events.append(TransactionRecovered(**turn.said, transaction=recorded.superseded))
        log.warning("transaction_recovered", extra=_about(turn, recorded.superseded.id, recovery="superseded"))
    connector.started(recorded.transaction)
    turn.services.orphans.started(charge_point, connector)
    events.append(TransactionStarted(**turn.said, transaction=recorded.transaction, status=recorded.info.status))
    log.info(
        "transaction_started",
        extra=_about(turn, recorded.transaction.id, connector=str(request.connector), status=recorded.info.status),
    )
    return Outcome(reply, tuple(events))


async def stop_transaction(turn: Turn, request: StopTransaction) -> Outcome:
    tag = request.id_tag
    doubts = await _doubtful(turn, request.meter_stop_wh)
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
        log.warning("transaction_stop_unmatched", extra=_about(turn, request.transaction_id))
        unmatched = await turn.keep(f"transaction {request.transaction_id} fits none of this charge point")
        return Outcome(reply, (*doubts, unmatched))
    about = _about(turn, recorded.transaction.id, match=recorded.match, energy_wh=recorded.transaction.energy_wh)
    if recorded.match is StopMatch.REPEATED:
        log.info("transaction_stop_repeated", extra=about)
        if recorded.contradicts:
            other = f"transaction {recorded.transaction.id} was stopped before with another meterStop, which stands"
            doubts += (await turn.keep(other),)
        return Outcome(reply, doubts)
    _close(turn, recorded.transaction, recorded.counted_wh)
    log.info("transaction_stopped", extra={**about, "reason": recorded.transaction.reason})
    event = TransactionStopped(**turn.said, transaction=recorded.transaction, match=recorded.match)
    return Outcome(reply, (*doubts, event))


def _close(turn: Turn, closed: ClosedTransaction, counted_wh: int = 0) -> None:
    turn.services.orphans.forget(closed.id)
    holder = turn.charge_point.running(closed.id) or turn.charge_point.connector(closed.connector)
    if holder is not None:
        holder.closed(closed, counted_wh)


async def _doubtful(turn: Turn, meter_wh: int | None) -> tuple[Event, ...]:
    """What a meter said that no meter can say goes for nothing, and is kept for people to look at."""
    if believable(meter_wh) == meter_wh:
        return ()
    return (await turn.keep("no register stands at that"),)


def _about(turn: Turn, transaction_id: int | None, **more: Any) -> dict[str, Any]:
    return turn.about("transaction", transaction=transaction_id, **more)
