"""The HTTP door: the same routes on a TCP address and on the control socket of mcppctl."""

import asyncio
import functools
from contextlib import suppress

from mcppd.hooks import Clock
from mcppd.model.addresses import read_address
from mcppd.model.errors import ConfigurationError, Fault
from mcppd.model.settings import HttpSettings
from mcppd.server.api.app import Api
from mcppd.server.api.rights import Rights, TokenFile
from mcppd.server.api.services import Services
from mcppd.server.control import ControlSocket
from mcppd.server.http_connection import Connection, protocol_config, server_state
from mcppd.server.lean_uvicorn import ServerState

BACKLOG = 64


class HttpDoor:
    """Open once, close once. `port` is the TCP port, 0 while it is not open."""

    def __init__(self, services: Services, settings: HttpSettings, clock: Clock) -> None:
        self.port = 0
        self._settings = settings
        self._token = TokenFile(settings.token_file)
        self._api = Api(services, Rights(self._token, settings.allowed_hosts), clock)
        self._bus = services.bus
        self._config = protocol_config(self._api)
        self._servers: list[asyncio.Server] = []
        self._states: list[ServerState] = []
        self._control: ControlSocket | None = None

    async def open(self) -> None:
        """Listen on both. Raises ConfigurationError where the address would be open to others without a token, and
        OSError, with what and where, for an address or a socket that cannot be had.
        """
        address = read_address(self._settings.listen)
        if not address.loopback:
            self._need_token()
        self._config.load()
        loop = asyncio.get_running_loop()
        try:
            self._control = ControlSocket(self._settings.socket)
            control = self._factory(control=True)
            self._servers.append(await loop.create_unix_server(control, sock=self._control.socket, backlog=BACKLOG))
            try:
                server = await loop.create_server(
                    self._factory(control=False), address.host, address.port, backlog=BACKLOG, reuse_address=True
                )
            except OSError as error:
                reason = error.strerror or str(error)
                raise OSError(error.errno, f"http.listen: cannot listen on {address}: {reason}") from error
        except (OSError, asyncio.CancelledError):
            await self.close(0)
            raise
        self._servers.append(server)
        self.port = server.sockets[0].getsockname()[1]
        self._bus.listen(self._api.events.keep)

    async def close(self, grace_s: float) -> None:
        """Let nobody in any more, give what is being answered `grace_s`, then cut the rest."""
        for server in self._servers:
            server.close()
        self._api.events.close()
        for connection in self._connections():
            connection.stop()
        if grace_s > 0 and (tasks := self._tasks()):
            await asyncio.wait(tasks, timeout=grace_s)
        tasks = self._tasks()
        for connection in self._connections():
            if connection.busy and connection.cycle.response_started:
                connection.transport.abort()
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in self._connections():
            connection.transport.abort()
        for server in self._servers:
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await server.wait_closed()
        self._servers.clear()
        if self._control is not None:
            self._control.close()
            self._control = None
        self.port = 0

    def _factory(self, *, control: bool) -> functools.partial[Connection]:
        state = server_state()
        self._states.append(state)
        return functools.partial(Connection, self._config, state, control=control)

    def _connections(self) -> list[Connection]:
        return [item for state in self._states for item in state.connections if isinstance(item, Connection)]

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for state in self._states for task in state.tasks]

    def _need_token(self) -> None:
        try:
            self._token.read()
        except (OSError, ValueError) as error:
            listen = self._settings.listen
            message = f"must be a loopback address unless http.token_file holds a token (got {listen!r}; {error})"
            raise ConfigurationError([Fault("configuration", "http.listen", message)]) from error
