"""What the HTTP door needs of the rest of the house, as Protocols: the composition root fills them in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from mcppd.core.bus import Bus
from mcppd.model.commands import CommandResult
from mcppd.model.views import ChargePointView


class Central(Protocol):
    def views(self) -> Sequence[ChargePointView]: ...

    def view(self, identity: str) -> ChargePointView | None: ...


class Operations(Protocol):
    async def send_raw(self, identity: str, action: str, body: Any, *, caller: str, wait_s: float = 0) -> CommandResult:
        """Send `action` with `body` as OCPP spells them. Raises what `mcppd.model.errors` has under CallRefused,
        CallFailed and SchemaViolation. `caller` goes into the journal; `wait_s` is how long an offline charge point
        may take to come back.
        """
        ...


class Row(Protocol):
    """A dataclass of the archive. `id` orders the rows of its list and is the cursor to the next page."""

    @property
    def id(self) -> int: ...


class Archive(Protocol):
    """Reads for people. Lists with `before_id` come newest first, those with `after_id` oldest first."""

    async def transactions(
        self,
        *,
        charge_point: str | None = None,
        open: bool | None = None,
        id_tag: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> Sequence[Row]: ...

    async def transaction(self, transaction_id: int) -> Row | None: ...

    async def meter_values(self, transaction_id: int, after_id: int | None, limit: int) -> Sequence[Row]: ...

    async def configuration(self, identity: str) -> Sequence[Any]:
        """Configuration keys: `key`, `value`, `readonly`, `seen_at`."""
        ...

    async def id_tags(self, after: int | None, limit: int) -> Sequence[Row]: ...

    async def reservations(self) -> Sequence[Any]: ...

    async def charging_profiles(self) -> Sequence[Any]: ...

    async def quarantine(self, before_id: int | None, limit: int) -> Sequence[Row]: ...

    async def security_events(self, before_id: int | None, limit: int) -> Sequence[Row]: ...


class Health(Protocol):
    """Each tells (whether all is well, why not): one sentence a reason."""

    async def alive(self) -> tuple[bool, Sequence[str]]: ...

    async def ready(self) -> tuple[bool, Sequence[str]]: ...


@dataclass(frozen=True, slots=True)
class Services:
    central: Central
    operations: Operations
    archive: Archive
    bus: Bus
    metrics: Callable[[], bytes]
    """The whole exposition in the text format of Prometheus 0.0.4."""
    health: Health
    status: Callable[[], Mapping[str, Any]]
    """What only the daemon knows of itself (`version`, `started_at`, `uptime_s`, ...): goes into /api/v1/status."""
