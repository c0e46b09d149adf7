"""Commands: who may be told what, what is kept of the answer, what is told of it, what becomes of those that wait."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcppd.core.admission import Admission
from mcppd.core.correlation import correlation_id
from mcppd.model.charge_points import Registration
from mcppd.model.commands import ChangeConfiguration
from mcppd.model.errors import (
    ActionUnknown,
    CallRefused,
    ChargePointOffline,
    ChargePointUnknown,
    NoAnswer,
    NotPermitted,
    SchemaViolation,
)
from mcppd.model.events import CommandCompleted
from mcppd.model.settings import ChargePointSettings
from tests.equipment.house import House, Peer, Wire, disk_full, quiet_settings

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "AC22"}
START = ("RemoteStartTransaction", {"idTag": "A", "connectorId": 1})
STOP = ("RemoteStopTransaction", {"transactionId": 1})
RESET = ("Reset", {"type": "Soft"})


def registered_as(house: House, registration: Registration) -> None:
    """As a reload of the configuration does."""
    house.settings = replace(house.settings, charge_points={"CP1": ChargePointSettings(registration=registration)})
    house.core.apply_registrations()


class TestRefusals:
    async def test_what_cannot_be_sent_is_refused_before_anything_happens(self, house: House, ready: Peer) -> None:
        send = house.core.operations.send_raw
        with pytest.raises(ChargePointUnknown):
            await send("NOBODY", *RESET, caller="test")
        with pytest.raises(ActionUnknown):
            await send("CP1", "Teleport", {}, caller="test")
        with pytest.raises(SchemaViolation):
            await send("CP1", "Reset", {"type": "Gentle"}, caller="test")
        assert house.happened(CommandCompleted) == []
        assert not ready.has_heard("Reset")

    async def test_an_offline_one_is_checked_against_what_it_spoke_last(self, house: House, ready: Peer) -> None:
        ready.leaves()
        with pytest.raises(SchemaViolation):
            await house.sending("Reset", {"type": "Gentle"})
        with pytest.raises(ChargePointOffline):
            await house.sending(*RESET)

    async def test_what_does_not_fit_is_not_kept_waiting_for_the_link(self, house: House, ready: Peer) -> None:
        ready.leaves()
        with pytest.raises(SchemaViolation):
            await house.core.operations.send("CP1", ChangeConfiguration("k" * 99, "v"), caller="test", wait_s=60)

    async def test_refusals_are_told_to_the_caller_and_not_as_failures(
        self, house: House, ready: Peer, caplog: pytest.LogCaptureFixture
    ) -> None:
        ready.leaves()
        with pytest.raises(ChargePointOffline):
            await house.sending(*RESET)
        await house.quiet()
        assert "task_failed" not in caplog.text

    async def test_one_that_is_called_off_while_it_waits_is_not_offline(self, house: House, ready: Peer) -> None:
        ready.leaves()
        charge_point = house.core.central.charge_point("CP1")
        assert charge_point is not None
        waiting = asyncio.ensure_future(house.core.central.link_of(charge_point, 60))
        await house.quiet()
        admission = await house.admit("CP1")
        assert isinstance(admission, Admission)
        waiting.cancel()
        house.core.central.open_link(admission, Wire("192.0.2.1"))  # in the same turn of the loop
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert house.core.central.links == 1

    async def test_more_than_sixty_four_that_wait_for_an_offline_one_are_refused(
        self, house: House, ready: Peer
    ) -> None:
        ready.leaves()
        tasks = [house.sending(*RESET, wait_s=60) for _ in range(65)]
        await house.quiet()
        assert [task.done() for task in tasks] == [False] * 64 + [True]
        with pytest.raises(CallRefused, match="64 commands wait for CP1"):
            await tasks[-1]
        await house.passes(seconds=61)
        for task in tasks[:-1]:
            with pytest.raises(ChargePointOffline):
                await task
        late = house.sending(*RESET, wait_s=60)
        await house.quiet()
        assert not late.done(), "there is room again"
        late.cancel()


class TestRegistration:
    """OCPP 1.6, 4.2: no remote start and stop while Pending, nothing while Rejected."""

    @pytest.mark.parametrize("command", [START, STOP])
    async def test_no_remote_start_or_stop_while_pending_but_everything_else(
        self, house: House, ready: Peer, command: tuple[str, dict[str, Any]]
    ) -> None:
        registered_as(house, Registration.PENDING)
        with pytest.raises(NotPermitted, match="its registration is pending"):
            await house.sending(*command)
        task = house.sending(*RESET)
        ready.answers(await ready.hears("Reset"), status="Accepted")
        await task

    async def test_one_that_was_answered_pending_holds_by_that_until_it_boots_again(self, tmp_path: Path) -> None:
        async with House(tmp_path, quiet_settings(boot={"require_time_sync": True})) as house:
            house.clock_is_set = False
            cp = await house.connect("CP1")
            await cp.says("BootNotification", BOOT)
            await house.passes(seconds=1)
            house.clock_is_set = True
            with pytest.raises(NotPermitted, match="answered Pending"):
                await house.sending(*START)
            await cp.says("BootNotification", BOOT)
            task = house.sending(*START)
            cp.answers(await cp.hears("RemoteStartTransaction"), status="Accepted")
            assert (await task).answer.accepted

    async def test_nothing_is_sent_to_one_that_was_rejected_until_it_boots_again(self, tmp_path: Path) -> None:
        blocked = {"CP1": ChargePointSettings(registration=Registration.BLOCKED)}
        async with House(tmp_path, quiet_settings(charge_points=blocked)) as house:
            cp = await house.connect("CP1")
            await cp.says("BootNotification", BOOT)
            await house.passes(seconds=1)
            registered_as(house, Registration.ACCEPTED)
            with pytest.raises(NotPermitted, match="rejected"):
                await house.sending(*RESET)
            await cp.says("BootNotification", BOOT)
            task = house.sending(*RESET)
            cp.answers(await cp.hears("Reset"), status="Accepted")
            assert (await task).answer.accepted

    async def test_one_that_waits_is_checked_when_the_link_is_there(self, house: House, ready: Peer) -> None:
        ready.leaves()
        task = house.sending(*RESET, wait_s=60)
        await house.quiet()
        registered_as(house, Registration.BLOCKED)
        await house.connect("CP1")
        with pytest.raises(NotPermitted):
            await task


class TestWhatIsTold:
    async def test_every_command_with_its_outcome_its_caller_and_its_duration(self, house: House, ready: Peer) -> None:
        task = house.sending(*RESET)
        call = await ready.hears("Reset")
        await house.passes(seconds=3)
        ready.answers(call, status="Rejected")
        result = await task
        [event] = house.happened(CommandCompleted)
        assert (event.action, event.outcome, event.caller, event.duration_s) == ("Reset", "Rejected", "test", 3.0)
        assert result.duration_s == 3.0

    async def test_failures_by_their_kind(self, house: House, ready: Peer) -> None:
        task = house.sending(*RESET)
        await ready.hears("Reset")
        await house.passes(seconds=30)
        with pytest.raises(NoAnswer):
            await task
        ready.leaves()
        with pytest.raises(ChargePointOffline):
            await house.sending(*RESET)
        outcomes = [event.outcome for event in house.happened(CommandCompleted)]
        assert outcomes == ["NoAnswer", "ChargePointOffline"]

    async def test_the_correlation_id_of_whoever_caused_it(self, house: House, ready: Peer) -> None:
        correlation_id.set("cause-1")
        task = house.sending(*RESET)
        correlation_id.set("")
        ready.answers(await ready.hears("Reset"), status="Accepted")
        await task
        assert [event.correlation_id for event in house.happened(CommandCompleted)] == ["cause-1"]

    async def test_one_that_had_to_wait_goes_out_under_its_own_correlation_id(
        self, house: House, ready: Peer, caplog: pytest.LogCaptureFixture
    ) -> None:
        seen: list[str] = []
        send = ready.wire.send
        ready.wire.send = lambda text: (seen.append(correlation_id.get()), send(text))[1]  # type: ignore[method-assign]
        tasks = []
        for name in ("first", "second"):
            correlation_id.set(name)
            tasks.append(house.sending(*RESET))
        correlation_id.set("reader")
        call = await ready.hears("Reset")
        ready.answers(call, status="Accepted")
        ready.answers(await ready.hears("Reset"), status="Accepted")
        await asyncio.gather(*tasks)
        assert seen == ["first", "second"]

    async def test_only_calls_that_were_answered_count_as_round_trips(self, house: House, ready: Peer) -> None:
        task = house.sending(*RESET)
        call = await ready.hears("Reset")
        await house.passes(seconds=2)
        ready.answers(call, status="Accepted")
        await task
        lost = house.sending(*RESET)
        await ready.hears("Reset")
        ready.leaves()
        await asyncio.gather(lost, return_exceptions=True)
        trips = house.core.counters.call_s["Reset"]
        assert (trips.count, trips.total) == (1, 2.0)

    async def test_events_are_published_under_the_id_that_they_bear(self, house: House, ready: Peer) -> None:
        under: list[tuple[str, str]] = []
        house.core.bus.listen(lambda event: under.append((event.correlation_id, correlation_id.get())))
        for connector in (1, 2):
            await ready.says("StatusNotification", connectorId=connector, status="Available", errorCode="NoError")
        assert [one for one, _ in under] == [other for _, other in under]
        assert len({one for one, _ in under}) == 2


class TestWhatIsKept:
    async def test_a_change_that_was_accepted(self, house: House, ready: Peer) -> None:
        for key, status in (("One", "Accepted"), ("Two", "Rejected"), ("AuthorizationKey", "Accepted")):
            task = house.sending("ChangeConfiguration", {"key": key, "value": "1"})
            ready.answers(await ready.hears("ChangeConfiguration"), status=status)
            await task
        assert [key.key for key in await house.core.archive.configuration("CP1")] == ["One"]

    async def test_an_answer_is_handed_over_although_it_cannot_be_stored(
        self, house: House, ready: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("mcppd.db.configuration_keys.store", disk_full)
        task = house.sending("ChangeConfiguration", {"key": "One", "value": "1"})
        ready.answers(await ready.hears("ChangeConfiguration"), status="Accepted")
        assert (await task).answer.accepted
        assert "configuration_not_stored" in caplog.text
