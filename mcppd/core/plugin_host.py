"""The plugin host: gives the plugins their life, their events and their say, and keeps the house safe from them.

Rules.

1. Handlers ask here and get an answer within `plugins.decision_timeout` for each plugin that has a say, or None:
   then the configuration decides. Nothing that a plugin does is raised to them.
2. Plugins are asked in the order in which they were found; the first answer that is not None counts.
3. A plugin that is paused or failed is not asked. Where `authorization.fallback` is Invalid, one that should have
   authorized and could not means Invalid, as if it had been too late.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mcppd.core.bus import Bus
from mcppd.core.counters import Counters
from mcppd.core.plugin_context import PluginContext, Send
from mcppd.core.plugin_loader import Found, Unusable, load, wanted
from mcppd.core.plugin_runner import HookFailed, PluginRunner, PluginState, PluginStatus
from mcppd.hooks import DECISIONS, Candidate, Clock, DataTransferHandler, Verdict
from mcppd.model.events import Event, PluginPaused
from mcppd.model.replies import AuthorizationStatus, DataTransferred, IdTagInfo
from mcppd.model.requests import DataTransfer
from mcppd.model.settings import PluginsSettings, Settings
from mcppd.model.views import ChargePointView

log = logging.getLogger(__name__)

HANDLER = "on_data_transfer"
"""The name under which the handlers of vendors fail."""

_FITS: dict[str, Callable[[Any], bool]] = {
    "admit": lambda answer: isinstance(answer, Verdict) and (answer.admitted or answer.status in (401, 403, 404, 409)),
    "authorize": lambda answer: isinstance(answer, IdTagInfo),
    "data_transfer": lambda answer: (
        isinstance(answer, DataTransferred)
        and answer.status in ("Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId")
        and isinstance(answer.data, str | None)
    ),
    "repair": lambda answer: True,
}


class PluginHost:
    """`load`, then `start`, then the decisions, then `stop`."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        counters: Counters,
        settings: Callable[[], Settings],
        *,
        charge_points: Callable[[], Sequence[ChargePointView]],
        charge_point: Callable[[str], ChargePointView | None],
        send: Send,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._counters = counters
        self._settings = settings
        self._charge_points, self._charge_point = charge_points, charge_point
        self._send = send
        self._runners: list[PluginRunner] = []
        self._unusable: list[Unusable] = []
        self._handlers: dict[str, tuple[PluginRunner, DataTransferHandler]] = {}
        self._routes: dict[type, list[PluginRunner]] = {}
        self._wanted: frozenset[str] = frozenset()

    def load(self, plugins: PluginsSettings) -> tuple[str, ...]:
        """Find and make the plugins that are switched on, and return their names. One that cannot be used is logged.

        Blocks on imports: called once, before the loop has anything else to do.
        """
        found, self._unusable = load(plugins)
        for name in set(plugins.named) - set(wanted(plugins)):
            log.info("plugin_off", extra={"plugin": name, "reason": f"plugins.{name}.enabled is not true"})
        for bad in self._unusable:
            log.error("plugin_unusable", extra={"plugin": bad.name, "reason": bad.reason}, exc_info=bad.error)
        for one in found:
            self.add(one, plugins.queue)
        return tuple(runner.name for runner in self._runners)

    def add(self, found: Found, queue: int) -> None:
        """Take in a plugin, before `start`; at most `queue` events wait for it."""
        runner = PluginRunner(
            found,
            self._clock,
            queue=queue,
            failed=self._count_failure,
            paused=self._publish_pause,
            changed=self._recompute,
        )
        self._runners.append(runner)
        for kind in found.kinds:
            self._routes.setdefault(kind, []).append(runner)

    async def start(self) -> None:
        """Start every plugin; one that cannot is out of service, and logged."""
        self._bus.listen(self._offer)
        for runner in self._runners:
            context = PluginContext(
                runner,
                self._clock,
                settings=self._settings,
                charge_points=self._charge_points,
                charge_point=self._charge_point,
                send=self._send,
                on_data_transfer=partial(self._register, runner),
            )
            try:
                await runner.start(context)
            except HookFailed as error:
                log.error("plugin_not_started", extra={"plugin": runner.name, "reason": str(error)})
                self._handlers = {vendor: own for vendor, own in self._handlers.items() if own[0] is not runner}
                self._recompute()
            else:
                log.info("plugin_started", extra={"plugin": runner.name, "origin": runner.found.origin})

    async def stop(self, timeout_s: float = 2.0) -> None:
        """Deliver what is queued and stop every plugin, all at once and within `timeout_s` (and half a second more for
        tasks that do not end when they are cancelled).
        """
        self._routes.clear()
        await asyncio.gather(*(runner.stop(timeout_s) for runner in self._runners))

    def wants(self, hook: str) -> bool:
        """Whether asking for this decision can lead to anything but None, or UnknownVendorId."""
        return hook in self._wanted or (hook == "authorize" and self._someone_missing())

    def status(self) -> list[PluginStatus]:
        """Every plugin that is switched on, those that cannot be used too."""
        failed = [PluginStatus(bad.name, PluginState.FAILED, reason=bad.reason) for bad in self._unusable]
        return [*(runner.status for runner in self._runners), *failed]

    def reload(self, settings: Settings) -> None:
        """Plugins see a new configuration in their context; to switch one on or off takes a restart, which is said."""
        before = {runner.name for runner in self._runners} | {bad.name for bad in self._unusable}
        after = set(wanted(settings.plugins))
        for name in sorted(before ^ after):
            switched = "on" if name in after else "off"
            reason = f"plugins.{name} was switched {switched}; restart mcppd to apply that"
            log.warning("plugin_needs_restart", extra={"plugin": name, "reason": reason})

    async def admit(self, candidate: Candidate) -> Verdict | None:
        verdict: Verdict | None = (await self._decide("admit", candidate))[0]
        return verdict

    async def authorize(self, charge_point: str, id_tag: str) -> IdTagInfo | None:
        """None: the configuration decides. Rule 3 says when that is Invalid."""
        info: IdTagInfo | None
        info, failed = await self._decide("authorize", charge_point, id_tag)
        if info is None and (failed or self._someone_missing()) and self._failing_means_invalid():
            return IdTagInfo(AuthorizationStatus.INVALID)
        return info

    async def data_transfer(self, charge_point: str, request: DataTransfer) -> DataTransferred:
        """By the handler of the vendor, or else by a hook. Rejected if that handler fails, is late or is paused."""
        if (owned := self._handlers.get(request.vendor_id.casefold())) is None:
            answer: DataTransferred | None = (await self._decide("data_transfer", charge_point, request))[0]
            return answer or DataTransferred("UnknownVendorId")
        runner, handler = owned
        if not runner.running:
            return DataTransferred("Rejected")
        try:
            answered: DataTransferred = await runner.call(
                HANDLER, handler, (charge_point, request), self._decision_timeout_s, _FITS["data_transfer"]
            )
        except HookFailed:
            return DataTransferred("Rejected")
        return answered

    async def repair(self, charge_point: str, action: str, payload: Any) -> Any | None:
        return (await self._decide("repair", charge_point, action, payload))[0]

    @property
    def _decision_timeout_s(self) -> float:
        return self._settings().plugins.decision_timeout

    async def _decide(self, hook: str, *args: Any) -> tuple[Any, bool]:
        """The first answer, None if there is none, and whether a plugin failed to give its own."""
        failed = False
        if hook in self._wanted:
            for runner in self._runners:
                if not runner.running or not runner.has(hook):
                    continue
                try:
                    answer = await runner.decide(hook, args, self._decision_timeout_s, _FITS[hook])
                except HookFailed:
                    failed = True
                    continue
                if answer is not None:
                    return answer, failed
        return None, failed

    def _failing_means_invalid(self) -> bool:
        return self._settings().authorization.fallback == AuthorizationStatus.INVALID

    def _someone_missing(self) -> bool:
        missing = any(runner.has("authorize") and not runner.running for runner in self._runners)
        return missing and self._failing_means_invalid()

    def _register(self, runner: PluginRunner, vendor_id: str, handler: DataTransferHandler) -> None:
        vendor = vendor_id.casefold()
        if not vendor or not callable(handler):
            raise ValueError("on_data_transfer needs a vendor id and a function")
        if vendor in self._handlers:
            raise ValueError(f"plugin {self._handlers[vendor][0].name} answers vendor {vendor_id!r} already")
        self._handlers[vendor] = (runner, handler)
        self._recompute()

    def _offer(self, event: Event) -> None:
        for runner in self._routes.get(type(event), ()):
            runner.offer(event)

    def _recompute(self) -> None:
        hooks = {hook for hook in DECISIONS for runner in self._runners if runner.running and runner.has(hook)}
        self._wanted = frozenset(hooks | ({"data_transfer"} if self._handlers else set()))

    def _count_failure(self, plugin: str) -> None:
        self._counters.plugin_failures[plugin] += 1

    def _publish_pause(self, plugin: str, reason: str) -> None:
        self._bus.publish((PluginPaused(charge_point="", at=self._clock.now(), plugin=plugin, reason=reason),))
