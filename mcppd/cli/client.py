"""HTTP over the control socket. Standard library only, and only loaded when a command really asks."""

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from mcppd.cli.outcome import Exit, Failure, failure_of

if TYPE_CHECKING:
    from http.client import HTTPResponse

SOCKET = "/run/mcppd/control.sock"
READ_TIMEOUT_S = 30.0
SILENCE_S = 60.0
"""The live stream is never silent for longer than its heartbeat, 15 s."""


def socket_path(given: str | None) -> str:
    """The flag, the environment, or the place where the package puts it."""
    return given or os.environ.get("MCPPD_HTTP__SOCKET") or SOCKET


class Client:
    """Every method raises Failure for all but a 200."""

    def __init__(self, path: str) -> None:
        self._path = path

    def get(self, *names: str, **query: Any) -> Any:
        """`/api/v1/NAME/NAME?query`: names are encoded, parameters that are None left out."""
        response, connection = self._ask("GET", _address(names, query), None, READ_TIMEOUT_S)
        with connection:
            return self._read(response)

    def command(self, charge_point: str, action: str, body: Any, wait_s: float = 0.0) -> dict[str, Any]:
        """The charge point's answer. Waits as long as the daemon does: it has the deadline."""
        address = _address(("charge-points", charge_point, "commands", action), {"wait_seconds": wait_s or None})
        response, connection = self._ask("POST", address, json.dumps(body).encode(), None)
        with connection:
            result: dict[str, Any] = self._read(response)["result"]
            return result

    def events(self, charge_point: str | None) -> Iterator[dict[str, Any]]:
        """The live events, until the daemon ends them."""
        address = _address(("events",), {"charge_point": charge_point})
        from http.client import HTTPException

        response, connection = self._ask("GET", address, None, SILENCE_S)
        with connection:
            if response.status != 200:
                self._read(response)
            try:
                for line in response:
                    if line.startswith(b"data: "):
                        yield json.loads(line[6:])
            except (OSError, HTTPException) as error:
                raise self._lost(error) from error

    def _ask(
        self, method: str, address: str, body: bytes | None, timeout_s: float | None
    ) -> "tuple[HTTPResponse, _Connection]":
        from http.client import HTTPException

        connection = _Connection(self._path, timeout_s)
        try:
            connection.connect()
            connection.http.request(method, address, body, {"Content-Type": "application/json"} if body else {})
            return connection.http.getresponse(), connection
        except TimeoutError as error:
            connection.close()
            raise Failure(Exit.NO_ANSWER, f"the daemon did not answer within {timeout_s:g} s; is it busy?") from error
        except (OSError, HTTPException) as error:
            connection.close()
            raise self._lost(error) from error

    def _read(self, response: "HTTPResponse") -> Any:
        from http.client import HTTPException

        try:
            content = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            raise self._lost(error) from error
        if response.status == 200:
            return content
        raise failure_of(response.status, content.get("error") or {})

    def _lost(self, error: Exception) -> Failure:
        match error:
            case FileNotFoundError():
                why = "there is no such socket; is mcppd running? --socket names another"
            case ConnectionRefusedError():
                why = "nobody listens there; start mcppd (systemctl start mcppd)"
            case PermissionError():
                why = "you may not use it; be in the group it belongs to, or use sudo"
            case _:
                why = f"the connection broke ({type(error).__name__}: {error}); mcppd's log says more"
        return Failure(Exit.UNREACHABLE, f"mcppd cannot be reached at {self._path}: {why}")


class _Connection:
    """An HTTPConnection over the socket, made here so that http.client is loaded only now."""

    def __init__(self, path: str, timeout_s: float | None) -> None:
        import socket
        from http.client import HTTPConnection

        self.http: HTTPConnection = HTTPConnection("localhost", timeout=timeout_s)
        self.http.sock = socket.socket(socket.AF_UNIX)
        self.http.sock.settimeout(timeout_s)
        self._path = path

    def connect(self) -> None:
        self.http.sock.connect(self._path)

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> "_Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _address(names: tuple[str, ...], query: dict[str, Any]) -> str:
    given = {name: _parameter(value) for name, value in query.items() if value is not None}
    path = "/".join(quote(name, safe="") for name in names)
    return f"/api/v1/{path}" + (f"?{urlencode(given)}" if given else "")


def _parameter(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
