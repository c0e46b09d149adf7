"""StopTransaction: found by its id, or by what else it says, and never to anybody's cost (OCPP 1.6, 4.10)."""

import pytest

from mcppd.db import charge_points, connectors, id_tags, meter_values, transactions
from mcppd.model.authorization import IdTag
from mcppd.model.charge_points import Registration
from mcppd.model.replies import AuthorizationStatus, IdTagInfo
from mcppd.model.timestamps import MISSING_TIME, TimeQuality, read_time
from mcppd.model.transactions import StopMatch
from tests.equipment.stored import NOON, ONE, TWO, after, reading, start_request, stop_request, told


def start(db, cp, now=NOON, **request):
    return transactions.start(db, cp, start_request(**request), now=now, open_to_all=True).transaction


def stop(db, cp, transaction_id, now=None, open_to_all=True, verdict=None, readings=(), **request):
    return transactions.stop(
        db,
        cp,
        stop_request(transaction_id, **request),
        now=now or after(61),
        open_to_all=open_to_all,
        verdict=verdict,
        readings=readings,
    )


def total(db, connector=ONE):
    return next(row.energy_total_wh for row in connectors.load_all(db) if row.connector == connector)


class TestById:
    def test_it_is_kept_as_told_and_as_received(self, db, cp):
        begun = start(db, cp)
        stopped = stop(db, cp, begun.id, id_tag="Tag", reason="EVDisconnected")
        assert stopped.match is StopMatch.BY_ID
        closed = stopped.transaction
        assert (closed.id, closed.meter_stop_wh, closed.energy_wh, closed.reason) == (
            begun.id,
            3000,
            2000,
            "EVDisconnected",
        )
        assert (closed.started_at, closed.stopped_at, closed.recovery) == (after(0), after(60), None)
        row = transactions.find(db, begun.id)
        assert (row.stopped_at, row.stop_received_at, row.stop_time_quality) == (after(60), after(61), TimeQuality.GOOD)
        assert (row.meter_stop_wh, row.meter_stop_told_wh, row.stop_suspect) == (3000, 3000, False)
        assert (row.stop_reason, row.stop_id_tag, row.match) == ("EVDisconnected", "Tag", StopMatch.BY_ID)
        assert transactions.load_open(db) == []
        assert charge_points.load_all(db)[0].last_tx_stop_at == after(61)

    def test_without_a_reason_it_was_stopped_on_the_spot(self, db, cp):
        assert stop(db, cp, start(db, cp).id).transaction.reason == "Local"

    def test_a_time_that_cannot_be_believed_is_the_arrival(self, db, cp):
        begun = start(db, cp)
        assert stop(db, cp, begun.id, at=read_time("soon")).transaction.stopped_at == after(61)
        assert transactions.find(db, begun.id).stop_time_quality is TimeQuality.UNREADABLE

    def test_the_energy_enters_the_connectors_total_once(self, db, cp):
        stop(db, cp, start(db, cp).id)
        stop(db, cp, start(db, cp, at=told(70), meter=3000).id, meter=3500, now=after(90), at=told(80))
        stop(db, cp, start(db, cp, connector=TWO).id, meter=1001)
        assert total(db) == 2500
        assert total(db, TWO) == 1

    @pytest.mark.parametrize(
        ("meter", "stop_wh", "energy_wh", "suspect"),
        [(None, 1800, 800, False), (0, 0, 800, True), (10**11, 10**11, 800, True), (10**30, 1800, 800, True)],
    )
    def test_a_meter_stop_that_is_missing_or_absurd_is_kept_but_not_counted(
        self, db, cp, meter, stop_wh, energy_wh, suspect
    ):
        begun = start(db, cp)
        meter_values.record(db, cp, [reading(begun.id, 1800, 800, 20)])
        closed = stop(db, cp, begun.id, meter=meter).transaction
        assert (closed.meter_stop_wh, closed.energy_wh) == (stop_wh, energy_wh)
        assert transactions.find(db, begun.id).stop_suspect is suspect
        assert total(db) == 800

    def test_a_register_that_began_with_the_transaction_is_understood(self, db, cp):
        begun = start(db, cp, meter=5_000_000)
        meter_values.record(db, cp, [reading(begun.id, 0, 0, 1), reading(begun.id, 900, 900, 20)])
        assert stop(db, cp, begun.id, meter=1000).transaction.energy_wh == 1000


