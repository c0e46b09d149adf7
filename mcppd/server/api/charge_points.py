"""Charge points as they stand now, their configuration keys, and the way to command them."""

from starlette.responses import Response

from mcppd.model.errors import ChargePointUnknown
from mcppd.model.views import ChargePointView
from mcppd.server.api import encode
from mcppd.server.api.asking import Ask, answer
from mcppd.server.api.problems import refuse
from mcppd.server.api.query import Kind, Parameter
from mcppd.server.api.services import Services

MAX_WAIT_S = 3600
WAIT = Parameter(
    "wait_seconds", Kind.SECONDS, "how long an offline charge point may take to come back", 0.0, high=MAX_WAIT_S
)
MAX_COMMANDS = 256
"""Commands that may be under way through this door; each ends by itself at its deadline."""


async def list_charge_points(services: Services, ask: Ask) -> Response:
    views = sorted(services.central.views(), key=lambda view: view.identity)
    return answer({"items": [encode.charge_point(view) for view in views], "next": None})


async def show_charge_point(services: Services, ask: Ask) -> Response:
    return answer(encode.charge_point(_known(services, ask.path["id"])))


async def list_configuration(services: Services, ask: Ask) -> Response:
    rows = await services.archive.configuration(_known(services, ask.path["id"]).identity)
    return answer({"items": [encode.configuration_key(row) for row in rows], "next": None})


class Commands:
    """`POST .../commands/{Action}`. A caller who hangs up does not take the call back: it stays in flight."""

    def __init__(self) -> None:
        self._under_way = 0

    async def __call__(self, services: Services, ask: Ask) -> Response:
        if self._under_way >= MAX_COMMANDS:
            raise refuse(503, "Busy", f"{MAX_COMMANDS} commands wait for their answers already; try again later")
        self._under_way += 1
        try:
            result = await services.operations.send_raw(
                ask.path["id"], ask.path["action"], ask.body, caller=ask.caller, wait_s=ask.query["wait_seconds"]
            )
        finally:
            self._under_way -= 1
        return answer({"result": result.payload})


def _known(services: Services, identity: str) -> ChargePointView:
    view = services.central.view(identity)
    if view is None:
        raise ChargePointUnknown(identity)
    return view
