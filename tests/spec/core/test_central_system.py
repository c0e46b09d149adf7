"""Who may connect, whose link counts, and what is told when that changes."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from mcppd.core.admission import Admission, Refusal
from mcppd.core.subprotocols import choose
from mcppd.model.charge_points import Registration
from mcppd.model.errors import ConnectionClosed
from mcppd.model.events import (
    ChargePointConnected,
    ChargePointDisconnected,
    ChargePointRegistered,
    LinkRefused,
    SecurityEventReported,
)
from mcppd.model.settings import ChargePointSettings
from mcppd.ocpp.v16 import dialect as v16
from tests.equipment.clock import settle
from tests.equipment.house import House, Peer, Wire, disk_full, quiet_settings
from tests.equipment.v201 import dialect as v201


class TestSubprotocols:
    @pytest.mark.parametrize("offered", ["ocpp1.6", "OCPP1.6", "ocpp1.6j", "ocpp16", "ocpp1.6-J"])
    def test_odd_spellings_are_understood_and_echoed(self, offered: str) -> None:
        chosen = choose((offered,), (v16(),))
        assert chosen is not None
        assert (chosen[0].version, chosen[1]) == ("1.6", offered)

    def test_none_offered_speaks_the_first(self) -> None:
        chosen = choose((), (v16(), v201()))
        assert chosen is not None
        assert (chosen[0].version, chosen[1]) == ("1.6", None)

    def test_our_order_decides_not_theirs(self) -> None:
        chosen = choose(("ocpp2.0.1", "ocpp1.6"), (v16(), v201()))
        assert chosen is not None
        assert chosen[0].version == "1.6"

    def test_nothing_in_common_is_told(self) -> None:
        assert choose(("ocpp1.5", "ocpp0.1"), (v16(),)) is None


class TestAdmission:
    async def test_an_unknown_charge_point_is_taken_in_at_once(self, house: House) -> None:
        assert isinstance(await house.admit("NEW"), Admission)
        assert [event.charge_point for event in house.happened(ChargePointRegistered)] == ["NEW"]
        await house.restart()
        assert house.core.central.view("NEW") is not None

    async def test_closed_refuses_the_unknown_and_writes_no_row(self, tmp_path: Path) -> None:
        settings = quiet_settings(onboarding={"mode": "closed"}, charge_points={"CP1": ChargePointSettings()})
        async with House(tmp_path, settings) as house:
            refusal = await house.admit("NEW")
            assert isinstance(refusal, Refusal)
            assert refusal.status == 404
            assert house.core.central.views() == []
            assert isinstance(await house.admit("CP1"), Admission)

    async def test_more_than_the_most_are_refused(self, tmp_path: Path) -> None:
        async with House(tmp_path, quiet_settings(ocpp={"max_charge_points": 2})) as house:
            assert isinstance(await house.admit("A"), Admission)
            assert isinstance(await house.admit("B"), Admission)
            refusal = await house.admit("C")
            assert isinstance(refusal, Refusal)
            assert refusal.status == 403
            assert isinstance(await house.admit("A"), Admission), "those that are registered are let in"

    async def test_not_even_if_they_come_at_once(self, tmp_path: Path) -> None:
        async with House(tmp_path, quiet_settings(ocpp={"max_charge_points": 2})) as house:
            outcomes = await asyncio.gather(*(house.admit(f"CP{number}") for number in range(20)))
            assert sum(isinstance(outcome, Admission) for outcome in outcomes) == 2
            assert len(house.core.central.views()) == 2

    async def test_two_handshakes_of_a_new_one_at_once_register_it_once(self, tmp_path: Path) -> None:
        async with House(tmp_path, quiet_settings(ocpp={"max_charge_points": 1})) as house:
            outcomes = await asyncio.gather(house.admit("NEW"), house.admit("NEW"))
            assert all(isinstance(outcome, Admission) for outcome in outcomes)
            assert len(house.happened(ChargePointRegistered)) == 1

    async def test_a_database_that_cannot_be_written_refuses_newcomers_and_takes_them_in_later(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("mcppd.db.charge_points.register", disk_full)
            refusal = await house.admit("NEW")
        assert isinstance(refusal, Refusal)
        assert refusal.status == 503
        assert house.core.counters.errors["link_refused"] == 1
        assert isinstance(await house.admit("NEW"), Admission)

    async def test_the_configuration_says_how_one_is_registered(self, tmp_path: Path) -> None:
        blocked = {"CP1": ChargePointSettings(registration=Registration.BLOCKED)}
        async with House(tmp_path, quiet_settings(charge_points=blocked)) as house:
            await house.connect("CP1")
            await house.connect("CP2")
            told = {event.charge_point: event.registration for event in house.happened(ChargePointRegistered)}
            assert told == {"CP1": Registration.BLOCKED, "CP2": Registration.ACCEPTED}

    async def test_no_common_subprotocol_completes_and_closes(self, house: House) -> None:
        refusal = await house.admit("CP1", subprotocols=("ocpp1.5",))
        assert isinstance(refusal, Refusal)
        assert refusal.status == 101
        assert [event.status for event in house.happened(LinkRefused)] == [101]
        assert house.core.central.views() == []


class TestTakeOver:
    async def test_the_newest_link_takes_over_from_a_dead_one(self, house: House, cp: Peer) -> None:
        again = await house.connect("CP1")
        assert cp.wire.closed_with == (1000, "replaced by a newer link")
        assert house.core.central.links == 1
        assert [event.replaced for event in house.happened(ChargePointConnected)] == [False, True]
        assert await again.says("Heartbeat", {})

    async def test_a_live_one_keeps_its_place_and_the_newcomer_is_told(self, house: House, cp: Peer) -> None:
        cp.wire.alive = True
        refusal = await house.admit("CP1", remote_address="192.0.2.66")
        assert isinstance(refusal, Refusal)
        assert refusal.status == 409
        [event] = house.happened(SecurityEventReported)
        assert event.own
        assert "192.0.2.66" in event.tech_info
        await house.quiet()
        assert len(await house.core.archive.security_events(None, 10)) == 1

    async def test_late_events_of_the_old_link_do_not_touch_the_new_one(self, house: House, cp: Peer) -> None:
        again = await house.connect("CP1")
        cp.leaves("late")
        assert house.core.central.view("CP1").connected
        assert house.core.central.view("CP1").generation == 2
        assert again.link is not cp.link
        assert len(house.happened(ChargePointDisconnected)) == 1

    async def test_two_hundred_reconnects_leave_one_link_and_nothing_behind(self, house: House) -> None:
        tasks = len(house.core.tasks)
        for _ in range(200):
            peer = await house.connect("CP1")
        assert house.core.central.links == 1
        peer.leaves()
        await house.quiet()
        assert len(house.core.tasks) == tasks
        assert house.core.central.view("CP1").reconnects == 199

    async def test_live_power_is_zero_while_nobody_is_connected(self, house: House, cp: Peer) -> None:
        value = {"value": "7000", "measurand": "Power.Active.Import"}
        said = [{"timestamp": "2026-11-21T08:00:00Z", "sampledValue": [value]}]
        await cp.says("MeterValues", connectorId=1, meterValue=said)
        cp.leaves()
        assert house.core.central.view("CP1").connectors[0].power_w == 0

    async def test_one_that_took_the_place_of_a_dead_one_meanwhile_is_asked_too(self, house: House, cp: Peer) -> None:
        """Two newcomers at once, while the old link is being asked: the second must not push the first out unasked."""
        verdict = asyncio.Event()

        async def slow(timeout_s: float) -> bool:
            assert timeout_s == 3.0
            await verdict.wait()
            return False

        cp.wire.probe = slow  # type: ignore[method-assign]

        async def arrives(address: str) -> Admission | Refusal:
            outcome = await house.admit("CP1", remote_address=address)
            if isinstance(outcome, Admission):
                wire = Wire(address)
                wire.alive = True
                house.core.central.open_link(outcome, wire)
            return outcome

        arrivals = asyncio.gather(arrives("192.0.2.2"), arrives("192.0.2.3"))
        await settle()
        verdict.set()
        first, refusal = await arrivals
        assert isinstance(first, Admission)
        assert isinstance(refusal, Refusal)
        assert refusal.status == 409

    async def test_one_that_leaves_while_it_is_asked_stands_in_nobodys_way(self, house: House, cp: Peer) -> None:
        async def last_words(timeout_s: float) -> bool:
            cp.leaves()
            return True

        cp.wire.probe = last_words  # type: ignore[method-assign]
        assert isinstance(await house.admit("CP1"), Admission)

    async def test_a_conflict_that_cannot_be_stored_is_refused_all_the_same(
        self, house: House, cp: Peer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mcppd.db.security.record_event", disk_full)
        cp.wire.alive = True
        refusal = await house.admit("CP1")
        assert isinstance(refusal, Refusal)
        assert refusal.status == 409
        assert len(house.happened(SecurityEventReported)) == 1

    async def test_a_call_of_the_old_link_fails_at_once(self, house: House, ready: Peer) -> None:
        task = house.sending("Reset", {"type": "Soft"})
        await ready.hears("Reset")
        again = await house.connect("CP1")
        with pytest.raises(ConnectionClosed):
            await task
        await again.says("Heartbeat", {})
        await house.passes(seconds=1)
        assert not again.has_heard("Reset")

    async def test_what_is_shown_is_the_link_that_there_is(self, house: House, ready: Peer) -> None:
        view = house.core.central.view("CP1")
        assert (view.connected, view.ready, view.remote_address) == (True, True, "192.0.2.1")
        again = await house.connect("CP1", remote_address="192.0.2.9")
        view = house.core.central.view("CP1")
        assert (view.connected, view.ready, view.remote_address) == (True, False, "192.0.2.9")
        await house.passes(seconds=5)
        again.leaves()
        view = house.core.central.view("CP1")
        assert (view.connected, view.ready, view.remote_address) == (False, False, None)
        assert view.connected_since is None
        assert view.last_disconnect_at == house.clock.now()
        left = house.happened(ChargePointDisconnected)
        assert [(event.generation, event.connected_s) for event in left] == [(1, 1.0), (2, 5.0)]
        assert house.core.central.view("NOBODY") is None


class TestPresence:
    async def test_last_seen_is_stored_within_half_a_minute_and_survives(self, house: House, cp: Peer) -> None:
        await house.passes(seconds=10)
        await cp.says("Heartbeat", {})
        await house.passes(seconds=30)
        await house.restart()
        view = house.core.central.view("CP1")
        assert (view.last_seen_at - view.last_connect_at).total_seconds() == 10
        assert view.last_heartbeat_at == view.last_seen_at

    async def test_what_cannot_be_stored_is_stored_the_next_time(
        self, house: House, cp: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        await cp.says("Heartbeat", {})
        with monkeypatch.context() as patch:
            patch.setattr("mcppd.db.charge_points.record_presence", disk_full)
            await house.passes(seconds=30)
        assert "presence_not_stored" in caplog.text
        await house.passes(seconds=30)
        await house.restart()
        assert house.core.central.view("CP1").last_heartbeat_at is not None

    async def test_what_cannot_be_stored_at_the_end_leaves_no_timer(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with House(tmp_path) as house:
            await house.connect("CP1")
            monkeypatch.setattr("mcppd.db.charge_points.record_presence", disk_full)
        assert house.clock.pending == 0

    async def test_a_quiet_site_has_no_timer_and_writes_nothing(self, house: House, cp: Peer) -> None:
        cp.leaves()
        await house.passes(seconds=31)
        timers, rows = house.clock.pending, house.database.stats.rows
        await house.passes(seconds=300)
        assert (house.clock.pending, house.database.stats.rows) == (timers, rows)

    async def test_the_end_stores_it_at_once_and_leaves_no_timer(self, tmp_path: Path) -> None:
        async with House(tmp_path) as house:
            cp = await house.connect("CP1")
            start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-11-21T08:00:00Z"}
            await cp.says("StartTransaction", start)
            await cp.says("StatusNotification", connectorId=1, status="Charging", errorCode="NoError")
            await cp.says("StatusNotification", connectorId=1, status="Available", errorCode="NoError")
            await cp.says("Heartbeat", {})
            clock = house.clock
        assert clock.pending == 0, "not even those of orphans and of housekeeping"
        async with House(tmp_path) as house:
            assert house.core.central.view("CP1").last_heartbeat_at is not None


class TestReload:
    async def test_a_registration_changed_in_the_configuration_holds_at_once(self, house: House, cp: Peer) -> None:
        blocked = ChargePointSettings(registration=Registration.BLOCKED)
        house.settings = replace(house.settings, charge_points={"CP1": blocked})
        house.core.apply_registrations()
        reply = await cp.says("BootNotification", chargePointVendor="V", chargePointModel="M")
        assert reply["status"] == "Rejected"

    async def test_the_configuration_of_the_start_holds_whatever_was_stored(self, house: House, cp: Peer) -> None:
        blocked = ChargePointSettings(registration=Registration.BLOCKED)
        house.settings = replace(house.settings, charge_points={"CP1": blocked, "CP2": blocked})
        await house.connect("CP2")
        await house.restart()
        assert house.core.central.view("CP1").registration is Registration.BLOCKED
        house.settings = replace(house.settings, charge_points={})
        await house.restart()
        for identity in ("CP1", "CP2"):
            assert house.core.central.view(identity).registration is Registration.ACCEPTED
        house.settings = replace(house.settings, charge_points={"CP2": blocked})
        house.core.apply_registrations()
        house.settings = replace(house.settings, charge_points={})
        house.core.apply_registrations()
        assert house.core.central.view("CP2").registration is Registration.ACCEPTED
