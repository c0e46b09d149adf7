"""What is stored, for people to read."""

from datetime import timedelta

import apsw
import pytest

from mcppd.model.charge_points import ConnectorRef
from mcppd.model.errors import ChargePointUnknown
from tests.equipment.house import House, Peer
from tests.equipment.said import TWO, clock, element, place, started, stop, values


async def test_transactions_are_found_by_what_is_known_of_them(house: House, cp: Peer) -> None:
    other = await house.connect("CP2")
    ended, open_, theirs = await started(cp), await started(cp, connector=2, tag="Anna"), await started(other)
    await cp.says("StopTransaction", stop(ended))
    archive, now = house.core.archive, house.clock.now()

    async def found(**asked: object) -> list[int]:
        return [row.id for row in await archive.transactions(**asked)]  # type: ignore[arg-type]

    assert await found() == [theirs, open_, ended]
    assert await found(charge_point="CP1") == [open_, ended]
    assert await found(open=False) == [ended]
    assert await found(id_tag="anna") == [open_]
    assert await found(since=now, until=now + timedelta(hours=1)) == [theirs, open_, ended]
    assert await found(since=now + timedelta(hours=1)) == []
    assert await found(before_id=theirs, limit=1) == [open_]
    assert await archive.transaction(1) is None


async def test_the_configuration_of_a_charge_point_that_is_not_known_is_an_error(house: House, cp: Peer) -> None:
    assert await house.core.archive.configuration("CP1") == []
    with pytest.raises(ChargePointUnknown):
        await house.core.archive.configuration("CP9")


async def test_readings_and_tags_go_on_behind_a_cursor(house: House, cp: Peer) -> None:
    transaction_id = await started(cp)
    for n in range(3):
        await cp.says("MeterValues", values(transaction_id, element(clock(n), 1000 + n)))
        await cp.says("Authorize", idTag=f"TAG{n}")
    archive = house.core.archive
    [first] = await archive.meter_values(transaction_id, None, 1)
    assert [r.register_wh for r in await archive.meter_values(transaction_id, first.id, 10)] == [1001, 1002]
    [tag] = await archive.id_tags(None, 1)
    assert [t.id_tag for t in await archive.id_tags(tag.id, 10)] == ["TAG0", "TAG1", "TAG2"]


async def test_a_reservation_is_used_up_by_its_own_charge_point_only(house: House, cp: Peer) -> None:
    def reserve(db: apsw.Connection) -> None:
        db.execute("INSERT INTO reservations VALUES (7, 1, 1, 1, 'TAG', NULL, 4000000000000, 'Accepted', NULL, 0)")

    await house.database.write(reserve)
    await started(await house.connect("CP2"), reservationId=7)
    assert len(await house.core.archive.reservations()) == 1
    await started(cp, reservationId=7)
    assert await house.core.archive.reservations() == []


async def test_a_reservation_that_holds_is_told_and_shown_after_a_restart(house: House, cp: Peer) -> None:
    now_ms = round(house.clock.now().timestamp() * 1000)

    def reserve(db: apsw.Connection) -> None:
        for connector, expires_at in ((2, now_ms + 60_000), (1, now_ms - 1)):
            db.execute(
                "INSERT INTO reservations (charge_point_id, evse_id, connector_id, id_tag, expires_at, status,"
                " created_at) VALUES (1, ?, 1, 'TAG', ?, 'Accepted', ?)",
                (connector, expires_at, now_ms),
            )

    await house.database.write(reserve)
    [held] = await house.core.archive.reservations()
    assert (held["charge_point"], held["connector"], held["id_tag"]) == ("CP1", TWO, "TAG")
    assert await house.core.archive.charging_profiles() == ()
    await house.restart()
    assert place(house, TWO).reserved_for == "TAG"
    assert house.core.central.view("CP1").connector(ConnectorRef(1)) is None
