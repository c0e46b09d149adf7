"""The live stream of events: server-sent events (WHATWG HTML, 9.2)."""

import asyncio
from dataclasses import fields

import pytest

from mcppd.model.charge_points import BootIdentity, BootMeaning, ConnectorRef, ConnectorStatus
from mcppd.model.events import (
    EVENTS,
    ChargePointBooted,
    ChargePointReady,
    Event,
    JobProgressed,
    MeterValuesReceived,
    StatusReported,
    TransactionStarted,
    TransactionStopped,
)
from mcppd.model.meter_values import Measured
from mcppd.model.transactions import ClosedTransaction, StopMatch
from mcppd.server.api import encode, stream
from tests.equipment.clock import settle
from tests.equipment.site import EIGHT, Site, running, until


@pytest.fixture
async def site(tmp_path):
    async with Site(tmp_path) as site:
        yield site


def ready(identity: str, generation: int = 1) -> Event:
    return ChargePointReady(charge_point=identity, at=EIGHT, correlation_id="c1", generation=generation, by="boot")


class TestForm:
    def test_a_started_transaction_is_flat(self):
        event = TransactionStarted(charge_point="CP1", at=EIGHT, transaction=running(2, 7), status="Accepted")
        encoded = encode.event(event)
        assert encoded["kind"] == "TransactionStarted"
        assert encoded["at"] == "2026-11-21T08:00:00.000Z"
        assert (encoded["transaction_id"], encoded["connector_id"], encoded["status"]) == (7, 2, "Accepted")
        assert "transaction" not in encoded

    def test_a_stopped_transaction_has_its_duration_and_how_it_was_found(self):
        closed = ClosedTransaction(7, ConnectorRef(1), "TAG1", EIGHT, EIGHT.replace(hour=9), 0, 7400, 7400, "Local")
        encoded = encode.event(
            TransactionStopped(charge_point="CP1", at=EIGHT, transaction=closed, match=StopMatch.HEURISTIC)
        )
        assert (encoded["transaction_id"], encoded["duration_s"], encoded["match"]) == (7, 3600.0, "heuristic")
        assert (encoded["energy_wh"], encoded["recovery"]) == (7400, None)

    def test_meter_values_tell_the_register_not_an_energy(self):
        event = MeterValuesReceived(
            charge_point="CP1", at=EIGHT, connector=ConnectorRef(1), measured=Measured(5000, 7400.0, {"L1": 16.0})
        )
        encoded = encode.event(event)
        assert (encoded["register_wh"], encoded["power_w"], encoded["current_a"]) == (5000, 7400.0, {"L1": 16.0})
        assert "energy_wh" not in encoded

    def test_a_boot_tells_who_booted(self):
        event = ChargePointBooted(
            charge_point="CP1", at=EIGHT, identity=BootIdentity(vendor="V"), meaning=BootMeaning.REBOOT
        )
        assert (encode.event(event)["vendor"], encode.event(event)["meaning"]) == ("V", "reboot")

    def test_bytes_have_no_form(self):
        with pytest.raises(TypeError):
            encode.plain({"raw": b"x"})

    def test_no_event_has_a_field_that_hides_its_kind(self):
        for name, kind in EVENTS.items():
            values = {field.name: "x" for field in fields(kind) if field.name != "at"}
            assert encode.event(kind(at=EIGHT, **values))["kind"] == name
        job = JobProgressed(charge_point="CP1", at=EIGHT, kind="firmware", status="Installed")
        assert encode.event(job)["job"] == "firmware"


