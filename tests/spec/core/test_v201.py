"""OCPP 2.0.1 is a second set of tables beside 1.6: the same handlers answer it, and core does not change."""

from pathlib import Path

import pytest

from mcppd.model.errors import ActionUnknown
from mcppd.model.events import ChargePointBooted
from mcppd.ocpp.v16 import dialect as v16
from tests.equipment.house import House
from tests.equipment.v201 import dialect as v201


async def test_boot_notification_and_heartbeat_of_2_0_1_are_answered_by_the_same_handlers(tmp_path: Path) -> None:
    async with House(tmp_path, dialects=(v16(), v201())) as house:
        cp = await house.connect("CP1", subprotocols=("ocpp2.0.1",))
        station = {"vendorName": "Acme", "model": "AC22", "firmwareVersion": "1.0"}
        reply = await cp.says("BootNotification", reason="PowerUp", chargingStation=station)
        assert reply == {"status": "Accepted", "currentTime": "2026-11-21T08:00:00Z", "interval": 300}
        assert await cp.says("Heartbeat", {}) == {"currentTime": "2026-11-21T08:00:00Z"}
        [event] = house.happened(ChargePointBooted)
        assert (event.identity.vendor, event.identity.model) == ("Acme", "AC22")
        view = house.core.central.view("CP1")
        assert view is not None
        assert view.protocol == "ocpp2.0.1"


async def test_what_is_told_to_one_that_is_offline_is_held_to_what_it_spoke_last(tmp_path: Path) -> None:
    async with House(tmp_path, dialects=(v16(), v201())) as house:
        cp = await house.connect("CP1", subprotocols=("ocpp2.0.1",))
        cp.leaves()
        await house.passes(seconds=31)
        for _ in range(2):
            with pytest.raises(ActionUnknown):
                await house.sending("Reset", {"type": "Soft"})
            await house.restart()
