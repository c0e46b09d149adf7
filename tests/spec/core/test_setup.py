"""Set-up after a boot: configuration keys, status, best effort, one call in flight."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from mcppd.model.charge_points import Registration
from mcppd.model.settings import BootOverride, ChargePointSettings
from mcppd.ocpp.v16 import dialect as v16
from tests.equipment.house import House, Peer, quiet_settings
from tests.equipment.v201 import dialect as v201

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "AC22"}
STATUS = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}


@pytest.fixture
async def asking(tmp_path: Path):
    settings = quiet_settings(
        boot={"setup": True, "trigger_delay": 5.0},
        configuration={"HeartbeatInterval": "60", "MeterValueSampleInterval": "10"},
        charge_points={"CP1": ChargePointSettings(configuration={"MeterValueSampleInterval": "30", "Fixed": "1"})},
    )
    async with House(tmp_path, settings) as house:
        yield house


def keys(**values: str) -> dict[str, object]:
    return {
        "configurationKey": [{"key": key, "value": value, "readonly": key == "Fixed"} for key, value in values.items()]
    }


async def booted(house: House) -> Peer:
    cp = await house.connect("CP1")
    await cp.says("BootNotification", BOOT)
    await cp.says("StatusNotification", STATUS)
    return cp


async def test_nothing_is_sent_in_the_first_two_seconds(asking: House) -> None:
    cp = await booted(asking)
    await asking.passes(seconds=1.9)
    assert not cp.has_heard("GetConfiguration")
    await asking.passes(seconds=0.1)
    assert cp.has_heard("GetConfiguration")


async def test_only_keys_that_differ_and_can_be_changed_are_changed(asking: House) -> None:
    cp = await booted(asking)
    await asking.passes(seconds=2)
    cp.answers(
        await cp.hears("GetConfiguration"), keys(HeartbeatInterval="60", MeterValueSampleInterval="5", Fixed="0")
    )
    call = await cp.hears("ChangeConfiguration")
    assert call.payload == {"key": "MeterValueSampleInterval", "value": "30"}
    cp.answers(call, status="Accepted")
    await asking.passes(seconds=60)
    assert not cp.has_heard("ChangeConfiguration")


async def test_what_was_read_and_what_was_changed_is_stored(asking: House) -> None:
    cp = await booted(asking)
    await asking.passes(seconds=2)
    cp.answers(await cp.hears("GetConfiguration"), keys(HeartbeatInterval="60", MeterValueSampleInterval="5"))
    cp.answers(await cp.hears("ChangeConfiguration"), status="Accepted")
    await asking.quiet()
    stored = {key.key: key.value for key in await asking.core.archive.configuration("CP1")}
    assert stored == {"HeartbeatInterval": "60", "MeterValueSampleInterval": "30"}


async def test_status_is_asked_for_if_none_came(asking: House) -> None:
    cp = await asking.connect("CP1")
    await cp.says("BootNotification", BOOT)
    await asking.passes(seconds=2)
    cp.refuses(await cp.hears("GetConfiguration"), "NotSupported")
    for _ in range(3):
        cp.answers(await cp.hears("ChangeConfiguration"), status="Rejected")
    call = await cp.hears("TriggerMessage")
    assert call.payload == {"requestedMessage": "StatusNotification"}


async def test_nothing_that_is_rejected_or_unanswered_stops_it(asking: House) -> None:
    cp = await booted(asking)
    await asking.passes(seconds=2)
    await cp.hears("GetConfiguration")
    await asking.passes(seconds=30)
    cp.answers(await cp.hears("ChangeConfiguration"), status="NotSupported")
    cp.refuses(await cp.hears("ChangeConfiguration"), "InternalError")
    assert await cp.hears("ChangeConfiguration")


async def test_the_end_of_the_link_ends_it(asking: House) -> None:
    cp = await booted(asking)
    await asking.passes(seconds=2)
    await cp.hears("GetConfiguration")
    cp.leaves()
    again = await asking.connect("CP1")
    await again.says("Heartbeat", {})
    await asking.passes(seconds=4)
    assert not again.has_heard("GetConfiguration")
    assert not again.has_heard("ChangeConfiguration")


async def test_the_end_of_the_house_ends_it_at_once(asking: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    cp = await booted(asking)
    await asking.passes(seconds=2)
    call = await cp.hears("GetConfiguration")
    closing = asyncio.ensure_future(asking.core.central.close(5.0))
    await asking.quiet()
    cp.answers(call, configurationKey=[])
    await closing
    await asking.quiet()
    told = [record.message for record in caplog.records if record.message.startswith("setup_")]
    assert told == ["setup_step_done", "setup_ended"]


async def test_nothing_of_it_is_left_when_the_link_ends_before_it_begins(asking: House) -> None:
    cp = await booted(asking)
    assert len(asking.core.tasks) > 0
    timers = asking.clock.pending
    cp.leaves()
    await asking.quiet()
    assert len(asking.core.tasks) == 0
    assert asking.clock.pending < timers


async def test_secrets_are_never_stored_nor_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key = {"AuthorizationKey": "00112233445566778899"}
    settings = quiet_settings(boot={"setup": True}, configuration=key)
    async with House(tmp_path, settings) as house:
        cp = await booted(house)
        await house.passes(seconds=2)
        cp.answers(await cp.hears("GetConfiguration"), keys(AuthorizationKey="xyz", HeartbeatInterval="1"))
        cp.answers(await cp.hears("ChangeConfiguration"), status="Accepted")
        await house.quiet()
        assert [key.key for key in await house.core.archive.configuration("CP1")] == ["HeartbeatInterval"]
        told = repr(house.events) + "".join(str(vars(record)) for record in caplog.records)
        assert "00112233445566778899" not in told
        assert "xyz" not in told


async def test_a_charge_point_may_be_left_alone(tmp_path: Path) -> None:
    settings = quiet_settings(
        boot={"setup": True}, charge_points={"CP1": ChargePointSettings(boot=BootOverride(setup=False))}
    )
    async with House(tmp_path, settings) as house:
        cp = await booted(house)
        await house.passes(seconds=60)
        assert len(cp.wire.texts) == 2, "only the two answers"


async def test_a_second_boot_begins_it_anew_and_not_beside_the_first(asking: House) -> None:
    cp = await booted(asking)
    await asking.passes(seconds=1)
    await cp.says("BootNotification", BOOT)
    await asking.passes(seconds=1.5)
    assert not cp.has_heard("GetConfiguration"), "two seconds after the last answer"
    await asking.passes(seconds=1)
    cp.answers(
        await cp.hears("GetConfiguration"), keys(HeartbeatInterval="60", MeterValueSampleInterval="30", Fixed="1")
    )
    await asking.passes(seconds=10)
    assert not cp.has_heard("GetConfiguration")


async def test_it_ends_where_the_charge_point_is_blocked_meanwhile(asking: House) -> None:
    cp = await booted(asking)
    await asking.passes(seconds=1)
    asking.settings = replace(
        asking.settings, charge_points={"CP1": ChargePointSettings(registration=Registration.BLOCKED)}
    )
    asking.core.apply_registrations()
    await asking.passes(seconds=60)
    assert len(cp.wire.texts) == 2, "only the two answers"


async def test_a_key_that_is_right_already_is_found_in_any_case_of_letters(asking: House) -> None:
    cp = await booted(asking)
    await asking.passes(seconds=2)
    told = keys(heartbeatINTERVAL="60", METERVALUESAMPLEINTERVAL="30", fixed="1")
    cp.answers(await cp.hears("GetConfiguration"), told)
    await asking.passes(seconds=60)
    assert not cp.has_heard("ChangeConfiguration")


async def test_a_read_only_key_that_differs_is_said_and_left(asking: House, caplog: pytest.LogCaptureFixture) -> None:
    cp = await booted(asking)
    await asking.passes(seconds=2)
    cp.answers(
        await cp.hears("GetConfiguration"), keys(HeartbeatInterval="60", MeterValueSampleInterval="30", Fixed="0")
    )
    await asking.quiet()
    assert [record.key for record in caplog.records if record.message == "setup_key_readonly"] == ["Fixed"]


async def test_a_dialect_without_the_trigger_is_not_asked_and_nothing_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with House(tmp_path, quiet_settings(boot={"setup": True}), dialects=(v16(), v201())) as house:
        cp = await house.connect("CP1", subprotocols=("ocpp2.0.1",))
        await house.passes(seconds=10)
        await cp.says("BootNotification", reason="PowerUp", chargingStation={"vendorName": "A", "model": "B"})
        await house.passes(seconds=10)
        assert len(cp.wire.texts) == 1, "only the answer"
    assert "task_failed" not in caplog.text
