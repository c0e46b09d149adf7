"""Who may ask what: rules for the listener on TCP. The control socket has all rights, by its file permissions.

Rules.

1. A request must be addressed to this machine by a name that is its own (421): a foreign web page that had its name
   pointed here cannot read (DNS rebinding).
2. Reading is free for peers on this machine. All else needs the token (401), in a header that no browser adds by
   itself.
3. There are no cookies, and no permission for other origins.
"""

import hmac
import os
import re
import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, ip_address

from mcppd.server.api.problems import Problem

MIN_TOKEN = 16
"""Characters; a shorter token could be guessed."""
READING = ("GET", "HEAD")

_HOST = re.compile(r"(?:\[(?P<literal>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::\d{1,5})?", re.ASCII)


class TokenFile:
    """The token that commands over TCP need: the first line of a file, read again when the file has changed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._stamp: tuple[int, ...] | None = None
        self._token = b""

    def read(self) -> bytes:
        """The token. Raises OSError or ValueError, with what to do, where there is none to use."""
        if not self.path:
            raise ValueError("no token is set up: name a file with one in http.token_file, or use the control socket")
        about = os.stat(self.path)
        stamp = (about.st_mtime_ns, about.st_ino, about.st_size)
        if stamp != self._stamp:
            with open(self.path, "rb") as file:
                lines = file.read(4096).splitlines()
            token = lines[0].strip() if lines else b""
            if len(token) < MIN_TOKEN:
                raise ValueError(f"{self.path}: must hold a token of at least {MIN_TOKEN} characters in its first line")
            self._token, self._stamp = token, stamp
        return self._token


class Rights:
    def __init__(self, token: TokenFile, allowed_hosts: Iterable[str]) -> None:
        name = socket.gethostname().lower()
        short = name.partition(".")[0]
        own = ("localhost", name, short, f"{short}.local")
        self._names = frozenset(host.lower().rstrip(".") for host in (*own, *allowed_hosts))
        self._token = token

    def objection(self, method: str, peer: str | None, headers: Mapping[str, str]) -> Problem | None:
        """Why a request that came over TCP from `peer` is turned away; None if it is not."""
        if not self.is_own_name(headers.get("host", "")):
            message = "this name is not one of this machine's; if it should be, add it to http.allowed_hosts"
            return Problem(421, "ForeignHost", message, headers={"connection": "close"})
        if method in READING and is_loopback(peer):
            return None
        return self._check_token(headers.get("authorization", ""))

    def is_own_name(self, host: str) -> bool:
        """Whether the value of a Host header is an IP literal or a name of this machine."""
        match = _HOST.fullmatch(host.strip().lower())
        if match is None:
            return False
        name = match["name"]
        if name is None:
            return _is_literal(match["literal"])
        return name.rstrip(".") in self._names or ("." in name and _is_literal(name))

    def _check_token(self, authorization: str) -> Problem | None:
        scheme, _, given = authorization.strip().partition(" ")
        try:
            token = self._token.read()
        except (OSError, ValueError) as error:
            reason = (
                str(error) if isinstance(error, ValueError) else f"http.token_file cannot be read: {error.strerror}"
            )
            return _unauthorized(reason)
        if scheme.lower() != "bearer" or not given:
            return _unauthorized(
                "this needs the header 'Authorization: Bearer TOKEN' with the token in http.token_file"
            )
        if not hmac.compare_digest(given.strip().encode("utf-8", "replace"), token):
            return _unauthorized("the token is not the one in http.token_file")
        return None


def is_loopback(peer: str | None) -> bool:
    """Whether `peer`, an IP address, is on this machine."""
    try:
        address = ip_address((peer or "").partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _is_literal(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _unauthorized(message: str) -> Problem:
    return Problem(401, "Unauthorized", message, headers={"www-authenticate": 'Bearer realm="mcppd"'})
