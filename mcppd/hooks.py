"""The hooks: all that a plugin can do, and all that mcppd's own plugins use.

A plugin is an object with any of the methods of `Plugin` below, made by a function `plugin()` without arguments. It is
found through the entry point group `mcppd.plugins`, or as a file `NAME.py` with such a function in
`plugins.directory`, and switched on by a section of its name in the configuration:

    plugins:
      NAME:
        enabled: true
        anything: else        # is handed over as `context.config`

Rules.

1. Every plugin has its own bounded queue of events and its own task: a slow one loses its own events (counted), and
   delays nobody's answer.
2. A hook may be `async def`, and then must not block; or plain `def`, and then runs in a thread.
3. Decisions have `plugins.decision_timeout` seconds. Too late, or an exception, counts as None: the next plugin is
   asked, and in the end the configuration decides. `on_event` has 30 seconds, `start` ten.
4. A hook that fails is counted and logged. Five failures of one hook in a row pause the plugin for a minute, doubling
   up to an hour, and the event `PluginPaused` says so. A paused plugin is not asked, and its events are dropped.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mcppd.model.commands import Command, CommandResult
from mcppd.model.events import Event
from mcppd.model.replies import DataTransferred, IdTagInfo
from mcppd.model.requests import DataTransfer
from mcppd.model.settings import Settings
from mcppd.model.views import ChargePointView


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who asks to be let in: what is known of a charge point before its link is opened."""

    identity: str
    remote_address: str
    subprotocols: tuple[str, ...] = ()
    username: str | None = None
    password: bytes | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision on a Candidate. A refused one gets HTTP `status` (401, 403, 404 or 409) with `reason`."""

    admitted: bool
    reason: str = ""
    status: int = 403


class Timer(Protocol):
    def cancel(self) -> object: ...


class Clock(Protocol):
    """The only time that core and plugins know. Tests put a fake one in its place."""

    def now(self) -> datetime:
        """Wall clock, aware UTC: for what is stored or shown, never for durations."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward: for durations and deadlines."""
        ...

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: Any) -> Timer: ...

    async def sleep(self, delay_s: float) -> None: ...


DataTransferHandler = Callable[[str, DataTransfer], Awaitable[DataTransferred] | DataTransferred]
"""Called with (charge point, request)."""


class Context(Protocol):
    """What a plugin is given when it starts, to keep."""

    @property
    def name(self) -> str: ...

    @property
    def config(self) -> Mapping[str, Any]:
        """The plugin's own section of the configuration, without `enabled`."""
        ...

    @property
    def settings(self) -> Settings:
        """The whole configuration as it stands now, after any reload."""
        ...

    @property
    def clock(self) -> Clock: ...

    @property
    def log(self) -> logging.Logger: ...

    def charge_points(self) -> Sequence[ChargePointView]: ...

    def charge_point(self, identity: str) -> ChargePointView | None: ...

    async def send(self, charge_point: str, command: Command, *, wait_s: float = 0.0) -> CommandResult:
        """Send a command and wait for its answer; `wait_s` is how long an offline charge point may take to come back.

        Raises `CallRefused` if it was not sent and `CallFailed` if it came to nothing (`mcppd.model.errors`).
        """
        ...

    def on_data_transfer(self, vendor_id: str, handler: DataTransferHandler) -> None:
        """Answer DataTransfer requests of this vendor. One handler a vendor; the later registration is an error."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> Timer:
        """Run `work` beside the plugin until it ends, is cancelled by what this returns, or the plugin is stopped."""
        ...


class Plugin(Protocol):
    """Every method is optional; a plugin has those that it needs."""

    async def start(self, context: Context) -> None:
        """Life: called once before the first link is accepted. An exception disables the plugin, not the daemon."""
        ...

    async def stop(self) -> None:
        """Life: called at the end, with two seconds to finish; the events that still wait come first."""
        ...

    async def on_event(self, event: Event) -> None:
        """Event: called for each event in order, after the answer it reports was sent. An attribute `subscribes`, a
        tuple of event classes, narrows what comes.
        """
        ...

    async def admit(self, candidate: Candidate) -> Verdict | None:
        """Decision: whether a charge point that the configuration admits is let in; None leaves it to the next."""
        ...

    async def authorize(self, charge_point: str, id_tag: str) -> IdTagInfo | None:
        """Decision: what an id tag is told in Authorize, StartTransaction and StopTransaction; None leaves it."""
        ...

    async def data_transfer(self, charge_point: str, request: DataTransfer) -> DataTransferred | None:
        """Decision: the answer to a DataTransfer whose vendor has no handler of its own; None leaves it."""
        ...

    async def repair(self, charge_point: str, action: str, payload: Any) -> Any | None:
        """Decision: a better payload for a request that does not fit its schema, before it is read; None leaves it."""
        ...


LIFE = ("start", "stop")
EVENTS = ("on_event",)
DECISIONS = ("admit", "authorize", "data_transfer", "repair")
HOOKS = (*LIFE, *EVENTS, *DECISIONS)