class TestReadingsThatComeWithIt:
    def test_they_are_recorded_counted_and_belong_to_the_transaction(self, db, cp):
        begun = start(db, cp)
        closed = stop(
            db,
            cp,
            begun.id,
            readings=[
                reading(None, 1500, None, 10, connector=TWO, power_w=4000.0),
                reading(None, None, None, 11, power_w=5000.0),
                reading(None, 900, None, 12),
                reading(None, 2900, None, 59),
            ],
        ).transaction
        rows = transactions.meter_values(db, begun.id)
        assert [(row.register_wh, row.energy_wh, row.suspect) for row in rows] == [
            (1500, 500, False),
            (None, None, False),
            (900, None, True),
            (2900, 1900, False),
        ]
        assert {row.connector for row in rows} == {ONE}
        assert (closed.energy_wh, closed.max_power_w) == (2000, 5000.0)

    def test_they_are_not_recorded_twice(self, db, cp):
        begun = start(db, cp)
        for _ in range(2):
            stop(db, cp, begun.id, readings=[reading(None, 1500)])
        assert len(transactions.meter_values(db, begun.id)) == 1

    def test_they_are_not_recorded_if_nothing_fits(self, db, cp):
        stop(db, cp, 5, readings=[reading(None, 1500)])
        assert db.execute("SELECT count(*) FROM meter_values").get == 0


class TestRepeats:
    def test_a_repeat_changes_nothing(self, db, cp):
        begun = start(db, cp)
        first = stop(db, cp, begun.id)
        before = transactions.find(db, begun.id)
        again = stop(db, cp, begun.id, now=after(300), meter=9000, reason="Reboot")
        assert (again.match, again.transaction) == (StopMatch.REPEATED, first.transaction)
        assert transactions.find(db, begun.id) == before
        assert total(db) == 2000

    def test_a_repeat_with_a_wrong_id_does_not_stop_the_next_one(self, db, cp):
        begun = start(db, cp)
        assert stop(db, cp, -1, id_tag="TAG").match is StopMatch.HEURISTIC
        start(db, cp, at=told(70))
        other = start(db, cp, connector=TWO, meter=0)
        again = stop(db, cp, -1, id_tag="TAG")
        assert (again.match, again.transaction.id) == (StopMatch.REPEATED, begun.id)
        assert other.id in [transaction.id for _, transaction in transactions.load_open(db)]


class TestLateStops:
    def test_the_real_one_replaces_what_was_made_up_and_the_total_follows(self, db, cp):
        begun = start(db, cp)
        meter_values.record(db, cp, [reading(begun.id, 1800, 800, 20)])
        transactions.recover(db, cp, begun.id, now=after(30))
        assert total(db) == 800
        late = stop(db, cp, begun.id, reason="PowerLoss")
        assert late.match is StopMatch.REPLACED
        assert (late.transaction.energy_wh, late.transaction.recovery, late.transaction.reason) == (
            2000,
            None,
            "PowerLoss",
        )
        assert total(db) == 2000
        row = transactions.find(db, begun.id)
        assert (row.match, row.recovery, row.stopped_at) == (StopMatch.REPLACED, None, after(60))

    def test_it_may_be_less_than_what_was_made_up(self, db, cp):
        begun = start(db, cp)
        start(db, cp, at=told(50), meter=9000, now=after(50))
        assert total(db) == 8000
        assert stop(db, cp, begun.id).transaction.energy_wh == 2000
        assert total(db) == 2000

    def test_after_that_a_repeat_changes_nothing(self, db, cp):
        begun = start(db, cp)
        transactions.recover(db, cp, begun.id, now=after(30))
        stop(db, cp, begun.id)
        assert stop(db, cp, begun.id, meter=9999).match is StopMatch.REPEATED
        assert total(db) == 2000


