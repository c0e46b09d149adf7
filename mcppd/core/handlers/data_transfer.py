"""DataTransfer (OCPP 1.6, 4.3): answered by the plugin that registered for the vendor."""

from mcppd.core.turn import Turn
from mcppd.model.events import DataReceived
from mcppd.model.replies import Outcome
from mcppd.model.requests import DataTransfer


async def data_transfer(turn: Turn, request: DataTransfer) -> Outcome:
    reply = await turn.services.plugins.data_transfer(turn.charge_point.identity, request)
    event = DataReceived(
        **turn.said,
        vendor_id=request.vendor_id,
        message_id=request.message_id,
        status=reply.status,
    )
    return Outcome(reply, (event,))
