"""MeterValues (OCPP 1.6, 4.7)."""

import logging

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
    connector = charge_point.connector(request.connector)
    if connector is None:
        return await too_many_connectors(turn)
    metering = take(charge_point, connector, request, turn.received_at)
    if not metering.readings:
        return Outcome(Noted())
    repeats, fingerprint = turn.services.repeats, store.fingerprint(metering.readings)
    if fingerprint is not None and repeats.has(charge_point.id, connector.ref, fingerprint):
        return Outcome(Noted())
    await turn.database.write(store.record, charge_point.id, metering.readings, urgent=False)
    if fingerprint is not None:
        repeats.add(charge_point.id, connector.ref, fingerprint)
    holder = connector
    if metering.transaction is not None and metering.register is not None:
        holder = charge_point.running(metering.transaction.id) or connector
        holder.metered(metering.transaction.id, metering.register, metering.peak_power_w)
    if metering.live is not None:
        holder.measured(metering.live)
    if metering.suspect:
        log.warning("meter_value_suspect", extra=turn.about(connector=str(connector.ref)))
    event = MeterValuesReceived(
        charge_point=charge_point.identity,
        at=turn.received_at,
        correlation_id=turn.correlation_id,
        connector=holder.ref,
        measured=metering.live or Measured(),
        transaction_id=metering.transaction.id if metering.transaction is not None else request.transaction_id,
        suspect=metering.suspect,
    )
    return Outcome(Noted(), (event,))
