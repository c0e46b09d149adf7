"""What every handler works with: the services of the house, and the turn, one request being answered."""

from asyncio import Future
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mcppd.core.charge_point import ChargePoint
from mcppd.core.metering import Repeats
from mcppd.core.orphans import Orphans
from mcppd.core.plugin_host import PluginHost
from mcppd.core.presence import Presence
from mcppd.db import quarantine
from mcppd.db.database import Database
from mcppd.hooks import Clock
from mcppd.model.events import MessageQuarantined
from mcppd.model.settings import Settings
from mcppd.ocpp.frame import Call, write_frame

if TYPE_CHECKING:
    from mcppd.core.link import Link


@dataclass(frozen=True, slots=True)
class Services:
    """The dependencies of the handlers, all of them."""

    settings: Callable[[], Settings]
    """The configuration as it stands now."""
    clock: Clock
    database: Database
    plugins: PluginHost
    orphans: Orphans
    presence: Presence
    repeats: Repeats
    clock_is_set: Callable[[], bool]
    """Whether this machine's clock was synchronised since it started."""
    begin_setup: "Callable[[Link], None]"


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of one charge point, from its arrival to its answer."""

    services: Services
    link: "Link"
    charge_point: ChargePoint
    call: Call
    received_at: datetime
    correlation_id: str
    solicited: bool = False
    """Whether it is a BootNotification that answers a trigger of ours."""

    @property
    def settings(self) -> Settings:
        return self.services.settings()

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def said(self) -> dict[str, Any]:
        """What every event of this turn begins with."""
        return {
            "charge_point": self.charge_point.identity,
            "at": self.received_at,
            "correlation_id": self.correlation_id,
        }

    def about(self, category: str = "ocpp", **more: Any) -> dict[str, Any]:
        """The `extra` of a log line about this turn."""
        return {
            "category": category,
            "charge_point": self.charge_point.identity,
            "message_id": self.call.id,
            "action": self.call.action,
            **more,
        }

    def quarantine(self, reason: str, *, urgent: bool = False) -> "Future[None]":
        """Keep the message as it was read, for people to look at. Submitted at once; await it before the answer."""
        return self.database.write(
            quarantine.record,
            self.charge_point.id,
            self.call.action,
            self.call.id,
            reason,
            write_frame(self.call),
            self.received_at,
            urgent=urgent,
        )

    async def keep(self, reason: str, *, urgent: bool = True) -> MessageQuarantined:
        """Quarantine the message, for what it says that nobody can use."""
        await self.quarantine(reason, urgent=urgent)
        return self.quarantined(reason)

    def quarantined(self, reason: str) -> MessageQuarantined:
        """The event that goes with it."""
        return MessageQuarantined(**self.said, action=self.call.action, reason=reason)
