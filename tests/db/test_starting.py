"""StartTransaction: one message is one transaction, and one connector has one (OCPP 1.6, 4.8)."""

import apsw
import pytest

from mcppd.db import charge_points, connection, connectors, id_tags, meter_values, migrations, transactions
from mcppd.model.authorization import IdTag
from mcppd.model.charge_points import ConnectorRef, ConnectorStatus, Registration
from mcppd.model.errors import StorageRefused
from mcppd.model.meter_values import Series
from mcppd.model.replies import AuthorizationStatus, IdTagInfo
from mcppd.model.requests import StatusNotification
from mcppd.model.timestamps import MISSING_TIME, TimeQuality, read_time
from mcppd.model.transactions import MAX_TRANSACTION_ID, Recovery, StopMatch
from tests.equipment.stored import NOON, ONE, TWO, after, reading, start_request, stop_request, told


def start(db, cp, now=NOON, open_to_all=True, verdict=None, **request):
    return transactions.start(db, cp, start_request(**request), now=now, open_to_all=open_to_all, verdict=verdict)


def stop(db, cp, transaction_id, now=None, **request):
    return transactions.stop(
        db, cp, stop_request(transaction_id, **request), now=now or after(60), open_to_all=True, verdict=None
    )


class TestANewTransaction:
    def test_it_is_kept_as_told_and_as_received(self, db, cp):
        started = start(db, cp, now=after(2), reservation_id=5)
        row = transactions.find(db, started.transaction.id)
        assert (row.charge_point, row.connector, row.id_tag, row.tag_status) == ("CP1", ONE, "TAG", "Accepted")
        assert (row.started_at, row.start_received_at) == (after(0), after(2))
        assert (row.start_time_quality, row.meter_start_wh, row.meter_start_told_wh) == (TimeQuality.GOOD, 1000, 1000)
        assert (row.reservation_id, row.stopped_at, row.energy_wh, row.match) == (5, None, 0, None)
        assert (started.repeated, started.ended, started.superseded) == (False, False, None)
        assert started.transaction.started_at == after(0)
        assert started.transaction.received_at == after(2)
        assert started.transaction.register.meter_start_wh == 1000

    def test_what_is_returned_is_what_a_restart_loads(self, db, cp):
        started = start(db, cp)
        assert transactions.load_open(db) == [(cp, started.transaction)]

    def test_ids_begin_somewhere_and_go_up_by_one(self, db, cp):
        first = start(db, cp).transaction.id
        assert 1 <= first <= 2**30 + 1
        assert start(db, cp, connector=TWO).transaction.id == first + 1

    def test_two_databases_begin_elsewhere(self, db, cp, tmp_path):
        drawn = set()
        for n in range(3):
            other = connection.connect(tmp_path / f"{n}.db", writable=True)
            migrations.migrate(other, tmp_path / f"{n}.db", migrations.known())
            drawn.add(other.execute("SELECT seq FROM sqlite_sequence WHERE name = 'transactions'").get)
            other.close()
        assert len(drawn) > 1

    def test_an_id_is_never_used_again(self, db, cp):
        first = start(db, cp).transaction.id
        db.execute("DELETE FROM transactions")
        assert start(db, cp).transaction.id == first + 1

    def test_beyond_the_last_id_there_is_a_clear_refusal_and_nothing_is_kept(self, db, cp):
        db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'transactions'", (MAX_TRANSACTION_ID - 1,))
        assert start(db, cp).transaction.id == MAX_TRANSACTION_ID
        with pytest.raises(StorageRefused, match="all transaction ids"), db:
            start(db, cp, connector=TWO)
        assert [transaction.id for _, transaction in transactions.load_open(db)] == [MAX_TRANSACTION_ID]

    def test_connector_and_charge_point_know_of_it(self, db, cp):
        start(db, cp, now=after(1))
        connector = connectors.load_all(db)[0]
        assert (connector.transactions, connector.last_started_at) == (1, after(1))
        assert charge_points.load_all(db)[0].last_tx_start_at == after(1)

    def test_the_charge_point_itself_may_start_one(self, db, cp):
        started = start(db, cp, connector=ConnectorRef.of_number(0))
        assert started.transaction.connector == ConnectorRef(0, 0)
        assert start(db, cp).superseded is None

    def test_a_reservation_is_used_up(self, db, cp):
        db.execute(
            "INSERT INTO reservations (id, charge_point_id, evse_id, connector_id, id_tag, expires_at, status,"
            " created_at) VALUES (5, ?, 1, 1, 'TAG', 0, 'Accepted', 0)",
            (cp,),
        )
        started = start(db, cp, reservation_id=5)
        used = db.execute("SELECT status, transaction_id FROM reservations").fetchone()
        assert used == ("Used", started.transaction.id)

    def test_a_missing_time_is_the_arrival(self, db, cp):
        started = start(db, cp, now=after(3), at=MISSING_TIME)
        assert started.transaction.started_at == after(3)
        assert transactions.find(db, started.transaction.id).start_time_quality is TimeQuality.MISSING


