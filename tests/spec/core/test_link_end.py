"""What becomes of calls, readiness and set-up when a link ends, or the central system."""

import asyncio
from pathlib import Path

import pytest

from mcppd.model.errors import ConnectionClosed
from mcppd.model.events import ChargePointBooted, ChargePointReady
from tests.equipment.clock import settle
from tests.equipment.house import House, Peer, disk_full, quiet_settings

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "AC22", "firmwareVersion": "1.0"}


@pytest.fixture
async def asking(tmp_path: Path):
    """A house that asks: the trigger goes out after 5 s; set-up is on."""
    async with House(tmp_path, quiet_settings(boot={"setup": True})) as house:
        yield house


async def booted_before(house: House) -> None:
    """CP1 connects, boots and leaves."""
    cp = await house.connect("CP1")
    await cp.says("BootNotification", BOOT)
    cp.leaves()
    await house.quiet()
    house.events.clear()


class TestTheEndOfTheLink:
    """A call that was received is handled although its link closed meanwhile, but it wakes nothing of that link."""

    async def test_a_boot_notification_handled_later_makes_nothing_ready(self, asking: House) -> None:
        cp = await asking.connect("CP1")
        cp.sends("BootNotification", BOOT)
        cp.leaves()
        await asking.quiet()
        assert len(asking.happened(ChargePointBooted)) == 1, "it is a fact"
        assert asking.happened(ChargePointReady) == []
        await asking.passes(seconds=1)
        timers, tasks = asking.clock.pending, len(asking.core.tasks)
        await asking.passes(seconds=20)
        assert asking.happened(ChargePointReady) == []
        assert (timers, tasks) == (asking.clock.pending, 0)

    async def test_nor_does_one_that_cannot_be_stored(self, asking: House, monkeypatch: pytest.MonkeyPatch) -> None:
        cp = await asking.connect("CP1")
        await asking.passes(seconds=5)
        cp.answers(await cp.hears("TriggerMessage"), status="Accepted")
        await asking.quiet()
        monkeypatch.setattr("mcppd.db.charge_points.record_boot", disk_full)
        cp.sends("BootNotification", BOOT)
        cp.leaves()
        await asking.quiet()
        assert not cp.link.handshake.solicited

    async def test_nor_does_any_other_message(self, asking: House) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        cp.sends("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})
        cp.sends("Heartbeat", {})
        cp.leaves()
        await asking.passes(seconds=60)
        assert asking.happened(ChargePointReady) == []

    async def test_no_set_up_of_the_old_link_reaches_the_new_one(self, asking: House) -> None:
        cp = await asking.connect("CP1")
        cp.sends("BootNotification", BOOT)
        again = await asking.connect("CP1")
        await again.says("Heartbeat", {})
        await asking.passes(seconds=4)
        assert not again.has_heard("GetConfiguration")


class TestTheEndOfTheHouse:
    """What becomes of calls when the central system stops."""

    async def test_a_call_in_flight_may_still_be_answered_and_no_other_is_sent(self, house: House, ready: Peer) -> None:
        first, second = house.sending("Reset", {"type": "Soft"}), house.sending("Reset", {"type": "Hard"})
        call = await ready.hears("Reset")
        closing = asyncio.ensure_future(house.core.central.close(5.0))
        await house.quiet()
        assert not closing.done()
        ready.answers(call, status="Accepted")
        await closing
        assert (await first).answer.accepted
        assert not ready.has_heard("Reset")
        ready.leaves()
        with pytest.raises(ConnectionClosed):
            await second

    async def test_it_waits_no_longer_than_it_may_and_leaves_nothing_behind(self, house: House, ready: Peer) -> None:
        task = house.sending("Reset", {"type": "Soft"})
        await ready.hears("Reset")
        before = asyncio.all_tasks()
        await house.core.central.close(0.01)
        await settle()
        assert asyncio.all_tasks() == before
        ready.leaves()
        with pytest.raises(ConnectionClosed):
            await task
