"""Disputed bills: late stops, foreign ids, connectors without number (PROTOCOL, section 3)."""

import asyncio

import apsw
import pytest

from mcppd.core.charge_point import MAX_CONNECTORS
from mcppd.model.charge_points import WHOLE
from mcppd.model.events import (
    MessageQuarantined,
    TransactionStarted,
    TransactionStopped,
)
from mcppd.model.transactions import StopMatch
from tests.equipment.house import House, Peer, quiet_settings
from tests.equipment.said import (
    ONE,
    TWO,
    clock,
    element,
    place,
    readings,
    row,
    start,
    started,
    status,
    stop,
    values,
    watts,
)


class TestLateStop:
    @pytest.mark.parametrize("real", [1400, 1900])
    async def test_what_recovery_had_counted_is_not_counted_again(self, house: House, cp: Peer, real: int) -> None:
        old = await started(cp)
        await started(cp, meter=1600, at=clock(60))
        assert place(house).energy_total_wh == 600
        await cp.says("StopTransaction", stop(old, meter=real))
        assert (await row(house, old)).energy_wh == real - 1000
        held = house.core.central.charge_point("CP1").connector(ONE)
        assert held.energy_closed_wh == real - 1000
        await house.restart()
        assert house.core.central.charge_point("CP1").connector(ONE).energy_closed_wh == real - 1000

    async def test_a_correction_downwards_never_turns_the_counter_back_not_even_by_a_restart(
        self, house: House, cp: Peer
    ) -> None:
        old = await started(cp)
        new = await started(cp, meter=1600, at=clock(60))
        await cp.says("MeterValues", values(new, element(clock(0), 1900)))
        assert place(house).energy_total_wh == 900
        await cp.says("StopTransaction", stop(old, meter=1100))
        assert place(house).energy_total_wh == 900
        await house.restart()
        assert place(house).energy_total_wh == 900
        cp = await house.connect("CP1")
        await cp.says("StopTransaction", stop(new, meter=2500, at=clock(90)))
        assert place(house).energy_total_wh == 1000

    async def test_nor_if_nobody_looked_at_it_before(self, house: House, cp: Peer) -> None:
        old = await started(cp)
        await cp.says("MeterValues", values(await started(cp, meter=1600, at=clock(60)), element(clock(0), 1900)))
        await cp.says("StopTransaction", stop(old, meter=1100))
        assert place(house).energy_total_wh == 900

    async def test_it_ends_nothing_that_runs_there_now(self, house: House, cp: Peer) -> None:
        old = await started(cp)
        new = await started(cp, meter=1600, at=clock(60))
        await cp.says("MeterValues", values(new, element(clock(0), watts(7000))))
        await cp.says("StopTransaction", stop(old, meter=1500))
        assert place(house).transaction.id == new
        assert place(house).power_w == 7000

    async def test_a_second_stop_with_another_meter_stop_changes_nothing_and_is_kept_for_people(
        self, house: House, cp: Peer
    ) -> None:
        transaction_id = await started(cp)
        await cp.says("StopTransaction", stop(transaction_id, meter=1500))
        assert await cp.says("StopTransaction", stop(transaction_id, meter=99)) == {}
        assert (await row(house, transaction_id)).energy_wh == 500
        assert len(house.happened(MessageQuarantined)) == 1
        await cp.says("StopTransaction", stop(transaction_id, meter=None))
        [kept] = [kept for kept in await house.core.archive.quarantine(None, 10) if "another meterStop" in kept.reason]
        assert '"meterStop":99' in kept.raw

    @pytest.mark.parametrize("at", [None, "1970-01-01T00:00:23Z"])
    async def test_a_stop_of_no_time_and_no_id_ends_what_runs_and_is_no_repeat_of_an_older_one(
        self, house: House, cp: Peer, at: str | None
    ) -> None:
        for _ in range(2):
            await started(cp, at=at)
            await cp.says("StopTransaction", stop(0, meter=1000, at=at))
        assert [stored.stopped_at is None for stored in await house.core.archive.transactions()] == [False, False]

    async def test_but_where_nothing_runs_it_is_one(self, house: House, cp: Peer) -> None:
        unset = "1970-01-01T00:00:23Z"
        await started(cp, at=unset)
        for _ in range(2):
            await cp.says("StopTransaction", stop(0, meter=1000, at=unset))
        assert [event.match for event in house.happened(TransactionStopped)] == [StopMatch.HEURISTIC]
        assert house.happened(MessageQuarantined) == []

    async def test_with_its_time_a_repeat_is_one_also_while_another_runs(self, house: House, cp: Peer) -> None:
        await started(cp)
        said = stop(-1, meter=1500)
        await cp.says("StopTransaction", said)
        running = await started(cp, meter=1500, at=clock(31))
        await cp.says("StopTransaction", said)
        assert (await row(house, running)).stopped_at is None


