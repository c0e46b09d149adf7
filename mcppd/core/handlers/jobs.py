"""Firmware, diagnostics and log jobs as they progress (OCPP 1.6, 4.4 and 4.5; security extension, LogStatusNotification
and SignedFirmwareStatusNotification).
"""

from mcppd.core.turn import Turn
from mcppd.db import jobs
from mcppd.model.events import JobProgressed
from mcppd.model.replies import Noted, Outcome
from mcppd.model.requests import DiagnosticsStatusNotification, FirmwareStatusNotification, LogStatusNotification


async def diagnostics_status(turn: Turn, request: DiagnosticsStatusNotification) -> Outcome:
    return await _progressed(turn, "diagnostics", request.status, None)


async def firmware_status(turn: Turn, request: FirmwareStatusNotification) -> Outcome:
    return await _progressed(turn, "firmware", request.status, request.request_id)


async def log_status(turn: Turn, request: LogStatusNotification) -> Outcome:
    return await _progressed(turn, "log", request.status, request.request_id)


async def _progressed(turn: Turn, kind: str, status: str, request_id: int | None) -> Outcome:
    await turn.database.write(jobs.record_status, turn.charge_point.id, kind, status, request_id, turn.received_at)
    return Outcome(Noted(), (JobProgressed(**turn.said, kind=kind, status=status, request_id=request_id),))