class TestWrongIds:
    @pytest.mark.parametrize("wrong", [0, -1, None, 77, 2**63 - 1, -(2**63), 2**70])
    def test_the_only_one_that_runs_is_meant(self, db, cp, wrong):
        begun = start(db, cp)
        stopped = stop(db, cp, wrong)
        assert (stopped.match, stopped.transaction.id) == (StopMatch.HEURISTIC, begun.id)
        assert transactions.find(db, begun.id).match is StopMatch.HEURISTIC

    def test_the_one_of_the_same_tag_is_preferred(self, db, cp):
        begun = start(db, cp, id_tag="mine")
        start(db, cp, connector=TWO, id_tag="YOURS")
        assert stop(db, cp, 0, id_tag="MINE").transaction.id == begun.id

    def test_a_tag_that_nobody_uses_stops_the_only_one(self, db, cp):
        begun = start(db, cp)
        assert stop(db, cp, 0, id_tag="MASTER").transaction.id == begun.id

    def test_a_tag_that_nobody_uses_stops_none_of_two(self, db, cp):
        start(db, cp)
        start(db, cp, connector=TWO)
        stopped = stop(db, cp, 0, id_tag="MASTER")
        assert (stopped.match, stopped.transaction) == (StopMatch.UNMATCHED, None)
        assert len(transactions.load_open(db)) == 2

    def test_without_a_tag_the_newest_whose_meter_fits_is_meant(self, db, cp):
        start(db, cp, meter=500)
        fits = start(db, cp, connector=TWO, meter=1000)
        start(db, cp, connector=type(ONE)(3), meter=9000)
        assert stop(db, cp, 0, meter=3000).transaction.id == fits.id

    def test_a_meter_below_all_of_them_means_none(self, db, cp):
        start(db, cp)
        assert stop(db, cp, 0, meter=999).match is StopMatch.UNMATCHED

    def test_but_a_register_of_its_own_may_be_below(self, db, cp):
        begun = start(db, cp, meter=50_000)
        meter_values.record(db, cp, [reading(begun.id, 10, 10, 1)])
        assert stop(db, cp, 0, meter=900).transaction.energy_wh == 900

    def test_a_stop_from_before_its_start_does_not_mean_it(self, db, cp):
        start(db, cp)
        assert stop(db, cp, 0, at=told(-30)).match is StopMatch.UNMATCHED
        assert stop(db, cp, 0, at=told(-4)).match is StopMatch.HEURISTIC

    def test_without_meter_and_time_the_newest_is_meant(self, db, cp):
        start(db, cp)
        newest = start(db, cp, connector=TWO)
        assert stop(db, cp, None, meter=None, at=MISSING_TIME).transaction.id == newest.id

    def test_nothing_that_runs_means_nothing_found(self, db, cp):
        assert stop(db, cp, 0).match is StopMatch.UNMATCHED

    def test_the_transaction_of_another_charge_point_is_untouchable(self, db, cp):
        other = charge_points.register(db, "CP2", Registration.ACCEPTED, NOON).id
        theirs = start(db, other)
        stopped = stop(db, cp, theirs.id)
        assert (stopped.match, stopped.transaction) == (StopMatch.UNMATCHED, None)
        assert transactions.find(db, theirs.id).stopped_at is None


class TestTags:
    def test_what_the_tag_is_told_comes_only_with_a_tag(self, db, cp):
        assert stop(db, cp, start(db, cp).id).info is None
        assert stop(db, cp, start(db, cp, at=told(70)).id, id_tag="  ").info is None
        assert stop(db, cp, 0, id_tag="TAG").info == IdTagInfo(AuthorizationStatus.ACCEPTED)

    def test_a_verdict_is_taken_as_it_is(self, db, cp):
        verdict = IdTagInfo(AuthorizationStatus.BLOCKED)
        assert stop(db, cp, start(db, cp).id, id_tag="TAG", verdict=verdict).info is verdict

    def test_its_own_transaction_does_not_count_against_it(self, db, cp):
        id_tags.enter(db, IdTag("TAG", max_transactions=1))
        begun = start(db, cp)
        for _ in range(2):
            assert stop(db, cp, begun.id, id_tag="TAG", open_to_all=False).info.status is AuthorizationStatus.ACCEPTED
