"""Meter values: appended, found again without an index, recognised when repeated, and pruned with time."""

import json
from dataclasses import replace

import pytest

from mcppd.db import charge_points, meter_values, progress, retention, transactions
from mcppd.db.meter_values import fingerprint, read_samples, recent_fingerprints, write_samples
from mcppd.db.progress import ACCOUNT_EVERY
from mcppd.model.charge_points import Registration
from mcppd.model.meter_values import CONTEXT_BEGIN, Sample
from mcppd.model.timestamps import TimeQuality
from tests.equipment.stored import NOON, ONE, TWO, after, reading, start_request, stop_request, told


def start(db, cp, **request):
    return transactions.start(db, cp, start_request(**request), now=NOON, open_to_all=True).transaction


def mark(db) -> int:
    return db.execute("SELECT coalesce((SELECT value FROM meta WHERE key = 'accounted_reading'), 0)").get


def many(db, cp, transaction_id, count, first=0, **more):
    meter_values.record(
        db, cp, [reading(transaction_id, 1000 + n, n, n / 60, **more) for n in range(first, first + count)]
    )


class TestSamples:
    SAMPLES = (
        Sample(1234567.0),
        Sample(7200.5, "Power.Active.Import", "W"),
        Sample(16.0, "Current.Import", "A", "L1"),
        Sample(230.1, "Voltage", "V", "L2-N", "Inlet", "Trigger"),
        Sample(55.0, "SoC", "Percent", None, "EV"),
        Sample(12.0, context=CONTEXT_BEGIN),
        Sample(1e20),
        Sample(None, raw='OCMF|{"a":"ä"}'),
        Sample(None, "SoC", "Percent"),
    )

    def test_they_come_back_as_they_were(self):
        assert read_samples(write_samples(self.SAMPLES)) == self.SAMPLES
        assert read_samples(write_samples(())) == ()

    def test_what_is_usual_takes_no_room(self):
        assert (
            write_samples(self.SAMPLES[:3]) == '[[1234567],[7200.5,"Power.Active.Import"],[16,"Current.Import","L1"]]'
        )

    def test_it_is_json_that_anybody_can_read(self):
        assert json.loads(write_samples(self.SAMPLES))[3] == [230.1, "Voltage", "L2-N", "Trigger", "Inlet"]


class TestRecording:
    def test_a_reading_comes_back_as_it_was(self, db, cp):
        begun = start(db, cp)
        given = reading(begun.id, 1500, 500, 3, power_w=7000.0)
        meter_values.record(db, cp, [given])
        [row] = transactions.meter_values(db, begun.id)
        assert (row.connector, row.at, row.received_at, row.quality) == (
            ONE,
            given.at,
            given.received_at,
            TimeQuality.GOOD,
        )
        assert (row.register_wh, row.energy_wh, row.power_w, row.suspect) == (1500, 500, 7000.0, False)
        assert row.samples == given.samples

    def test_nothing_is_nothing(self, db, cp):
        meter_values.record(db, cp, [])
        assert db.execute("SELECT count(*) FROM meter_values").get == 0

    def test_a_number_that_no_register_holds_is_left_out(self, db, cp):
        begun = start(db, cp)
        meter_values.record(db, cp, [reading(begun.id, 10**40, None, suspect=True)])
        [row] = transactions.meter_values(db, begun.id)
        assert (row.register_wh, row.suspect, row.samples[0].value) == (None, True, 1e40)


class TestFindingThem:
    def test_each_transaction_has_its_own_in_order_and_in_pages(self, db, cp):
        one, two = start(db, cp), start(db, cp, connector=TWO)
        for n in range(10):
            meter_values.record(db, cp, [reading(one.id, n), reading(two.id, 100 + n), reading(None, 200 + n)])
        first = transactions.meter_values(db, one.id, limit=4)
        rest = transactions.meter_values(db, one.id, first[-1].id)
        assert [row.register_wh for row in first + rest] == list(range(10))
        assert transactions.meter_values(db, one.id, rest[-1].id) == []
        assert transactions.meter_values(db, 5) == []

    def test_those_that_come_after_the_stop_are_still_its_own(self, db, cp):
        begun = start(db, cp)
        many(db, cp, begun.id, 3)
        transactions.stop(db, cp, stop_request(begun.id), now=after(61), open_to_all=True)
        many(db, cp, begun.id, 2, first=3)
        assert len(transactions.meter_values(db, begun.id)) == 5
        assert len(transactions.meter_values(db, begun.id, limit=4)) == 4
        many(db, cp, None, ACCOUNT_EVERY)
        many(db, cp, begun.id, 1, first=5)
        many(db, cp, None, ACCOUNT_EVERY)
        assert len(transactions.meter_values(db, begun.id)) == 6
        assert transactions.find(db, begun.id).energy_wh == 2000

    def test_what_another_charge_point_says_of_it_is_not_heard(self, db, cp):
        other = charge_points.register(db, "CP2", Registration.ACCEPTED, NOON).id
        begun = start(db, cp)
        many(db, other, begun.id, ACCOUNT_EVERY + 10)
        assert transactions.meter_values(db, begun.id) == []
        assert transactions.load_open(db)[0][1].energy_wh == 0


