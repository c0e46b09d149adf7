"""What a BootNotification is answered with, and what follows from it (OCPP 1.6, 4.2)."""

from pathlib import Path

import pytest

from mcppd.model.charge_points import Registration
from mcppd.model.settings import ChargePointSettings
from tests.equipment.house import House, Peer, quiet_settings

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "AC22", "firmwareVersion": "1.0"}


async def triggered(house: House, cp: Peer) -> None:
    """Let the trigger become due and accept it."""
    await house.passes(seconds=5)
    call = await cp.hears("TriggerMessage")
    assert call.payload == {"requestedMessage": "BootNotification"}
    cp.answers(call, status="Accepted")
    await house.quiet()


class TestRegistration:
    async def test_an_accepted_one_is_told_the_time_and_the_heartbeat_interval(self, house: House, cp: Peer) -> None:
        reply = await cp.says("BootNotification", BOOT)
        assert reply == {"status": "Accepted", "currentTime": "2026-11-21T08:00:00Z", "interval": 300}

    async def test_a_pending_one_is_told_so_and_gets_no_remote_start(self, tmp_path: Path) -> None:
        settings = quiet_settings(charge_points={"CP1": ChargePointSettings(registration=Registration.PENDING)})
        async with House(tmp_path, settings) as house:
            cp = await house.connect("CP1")
            assert (await cp.says("BootNotification", BOOT))["status"] == "Pending"
            with pytest.raises(Exception, match="registration is pending"):
                await house.core.operations.send_raw("CP1", "RemoteStartTransaction", {"idTag": "A"}, caller="test")

    async def test_a_blocked_one_is_rejected(self, tmp_path: Path) -> None:
        settings = quiet_settings(charge_points={"CP1": ChargePointSettings(registration=Registration.BLOCKED)})
        async with House(tmp_path, settings) as house:
            cp = await house.connect("CP1")
            assert (await cp.says("BootNotification", BOOT))["status"] == "Rejected"
            with pytest.raises(Exception, match="registration is blocked"):
                await house.core.operations.send_raw("CP1", "Reset", {"type": "Soft"}, caller="test")

    async def test_a_blocked_one_is_asked_for_nothing(self, tmp_path: Path) -> None:
        """OCPP 1.6, 4.2: while it is Rejected, nothing is initiated; not even the trigger of a silent link."""
        blocked = {"CP1": ChargePointSettings(registration=Registration.BLOCKED)}
        async with House(tmp_path, quiet_settings(boot={"setup": True}, charge_points=blocked)) as house:
            cp = await house.connect("CP1")
            await house.passes(seconds=60)
            await cp.says("BootNotification", BOOT)
            await house.passes(seconds=60)
            assert len(cp.wire.texts) == 1, "only the answer to its BootNotification"

    async def test_a_pending_one_is_triggered_but_not_set_up(self, tmp_path: Path) -> None:
        pending = {"CP1": ChargePointSettings(registration=Registration.PENDING)}
        async with House(tmp_path, quiet_settings(boot={"setup": True}, charge_points=pending)) as house:
            cp = await house.connect("CP1")
            await triggered(house, cp)
            reply = await cp.says("BootNotification", BOOT)
            assert (reply["status"], reply["interval"]) == ("Pending", 60)
            await house.passes(seconds=60)
            assert not cp.has_heard("GetConfiguration")

    async def test_its_own_heartbeat_interval_is_told(self, tmp_path: Path) -> None:
        own = {"CP1": ChargePointSettings(heartbeat_interval=45.4)}
        async with House(tmp_path, quiet_settings(charge_points=own)) as house:
            cp = await house.connect("CP1")
            assert (await cp.says("BootNotification", BOOT))["interval"] == 45

    async def test_an_unset_clock_alone_keeps_nobody_out(self, house: House) -> None:
        house.clock_is_set = False
        cp = await house.connect("CP1")
        assert (await cp.says("BootNotification", BOOT))["status"] == "Accepted"

    async def test_an_unset_clock_answers_pending_where_the_configuration_says_so(self, tmp_path: Path) -> None:
        async with House(tmp_path, quiet_settings(boot={"require_time_sync": True})) as house:
            house.clock_is_set = False
            cp = await house.connect("CP1")
            assert (await cp.says("BootNotification", BOOT))["status"] == "Pending"
            house.clock_is_set = True
            assert (await cp.says("BootNotification", BOOT))["status"] == "Accepted"
