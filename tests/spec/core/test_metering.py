"""Meter values: whose they are, which count twice, which are live (PROTOCOL, section 4)."""

from pathlib import Path

import pytest

from mcppd.db import retention
from mcppd.model.charge_points import WHOLE
from mcppd.model.errors import StorageUnavailable
from mcppd.model.events import (
    MeterValuesReceived,
    TransactionRecovered,
    TransactionStopped,
)
from tests.equipment.house import House, Peer, quiet_settings
from tests.equipment.said import (
    ONE,
    TWO,
    clock,
    element,
    place,
    readings,
    row,
    started,
    status,
    stop,
    values,
    watts,
)


class TestWhichTransaction:
    async def test_the_named_transaction_counts_and_not_the_told_connector(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp, connector=2)
        await started(cp, connector=1, meter=0)
        await cp.says("MeterValues", values(transaction_id, element(clock(1), 1200, watts(7000)), connector=1))
        assert (place(house, TWO).transaction.energy_wh, place(house, TWO).power_w) == (200, 7000)
        assert (place(house, ONE).transaction.energy_wh, place(house, ONE).power_w) == (0, 0)
        [event] = house.happened(MeterValuesReceived)
        assert (event.connector, event.transaction_id) == (TWO, transaction_id)

    async def test_without_an_id_only_what_is_not_from_long_before_the_start_counts(
        self, house: House, cp: Peer
    ) -> None:
        transaction_id = await started(cp)
        before, just_before, after = element("2026-11-21T07:49:00Z", 900, watts(9000)), clock(-10), clock(1)
        await cp.says(
            "MeterValues", values(None, before, element(just_before, 1000), element(after, 1200, watts(5000)))
        )
        assert [reading.register_wh for reading in await readings(house, transaction_id)] == [1000, 1200]
        assert place(house).transaction.energy_wh == 200
        assert place(house).transaction.max_power_w == 5000
        assert (await row(house, transaction_id)).max_power_w == 5000

    async def test_all_of_it_from_long_before_belongs_to_none(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("MeterValues", values(None, element("2026-11-21T07:40:00Z", 900)))
        assert await readings(house, transaction_id) == []
        assert house.happened(MeterValuesReceived)[0].transaction_id is None

    async def test_with_its_id_it_belongs_whenever_it_was_measured(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        await cp.says("MeterValues", values(transaction_id, element("2026-11-21T05:00:00Z", 1100)))
        assert len(await readings(house, transaction_id)) == 1

    async def test_the_data_of_a_stop_is_of_the_transaction_that_it_ends(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp, connector=2)
        data = [
            element(clock(0), {"value": "1000", "context": "Transaction.Begin"}),
            element(clock(10), 1400, watts(11_000)),
        ]
        await cp.says("StopTransaction", stop(0, meter=None, transactionData=data))
        assert [(r.connector, r.energy_wh) for r in await readings(house, transaction_id)] == [(TWO, None), (TWO, 400)]
        ended = await row(house, transaction_id)
        assert (ended.energy_wh, ended.max_power_w, ended.meter_stop_wh) == (400, 11_000, 1400)
        assert place(house, TWO).energy_total_wh == 400

    async def test_and_each_of_it_is_shown_with_the_energy_of_its_moment(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp)
        data = [element(clock(4), 1400), element(clock(2), 1200)]
        await cp.says("StopTransaction", stop(transaction_id, transactionData=data))
        assert [reading.energy_wh for reading in await readings(house, transaction_id)] == [400, 200]

    async def test_a_late_reading_of_an_earlier_moment_is_shown_with_the_energy_of_that_moment(
        self, house: House, cp: Peer
    ) -> None:
        transaction_id = await started(cp)
        await house.passes(seconds=900)
        for at, wh in ((10, 1400), (5, 1200)):
            await cp.says("MeterValues", values(transaction_id, element(clock(at), wh)))
        assert [reading.energy_wh for reading in await readings(house, transaction_id)] == [400, 200]
        assert place(house).transaction.energy_wh == 400


class TestRepeatedReadings:
    @pytest.mark.parametrize("at", [None, "1970-01-01T00:00:23Z", "soon", "2026-11-21T23:00:00Z"])
    async def test_without_a_time_that_tells_the_same_value_is_a_new_one(
        self, house: House, cp: Peer, at: str | None
    ) -> None:
        for power in (7000, 0, 7000):
            await cp.says("MeterValues", values(None, element(at, watts(power))))
        assert place(house).power_w == 7000
        assert len(house.happened(MeterValuesReceived)) == 3

    async def test_one_element_without_a_time_makes_the_whole_message_a_new_one(self, house: House, cp: Peer) -> None:
        for _ in range(2):
            await cp.says("MeterValues", values(None, element(None, 5), element(clock(0), 6)))
        assert len(house.happened(MeterValuesReceived)) == 2

    async def test_with_a_time_it_is_a_repeat(self, house: House, cp: Peer) -> None:
        for _ in range(2):
            await cp.says("MeterValues", values(None, element("2026-11-21T08:00:00", watts(7000))))
        assert len(house.happened(MeterValuesReceived)) == 1

    async def test_so_it_is_when_others_came_between(self, house: House, cp: Peer) -> None:
        for wh in (1, 2, 3, 1):
            await cp.says("MeterValues", values(None, element(clock(0), wh)))
        assert len(house.happened(MeterValuesReceived)) == 3

    async def test_but_not_on_another_connector(self, house: House, cp: Peer) -> None:
        for connector in (1, 2):
            await cp.says("MeterValues", values(None, element(clock(0), watts(7000)), connector=connector))
        assert place(house, TWO).power_w == 7000

    async def test_nor_from_another_charge_point(self, house: House, cp: Peer) -> None:
        for peer in (cp, await house.connect("CP2")):
            await peer.says("MeterValues", values(None, element(clock(0), watts(7000))))
        assert place(house, identity="CP2").power_w == 7000


class TestLiveValues:
    async def test_begin_values_are_never_live(self, house: House, cp: Peer) -> None:
        begin = {**watts(7000), "context": "Transaction.Begin"}
        await cp.says("MeterValues", values(None, element(clock(0), begin)))
        assert place(house).power_w == 0

    @pytest.mark.parametrize(("minute", "power"), [(-2, 7000), (-3, 0)])
    async def test_two_minutes_old_is_live_and_older_is_history(
        self, house: House, cp: Peer, minute: int, power: int
    ) -> None:
        await cp.says("MeterValues", values(None, element(f"2026-11-21T07:{60 + minute}:00Z", watts(7000))))
        assert place(house).power_w == power

    async def test_without_a_zone_nobody_knows_how_old_it_is(self, house: House, cp: Peer) -> None:
        await cp.says("MeterValues", values(None, element("2026-11-21T05:00:00", watts(7000))))
        assert place(house).power_w == 7000

    async def test_of_a_batch_the_newest_is_live_wherever_it_stands(self, house: House, cp: Peer) -> None:
        newest_first = element(clock(1), watts(5000)), element(clock(0), watts(9000))
        await cp.says("MeterValues", values(None, *newest_first))
        assert place(house).power_w == 5000

    async def test_values_of_an_id_that_is_not_running_are_not_live(self, house: House, cp: Peer) -> None:
        running = await started(cp)
        await cp.says("MeterValues", values(running + 1, element(clock(0), watts(7000))))
        assert place(house).power_w == 0

    async def test_what_a_message_does_not_tell_stays(self, house: House, cp: Peer) -> None:
        await cp.says("MeterValues", values(None, element(clock(0), {"value": "55", "measurand": "SoC"}, watts(7000))))
        await cp.says("MeterValues", values(None, element(clock(1), 5)))
        assert (place(house).state_of_charge_percent, place(house).power_w) == (55, 7000)

    async def test_the_vehicles_charge_goes_with_it(self, house: House, cp: Peer) -> None:
        await cp.says("MeterValues", values(None, element(clock(0), {"value": "55", "measurand": "SoC"})))
        await cp.says("StatusNotification", status(1, "SuspendedEV"))
        assert place(house).state_of_charge_percent == 55
        await cp.says("StatusNotification", status(1, "Available"))
        assert place(house).state_of_charge_percent is None

    async def test_the_current_goes_to_zero_with_the_power_and_the_voltage_stays(self, house: House, cp: Peer) -> None:
        amperes = {"value": "16", "measurand": "Current.Import", "phase": "L1"}
        volts = {"value": "230", "measurand": "Voltage", "phase": "L1"}
        await cp.says("MeterValues", values(None, element(clock(0), amperes, volts)))
        await cp.says("StatusNotification", status(1, "SuspendedEVSE"))
        assert (place(house).current_a, place(house).voltage_v) == ({"L1": 0.0}, {"L1": 230.0})

    async def test_the_main_meter_goes_on_while_the_charge_point_is_available(self, house: House, cp: Peer) -> None:
        await cp.says("MeterValues", values(None, element(clock(0), watts(20_000)), connector=0))
        await cp.says("StatusNotification", status(0, "Available"))
        assert place(house, WHOLE).power_w == 20_000

    async def test_phases_that_there_are_not_are_not_shown(self, house: House, cp: Peer) -> None:
        samples = [{"value": "1", "measurand": "Current.Import", "phase": phase} for phase in ("L9", "N", "x" * 60)]
        await cp.says("MeterValues", values(None, element(clock(0), *samples)))
        assert place(house).current_a == {"N": 1.0}


class TestPeak:
    async def test_it_is_stored_with_the_transaction_and_does_not_grow_after_its_end(
        self, house: House, cp: Peer
    ) -> None:
        transaction_id = await started(cp)
        for minute, power in ((1, 7000), (2, 11_000), (3, 500)):
            await cp.says("MeterValues", values(transaction_id, element(clock(minute), watts(power))))
        assert place(house).transaction.max_power_w == 11_000
        await cp.says("StopTransaction", stop(transaction_id))
        [event] = house.happened(TransactionStopped)
        assert event.transaction.max_power_w == 11_000
        await cp.says("MeterValues", values(transaction_id, element(clock(4), watts(22_000))))
        assert (await row(house, transaction_id)).max_power_w == 11_000
        assert len(await readings(house, transaction_id)) == 4

    @pytest.mark.parametrize("way", ["available", "superseded"])
    async def test_recovery_keeps_it(self, house: House, cp: Peer, way: str) -> None:
        transaction_id = await started(cp)
        await cp.says("MeterValues", values(transaction_id, element(clock(1), watts(11_000))))
        if way == "available":
            await cp.says("StatusNotification", status(1, "Available"))
            await house.passes(seconds=301)
        else:
            await started(cp, meter=1600, at=clock(60))
        [event] = house.happened(TransactionRecovered)
        assert (await row(house, transaction_id)).max_power_w == event.transaction.max_power_w == 11_000


class TestHousekeeping:
    async def test_it_goes_on_past_what_must_stay(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mcppd.db.retention._WINDOW", 2)
        async with House(tmp_path, quiet_settings(storage={"meter_values_retention": 60.0})) as house:
            cp = await house.connect("CP1")
            transaction_id = await started(cp)
            for n in range(6):
                await cp.says("MeterValues", values(transaction_id, element(clock(n), 1000)))
            for n in range(3):
                await cp.says("MeterValues", values(None, element(clock(n), 1000), connector=2))
            await house.passes(seconds=600)
            for n in (5, 6):
                await cp.says("MeterValues", values(None, element(clock(n), 1000), connector=2))
            assert await house.core.housekeeping.prune() == 3
            assert len(await readings(house, transaction_id)) == 6

    async def test_every_hour(self, tmp_path: Path) -> None:
        async with House(tmp_path, quiet_settings(storage={"meter_values_retention": 60.0})) as house:
            cp = await house.connect("CP1")
            for n in range(2):
                await cp.says("MeterValues", values(None, element(clock(n), 1000)))
            await house.passes(seconds=3599)
            assert await _stored_readings(house) == 2
            await house.passes(seconds=2)
            await house.quiet()
            assert await _stored_readings(house) == 1
            await cp.says("MeterValues", values(None, element(clock(3), 1000)))
            await house.passes(seconds=3600)
            await house.quiet()
            assert await _stored_readings(house) == 1

    async def test_a_disk_that_fails_is_tried_again_an_hour_later(
        self, house: House, cp: Peer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def failing(*_: object) -> int:
            raise StorageUnavailable("disk full")

        monkeypatch.setattr(retention, "prune_meter_values", failing)
        assert await house.core.housekeeping.prune() == 0


async def _stored_readings(house: House) -> int:
    return await house.database.read(lambda db: db.execute("SELECT count(*) FROM meter_values").get)
