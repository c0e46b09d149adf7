"""The boot handshake of a link: readiness, the proactive trigger, the four-row table, the solicited mark."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from mcppd.model.charge_points import BootIdentity, BootMeaning
from mcppd.model.events import ChargePointBooted, ChargePointReady
from mcppd.model.settings import NEVER, BootOverride, ChargePointSettings
from tests.equipment.house import House, Peer, disk_full, quiet_settings

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "AC22", "firmwareVersion": "1.0"}
NEW_FIRMWARE = {**BOOT, "firmwareVersion": "2.0"}


@pytest.fixture
async def asking(tmp_path: Path):
    """A house that asks: the trigger goes out after 5 s; set-up is on."""
    async with House(tmp_path, quiet_settings(boot={"setup": True})) as house:
        yield house


async def triggered(house: House, cp: Peer) -> None:
    """Let the trigger become due and accept it."""
    await house.passes(seconds=5)
    call = await cp.hears("TriggerMessage")
    assert call.payload == {"requestedMessage": "BootNotification"}
    cp.answers(call, status="Accepted")
    await house.quiet()


async def booted_before(house: House) -> None:
    """CP1 connects, boots and leaves."""
    cp = await house.connect("CP1")
    await cp.says("BootNotification", BOOT)
    cp.leaves()
    await house.quiet()
    house.events.clear()


class TestTheFourRows:
    async def test_a_spontaneous_boot_is_a_reboot(self, house: House, cp: Peer) -> None:
        await cp.says("BootNotification", BOOT)
        await cp.says("BootNotification", BOOT)
        assert [event.meaning for event in house.happened(ChargePointBooted)] == [BootMeaning.REBOOT] * 2
        assert house.core.central.view("CP1").boots == 2

    async def test_a_solicited_one_from_a_newcomer_is_the_first_contact(self, asking: House) -> None:
        cp = await asking.connect("CP1")
        await triggered(asking, cp)
        await cp.says("BootNotification", BOOT)
        assert [event.meaning for event in asking.happened(ChargePointBooted)] == [BootMeaning.FIRST_CONTACT]
        await asking.passes(seconds=2)
        assert cp.has_heard("GetConfiguration"), "set-up runs"

    async def test_a_solicited_one_that_says_the_same_is_a_plain_reconnect(self, asking: House) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await triggered(asking, cp)
        await cp.says("BootNotification", BOOT)
        await asking.passes(seconds=10)
        assert asking.happened(ChargePointBooted) == []
        assert not cp.has_heard("GetConfiguration"), "no set-up"
        assert asking.core.central.view("CP1").boots == 1

    async def test_a_solicited_one_that_says_something_new_is_a_reboot_that_came_as_the_answer(
        self, asking: House
    ) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await triggered(asking, cp)
        await cp.says("BootNotification", NEW_FIRMWARE)
        assert [event.meaning for event in asking.happened(ChargePointBooted)] == [BootMeaning.REBOOT_AS_ANSWER]
        await asking.passes(seconds=2)
        assert cp.has_heard("GetConfiguration"), "set-up runs"

    async def test_the_metadata_is_refreshed_in_every_row(self, asking: House) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await triggered(asking, cp)
        await cp.says("BootNotification", NEW_FIRMWARE)
        assert asking.core.central.view("CP1").boot == BootIdentity(vendor="Acme", model="AC22", firmware="2.0")

    async def test_the_last_identity_survives_a_restart(self, asking: House) -> None:
        await booted_before(asking)
        await asking.restart()
        asking.events.clear()
        cp = await asking.connect("CP1")
        await triggered(asking, cp)
        await cp.says("BootNotification", BOOT)
        assert asking.happened(ChargePointBooted) == []


class TestTheTrigger:
    async def test_a_silent_link_gets_one_trigger(self, asking: House) -> None:
        cp = await asking.connect("CP1")
        await asking.passes(seconds=4.9)
        assert not cp.has_heard("TriggerMessage")
        await triggered(asking, cp)
        await asking.passes(seconds=600)
        assert not cp.has_heard("TriggerMessage")

    async def test_it_goes_out_whether_or_not_the_charge_point_is_known(self, asking: House) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await triggered(asking, cp)

    async def test_other_messages_neither_call_it_off_nor_use_up_its_mark(self, asking: House) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await cp.says("Heartbeat", {})
        await triggered(asking, cp)
        await cp.says("Heartbeat", {})
        await cp.says("BootNotification", BOOT)
        assert asking.happened(ChargePointBooted) == []

    async def test_a_link_that_booted_gets_none(self, asking: House) -> None:
        cp = await asking.connect("CP1")
        await cp.says("BootNotification", BOOT)
        cp.sends("StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"})
        await asking.passes(seconds=60)
        assert not cp.has_heard("TriggerMessage")

    async def test_never_means_never(self, tmp_path: Path) -> None:
        per_charge_point = {"CP1": ChargePointSettings(boot=BootOverride(trigger_delay=NEVER))}
        settings = quiet_settings(boot={"setup": True}, charge_points=per_charge_point)
        async with House(tmp_path, settings) as house:
            cp, other = await house.connect("CP1"), await house.connect("CP2")
            await house.passes(seconds=10)
            assert not cp.has_heard("TriggerMessage")
            assert other.has_heard("TriggerMessage")

    async def test_set_up_off_sends_nothing_unasked(self, house: House, cp: Peer) -> None:
        await house.passes(seconds=600)
        await cp.says("BootNotification", BOOT)
        await house.passes(seconds=600)
        assert cp.wire.texts == [cp.wire.texts[0]], "only the answer to its BootNotification"


class TestTheSolicitedMark:
    async def test_it_is_set_when_the_trigger_goes_out(self, asking: House) -> None:
        cp = await asking.connect("CP1")
        assert not cp.link.handshake.solicited
        await asking.passes(seconds=5)
        assert cp.link.handshake.solicited

    async def test_it_is_used_up_by_the_next_boot_notification(self, asking: House) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await triggered(asking, cp)
        await cp.says("BootNotification", BOOT)
        await cp.says("BootNotification", BOOT)
        assert [event.meaning for event in asking.happened(ChargePointBooted)] == [BootMeaning.REBOOT]

    async def test_a_rejected_trigger_clears_it(self, asking: House) -> None:
        cp = await asking.connect("CP1")
        await asking.passes(seconds=5)
        cp.answers(await cp.hears("TriggerMessage"), status="Rejected")
        await asking.quiet()
        assert not cp.link.handshake.solicited

    async def test_a_trigger_answered_with_a_call_error_clears_it(self, asking: House) -> None:
        cp = await asking.connect("CP1")
        await asking.passes(seconds=5)
        cp.refuses(await cp.hears("TriggerMessage"), "NotImplemented")
        await asking.quiet()
        assert not cp.link.handshake.solicited

    async def test_an_unreadable_answer_clears_it(self, asking: House) -> None:
        cp = await asking.connect("CP1")
        await asking.passes(seconds=5)
        cp.answers(await cp.hears("TriggerMessage"), [])
        await asking.quiet()
        assert not cp.link.handshake.solicited

    async def test_the_time_out_clears_it(self, asking: House) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await triggered(asking, cp)
        await asking.passes(seconds=26)
        assert not cp.link.handshake.solicited
        await cp.says("BootNotification", BOOT)
        assert [event.meaning for event in asking.happened(ChargePointBooted)] == [BootMeaning.REBOOT]

    async def test_so_does_its_own_time_out_on_a_link_that_is_ready(self, house: House) -> None:
        await booted_before(house)
        cp = await house.connect("CP1")
        await cp.says("Heartbeat", {})
        await house.passes(seconds=40)
        sending = house.sending("TriggerMessage", {"requestedMessage": "BootNotification"})
        cp.answers(await cp.hears("TriggerMessage"), status="Accepted")
        await sending
        await house.passes(seconds=31)
        await cp.says("BootNotification", BOOT)
        assert [event.meaning for event in house.happened(ChargePointBooted)] == [BootMeaning.REBOOT]

    async def test_an_unanswered_trigger_clears_it(self, asking: House) -> None:
        asking.settings = replace(asking.settings, ocpp=replace(asking.settings.ocpp, call_timeout=10.0))
        cp = await asking.connect("CP1")
        await asking.passes(seconds=5)
        assert cp.has_heard("TriggerMessage")
        await asking.passes(seconds=10)
        assert not cp.link.handshake.solicited

    async def test_it_does_not_leak_into_the_next_link(self, asking: House) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await triggered(asking, cp)
        cp.leaves()
        again = await asking.connect("CP1")
        assert not again.link.handshake.solicited
        await again.says("BootNotification", BOOT)
        assert [event.meaning for event in asking.happened(ChargePointBooted)] == [BootMeaning.REBOOT]

    async def test_a_trigger_by_an_operator_sets_it_too(self, house: House) -> None:
        await booted_before(house)
        cp = await house.connect("CP1")
        await cp.says("Heartbeat", {})
        sending = house.core.tasks.spawn(
            house.core.operations.send_raw(
                "CP1", "TriggerMessage", {"requestedMessage": "BootNotification"}, caller="test"
            ),
            "trigger",
        )
        await house.passes(seconds=1)
        cp.answers(await cp.hears("TriggerMessage"), status="Accepted")
        await sending
        await cp.says("BootNotification", BOOT)
        assert house.happened(ChargePointBooted) == []

    async def test_a_boot_notification_that_came_before_the_trigger_is_no_answer_to_it(self, asking: House) -> None:
        """It arrived in time, but its turn comes only when the trigger is out: what counts is its arrival."""
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await asking.passes(seconds=4.9)
        gate = threading.Event()
        stuck = asking.database.write(lambda db: gate.wait(10))
        boot = cp.sends("BootNotification", BOOT)
        await asking.clock.advance(0.2)
        gate.set()
        await stuck
        await cp.answer_to(boot)
        assert [event.meaning for event in asking.happened(ChargePointBooted)] == [BootMeaning.REBOOT]
        assert not cp.has_heard("TriggerMessage")

    async def test_an_answer_whose_link_closes_before_its_turn_is_still_one(self, asking: House) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await triggered(asking, cp)
        cp.sends("BootNotification", BOOT)
        cp.leaves()
        await asking.quiet()
        assert asking.happened(ChargePointBooted) == []
        assert asking.core.central.view("CP1").boots == 1

    async def test_an_answer_that_could_not_be_stored_is_one_when_it_is_said_again(
        self, asking: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        await triggered(asking, cp)
        with monkeypatch.context() as patch:
            patch.setattr("mcppd.db.charge_points.record_boot", disk_full)
            cp.sends("BootNotification", BOOT)
            await asking.quiet()
        await cp.says("BootNotification", BOOT)
        assert asking.happened(ChargePointBooted) == []

    async def test_a_reboot_that_could_not_be_stored_is_one_when_it_is_said_again(
        self, asking: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await booted_before(asking)
        cp = await asking.connect("CP1")
        with monkeypatch.context() as patch:
            patch.setattr("mcppd.db.charge_points.record_boot", disk_full)
            cp.sends("BootNotification", BOOT)
            await asking.quiet()
        assert asking.core.central.view("CP1").boots == 1
        await cp.says("BootNotification", BOOT)
        assert [event.meaning for event in asking.happened(ChargePointBooted)] == [BootMeaning.REBOOT]
        assert asking.core.central.view("CP1").boots == 2

    async def test_the_time_out_of_a_link_that_is_ready_clears_nothing(self, house: House) -> None:
        await booted_before(house)
        cp = await house.connect("CP1")
        await cp.says("Heartbeat", {})
        await house.passes(seconds=25)
        sending = house.sending("TriggerMessage", {"requestedMessage": "BootNotification"})
        cp.answers(await cp.hears("TriggerMessage"), status="Accepted")
        await sending
        await house.passes(seconds=10)
        await cp.says("BootNotification", BOOT)
        assert house.happened(ChargePointBooted) == []

    async def test_no_timer_of_a_link_survives_it(self, asking: House) -> None:
        cp = await asking.connect("CP1")
        await asking.passes(seconds=5)
        before = asking.clock.pending
        cp.leaves()
        await asking.quiet()
        assert asking.clock.pending < before
        assert len(asking.core.tasks) == 0
        await asking.passes(seconds=120)
        assert asking.happened(ChargePointReady) == []
