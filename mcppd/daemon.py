"""The composition root: builds the house, opens it, keeps it, reloads it and closes it, in order.

Rules.

1. Nothing listens before everything that answers is ready; READY=1 only when everything listens.
2. What stops the daemon is one of: a signal (exit 0), a database that failed for good (exit 1: systemd starts a fresh
   process that reads what is really on disk), an error while starting (exit 1, or 78 where only people can help).
3. A second signal means now. So does an end that takes too long, whatever hangs: what was acknowledged is on disk.
"""

import asyncio
import ctypes
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import mcppd
from mcppd.config import needs_restart
from mcppd.core.assembly import Core
from mcppd.core.clock import SystemClock
from mcppd.db.database import Database
from mcppd.model.errors import ConfigurationError, MCPPDError, StorageRefused
from mcppd.model.settings import Settings
from mcppd.monitoring import logs
from mcppd.monitoring.health import Health
from mcppd.monitoring.metrics import Metrics
from mcppd.monitoring.time_sync import clock_is_set
from mcppd.monitoring.watchdog import LoopLag, Supervisor
from mcppd.ocpp.v16 import dialect as v16
from mcppd.server.api.services import Services
from mcppd.server.http_door import HttpDoor
from mcppd.server.websocket import WebSocketDoor

log = logging.getLogger("mcppd")

EX_OK, EX_FAILED, EX_CONFIG = 0, 1, 78

CALLS_GRACE_S = 5.0
"""At the end: how long calls that were received may take to be answered."""

LINKS_GRACE_S = 2.0
"""At the end: how long charge points may take to join in the closing handshake; half of it where the calls took all of
their time."""

LAST_S = 0.2
"""At the very end: how long cancelled tasks may take to end."""

STOP_S = 9.5
"""At the end: after this the process is ended, whatever still hangs. All that is waited for adds up to less."""


