"""Automatic start with the whole of core around it: what goes over the wire when a car is plugged in."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mcppd.model.events import CommandCompleted, TransactionStarted
from tests.equipment.house import House, quiet_settings

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, quiet_settings(auto_start={"enabled": True}, boot={"trigger_delay": -1.0})) as house:
        yield house


async def status(peer: Any, status: str, connector: int = 1) -> None:
    await peer.says("StatusNotification", connectorId=connector, errorCode="NoError", status=status)


async def starts(peer: Any, house: House, meter: int = 0) -> int:
    at = house.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    reply = await peer.says("StartTransaction", connectorId=1, idTag="AUTOSTART", meterStart=meter, timestamp=at)
    transaction: int = reply["transactionId"]
    return transaction


async def booted(house: House) -> Any:
    peer = await house.connect("CP1")
    await peer.says("BootNotification", BOOT)
    await house.passes(1)
    return peer


async def test_a_car_that_is_plugged_in_gets_its_remote_start_and_only_one(house: House) -> None:
    peer = await booted(house)
    await status(peer, "Preparing")
    call = await peer.hears("RemoteStartTransaction")
    assert call.payload == {"idTag": "AUTOSTART", "connectorId": 1}
    peer.answers(call, status="Accepted")
    await status(peer, "Preparing")
    await starts(peer, house)
    await status(peer, "Charging")
    await house.passes(1000)
    assert peer.has_heard("RemoteStartTransaction") == 0
    (completed,) = house.happened(CommandCompleted)
    assert (completed.caller, completed.outcome) == ("plugin:auto_start", "Accepted")
    assert len(house.happened(TransactionStarted)) == 1


async def test_the_same_plug_in_is_not_started_again_after_its_transaction_and_the_next_one_is(house: House) -> None:
    peer = await booted(house)
    await status(peer, "Preparing")
    peer.answers(await peer.hears("RemoteStartTransaction"), status="Accepted")
    transaction = await starts(peer, house)
    await house.passes(60)
    at = house.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    await peer.says("StopTransaction", transactionId=transaction, meterStop=100, timestamp=at)
    await status(peer, "Preparing")
    await house.passes(1000)
    assert peer.has_heard("RemoteStartTransaction") == 0
    await status(peer, "Available")
    await house.passes(1)
    await status(peer, "Preparing")
    assert await peer.hears("RemoteStartTransaction")


async def test_after_a_reboot_the_transaction_left_behind_does_not_block(house: House) -> None:
    peer = await booted(house)
    await status(peer, "Preparing")
    peer.answers(await peer.hears("RemoteStartTransaction"), status="Accepted")
    await starts(peer, house)
    await house.passes(60)
    peer.leaves()
    await house.passes(60)
    peer = await booted(house)
    assert peer.has_heard("RemoteStartTransaction") == 0
    await status(peer, "Preparing")
    assert await peer.hears("RemoteStartTransaction")


async def test_a_link_without_boot_notification_goes_on_where_the_cable_is_in(house: House) -> None:
    peer = await booted(house)
    await status(peer, "Preparing")
    call = await peer.hears("RemoteStartTransaction")
    assert call
    peer.leaves()
    await house.passes(60)
    peer = await house.connect("CP1")
    await status(peer, "Preparing")
    await house.passes(60)
    assert await peer.hears("RemoteStartTransaction")


async def test_a_restart_of_the_daemon_forgets_neither_the_cable_nor_that_it_was_served(house: House) -> None:
    peer = await booted(house)
    await status(peer, "Preparing", 1)
    peer.answers(await peer.hears("RemoteStartTransaction"), status="Accepted")
    await starts(peer, house)
    await status(peer, "Preparing", 2)
    assert (await peer.hears("RemoteStartTransaction")).payload["connectorId"] == 2
    await house.restart()
    peer = await house.connect("CP1")
    await house.passes(60)
    assert (await peer.hears("RemoteStartTransaction")).payload["connectorId"] == 2
    assert peer.has_heard("RemoteStartTransaction") == 0


async def test_a_start_that_is_rejected_is_tried_again_on_the_wire(house: House) -> None:
    peer = await booted(house)
    await status(peer, "Preparing")
    peer.answers(await peer.hears("RemoteStartTransaction"), status="Rejected")
    await house.passes(10)
    peer.refuses(await peer.hears("RemoteStartTransaction"), "ProtocolError")
    await house.passes(0)
    again = await peer.hears("RemoteStartTransaction")
    assert again.payload == {"idTag": "AUTOSTART"}