class TestForeignIds:
    async def test_a_reading_that_names_another_charge_points_transaction_stays_here(
        self, house: House, cp: Peer
    ) -> None:
        theirs = await started(cp)
        other = await house.connect("CP2")
        assert await other.says("MeterValues", values(theirs, element(clock(1), 1200, watts(7000)))) == {}
        assert await readings(house, theirs) == []
        assert (await row(house, theirs)).energy_wh == 0
        assert (await row(house, theirs)).max_power_w == 0
        assert place(house).power_w == 0
        assert place(house, identity="CP2").power_w == 0

    async def test_one_that_names_an_id_before_it_is_given_out_is_not_that_transactions(
        self, house: House, cp: Peer
    ) -> None:
        await cp.says("StopTransaction", stop(first := await started(cp)))
        await cp.says("MeterValues", values(first + 1, element(clock(1), 1200, watts(50_000))))
        assert await started(cp, at=clock(40)) == first + 1
        assert await readings(house, first + 1) == []
        assert (await row(house, first + 1)).max_power_w == 0
        assert place(house).transaction.max_power_w == 0

    @pytest.mark.parametrize("whose", ["nobody's", "another's"])
    async def test_and_is_thrown_away_when_it_is_old(self, house: House, cp: Peer, whose: str) -> None:
        named = await started(await house.connect("CP2")) + (whose == "nobody's")
        for n in range(3):
            await cp.says("MeterValues", values(named, element(clock(n), 1200)))
        house.settings = quiet_settings(storage={"meter_values_retention": 60.0})
        await house.passes(seconds=120)
        assert await house.core.housekeeping.prune() == 2, "all but the newest, whose id must not be given out again"

    async def test_a_stop_that_names_it_ends_what_runs_here(self, house: House, cp: Peer) -> None:
        theirs = await started(cp)
        other = await house.connect("CP2")
        ours = await started(other)
        await other.says("StopTransaction", stop(theirs, idTag="TAG"))
        assert (await row(house, theirs)).stopped_at is None
        assert (await row(house, ours)).match is StopMatch.HEURISTIC


