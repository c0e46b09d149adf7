"""The smaller lists: id tags, reservations, charging profiles, what was quarantined, what was reported for security."""

from starlette.responses import Response

from mcppd.server.api import encode
from mcppd.server.api.asking import Ask, answer
from mcppd.server.api.query import CURSOR, limit
from mcppd.server.api.services import Services

PAGE = (limit(100, 1000), CURSOR)


async def list_id_tags(services: Services, ask: Ask) -> Response:
    at_most = ask.query["limit"]
    rows = await services.archive.id_tags(ask.query["cursor"], at_most + 1)
    return answer(encode.page(rows, at_most, encode.id_tag))


async def list_reservations(services: Services, ask: Ask) -> Response:
    return answer(encode.whole(await services.archive.reservations()))


async def list_charging_profiles(services: Services, ask: Ask) -> Response:
    return answer(encode.whole(await services.archive.charging_profiles()))


async def list_quarantine(services: Services, ask: Ask) -> Response:
    at_most = ask.query["limit"]
    return answer(encode.page(await services.archive.quarantine(ask.query["cursor"], at_most + 1), at_most))


async def list_security_events(services: Services, ask: Ask) -> Response:
    at_most = ask.query["limit"]
    return answer(encode.page(await services.archive.security_events(ask.query["cursor"], at_most + 1), at_most))