class TestMissingMeterStart:
    def test_it_is_zero_where_nothing_is_known(self, db, cp):
        row = transactions.find(db, start(db, cp, meter=None).transaction.id)
        assert (row.meter_start_wh, row.meter_start_told_wh) == (0, None)

    def test_it_is_where_the_last_transaction_left_the_register(self, db, cp):
        stop(db, cp, start(db, cp, meter=1000).transaction.id, meter=3000)
        assert start(db, cp, meter=None, at=told(70)).transaction.register.meter_start_wh == 3000

    def test_or_where_a_later_reading_found_it(self, db, cp):
        stop(db, cp, start(db, cp, meter=1000).transaction.id, meter=3000)
        meter_values.record(db, cp, [reading(None, 3100), reading(None, 9999, suspect=True), reading(None, None)])
        assert start(db, cp, meter=None, at=told(70)).transaction.register.meter_start_wh == 3100

    def test_a_number_that_no_register_holds_is_missing_too(self, db, cp):
        assert start(db, cp, meter=10**30).transaction.register.meter_start_wh == 0


class TestRepeats:
    @pytest.mark.parametrize("again", [{}, {"id_tag": " tag "}, {"now": after(600)}])
    def test_the_same_message_is_the_same_transaction(self, db, cp, again):
        first = start(db, cp)
        second = start(db, cp, **again)
        assert second.repeated
        assert second.transaction == first.transaction
        assert second.info == first.info
        assert connectors.load_all(db)[0].transactions == 1

    @pytest.mark.parametrize(
        "other", [{"id_tag": "OTHER"}, {"meter": 1001}, {"meter": None}, {"connector": TWO}, {"at": told(1)}]
    )
    def test_another_message_is_another_transaction(self, db, cp, other):
        first = start(db, cp)
        second = start(db, cp, **other)
        assert not second.repeated
        assert second.transaction.id != first.transaction.id

    def test_another_charge_point_may_say_the_same(self, db, cp):
        other = charge_points.register(db, "CP2", Registration.ACCEPTED, NOON).id
        assert start(db, cp).transaction.id != start(db, other).transaction.id

    def test_it_is_the_same_after_it_has_ended(self, db, cp):
        first = start(db, cp)
        stop(db, cp, first.transaction.id)
        second = start(db, cp)
        assert (second.repeated, second.ended, second.transaction.id) == (True, True, first.transaction.id)
        assert transactions.load_open(db) == []

    def test_it_is_the_same_after_another_one_has_started(self, db, cp):
        first = start(db, cp)
        newer = start(db, cp, at=told(5), meter=1200)
        again = start(db, cp)
        assert (again.repeated, again.ended, again.transaction.id) == (True, True, first.transaction.id)
        assert [transaction.id for _, transaction in transactions.load_open(db)] == [newer.transaction.id]

    @pytest.mark.parametrize("at", [MISSING_TIME, read_time("yesterday"), read_time("1970-01-01T00:00:09Z")])
    def test_without_a_good_time_it_is_the_same_only_while_it_runs(self, db, cp, at):
        first = start(db, cp, at=at)
        again = start(db, cp, at=at, now=after(9))
        assert (again.repeated, again.transaction.id) == (True, first.transaction.id)
        stop(db, cp, first.transaction.id)
        assert not start(db, cp, at=at).repeated

    def test_two_different_unreadable_times_are_two_messages(self, db, cp):
        start(db, cp, at=read_time("yesterday"))
        assert not start(db, cp, at=read_time("today")).repeated

    def test_a_time_in_the_future_is_recognised_although_it_is_not_used(self, db, cp):
        first = start(db, cp, at=told(600))
        assert first.transaction.started_at == NOON
        assert start(db, cp, at=told(600), now=after(700)).repeated

    def test_a_repeat_tells_how_far_it_has_come(self, db, cp):
        first = start(db, cp)
        meter_values.record(db, cp, [reading(first.transaction.id, 1500, 500, 5, power_w=7000.0)])
        again = start(db, cp)
        assert (again.transaction.energy_wh, again.transaction.max_power_w) == (500, 7000.0)


