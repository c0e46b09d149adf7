"""The opening handshake (RFC 6455, 4.2; OCPP-J 1.6, 3.1): bytes in, a candidate or a refusal out. No socket, no clock.

Rules.

1. Liberal in: absolute targets, any path prefix, doubled slashes, a missing `Connection: Upgrade`, several headers of
   one name, any Origin. Strict out: canonical header names, nothing that was not asked for, never compression.
2. What a browser marks as its own (`Sec-Fetch-*`) is refused: no page on the LAN opens a link in its visitor's name.
   Origin is not such a mark; charge points send it too.
3. A password is bytes from here on, and appears in no text made here.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from logging import Logger
from urllib.parse import unquote_to_bytes

from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from mcppd.core.admission import Refusal
from mcppd.hooks import Candidate

MAX_HEAD = 32 * 1024
"""Bytes of a whole request head."""
MAX_LINE = 4096
"""Bytes of its request line and of each header line."""
MAX_HEADERS = 32
MAX_IDENTITY = 255

END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_SCHEME_AND_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TLS_HANDSHAKE = 0x16

NOT_WEBSOCKET = "This port is for charge points: it speaks OCPP over WebSocket, at ws://.../ocpp/IDENTITY."


@dataclass(frozen=True, slots=True)
class Opening:
    """A handshake that can be completed: who asks, and the `Sec-WebSocket-Accept` that answers the key."""

    candidate: Candidate
    accept: str


def could_be_http(start: bytes | bytearray) -> bool:
    """Whether a connection that begins with `start` can become a handshake: a method is upper-case letters."""
    return 65 <= start[0] <= 90


def not_http(start: bytes | bytearray) -> Refusal:
    hint = " but TLS: this port takes ws://, not wss://" if start[0] == _TLS_HANDSHAKE else ""
    return Refusal(400, f"not an HTTP request{hint}")


def read(head: bytes, remote_address: str, log: Logger) -> Opening | Refusal:
    """Read a whole request head, its blank line included. `log` is where the library may say what it thinks of it."""
    lines = head.split(b"\n")
    if len(lines[0]) >= MAX_LINE:
        return Refusal(414, f"the request line is longer than {MAX_LINE} bytes")
    if len(lines) - 3 > MAX_HEADERS or any(len(line) >= MAX_LINE for line in lines):
        return Refusal(431, f"more than {MAX_HEADERS} headers, or one longer than {MAX_LINE} bytes")
    parser = ServerProtocol(logger=log)
    parser.receive_data(head)
    found = parser.events_received()
    parser.parser.close()  # its frame refers back to the parser: memory goes at once without the cycle
    match found:
        case [Request() as request]:
            return _judge(request, remote_address)
        case _:
            return Refusal(400, f"not a request that can be read: {_innermost(parser.handshake_exc)}")


def _judge(request: Request, remote_address: str) -> Opening | Refusal:
    headers = request.headers
    upgrades = {token.lower() for token in _tokens(headers, "Upgrade")}
    if request.method != "GET" or request.protocol != "HTTP/1.1" or "websocket" not in upgrades:
        return Refusal(426, NOT_WEBSOCKET)
    if any(name.lower().startswith("sec-fetch-") for name in headers):
        return Refusal(403, "browsers are not let in")
    if headers.get_all("Sec-WebSocket-Version") != ["13"]:
        return Refusal(426, "only version 13 of the WebSocket protocol is spoken here")
    keys = headers.get_all("Sec-WebSocket-Key")
    if len(keys) != 1 or not _is_key(keys[0]):
        return Refusal(400, "Sec-WebSocket-Key must be there once, with 16 bytes in base64")
    path = path_of(request.path)
    identity = identity_of(path)
    if identity is None:
        return Refusal(404, f"no charge point identity (1 to {MAX_IDENTITY} printable characters) ends the path")
    username, password = credentials(headers.get_all("Authorization"))
    candidate = Candidate(
        identity=identity,
        remote_address=remote_address,
        subprotocols=tuple(_tokens(headers, "Sec-WebSocket-Protocol")),
        username=username,
        password=password,
        path=path,
    )
    return Opening(candidate, _accept(keys[0]))


def path_of(target: str) -> str:
    """The path of a request target in origin form or absolute form, without query and fragment, still encoded."""
    return re.split(r"[?#]", _SCHEME_AND_AUTHORITY.sub("", target, count=1), maxsplit=1)[0]


def identity_of(path: str) -> str | None:
    """The charge point identity at the end of `path` (OCPP-J 1.6, 3.1.1); None if there is none that can be used.

    Percent-encoding is undone once, as UTF-8 or else Latin-1; blanks around are dropped.
    """
    segment = next((segment for segment in reversed(path.split("/")) if segment), "")
    identity = _text(unquote_to_bytes(segment)).strip()
    return identity if 1 <= len(identity) <= MAX_IDENTITY and identity.isprintable() else None


def credentials(authorizations: list[str]) -> tuple[str | None, bytes | None]:
    """Username and password of HTTP Basic (OCPP-J 1.6, 6.2); (None, None) where there are none that can be read.

    The password is everything behind the first colon: it may be binary and have colons of its own.
    """
    for authorization in authorizations:
        scheme, _, encoded = authorization.strip().partition(" ")
        if scheme.lower() != "basic":
            continue
        encoded = encoded.strip()
        try:
            decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        username, colon, password = decoded.partition(b":")
        if colon:
            return _text(username), password
    return None, None


def welcome(accept: str, subprotocol: str | None) -> bytes:
    """The answer that opens a link; without `Sec-WebSocket-Protocol` where `subprotocol` is None."""
    chosen = "" if subprotocol is None else f"Sec-WebSocket-Protocol: {subprotocol}\r\n"
    return (
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n"
        f"{chosen}\r\n"
    ).encode("latin-1")


_SPECIAL_HEADERS = {
    401: 'WWW-Authenticate: Basic realm="OCPP"\r\n',
    426: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
}


def farewell(refusal: Refusal) -> bytes:
    """The answer that turns a candidate away, with the reason as plain text."""
    body = f"{refusal.reason}\n".encode()
    special = _SPECIAL_HEADERS.get(refusal.status, "")
    connection = "close, Upgrade" if refusal.status == 426 else "close"
    head = (
        f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n"
        f"{special}"
        f"Connection: {connection}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


def _tokens(headers: Headers, name: str) -> list[str]:
    """The members of a comma-separated list that may be spread over several headers."""
    parts = ",".join(headers.get_all(name)).split(",")
    return [token for part in parts if (token := part.strip())]


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _accept(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + _ACCEPT_GUID, usedforsecurity=False).digest()).decode()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _innermost(problem: BaseException | None) -> str:
    """What the library found, without what the peer said: its messages quote whole lines after a colon."""
    while problem is not None and problem.__cause__ is not None:
        problem = problem.__cause__
    return str(problem).partition(":")[0]
