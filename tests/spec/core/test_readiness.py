"""When a link is ready for commands: by its BootNotification, by activity, by time, and never after its end."""

import pytest

from mcppd.core.boot_handshake import BootHandshake
from mcppd.model.events import ChargePointBooted, ChargePointReady
from tests.equipment.clock import FakeClock
from tests.equipment.house import House, Peer

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "AC22", "firmwareVersion": "1.0"}


async def booted_before(house: House) -> None:
    """CP1 connects, boots and leaves."""
    cp = await house.connect("CP1")
    await cp.says("BootNotification", BOOT)
    cp.leaves()
    await house.quiet()
    house.events.clear()


async def test_a_handshake_that_is_closed_leaves_no_timer() -> None:
    clock = FakeClock()
    handshake = BootHandshake(
        clock,
        timeout_s=30.0,
        trigger_delay_s=5.0,
        booted_before=False,
        send_trigger=lambda: pytest.fail("a trigger after the end"),
        on_ready=lambda by: pytest.fail(f"ready by {by} after the end"),
    )
    handshake.mark()
    assert clock.pending == 3
    handshake.close()
    assert clock.pending == 0
    await clock.advance(60)


class TestReadiness:
    async def test_a_boot_notification_makes_the_link_ready(self, house: House, cp: Peer) -> None:
        assert not cp.link.ready
        await cp.says("BootNotification", BOOT)
        assert [event.by for event in house.happened(ChargePointReady)] == ["boot"]
        assert cp.link.ready

    async def test_a_link_is_ready_after_the_timeout_without_a_boot_notification(self, house: House, cp: Peer) -> None:
        await house.passes(seconds=29.9)
        assert not cp.link.ready
        await house.passes(seconds=0.2)
        assert [event.by for event in house.happened(ChargePointReady)] == ["timeout"]

    async def test_activity_makes_the_link_of_one_that_booted_before_ready(self, house: House) -> None:
        await booted_before(house)
        cp = await house.connect("CP1")
        await cp.says("Heartbeat", {})
        assert [event.by for event in house.happened(ChargePointReady)] == ["activity"]

    async def test_its_boot_notification_is_no_activity_but_a_boot(self, house: House) -> None:
        await booted_before(house)
        cp = await house.connect("CP1")
        await cp.says("BootNotification", BOOT)
        [ready] = house.happened(ChargePointReady)
        [booted] = house.happened(ChargePointBooted)
        assert ready.by == "boot"
        assert ready.correlation_id == booted.correlation_id != ""

    async def test_activity_of_one_that_never_booted_does_not(self, house: House, cp: Peer) -> None:
        await cp.says("Heartbeat", {})
        assert not cp.link.ready

    async def test_messages_are_answered_from_the_first_frame_on(self, house: House, cp: Peer) -> None:
        assert await cp.says("StatusNotification", connectorId=1, status="Available", errorCode="NoError") == {}

    async def test_commands_wait_for_readiness_and_the_resume_delay(self, house: House, cp: Peer) -> None:
        sending = house.core.tasks.spawn(
            house.core.operations.send_raw("CP1", "Reset", {"type": "Soft"}, caller="test"), "reset"
        )
        await house.quiet()
        await cp.says("BootNotification", BOOT)
        await house.passes(seconds=0.2)
        assert not cp.has_heard("Reset")
        await house.passes(seconds=0.1)
        cp.answers(await cp.hears("Reset"), status="Accepted")
        assert (await sending).answer.accepted