class TestOrphans:
    def test_a_new_one_closes_the_old_one_with_its_last_reading(self, db, cp):
        old = start(db, cp).transaction
        meter_values.record(db, cp, [reading(old.id, 1800, 800, 20), reading(old.id, 1900, None, 21, suspect=True)])
        closed = start(db, cp, at=told(90), meter=5000, now=after(91)).superseded
        assert (closed.id, closed.recovery, closed.reason) == (old.id, Recovery.SUPERSEDED, "Other")
        assert (closed.meter_start_wh, closed.meter_stop_wh, closed.energy_wh) == (1000, 1800, 800)
        assert closed.stopped_at == after(20)
        row = transactions.find(db, old.id)
        assert (row.recovery, row.stop_received_at, row.meter_stop_told_wh) == (Recovery.SUPERSEDED, after(91), None)
        assert (row.match, row.stop_time_quality, row.stop_suspect) == (None, None, False)
        assert connectors.load_all(db)[0].energy_total_wh == 800

    def test_the_register_of_a_session_is_told_as_the_lifetime_register_it_would_be(self, db, cp):
        old = start(db, cp).transaction
        meter_values.record(db, cp, [reading(old.id, 0, 0, 1), reading(old.id, 800, 800, 20)])
        closed = start(db, cp, at=told(90), meter=5000).superseded
        assert (closed.meter_stop_wh, closed.energy_wh) == (1800, 800)

    def test_without_a_reading_it_ends_where_the_new_one_begins(self, db, cp):
        start(db, cp)
        closed = start(db, cp, at=told(90), meter=5000, now=after(95)).superseded
        assert (closed.meter_stop_wh, closed.energy_wh, closed.stopped_at) == (5000, 4000, after(90))

    def test_a_lower_register_is_not_its_end(self, db, cp):
        start(db, cp)
        closed = start(db, cp, at=told(90), meter=10, now=after(90)).superseded
        assert (closed.meter_stop_wh, closed.energy_wh, closed.stopped_at) == (1000, 0, NOON)

    @pytest.mark.parametrize("meter", [None, 10**12])
    def test_nor_is_a_missing_or_an_impossible_one(self, db, cp, meter):
        start(db, cp)
        closed = start(db, cp, at=told(90), meter=meter, now=after(90)).superseded
        assert (closed.meter_stop_wh, closed.energy_wh, closed.stopped_at) == (1000, 0, NOON)

    def test_the_other_connector_and_the_other_charge_point_go_on(self, db, cp):
        other = charge_points.register(db, "CP2", Registration.ACCEPTED, NOON).id
        start(db, cp, connector=TWO)
        start(db, other)
        assert start(db, cp).superseded is None
        assert len(transactions.load_open(db)) == 3

    def test_two_open_ones_on_a_connector_cannot_be_stored_at_all(self, db, cp):
        started = start(db, cp).transaction
        stop(db, cp, start(db, cp, at=told(9)).transaction.id)
        with pytest.raises(apsw.ConstraintError):
            db.execute("UPDATE transactions SET stopped_at = NULL")
        assert started.id