class TestConnectors:
    async def test_one_that_only_meter_values_speak_of_is_there_after_a_restart(self, house: House, cp: Peer) -> None:
        await cp.says("MeterValues", values(None, element(clock(0), 5), connector=2))
        await house.restart()
        assert place(house, TWO).status == "Unknown"

    async def test_meter_values_without_values_make_none(self, house: House, cp: Peer) -> None:
        assert await cp.says("MeterValues", values(None, connector=2)) == {}
        assert house.core.central.view("CP1").connectors == ()

    async def test_an_unknown_status_after_a_start_is_as_it_was_after_a_restart(self, house: House, cp: Peer) -> None:
        await started(cp)
        await cp.says("StatusNotification", status(1, "Nonsense"))
        before = place(house).since, place(house).status_changes
        assert before == (house.clock.now(), 1)
        await house.restart()
        assert (place(house).since, place(house).status_changes) == before

    async def test_a_start_on_one_more_than_are_kept_is_charged_and_kept_for_people(
        self, house: House, cp: Peer
    ) -> None:
        for number in range(1, MAX_CONNECTORS + 5):
            assert await cp.says("StatusNotification", status(number, "Available")) == {}
        said = start(connector=2**31 - 1)
        reply = await cp.says("StartTransaction", said)
        assert await cp.says("StartTransaction", said) == reply
        assert place(house, WHOLE).transaction.id == reply["transactionId"]
        assert len(house.core.central.view("CP1").connectors) == MAX_CONNECTORS
        assert [kept.action for kept in await house.core.archive.quarantine(None, 10)].count("StartTransaction") == 2
        await house.restart()
        cp = await house.connect("CP1")
        assert await cp.says("StartTransaction", said) == reply
        await cp.says("StopTransaction", stop(reply["transactionId"]))
        assert place(house, WHOLE).energy_total_wh == 500
        assert len(house.core.central.view("CP1").connectors) == MAX_CONNECTORS

    async def test_more_of_them_on_disk_than_are_kept_do_not_stop_a_start(self, house: House, cp: Peer) -> None:
        await started(cp, connector=999)

        def fill(db: apsw.Connection) -> None:
            connector = "INSERT INTO connectors (charge_point_id, evse_id, connector_id) VALUES (1, ?, 1)"
            db.executemany(connector, [(number,) for number in range(1, 200)])
            db.execute(
                "INSERT INTO reservations VALUES (NULL, 1, 998, 1, 'TAG', NULL, 4000000000000, 'Accepted', NULL, 0)"
            )

        await house.database.write(fill)
        await house.restart()
        assert len(house.core.central.view("CP1").connectors) == MAX_CONNECTORS - 1, (
            "the charge point itself has its place"
        )

    async def test_a_charge_point_that_knocks_twice_at_once_is_taken_in_once(self, house: House) -> None:
        await asyncio.gather(house.admit("CP7"), house.admit("CP7"))
        assert [view.identity for view in house.core.central.views()].count("CP7") == 1

    async def test_meter_values_of_one_more_are_kept_for_people(self, house: House, cp: Peer) -> None:
        for number in range(MAX_CONNECTORS):
            await cp.says("StatusNotification", status(number, "Available"))
        assert await cp.says("MeterValues", values(None, element(clock(0), 5), connector=99)) == {}
        [event] = house.happened(MessageQuarantined)
        assert (event.action, event.reason) == ("MeterValues", "more than 64 connectors")


class TestExtremes:
    @pytest.mark.parametrize("meter", [2**63 - 1, -(2**63), 2**53 + 1])
    async def test_a_meter_that_no_meter_can_say_is_answered_kept_and_counts_for_nothing(
        self, house: House, cp: Peer, meter: int
    ) -> None:
        transaction_id = await started(cp, meter=meter)
        await cp.says("MeterValues", values(transaction_id, element(clock(1), meter)))
        assert await cp.says("StopTransaction", stop(transaction_id, meter=meter)) == {}
        ended = await row(house, transaction_id)
        assert (ended.energy_wh, ended.meter_start_told_wh, ended.meter_stop_told_wh) == (0, None, None)
        assert ended.stop_suspect
        kept = await house.core.archive.quarantine(None, 10)
        assert [kept.action for kept in kept] == ["StopTransaction", "StartTransaction"]
        assert str(meter) in kept[0].raw
        assert len(house.happened(MessageQuarantined)) == 2

    async def test_repeats_of_it_are_one_transaction(self, house: House, cp: Peer) -> None:
        assert await started(cp, meter=2**63 - 1) == await started(cp, meter=2**63 - 1)

    async def test_a_meter_below_zero_is_a_meter(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp, meter=-500)
        await cp.says("StopTransaction", stop(transaction_id, meter=-100))
        assert (await row(house, transaction_id)).energy_wh == 400

    @pytest.mark.parametrize("reservation", [0, -1])
    async def test_no_reservation_is_none(self, house: House, cp: Peer, reservation: int) -> None:
        transaction_id = await started(cp, reservationId=reservation)
        assert (await row(house, transaction_id)).reservation_id is None
        assert house.happened(TransactionStarted)[0].transaction.reservation_id is None

    async def test_a_meter_stop_that_so_short_a_time_cannot_hold_is_suspect_however_late_it_is_told(
        self, house: House, cp: Peer
    ) -> None:
        transaction_id = await started(cp)
        await house.passes(seconds=36_000)
        await cp.says("StopTransaction", stop(transaction_id, meter=101_000, at=clock(1)))
        ended = await row(house, transaction_id)
        assert (ended.energy_wh, ended.stop_suspect) == (0, True)

    async def test_a_reservation_is_told(self, house: House, cp: Peer) -> None:
        transaction_id = await started(cp, reservationId=7)
        assert (await row(house, transaction_id)).reservation_id == 7