class Daemon:
    """One run, from configuration to exit status."""

    def __init__(self, settings: Settings, reload: Callable[[], Settings]) -> None:
        """`reload` reads the configuration again and raises ConfigurationError with everything that is wrong."""
        self._settings = self._started_with = settings
        self._reload = reload
        self._started_at = datetime.now(UTC)
        self._started = monotonic()
        self._stopping = asyncio.Event()
        self._serving = False
        self._clock = SystemClock()

    async def run(self, database: Database) -> int:
        """Serve until a signal or a failure; `database` is closed by whoever opened it."""
        self._build(database)
        self._watch_signals()
        opening = asyncio.ensure_future(self._open())
        failure = asyncio.ensure_future(database.wait_failed())
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait([opening, failure, stopping], return_when=asyncio.FIRST_COMPLETED)
        opening.cancel()  # where a signal comes first: a plugin may take its time to start
        started = await self._started_well(opening)
        if started:
            await asyncio.wait([failure, stopping], return_when=asyncio.FIRST_COMPLETED)
        failed = failure.done()
        if failed:
            log.critical("storage_failed", extra={"reason": str(failure.result())})
        for waiter in (failure, stopping):
            waiter.cancel()
        self._serving = False
        if started:
            self._supervisor.stopping()
        await self._close()
        if self._stopping.is_set() or started:
            log.info("stopped", extra={"uptime_s": round(monotonic() - self._started, 1)})
        return EX_OK if self._stopping.is_set() and not failed else EX_FAILED

    async def _started_well(self, opening: asyncio.Future[None]) -> bool:
        """Whether all was opened; False, and said, if it could not be, or if it was called off."""
        try:
            await opening
        except asyncio.CancelledError:
            return False
        except (OSError, MCPPDError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            log.error("start_failed", extra={"reason": reason})
            return False
        return True

    def _build(self, database: Database) -> None:
        settings = self._settings
        self._core = core = Core(lambda: self._settings, database, self._clock, (v16(),), clock_is_set=clock_is_set)
        self._websockets = WebSocketDoor(
            core.central, settings.ocpp, self._clock, lambda identity: self._settings.heartbeat_interval(identity)
        )
        self._lag = LoopLag(self._clock)
        self._health = Health(
            self._lag, database.proof_of_progress, settings.storage.directory, lambda: self._websockets.listening
        )
        self._metrics = Metrics(core.central, core.counters, database.stats, core.bus, self._lag)
        self._http = HttpDoor(
            Services(
                central=core.central,
                operations=core.operations,
                archive=core.archive,
                bus=core.bus,
                metrics=self._metrics.exposition,
                health=self._health,
                status=self._status,
            ),
            settings.http,
            self._clock,
        )
        self._supervisor = Supervisor(self._clock, self._lag, database.proof_of_progress, self._summary)

    async def _open(self) -> None:
        await self._core.start()
        self._lag.start()
        await self._http.open()
        await self._websockets.open()
        # What was made so far stays for good: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        ctypes.CDLL(None).malloc_trim(0)  # what the start needed only once goes back to the machine
        # A message leaves nothing behind that only the collector could free: it looks seldom.
        gc.set_threshold(20_000, 20, 20)
        if not clock_is_set():
            log.warning("clock_not_synchronised", extra={"pending": self._settings.boot.require_time_sync})
        extra = {
            "ocpp": self._settings.ocpp.listen,
            "ocpp_port": self._websockets.port,
            "http": self._settings.http.listen,
            "http_port": self._http.port,
            "socket": self._settings.http.socket,
            "version": mcppd.__version__,
            "onboarding": self._settings.onboarding.mode,
        }
        log.info("listening", extra=extra)
        self._serving = True
        self._supervisor.ready()

    async def _close(self) -> None:
        """No new links, calls in flight answered, links closed with 1012, plugins and the disk given what is left."""
        began = monotonic()
        end_after(STOP_S)
        self._core.database.commit_interval_s = 0.0  # nobody who waits for an answer waits for company now
        self._websockets.stop_accepting()
        await self._core.central.close(CALLS_GRACE_S)
        rest_s = CALLS_GRACE_S + LINKS_GRACE_S / 2 - (monotonic() - began)
        await self._websockets.close(min(LINKS_GRACE_S, rest_s))
        await asyncio.gather(self._core.stop(), self._http.close(1.0))
        self._lag.stop()
        self._supervisor.close()

    # Signals -----------------------------------------------------------------------------------------------------

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._reload_settings)

    def _stop(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            log.warning("stopped_at_once", extra={"signal": number.name})
            os._exit(EX_FAILED)
        log.info("stopping", extra={"signal": number.name})
        self._stopping.set()

    def _reload_settings(self) -> None:
        """All of the new configuration, or none of it. Rule 1 holds while it still starts, or stops already."""
        if self._serving:
            self._supervisor.reloading()
        try:
            settings = self._reload()
        except ConfigurationError as error:
            for fault in error.faults:
                log.error("reload_fault", extra={"reason": str(fault)})
            log.error("not_reloaded", extra={"faults": len(error.faults)})
        else:
            self._apply(settings)
        finally:
            if self._serving:
                self._supervisor.ready()

    def _apply(self, settings: Settings) -> None:
        self._settings = settings
        logs.apply(settings.log)
        self._core.database.commit_interval_s = settings.storage.commit_interval
        self._core.apply_registrations()
        self._core.plugins.reload(settings)
        log.info("reloaded", extra={"needs_restart": needs_restart(self._started_with, settings)})

    # What it tells of itself -------------------------------------------------------------------------------------

    def _status(self) -> Mapping[str, Any]:
        return {
            "version": mcppd.__version__,
            "started_at": self._started_at,
            "uptime_s": round(monotonic() - self._started, 1),
            "ocpp_listen": self._started_with.ocpp.listen,
            "ocpp_port": self._websockets.port,
            "onboarding": self._settings.onboarding.mode,
            "authorization": self._settings.authorization.mode,
            "clock_synchronised": clock_is_set(),
            "needs_restart": needs_restart(self._started_with, self._settings),
            "plugins": self._core.plugins.status(),
        }

    def _summary(self) -> str:
        """The line that `systemctl status` shows."""
        views = self._core.central.views()
        running = [c for view in views for c in view.connectors if c.transaction is not None]
        power_kw = sum(connector.power_w for connector in running) / 1000
        connected = sum(view.connected for view in views)
        return f"{connected} of {len(views)} charge points connected, {len(running)} charging, {power_kw:.1f} kW"


def serve(settings: Settings, reload: Callable[[], Settings]) -> int:
    """Run the daemon to its end; the exit status. Blocks."""
    logs.setup(settings.log, SystemClock())
    os.umask(0o027)  # what is stored tells who charged when: nobody else's business
    try:
        database = Database.open(Path(settings.storage.directory), commit_interval_s=settings.storage.commit_interval)
    except StorageRefused as error:
        log.error("start_refused", extra={"reason": str(error)})
        return EX_CONFIG
    except MCPPDError as error:
        log.error("start_failed", extra={"reason": str(error)})
        return EX_FAILED
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_run(settings, reload, database))
    finally:
        database.close()


async def _run(settings: Settings, reload: Callable[[], Settings], database: Database) -> int:
    try:
        status = await Daemon(settings, reload).run(database)
    finally:
        database.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest and (await asyncio.wait(rest, timeout=LAST_S))[1]:
        os._exit(status)  # the loop would wait for ever for a plugin's task that does not let itself be cancelled
    return status


def end_after(seconds: float) -> None:
    """End the process after this, unless it has ended by then. In a thread: the loop itself may hang, or the disk."""

    def end() -> None:
        log.critical("stop_took_too_long", extra={"seconds": seconds})
        os._exit(EX_FAILED)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it has a wheel, plain asyncio elsewhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
