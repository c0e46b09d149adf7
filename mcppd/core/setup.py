"""Set-up: what mcppd asks of a charge point after it booted. Best effort, one step after another, each one logged.

Rules.

1. Only after a real boot, never in the first two seconds after its answer, and not at all with `boot.setup: off`.
2. Nothing that the charge point rejects, or does not answer, stops the next step. The end of the link does: it cancels
   what runs beside it.
"""

import logging

from mcppd.core.link import Link
from mcppd.core.operations import Operations
from mcppd.hooks import Clock
from mcppd.model.commands import (
    ChangeConfiguration,
    Command,
    CommandResult,
    ConfigurationAnswer,
    GetConfiguration,
    TriggerMessage,
)
from mcppd.model.errors import ConnectionClosed, MCPPDError
from mcppd.model.settings import Settings

log = logging.getLogger(__name__)


class Setup:
    def __init__(self, operations: Operations, clock: Clock) -> None:
        self._operations = operations
        self._clock = clock

    def begin(self, link: Link, settings: Settings) -> None:
        """Called once the BootNotification of `link` was answered."""
        if settings.setup(link.identity):
            link.beside(self._run(link, settings), "set-up")

    async def _run(self, link: Link, settings: Settings) -> None:
        await self._clock.sleep(settings.boot.setup_delay)
        try:
            for command in await self._differing(link, settings):
                await self._step(link, command)
            if not link.status_came:
                await self._step(link, TriggerMessage("StatusNotification"))
        except ConnectionClosed as error:
            log.info("setup_ended", extra={"charge_point": link.identity, "reason": str(error)})

    async def _differing(self, link: Link, settings: Settings) -> list[ChangeConfiguration]:
        """Read the configuration; the changes that bring it to what is configured."""
        wanted = settings.wanted_configuration(link.identity)
        result = await self._step(link, GetConfiguration())
        told: dict[str, str | None] = {}
        readonly: set[str] = set()
        if result is not None and isinstance(result.answer, ConfigurationAnswer):
            told = {key.key.lower(): key.value for key in result.answer.keys}
            readonly = {key.key.lower() for key in result.answer.keys if key.readonly}
        changes = []
        for key, value in wanted.items():
            if told.get(key.lower()) == value:
                continue
            if key.lower() in readonly:
                log.warning("setup_key_readonly", extra={"charge_point": link.identity, "key": key})
                continue
            changes.append(ChangeConfiguration(key, value))
        return changes

    async def _step(self, link: Link, command: Command) -> CommandResult | None:
        extra = {"charge_point": link.identity, "step": type(command).__name__}
        if isinstance(command, ChangeConfiguration):
            extra["key"] = command.key
        try:
            result = await self._operations.send(link.identity, command, caller="set-up")
        except ConnectionClosed:
            raise
        except MCPPDError as error:
            log.info("setup_step_failed", extra={**extra, "reason": str(error)})
            return None
        status = getattr(result.answer, "status", "answered")
        log.info("setup_step_done", extra={**extra, "status": status})
        return result
