"""Links over real WebSockets (OCPP-J 1.6, section 3), as `connection.Socket` wants them."""

from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.headers import build_authorization_basic
from websockets.typing import Subprotocol

from mcppd.simulator.errors import DialFailed, SocketClosed

SUBPROTOCOL = Subprotocol("ocpp1.6")
OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 3.0
MAX_MESSAGE_BYTES = 1 << 20


def address(url: str, identity: str) -> str:
    """The URL of one charge point: `url` with the identity, percent-encoded, as its last segment (J1)."""
    return f"{url.rstrip('/')}/{quote(identity, safe='')}"


async def dial(url: str, identity: str, password: str | None, ping_interval_s: float | None) -> "WebSocket":
    """Open a link to the central system at `url`. Raises `DialFailed`."""
    headers = {} if password is None else {"Authorization": build_authorization_basic(identity, password)}
    try:
        connection = await connect(
            address(url, identity),
            subprotocols=[SUBPROTOCOL],
            additional_headers=headers,
            compression=None,
            proxy=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=ping_interval_s,
            max_size=MAX_MESSAGE_BYTES,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        raise DialFailed(f"refused with HTTP {status} {error.response.reason_phrase}") from error
    except TimeoutError as error:
        raise DialFailed(f"no answer within {OPEN_TIMEOUT_S:g} s") from error
    except ConnectionRefusedError as error:
        raise DialFailed(f"nothing listens at {url}") from error
    except (OSError, WebSocketException) as error:
        raise DialFailed(str(error) or type(error).__name__) from error
    if connection.subprotocol != SUBPROTOCOL:
        await connection.close(1002)
        raise DialFailed(f"the central system does not speak {SUBPROTOCOL}")
    return WebSocket(connection)


class WebSocket:
    """`connection.Socket` over a websockets connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        try:
            await self._connection.send(text)
        except ConnectionClosed as closed:
            raise SocketClosed(_reason(closed)) from closed

    async def recv(self) -> str:
        try:
            message = await self._connection.recv()
        except ConnectionClosed as closed:
            raise SocketClosed(_reason(closed)) from closed
        return message if isinstance(message, str) else message.decode("utf-8", "replace")

    async def close(self, reason: str) -> None:
        await self._connection.close(1000, reason[:120])

    def abort(self) -> None:
        self._connection.transport.abort()


def _reason(closed: ConnectionClosed) -> str:
    if closed.rcvd is None:
        return "the connection broke off"
    return f"closed with {closed.rcvd.code}" + (f" ({closed.rcvd.reason})" if closed.rcvd.reason else "")
