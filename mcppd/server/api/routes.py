"""Every address of the HTTP door, its parameters and its handler. The whole table; nothing registers itself elsewhere.

`/api/v1/openapi.json` has its place here: what it needs to tell is in these rows.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from mcppd.server.api import charge_points, lists, probes, stream, transactions
from mcppd.server.api.asking import Ask
from mcppd.server.api.query import Parameter
from mcppd.server.api.services import Services

Handler = Callable[[Services, Ask], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`method` is GET (and then HEAD too) or one that changes something and takes a JSON body."""

    method: str
    path: str
    handler: Handler
    help: str
    parameters: tuple[Parameter, ...] = ()


def endpoints(events: stream.EventStream) -> tuple[Endpoint, ...]:
    return (
        Endpoint("GET", "/metrics", probes.metrics, "metrics in the text format of Prometheus"),
        Endpoint("GET", "/healthz", probes.healthz, "whether the daemon is alive, and why not"),
        Endpoint("GET", "/readyz", probes.readyz, "whether charge points are served, and why not"),
        Endpoint("GET", "/api/v1/status", probes.status, "the site and the daemon in a few numbers"),
        Endpoint("GET", "/api/v1/events", events, "live events (server-sent)", stream.PARAMETERS),
        Endpoint("GET", "/api/v1/charge-points", charge_points.list_charge_points, "all charge points as they stand"),
        Endpoint("GET", "/api/v1/charge-points/{id}", charge_points.show_charge_point, "one charge point"),
        Endpoint(
            "GET",
            "/api/v1/charge-points/{id}/configuration",
            charge_points.list_configuration,
            "configuration keys as the charge point last told them",
        ),
        Endpoint(
            "POST",
            "/api/v1/charge-points/{id}/commands/{action}",
            charge_points.Commands(),
            "send a command; action, body and result as OCPP spells them",
            (charge_points.WAIT,),
        ),
        Endpoint(
            "GET",
            "/api/v1/transactions",
            transactions.list_transactions,
            "transactions, newest first",
            transactions.LIST_PARAMETERS,
        ),
        Endpoint("GET", "/api/v1/transactions/{id}", transactions.show_transaction, "one transaction"),
        Endpoint(
            "GET",
            "/api/v1/transactions/{id}/meter-values",
            transactions.list_meter_values,
            "what was measured during a transaction, oldest first",
            transactions.READING_PARAMETERS,
        ),
        Endpoint("GET", "/api/v1/id-tags", lists.list_id_tags, "id tags", lists.PAGE),
        Endpoint("GET", "/api/v1/reservations", lists.list_reservations, "active reservations"),
        Endpoint("GET", "/api/v1/charging-profiles", lists.list_charging_profiles, "charging profiles in force"),
        Endpoint("GET", "/api/v1/quarantine", lists.list_quarantine, "what could not be taken as it was", lists.PAGE),
        Endpoint("GET", "/api/v1/security-events", lists.list_security_events, "security events", lists.PAGE),
    )
