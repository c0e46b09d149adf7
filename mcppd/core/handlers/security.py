"""Security events and certificate requests (security extension, A04 and A02)."""

import logging

from mcppd.core.turn import Turn
from mcppd.db import security
from mcppd.model.events import CertificateRequested, SecurityEventReported
from mcppd.model.replies import CertificateRequestTaken, Noted, Outcome
from mcppd.model.requests import SecurityEventNotification, SignCertificate
from mcppd.model.timestamps import settle

log = logging.getLogger(__name__)


async def security_event(turn: Turn, request: SecurityEventNotification) -> Outcome:
    at, _ = settle(request.at, turn.received_at)
    await turn.database.write(
        security.record_event,
        turn.charge_point.id,
        request.type,
        at,
        request.tech_info,
        turn.received_at,
        own=False,
    )
    log.warning("security_event", extra=turn.about(type=request.type))
    return Outcome(Noted(), (SecurityEventReported(**turn.said, type=request.type, tech_info=request.tech_info),))


async def sign_certificate(turn: Turn, request: SignCertificate) -> Outcome:
    """The request is kept for the operator, who answers it with CertificateSigned when it is signed (A02.FR.11)."""
    await turn.database.write(security.record_certificate_request, turn.charge_point.id, request.csr, turn.received_at)
    return Outcome(CertificateRequestTaken(accepted=True), (CertificateRequested(**turn.said),))