class TestRecovery:
    def test_one_that_was_left_open_ends_with_its_last_reading(self, db, cp):
        old = start(db, cp).transaction
        meter_values.record(db, cp, [reading(old.id, 1700, 700, 30, power_w=5000.0)])
        closed = transactions.recover(db, cp, old.id, now=after(99))
        assert (closed.recovery, closed.reason, closed.energy_wh) == (Recovery.LEFT_OPEN, "Other", 700)
        assert (closed.stopped_at, closed.meter_stop_wh, closed.max_power_w) == (after(30), 1700, 5000.0)
        assert closed.duration_s == 1800

    def test_without_a_reading_it_ends_when_the_connector_changed(self, db, cp):
        old = start(db, cp).transaction
        said = StatusNotification(ONE, "Available", at=told(40))
        connectors.record_status(db, cp, said, ConnectorStatus.AVAILABLE, after(40))
        closed = transactions.recover(db, cp, old.id, now=after(99))
        assert (closed.stopped_at, closed.energy_wh, closed.meter_stop_wh) == (after(40), 0, 1000)

    def test_without_that_it_ends_where_it_began(self, db, cp):
        old = start(db, cp).transaction
        assert transactions.recover(db, cp, old.id, now=after(99)).stopped_at == NOON

    def test_one_that_ended_meanwhile_stays_as_it_is(self, db, cp):
        old = start(db, cp).transaction
        stop(db, cp, old.id)
        assert transactions.recover(db, cp, old.id, now=after(99)) is None
        assert transactions.find(db, old.id).match is StopMatch.BY_ID

    def test_another_charge_point_cannot_have_it_closed(self, db, cp):
        other = charge_points.register(db, "CP2", Registration.ACCEPTED, NOON).id
        assert transactions.recover(db, other, start(db, cp).transaction.id, now=after(9)) is None


class TestTags:
    def test_an_invalid_tag_still_gets_an_id(self, db, cp):
        started = start(db, cp, open_to_all=False)
        assert started.info.status is AuthorizationStatus.INVALID
        assert started.transaction.id > 0
        assert transactions.find(db, started.transaction.id).tag_status == "Invalid"

    def test_a_verdict_is_taken_as_it_is_and_the_tag_noted(self, db, cp):
        verdict = IdTagInfo(AuthorizationStatus.BLOCKED, "PARENT")
        assert start(db, cp, verdict=verdict).info is verdict
        assert [row.id_tag for row in id_tags.page(db)] == ["TAG"]

    def test_a_tag_that_may_run_once_is_told_so_by_the_second_and_not_by_a_repeat_of_the_first(self, db, cp):
        id_tags.enter(db, IdTag("tag", max_transactions=1))
        assert start(db, cp, open_to_all=False).info.status is AuthorizationStatus.ACCEPTED
        assert start(db, cp, open_to_all=False, connector=TWO).info.status is AuthorizationStatus.CONCURRENT_TX
        assert start(db, cp, open_to_all=False).info.status is AuthorizationStatus.ACCEPTED
        assert id_tags.running(db, "TAG") == 2

    def test_one_that_is_superseded_does_not_count(self, db, cp):
        id_tags.enter(db, IdTag("tag", max_transactions=1))
        start(db, cp, open_to_all=False)
        assert start(db, cp, open_to_all=False, at=told(5)).info.status is AuthorizationStatus.ACCEPTED


class TestRestart:
    def test_a_running_one_is_loaded_with_what_its_readings_say(self, db, cp):
        begun = start(db, cp).transaction
        meter_values.record(
            db,
            cp,
            [
                reading(begun.id, 1100, 100, 1, power_w=6000.0),
                reading(begun.id, 1500, 500, 5, power_w=9000.0),
                reading(begun.id, 1400, 500, 4, power_w=8000.0),
                reading(begun.id, 99, None, 6, suspect=True),
            ],
        )
        charge_points.record_boot(db, cp, charge_points.load_all(db)[0].boot, True, NOON)
        [(owner, loaded)] = transactions.load_open(db)
        assert owner == cp
        register = loaded.register
        assert (register.energy_wh, register.last_at, register.series) == (500, after(5), Series.LIFETIME)
        assert (loaded.max_power_w, loaded.interrupted) == (9000.0, True)

    def test_a_session_register_is_recognised(self, db, cp):
        begun = start(db, cp).transaction
        meter_values.record(db, cp, [reading(begun.id, 0, 0, 1)])
        assert transactions.load_open(db)[0][1].register.series is Series.SESSION
