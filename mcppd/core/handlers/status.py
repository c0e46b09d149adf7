"""StatusNotification (OCPP 1.6, 4.9).

Rules.

1. Order is the order of arrival: the charge point's own time is data beside it.
2. Status and transaction are two state machines: a status never starts or stops a transaction by itself.
3. What is said of connector 0 is said of the charge point itself, and never copied to a connector. It is available
   while its connectors charge: that ends nothing.
"""

import logging
from datetime import datetime

from mcppd.core.charge_point import MAX_CONNECTORS
from mcppd.core.connector import Connector
from mcppd.core.turn import Turn
from mcppd.db import connectors
from mcppd.model.charge_points import ConnectorStatus
from mcppd.model.events import StatusReported
from mcppd.model.replies import Noted, Outcome
from mcppd.model.requests import StatusNotification
from mcppd.model.timestamps import TimeQuality

log = logging.getLogger(__name__)

TOO_MANY_CONNECTORS = f"more than {MAX_CONNECTORS} connectors"

_BY_NAME = {status.value.lower(): status for status in ConnectorStatus}


async def status_notification(turn: Turn, request: StatusNotification) -> Outcome:
    turn.link.status_came = True
    connector = turn.charge_point.connector(request.connector)
    if connector is None:
        return await too_many_connectors(turn)
    status = _status(request.status, connector)
    said = (status, request.error_code, request.info)
    stored = await turn.database.write(
        connectors.record_status,
        turn.charge_point.id,
        request,
        status,
        turn.received_at,
        urgent=said != (connector.status, connector.error_code, connector.info),
    )
    connector.status, connector.error_code, connector.info = said
    connector.since = stored.since
    connector.plugged_in_at = stored.plugged_in_at
    connector.status_changes = stored.status_changes
    if status.idle and not connector.ref.is_charge_point:
        connector.rest()
        if status is ConnectorStatus.AVAILABLE:
            connector.state_of_charge_percent = None
    turn.services.orphans.reported(turn.charge_point, connector, turned=stored.previous is not status)
    _note_skew(turn, request)
    event = StatusReported(
        **turn.said,
        connector=request.connector,
        status=status,
        previous=stored.previous,
        error_code=request.error_code,
        changed=stored.changed,
        info=request.info,
    )
    return Outcome(Noted(), (event,))


async def too_many_connectors(turn: Turn) -> Outcome:
    """The message speaks of one connector more than is kept of any charge point: quarantined and answered."""
    return Outcome(Noted(), (await turn.keep(TOO_MANY_CONNECTORS, urgent=False),))


def _status(said: str, connector: Connector) -> ConnectorStatus:
    """The status meant: letter case does not matter, `Occupied` is OCPP 1.5 and 2.x; the last one if it is unknown."""
    known = _BY_NAME.get(said.strip().lower())
    if known is not None:
        return known
    if said.strip().lower() == "occupied":
        return ConnectorStatus.PREPARING if connector.transaction is None else ConnectorStatus.CHARGING
    return connector.status


def _note_skew(turn: Turn, request: StatusNotification) -> None:
    """A status is sent as it happens: the difference between its time and its arrival is the clock's error."""
    reported = request.at
    if reported is None or reported.at is None or reported.quality is not TimeQuality.GOOD:
        return
    turn.charge_point.clock_skew_s = _seconds_ahead(reported.at, turn.received_at)


def _seconds_ahead(said: datetime, arrived: datetime) -> float:
    return (said - arrived).total_seconds()
