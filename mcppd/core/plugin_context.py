"""What a plugin is given to keep: its view of the house, and the few things that it may do there.

Rule: everything here may also be called from the thread of a plain hook; it is then done on the event loop, which alone
may touch core. Only `send` must be awaited, so that only an asynchronous hook can command.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from mcppd.core.plugin_runner import PluginRunner
from mcppd.hooks import Clock, DataTransferHandler, Timer
from mcppd.model.commands import Command, CommandResult
from mcppd.model.settings import Settings
from mcppd.model.views import ChargePointView

LOOP_TIMEOUT_S = 5.0
"""A thread waits no longer for the event loop."""

T = TypeVar("T")


class Send(Protocol):
    """`Operations.send`."""

    def __call__(
        self, identity: str, command: Command, *, caller: str, wait_s: float = ...
    ) -> Awaitable[CommandResult]: ...


class PluginContext:
    """`mcppd.hooks.Context`. Made on the event loop."""

    def __init__(
        self,
        runner: PluginRunner,
        clock: Clock,
        *,
        settings: Callable[[], Settings],
        charge_points: Callable[[], Sequence[ChargePointView]],
        charge_point: Callable[[str], ChargePointView | None],
        send: Send,
        on_data_transfer: Callable[[str, DataTransferHandler], None],
    ) -> None:
        self._runner = runner
        self._clock = clock
        self._settings = settings
        self._charge_points, self._charge_point = charge_points, charge_point
        self._send = send
        self._on_data_transfer = on_data_transfer
        self._log = logging.getLogger(f"mcppd.plugins.{runner.name}")
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    @property
    def name(self) -> str:
        return self._runner.name

    @property
    def config(self) -> Mapping[str, Any]:
        section = self.settings.plugins.named.get(self.name, {})
        return {key: value for key, value in section.items() if key != "enabled"}

    @property
    def settings(self) -> Settings:
        return self._settings()

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def log(self) -> logging.Logger:
        return self._log

    def charge_points(self) -> Sequence[ChargePointView]:
        return self._on_loop(self._charge_points)

    def charge_point(self, identity: str) -> ChargePointView | None:
        return self._on_loop(self._charge_point, identity)

    async def send(self, charge_point: str, command: Command, *, wait_s: float = 0.0) -> CommandResult:
        return await self._send(charge_point, command, caller=f"plugin:{self.name}", wait_s=wait_s)

    def on_data_transfer(self, vendor_id: str, handler: DataTransferHandler) -> None:
        self._on_loop(self._on_data_transfer, vendor_id, handler)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> Timer:
        return self._on_loop(self._runner.spawn, work, name)

    def _on_loop(self, function: Callable[..., T], *args: Any) -> T:
        if threading.get_ident() == self._thread:
            return function(*args)

        async def call() -> T:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(LOOP_TIMEOUT_S)
