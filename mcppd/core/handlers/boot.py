"""BootNotification and Heartbeat (OCPP 1.6, 4.2 and 4.6)."""

import logging
from dataclasses import replace

from mcppd.core.turn import Turn
from mcppd.db import charge_points
from mcppd.model.charge_points import BootMeaning, Registration, boot_meaning
from mcppd.model.errors import StorageError
from mcppd.model.events import ChargePointBooted, Event, TransactionInterrupted
from mcppd.model.replies import CurrentTime, Outcome, Registered, RegistrationStatus
from mcppd.model.requests import BootNotification, Heartbeat

log = logging.getLogger(__name__)

RETRY_INTERVAL_S = 60
"""How long a charge point that is not accepted waits before its next BootNotification."""


async def boot_notification(turn: Turn, request: BootNotification) -> Outcome:
    charge_point = turn.charge_point
    meaning = boot_meaning(solicited=turn.solicited, said=request.identity, last=charge_point.boot)
    try:
        interrupted = await turn.database.write(
            charge_points.record_boot, charge_point.id, request.identity, meaning.is_boot, turn.received_at
        )
    except StorageError:
        if turn.solicited:  # it gets no answer; said again, it still answers our trigger
            turn.link.handshake.mark()
        raise
    charge_point.boot = request.identity
    events: list[Event] = []
    if meaning.is_boot:
        events = _booted(turn, request, meaning, interrupted)
    status = _registration(turn)
    interval_s = RETRY_INTERVAL_S
    if status is RegistrationStatus.ACCEPTED:
        interval_s = round(turn.settings.heartbeat_interval(charge_point.identity))

    def after() -> None:
        turn.link.registered = status
        turn.link.handshake.boot_answered()
        if meaning.is_boot and status is RegistrationStatus.ACCEPTED:
            turn.services.begin_setup(turn.link)

    return Outcome(Registered(status, turn.services.clock.now(), interval_s), tuple(events), after)


async def heartbeat(turn: Turn, request: Heartbeat) -> Outcome:
    turn.charge_point.last_heartbeat_at = turn.received_at
    return Outcome(CurrentTime(turn.services.clock.now()))


def _booted(turn: Turn, request: BootNotification, meaning: BootMeaning, interrupted: list[int]) -> list[Event]:
    """Bring what is at hand up to what was stored: a real boot unplugs nothing, but makes every plug-in a new one."""
    charge_point = turn.charge_point
    charge_point.boots += 1
    charge_point.last_boot_at = turn.received_at
    events: list[Event] = [ChargePointBooted(**turn.said, identity=request.identity, meaning=meaning)]
    for connector in charge_point.connectors():
        connector.plugged_in_at = None
        transaction = connector.transaction
        if transaction is not None and transaction.id in interrupted:
            connector.transaction = replace(transaction, interrupted=True)
            events.append(TransactionInterrupted(**turn.said, transaction_id=transaction.id, connector=connector.ref))
    log.info("charge_point_booted", extra=turn.about(meaning=meaning, interrupted=interrupted))
    return events


def _registration(turn: Turn) -> RegistrationStatus:
    match turn.charge_point.registration:
        case Registration.BLOCKED:
            return RegistrationStatus.REJECTED
        case Registration.PENDING:
            return RegistrationStatus.PENDING
    if turn.settings.boot.require_time_sync and not turn.services.clock_is_set():
        log.warning("clock_not_synchronised", extra=turn.about(answered="Pending"))
        return RegistrationStatus.PENDING
    return RegistrationStatus.ACCEPTED
