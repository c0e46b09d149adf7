"""Authorize (OCPP 1.6, 4.1), and how every handler asks for a tag's status."""

from mcppd.core.turn import Turn
from mcppd.db import id_tags
from mcppd.model.events import TagPresented
from mcppd.model.replies import Authorized, IdTagInfo, Outcome
from mcppd.model.requests import Authorize


async def authorize(turn: Turn, request: Authorize) -> Outcome:
    info = await turn.database.write(
        id_tags.check,
        request.id_tag,
        now=turn.received_at,
        open_to_all=open_to_all(turn),
        verdict=await verdict(turn, request.id_tag),
    )
    return Outcome(Authorized(info), (TagPresented(**turn.said, id_tag=request.id_tag, status=info.status),))


async def verdict(turn: Turn, id_tag: str) -> IdTagInfo | None:
    """What a plugin says of `id_tag`; None leaves it to the stored tags and the configuration."""
    if not turn.services.plugins.wants("authorize"):
        return None
    return await turn.services.plugins.authorize(turn.charge_point.identity, id_tag)


def open_to_all(turn: Turn) -> bool:
    return turn.settings.authorization.mode == "open"
