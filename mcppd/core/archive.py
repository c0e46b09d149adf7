"""The archive: what is stored, for people to read. Every read is bounded in rows and in time by `mcppd.db`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mcppd.core.site import Site
from mcppd.db import configuration_keys, id_tags, quarantine, reservations, security, transactions
from mcppd.db.configuration_keys import SeenKey
from mcppd.db.database import Database
from mcppd.db.id_tags import IdTagRow
from mcppd.db.quarantine import QuarantineRow
from mcppd.db.security import SecurityEventRow
from mcppd.db.transactions import ReadingRow, TransactionRow
from mcppd.hooks import Clock
from mcppd.model.errors import ChargePointUnknown


class Archive:
    """Lists with `before_id` come newest first, those with `after_id` oldest first; ids are their cursors."""

    def __init__(self, database: Database, site: Site, clock: Clock) -> None:
        self._database = database
        self._site = site
        self._clock = clock

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
    ) -> list[TransactionRow]:
        return await self._database.read(
            transactions.page,
            charge_point=charge_point,
            open=open,
            id_tag=id_tag,
            since=since,
            until=until,
            before_id=before_id,
            limit=limit,
        )

    async def transaction(self, transaction_id: int) -> TransactionRow | None:
        return await self._database.read(transactions.find, transaction_id)

    async def meter_values(self, transaction_id: int, after_id: int | None, limit: int) -> list[ReadingRow]:
        return await self._database.read(transactions.meter_values, transaction_id, after_id or 0, limit)

    async def configuration(self, identity: str) -> list[SeenKey]:
        """Raises ChargePointUnknown."""
        charge_point = self._site.get(identity)
        if charge_point is None:
            raise ChargePointUnknown(identity)
        return await self._database.read(configuration_keys.load, charge_point.id)

    async def id_tags(self, after: int | None, limit: int) -> list[IdTagRow]:
        return await self._database.read(id_tags.page, after_id=after or 0, limit=limit)

    async def reservations(self) -> list[dict[str, Any]]:
        """Those that hold now."""
        held = await self._database.read(reservations.load_active, self._clock.now())
        names = {charge_point.id: charge_point.identity for charge_point in self._site}
        return [
            {
                "charge_point": names[charge_point_id],
                "connector": ref,
                "id_tag": id_tag,
                "expires_at": expires_at,
                "reservation_id": reservation_id,
            }
            for charge_point_id, ref, id_tag, expires_at, reservation_id in held
        ]

    async def charging_profiles(self) -> Sequence[Any]:
        """None is ever sent by the commands that there are."""
        return ()

    async def quarantine(self, before_id: int | None, limit: int) -> list[QuarantineRow]:
        return await self._database.read(quarantine.page, before_id=before_id, limit=limit)

    async def security_events(self, before_id: int | None, limit: int) -> list[SecurityEventRow]:
        return await self._database.read(security.page, before_id=before_id, limit=limit)
