"""One request as a handler sees it, and the answers it may give."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec.json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from mcppd.server.api.encode import to_bytes
from mcppd.server.api.problems import Problem, Refused, refuse

MAX_BODY = 256 * 1024
BODY_TIMEOUT_S = 10.0
"""How long a body may take to arrive."""


@dataclass(frozen=True, slots=True)
class Ask:
    method: str
    path: Mapping[str, str]
    """What stands in the address for `{id}` and the like, percent-decoded."""
    query: Mapping[str, Any]
    """Every parameter of the route by name."""
    headers: Mapping[str, str]
    caller: str
    """Who asks, for the journal: `control:USER` or `http:ADDRESS`."""
    body: Any = field(default_factory=dict)


def answer(content: Any, status: int = 200) -> Response:
    return Response(to_bytes(content), status, media_type="application/json")


def answer_problem(problem: Problem) -> Response:
    return Response(to_bytes(problem.body()), problem.status, problem.headers, media_type="application/json")


def number_in_path(ask: Ask, name: str, what: str) -> int:
    """A number that stands in the address. Raises Refused (404): no `what` has another kind of name."""
    text = ask.path[name]
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    raise refuse(404, "NotFound", f"no {what} {text[:64]!r}: its number is meant")


async def read_body(request: Request) -> Any:
    """The JSON in the body; {} where there is none. Raises Refused: 400, 408, 413 or 415."""
    if _length(request) > MAX_BODY:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise _too_large()
    except TimeoutError:
        raise refuse(408, "BodyTooSlow", f"the body did not arrive within {BODY_TIMEOUT_S:g} s") from None
    except ClientDisconnect:
        raise refuse(400, "BodyCutShort", "the connection closed before the body had arrived") from None
    if not body:
        return {}
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise refuse(415, "NotJson", "a body must come with Content-Type: application/json")
    try:
        return msgspec.json.decode(bytes(body))
    except (ValueError, RecursionError) as error:  # msgspec's own errors and bad UTF-8 are ValueErrors
        raise refuse(400, "NotJson", f"the body is not JSON: {str(error)[:200]}") from None


def _length(request: Request) -> int:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _too_large() -> Refused:
    return refuse(413, "BodyTooLarge", f"a body may have {MAX_BODY} bytes at most")
