"""What watches over the daemon asks: metrics, health, and the status in a few numbers."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from mcppd.model.charge_points import ConnectorStatus
from mcppd.model.views import ChargePointView
from mcppd.server.api import encode
from mcppd.server.api.asking import Ask, answer
from mcppd.server.api.services import Services

_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


async def metrics(services: Services, ask: Ask) -> Response:
    return Response(services.metrics(), headers={"content-type": _EXPOSITION})


async def healthz(services: Services, ask: Ask) -> Response:
    return _verdict(*await services.health.alive())


async def readyz(services: Services, ask: Ask) -> Response:
    return _verdict(*await services.health.ready())


async def status(services: Services, ask: Ask) -> Response:
    """The numbers of the site, and beside them what the daemon tells of itself."""
    return answer(_site(services.central.views()) | encode.plain(services.status()))


def _verdict(ok: bool, reasons: Sequence[str]) -> Response:
    return answer({"status": "ok" if ok else "failing", "reasons": list(reasons)}, 200 if ok else 503)


def _site(views: Sequence[ChargePointView]) -> dict[str, Any]:
    connectors = [
        connector for view in views for connector in view.connectors if not connector.connector.is_charge_point
    ]
    return {
        "charge_points": {
            "known": len(views),
            "connected": sum(view.connected for view in views),
            "ready": sum(view.ready for view in views),
        },
        "connectors": {
            "known": len(connectors),
            "charging": sum(connector.status is ConnectorStatus.CHARGING for connector in connectors),
            "faulted": sum(connector.status is ConnectorStatus.FAULTED for connector in connectors),
        },
        "transactions": {"open": sum(connector.transaction is not None for connector in connectors)},
        "power_w": sum(connector.power_w for connector in connectors),
        "energy_total_wh": sum(connector.energy_total_wh for connector in connectors),
    }