class TestAccounting:
    """What readings say is added to their transactions now and then, and is true at any time."""

    @pytest.mark.parametrize("count", [1, ACCOUNT_EVERY - 1, ACCOUNT_EVERY, ACCOUNT_EVERY + 1, 3 * ACCOUNT_EVERY + 7])
    def test_it_makes_no_difference_to_anybody(self, db, cp, count):
        begun = start(db, cp)
        for n in range(count):
            many(db, cp, begun.id, 1, first=n, power_w=float(n))
        assert mark(db) == count - count % ACCOUNT_EVERY
        [(_, loaded)] = transactions.load_open(db)
        assert (loaded.energy_wh, loaded.max_power_w) == (count - 1, float(count - 1))
        assert loaded.register.last_at == reading(None, 0, minutes=(count - 1) / 60).at
        row = transactions.find(db, begun.id)
        assert (row.energy_wh, row.max_power_w) == (count - 1, float(count - 1))
        assert len(transactions.meter_values(db, begun.id, limit=10**6)) == count

    def test_doing_it_again_changes_nothing(self, db, cp):
        begun = start(db, cp)
        many(db, cp, begun.id, 10)
        progress.account(db)
        before = db.execute("SELECT * FROM transactions").fetchall()
        db.execute("DELETE FROM meta")
        progress.account(db)
        assert db.execute("SELECT * FROM transactions").fetchall() == before

    def test_a_long_message_crosses_the_line_too(self, db, cp):
        begun = start(db, cp)
        many(db, cp, begun.id, 2 * ACCOUNT_EVERY + 5)
        assert mark(db) == 2 * ACCOUNT_EVERY + 5
        assert transactions.load_open(db)[0][1].energy_wh == 2 * ACCOUNT_EVERY + 4

    def test_no_index_is_kept_on_the_readings(self, db):
        assert (
            db.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'meter_values'").get == 0
        )

    def test_loading_what_runs_does_not_go_through_all_readings(self, db, cp):
        """Counted in instructions of SQLite, which are the same on every machine."""
        start(db, cp)
        begun = start(db, cp, connector=TWO)
        costs = []
        for _ in range(3):
            many(db, cp, begun.id, 10 * ACCOUNT_EVERY)
            steps = []
            db.set_progress_handler(lambda: bool(steps.append(1)), 100)  # noqa: B023
            transactions.load_open(db)
            db.set_progress_handler(None)
            costs.append(len(steps))
        assert costs[2] <= costs[0] + 2


class TestRepeats:
    def test_a_message_said_again_has_the_same_fingerprint(self, db, cp):
        said = [reading(7, 1500, 500, 3), reading(7, 1600, 600, 4)]
        again = [reading(None, 1500, None, 3, suspect=True), reading(None, 1600, None, 4)]
        assert fingerprint(said) == fingerprint(again)
        assert len(fingerprint(said)) == 16

    @pytest.mark.parametrize("other", [[reading(7, 1501, 500, 3)], [reading(7, 1500, 500, 4)], []])
    def test_another_one_has_another(self, other):
        assert fingerprint(other) != fingerprint([reading(7, 1500, 500, 3)])

    def test_a_time_that_was_not_told_is_not_part_of_it(self):
        early, late = (replace(reading(7, 1, minutes=n), quality=TimeQuality.MISSING) for n in (1, 2))
        assert fingerprint([early]) == fingerprint([late])

    def test_after_a_restart_the_newest_messages_are_known(self, db, cp):
        messages = [
            [reading(None, 1500, None, 3), replace(reading(None, 1600, None, 2), received_at=after(3))],
            [replace(reading(None, 1700, None, 5), quality=TimeQuality.MISSING_ZONE)],
            [replace(reading(None, 1800, None, 6, connector=TWO), quality=TimeQuality.UNREADABLE)],
        ]
        for message in messages:
            meter_values.record(db, cp, message)
        assert recent_fingerprints(db) == [
            (cp, ONE, fingerprint(messages[0])),
            (cp, ONE, fingerprint(messages[1])),
            (cp, TWO, fingerprint(messages[2])),
        ]
        assert len(recent_fingerprints(db, limit=2)) == 2


class TestRetention:
    def test_old_readings_outside_transactions_go_and_all_else_stays(self, db, cp):
        begun = start(db, cp)
        many(db, cp, begun.id, 5)
        many(db, cp, None, 5)
        meter_values.record(db, cp, [reading(None, 1, None, 100)])
        assert retention.prune_meter_values(db, after(50)) == 5
        assert retention.prune_meter_values(db, after(50)) == 0
        assert len(transactions.meter_values(db, begun.id)) == 5
        assert db.execute("SELECT count(*) FROM meter_values").get == 6

    def test_it_is_done_in_portions(self, db, cp):
        many(db, cp, None, 10)
        assert [retention.prune_meter_values(db, after(50), limit=4) for _ in range(4)] == [4, 4, 1, 0]

    def test_what_must_stay_is_not_looked_at_again_and_again(self, db, cp, monkeypatch):
        monkeypatch.setattr(retention, "_WINDOW", 3)
        begun = start(db, cp)
        many(db, cp, begun.id, 6)
        many(db, cp, None, 4)
        assert [retention.prune_meter_values(db, after(50)) for _ in range(5)] == [0, 0, 3, 0, 0]

    def test_a_clock_that_was_ahead_for_a_while_does_not_stop_it(self, db, cp):
        meter_values.record(
            db, cp, [reading(None, 1, None, 1), reading(None, 2, None, 10**6), reading(None, 3, None, 2)]
        )
        many(db, cp, None, 1)
        assert retention.prune_meter_values(db, after(50)) == 2

    def test_the_newest_row_stays_so_that_no_id_is_given_out_again(self, db, cp):
        many(db, cp, None, 3)
        retention.prune_meter_values(db, after(50))
        begun = start(db, cp, at=told(1))
        many(db, cp, begun.id, 1)
        assert [row.id for row in transactions.meter_values(db, begun.id)] == [4]
