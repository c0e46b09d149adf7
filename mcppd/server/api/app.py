"""The ASGI application of both listeners: rights, route, handler, answer; and the one place where errors
become answers.

Each listener says through the scope's state which one it is (`Listener`).
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from mcppd.core.correlation import correlation_id
from mcppd.hooks import Clock
from mcppd.server.api.asking import Ask, answer_problem, read_body
from mcppd.server.api.problems import Problem, problem_of, refuse
from mcppd.server.api.query import read_query
from mcppd.server.api.rights import READING, Rights
from mcppd.server.api.routes import Endpoint, endpoints
from mcppd.server.api.services import Services
from mcppd.server.api.stream import EventStream

log = logging.getLogger(__name__)

_SLASH = "\x1f"
"""Stands for a percent-encoded slash while the route is looked up; no identity has it in it."""

REFUSAL_LOG_S = 1.0
"""Refusals are logged once in this time; those between are counted into the next line."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Over which connection a request came."""

    control: bool
    caller: str
    busy: bool
    """More connections are open than are served."""
    abort: Callable[[], None]


class Api:
    def __init__(self, services: Services, rights: Rights, clock: Clock) -> None:
        self.events = EventStream(clock)
        self._services = services
        self._rights = rights
        self._clock = clock
        self._quiet_until = 0.0
        self._unlogged = 0
        self.endpoints = endpoints(self.events)
        routes = [Route(row.path, self._endpoint(row), methods=[row.method]) for row in self.endpoints]
        self._router = Router(routes, redirect_slashes=False, default=_nothing_here)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        listener: Listener = scope["state"]["listener"]
        scope["path"] = _segments(scope["raw_path"])
        scope["app"] = self  # the router raises what it cannot serve, instead of answering by itself
        problem = self._objection(scope, listener)
        if problem is None:
            try:
                await self._router(scope, receive, note_start)
                return
            except asyncio.CancelledError:
                problem = Problem(503, "Stopping", "the daemon is stopping; try again when it is back")
            except Exception as error:  # noqa: BLE001 - the one place of this door
                problem = problem_of(error) or self._unforeseen(scope, error)
        if started:
            listener.abort()  # half an answer must not look like a whole one
        else:
            await answer_problem(problem)(scope, receive, send)

    def _endpoint(self, row: Endpoint) -> Callable[[Request], object]:
        async def serve(request: Request) -> Response:
            query = read_query(request.scope["query_string"], row.parameters)
            body = {} if row.method in READING else await read_body(request)
            caller = request.scope["state"]["listener"].caller
            path = {name: text.replace(_SLASH, "/") for name, text in request.path_params.items()}
            ask = Ask(request.method, path, query, request.headers, caller, body)
            return await row.handler(self._services, ask)

        return serve

    def _objection(self, scope: Scope, listener: Listener) -> Problem | None:
        correlation_id.set(secrets.token_hex(8))
        if listener.busy:
            message = "too many connections are open; try again later"
            return Problem(503, "Busy", message, headers={"connection": "close"})
        if listener.control:
            return None
        peer = scope["client"][0] if scope["client"] else None
        problem = self._rights.objection(scope["method"], peer, _headers(scope))
        if problem is not None:
            self._log_refusal(problem, scope, peer)
        return problem

    def _log_refusal(self, problem: Problem, scope: Scope, peer: str | None) -> None:
        now = self._clock.monotonic()
        if now < self._quiet_until:
            self._unlogged += 1
            return
        extra = {
            "status": problem.status,
            "reason": problem.message,
            "remote_address": peer,
            "path": scope["path"][:128],
        }
        log.warning("http_refused", extra=extra | {"suppressed": self._unlogged})
        self._quiet_until, self._unlogged = now + REFUSAL_LOG_S, 0

    def _unforeseen(self, scope: Scope, error: Exception) -> Problem:
        log.error("http_request_failed", extra={"method": scope["method"], "path": scope["path"][:128]}, exc_info=error)
        where = correlation_id.get()
        message = f"this failed inside the daemon; its log says why, under correlation_id {where}"
        return Problem(500, "InternalError", message, {"correlation_id": where})


def _segments(raw_path: bytes) -> str:
    """The path with a slash that is part of a name kept apart from those between names."""
    return "/".join(unquote(part).replace("/", _SLASH) for part in raw_path.decode("latin-1").split("/"))


def _headers(scope: Scope) -> Mapping[str, str]:
    """The first of each name counts; two Host headers are refused before (h11)."""
    pairs: dict[str, str] = {}
    for name, value in scope["headers"]:
        pairs.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return pairs


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    raise refuse(404, "NotFound", "there is nothing at this address; the API begins at /api/v1/status")
