"""MeterValues (OCPP 1.6, 4.7)."""

import logging

from mcppd.core.connector import Connector
from mcppd.core.handlers.status import too_many_connectors
from mcppd.core.metering import take
from mcppd.core.turn import Turn
from mcppd.db import meter_values as store
from mcppd.model.events import MeterValuesReceived
from mcppd.model.meter_values import Measured
from mcppd.model.replies import Noted, Outcome
from mcppd.model.requests import MeterValues

log = logging.getLogger(__name__)


async def meter_values(turn: Turn, request: MeterValues) -> Outcome:
    charge_point = turn.charge_point
    if not request.values:
        return Outcome(Noted())
    connector = charge_point.connector(request.connector)
    if connector is None:
        return await too_many_connectors(turn)
    metering = take(charge_point, connector, request, turn.received_at)
    repeats, fingerprint = turn.services.repeats, store.fingerprint(metering.readings)
    if metering.recognisable and repeats.has(charge_point.id, connector.ref, fingerprint):
        return Outcome(Noted())
    transaction = metering.transaction
    resumed = transaction.id if transaction is not None and transaction.interrupted and metering.named else None
    await turn.database.write(store.record, charge_point.id, metering.readings, resumed=resumed, urgent=False)
    repeats.add(charge_point.id, connector.ref, fingerprint)
    holder: Connector | None = connector
    if transaction is not None and metering.register is not None:
        holder = charge_point.running(transaction.id)  # none if it was closed while this was being stored
        if holder is not None:
            holder.metered(transaction.id, metering.register, metering.peak_power_w, resumed=metering.named)
    if metering.live is not None and holder is not None:
        holder.measured(metering.live)
    if metering.suspect:
        log.warning("meter_value_suspect", extra=turn.about(connector=str(connector.ref)))
    event = MeterValuesReceived(
        charge_point=charge_point.identity,
        at=turn.received_at,
        correlation_id=turn.correlation_id,
        connector=connector.ref if transaction is None else transaction.connector,
        measured=metering.live or Measured(),
        transaction_id=request.transaction_id if transaction is None else transaction.id,
        suspect=metering.suspect,
    )
    return Outcome(Noted(), (event,))