class TestStream:
    async def test_what_happens_is_told_at_once(self, site):
        listening = await site.listen()
        assert "text/event-stream" in listening.head
        site.bus.publish([ready("CP1"), ready("CP2")])
        first, second = await listening.event(), await listening.event()
        assert first[1] == "ChargePointReady"
        assert first[2] == {
            "kind": "ChargePointReady",
            "charge_point": "CP1",
            "at": "2026-11-21T08:00:00.000Z",
            "correlation_id": "c1",
            "generation": 1,
            "by": "boot",
        }
        assert int(second[0]) == int(first[0]) + 1

    async def test_one_charge_point_may_be_listened_to(self, site):
        listening = await site.listen("?charge_point=CP2")
        site.bus.publish([ready("CP1"), ready("CP2")])
        assert (await listening.event())[2]["charge_point"] == "CP2"

    async def test_a_line_break_from_a_charge_point_cannot_make_an_event(self, site):
        listening = await site.listen()
        status = StatusReported(
            charge_point="CP1",
            at=EIGHT,
            connector=ConnectorRef(1),
            status=ConnectorStatus.FAULTED,
            previous=ConnectorStatus.AVAILABLE,
            error_code="x",
            changed=True,
            info="a\n\ndata: {}\r\n\r\nevent: Fake",
        )
        site.bus.publish([status, ready("CP2")])
        assert (await listening.event())[2]["info"] == status.info
        assert (await listening.event())[1] == "ChargePointReady"

    async def test_silence_is_broken_by_a_heartbeat(self, site):
        listening = await site.listen()
        await settle()
        for _ in range(2):
            await site.clock.advance(stream.HEARTBEAT_S)
            assert await listening.block() == ":"

    async def test_a_listener_who_hangs_up_is_forgotten(self, site):
        listening = await site.listen()
        assert site.door._api.events.listeners == 1
        listening.writer.transport.abort()
        await until(lambda: not site.door._api.events.listeners)
        assert site.clock.pending == 0

    async def test_more_than_sixteen_are_refused_until_one_leaves(self, site):
        listening = [await site.listen() for _ in range(stream.MAX_LISTENERS)]
        assert (await site.listen()).status == 503
        assert (await site.ask("HEAD", "/api/v1/events")).status == 200
        listening[0].writer.transport.abort()
        await until(lambda: site.door._api.events.listeners < stream.MAX_LISTENERS)
        assert (await site.listen()).status == 200

    async def test_a_peer_that_takes_nothing_is_cut(self, site, monkeypatch):
        monkeypatch.setattr(stream, "SEND_TIMEOUT_S", 0.05)
        listening = await site.listen()
        listening.writer.transport.pause_reading()
        async with asyncio.timeout(20):
            while site.door._api.events.listeners:
                site.bus.publish([ready("C" * 100_000)] * 20)
                await asyncio.sleep(0.005)
        await until(lambda: not site.door._connections())


class TestResume:
    async def test_goes_on_after_the_last_event_that_was_seen(self, site):
        listening = await site.listen()
        site.bus.publish([ready("CP1", n) for n in (1, 2, 3)])
        number = (await listening.event())[0]
        again = await site.listen(Last_Event_ID=number)
        assert [(await again.event())[2]["generation"] for _ in range(2)] == [2, 3]

    async def test_without_a_number_begins_now(self, site):
        site.bus.publish([ready("CP1", 1)])
        listening = await site.listen()
        site.bus.publish([ready("CP1", 2)])
        assert (await listening.event())[2]["generation"] == 2

    @pytest.mark.parametrize("number", ["nonsense", "-5", "9" * 18, "9" * 40])
    async def test_with_nonsense_begins_now(self, site, number):
        site.bus.publish([ready("CP1", 1)])
        listening = await site.listen(Last_Event_ID=number)
        site.bus.publish([ready("CP1", 2)])
        assert (await listening.event())[2]["generation"] == 2

    async def test_what_the_ring_no_longer_has_is_told_as_missed(self, site):
        listening = await site.listen()
        site.bus.publish([ready("CP1", 1)])
        number = (await listening.event())[0]
        site.bus.publish([ready("CP1", n) for n in range(2, stream.RING + 12)])
        again = await site.listen(Last_Event_ID=number)
        _, kind, data = await again.event()
        assert (kind, data["missed"]) == ("EventsMissed", 10)
        assert [(await again.event())[2]["generation"] for _ in range(stream.RING)] == list(range(12, stream.RING + 12))

    async def test_with_a_number_from_before_a_restart_gets_all_there_is(self, site):
        site.bus.publish([ready("CP1", 1)])
        listening = await site.listen(Last_Event_ID="5")
        _, kind, data = await listening.event()
        assert (kind, data["missed"]) == ("EventsMissed", None)
        assert (await listening.event())[2]["generation"] == 1

    async def test_with_a_number_from_before_a_restart_and_nothing_since_is_told_so(self, site):
        listening = await site.listen(Last_Event_ID="5")
        assert (await listening.event())[1] == "EventsMissed"
        site.bus.publish([ready("CP1", 1)])
        assert (await listening.event())[2]["generation"] == 1
