"""Charge points, connectors, tags and all that is written down beside transactions."""

from datetime import timedelta

import pytest

from mcppd.db import (
    charge_points,
    configuration_keys,
    connectors,
    id_tags,
    jobs,
    quarantine,
    reservations,
    security,
    transactions,
)
from mcppd.db.charge_points import Presence
from mcppd.model.authorization import IdTag
from mcppd.model.charge_points import BootIdentity, ConnectorRef, ConnectorStatus, Registration
from mcppd.model.commands import ConfigurationKey
from mcppd.model.replies import AuthorizationStatus, IdTagInfo
from mcppd.model.requests import StatusNotification
from tests.equipment.stored import NOON, ONE, TWO, after, start_request, told

IDENTITY = BootIdentity("Vendor", "Model", "S1", "S2", "1.0", "iccid", "imsi", "meter", "M1")


class TestChargePoints:
    def test_one_is_taken_in_once(self, db):
        first = charge_points.register(db, "CP 9/ä", Registration.PENDING, NOON)
        again = charge_points.register(db, "CP 9/ä", Registration.ACCEPTED, after(1))
        assert first == again
        assert (first.identity, first.registration, first.boot.known) == ("CP 9/ä", Registration.PENDING, False)
        charge_points.set_registration(db, first.id, Registration.BLOCKED)
        assert charge_points.load_all(db)[0].registration is Registration.BLOCKED

    def test_a_reboot_is_counted_and_interrupts_what_runs(self, db, cp):
        runs = transactions.start(db, cp, start_request(), now=NOON, open_to_all=True).transaction
        status(db, cp, "Charging")
        assert charge_points.record_boot(db, cp, IDENTITY, True, after(5)) == [runs.id]
        stored = charge_points.load_all(db)[0]
        assert (stored.boot, stored.boots, stored.last_boot_at) == (IDENTITY, 1, after(5))
        assert transactions.load_open(db)[0][1].interrupted
        assert connectors.load_all(db)[0].plugged_in_at is None

    def test_a_plain_reconnect_only_refreshes_what_it_says_of_itself(self, db, cp):
        transactions.start(db, cp, start_request(), now=NOON, open_to_all=True)
        status(db, cp, "Charging")
        assert charge_points.record_boot(db, cp, IDENTITY, False, after(5)) == []
        stored = charge_points.load_all(db)[0]
        assert (stored.boot, stored.boots, stored.last_boot_at) == (IDENTITY, 0, None)
        assert not transactions.load_open(db)[0][1].interrupted
        assert connectors.load_all(db)[0].plugged_in_at is not None

    def test_coming_and_going_is_kept_and_what_is_not_said_stays(self, db, cp):
        charge_points.record_presence(db, [Presence(cp, "ocpp1.6", after(1), after(2), after(3), after(4), 5)])
        charge_points.record_presence(db, [Presence(cp, None, None, None, None, after(9), 6)])
        stored = charge_points.load_all(db)[0]
        assert (stored.protocol, stored.reconnects) == ("ocpp1.6", 6)
        assert (stored.last_connect_at, stored.last_disconnect_at) == (after(1), after(2))
        assert (stored.last_heartbeat_at, stored.last_message_at) == (after(3), after(9))

    def test_what_did_not_change_is_not_written(self, db, cp):
        presence = Presence(cp, "ocpp1.6", after(1), None, None, None, 0)
        charge_points.record_presence(db, [presence])
        before = db.total_changes()
        charge_points.record_presence(db, [presence])
        assert db.total_changes() == before


def status(db, cp, said, minutes=0.0, connector=ONE, at=None, **more):
    known = ConnectorStatus(said)
    request = StatusNotification(connector, said, at=at, **more)
    return connectors.record_status(db, cp, request, known, after(minutes))


class TestStatus:
    def test_the_first_one_ever_is_a_change(self, db, cp):
        recorded = status(db, cp, "Available", 1, at=told(0.5))
        assert (recorded.previous, recorded.changed, recorded.status_changes) == (ConnectorStatus.UNKNOWN, True, 1)
        assert (recorded.since, recorded.plugged_in_at) == (after(0.5), None)
        [stored] = connectors.load_all(db)
        assert (stored.charge_point_id, stored.connector, stored.status) == (cp, ONE, ConnectorStatus.AVAILABLE)
        assert (stored.since, stored.energy_total_wh, stored.transactions, stored.last_started_at) == (
            after(0.5),
            0,
            0,
            None,
        )

    def test_the_same_again_is_none_and_writes_nothing(self, db, cp):
        status(db, cp, "Available", 1, error_code="NoError", info="ok")
        before = db.total_changes()
        recorded = status(db, cp, "Available", 2, error_code="NoError", info="ok")
        assert (recorded.changed, recorded.since, recorded.status_changes) == (False, after(1), 1)
        assert db.total_changes() == before

    @pytest.mark.parametrize(
        "more", [{"error_code": "OtherError"}, {"info": "x"}, {"vendor_error_code": "7"}, {"vendor_id": "v"}]
    )
    def test_another_error_is_a_change_but_not_of_the_status(self, db, cp, more):
        status(db, cp, "Available", 1)
        recorded = status(db, cp, "Available", 2, **more)
        assert (recorded.changed, recorded.since, recorded.status_changes) == (True, after(1), 1)

    def test_a_cable_is_in_from_the_first_status_that_says_so_until_available(self, db, cp):
        seen = [
            status(db, cp, said, minute).plugged_in_at
            for minute, said in enumerate(("Available", "Preparing", "Charging", "Faulted", "Finishing", "Available"))
        ]
        assert seen == [None, after(1), after(1), after(1), after(1), None]

    def test_after_a_boot_it_is_in_from_the_next_status_even_if_nothing_changed(self, db, cp):
        status(db, cp, "Preparing", 1)
        charge_points.record_boot(db, cp, IDENTITY, True, after(2))
        recorded = status(db, cp, "Preparing", 3)
        assert (recorded.changed, recorded.plugged_in_at, recorded.since) == (False, after(3), after(1))
        assert connectors.load_all(db)[0].plugged_in_at == after(3)

    def test_a_connector_that_had_a_transaction_before_it_ever_spoke_has_a_status_since_it_speaks(self, db, cp):
        transactions.start(db, cp, start_request(), now=NOON, open_to_all=True)
        recorded = status(db, cp, "Unknown", 4)
        assert recorded.since == after(4)
        assert connectors.load_all(db)[0].transactions == 1

    def test_the_charge_point_itself_has_one(self, db, cp):
        status(db, cp, "Available", connector=ConnectorRef(0, 0))
        assert connectors.load_all(db)[0].connector == ConnectorRef(0, 0)


class TestIdTags:
    def test_a_tag_is_what_the_operator_entered_however_it_is_spelled(self, db):
        tag = IdTag("Card1", AuthorizationStatus.BLOCKED, "PARENT", after(9), "Anna", 2)
        id_tags.enter(db, tag)
        assert id_tags.lookup(db, " CARD1 ") == tag
        assert id_tags.lookup(db, "card2") is None
        assert id_tags.remove(db, "card1")
        assert not id_tags.remove(db, "card1")

    def test_one_that_nobody_entered_is_noted_but_known_to_nobody(self, db):
        assert id_tags.check(db, "new", now=NOON, open_to_all=True) == IdTagInfo(AuthorizationStatus.ACCEPTED)
        assert id_tags.check(db, "NEW", now=NOON, open_to_all=False) == IdTagInfo(AuthorizationStatus.INVALID)
        assert id_tags.lookup(db, "new") is None
        [row] = id_tags.page(db)
        assert (row.id_tag, row.entered, row.first_seen_at, row.last_seen_at) == ("new", None, NOON, NOON)
        id_tags.enter(db, IdTag("New"))
        [row] = id_tags.page(db)
        assert (row.entered, row.first_seen_at) == (IdTag("New"), NOON)

    def test_when_it_was_last_seen_is_known_to_the_hour(self, db):
        id_tags.enter(db, IdTag("tag"))
        seen = []
        for minutes in (0, 59, 60):
            id_tags.check(db, "tag", now=after(minutes), open_to_all=True)
            seen.append(id_tags.page(db)[0].last_seen_at)
        assert seen == [NOON, NOON, after(60)]

    def test_free_vending_is_no_tag(self, db):
        assert id_tags.check(db, "  ", now=NOON, open_to_all=True).status is AuthorizationStatus.ACCEPTED
        assert id_tags.page(db) == []

    def test_tags_that_only_came_by_do_not_grow_without_bound(self, db, monkeypatch):
        monkeypatch.setattr(id_tags, "MAX_UNKNOWN", 3)
        id_tags.enter(db, IdTag("mine"))
        for n in range(6):
            id_tags.check(db, f"t{n}", now=NOON, open_to_all=True)
        assert [row.id_tag for row in id_tags.page(db)] == ["mine", "t3", "t4", "t5"]
        assert [row.id_tag for row in id_tags.page(db, after_id=id_tags.page(db)[1].id, limit=1)] == ["t4"]


class TestConfigurationKeys:
    def test_they_are_kept_as_told_last(self, db, cp):
        configuration_keys.store(db, cp, [ConfigurationKey("B", "1", False), ConfigurationKey("A", None, True)], NOON)
        configuration_keys.store(db, cp, [ConfigurationKey("B", "2", True)], after(1))
        loaded = configuration_keys.load(db, cp)
        assert [(key.key, key.value, key.readonly, key.seen_at) for key in loaded] == [
            ("A", None, True, NOON),
            ("B", "2", True, after(1)),
        ]

    def test_a_secret_is_not_kept_even_if_it_is_told(self, db, cp):
        configuration_keys.store(db, cp, [ConfigurationKey("AuthorizationKey", "0011223344", False)], NOON)
        assert configuration_keys.load(db, cp)[0].value is None

    def test_they_do_not_grow_without_bound(self, db, cp, monkeypatch):
        monkeypatch.setattr(configuration_keys, "MAX_KEYS", 2)
        for n in range(4):
            configuration_keys.store(db, cp, [ConfigurationKey(f"K{n}", "", False)], after(n))
        assert [key.key for key in configuration_keys.load(db, cp)] == ["K2", "K3"]


class TestJobs:
    def test_one_job_goes_on_until_its_last_word_and_then_comes_another(self, db, cp):
        for minute, said in enumerate(
            ("Downloading", "Downloaded", "Installing", "Installed", "Installed", "Idle", "Downloading")
        ):
            jobs.record_status(db, cp, "firmware", said, None, after(minute))
        assert [(job.status, job.created_at, job.updated_at) for job in jobs.page(db)] == [
            ("Downloading", after(6), after(6)),
            ("Installed", after(0), after(5)),
        ]

    def test_an_idle_charge_point_ends_what_ran(self, db, cp):
        jobs.record_status(db, cp, "log", "Uploading", 4, NOON)
        jobs.record_status(db, cp, "log", "Idle", 4, after(1))
        [job] = jobs.page(db)
        assert (job.charge_point, job.kind, job.request_id, job.status) == ("CP1", "log", 4, "Idle")

    def test_requests_and_kinds_are_told_apart(self, db, cp):
        for kind, request in (("log", 1), ("log", 2), ("diagnostics", None)):
            jobs.record_status(db, cp, kind, "Uploading", request, NOON)
        assert len(jobs.page(db)) == 3
        assert len(jobs.page(db, charge_point="CP1", before_id=jobs.page(db)[0].id)) == 2
        assert jobs.page(db, charge_point="CP2") == []

    def test_they_do_not_grow_without_bound(self, db, cp, monkeypatch):
        monkeypatch.setattr(jobs, "MAX_JOBS", 2)
        for _ in range(5):
            jobs.record_status(db, cp, "log", "Uploading", None, NOON)
            jobs.record_status(db, cp, "log", "Uploaded", None, NOON)
        assert len(jobs.page(db)) == 2


class TestSecurity:
    def test_events_of_charge_points_and_our_own_are_kept(self, db, cp):
        security.record_event(db, cp, "FirmwareUpdated", NOON, "1.1", after(1))
        security.record_event(db, None, "LinkRefused", NOON, "X", after(2), own=True)
        newest, oldest = security.page(db)
        assert (newest.charge_point, newest.type, newest.own, newest.tech_info) == (None, "LinkRefused", True, "X")
        assert (oldest.charge_point, oldest.at, oldest.received_at, oldest.own) == ("CP1", NOON, after(1), False)
        assert security.page(db, charge_point="CP1", before_id=newest.id) == [oldest]

    def test_they_do_not_grow_without_bound(self, db, cp, monkeypatch):
        monkeypatch.setattr(security, "MAX_EVENTS", 2)
        monkeypatch.setattr(security, "MAX_CERTIFICATE_REQUESTS", 2)
        for owner in (cp, None):
            for n in range(4):
                security.record_event(db, owner, f"{n}", NOON, None, NOON)
        for n in range(4):
            security.record_certificate_request(db, cp, f"{n}", NOON)
        assert [event.type for event in security.page(db)] == ["3", "2", "3", "2"]
        assert [request.csr for request in security.certificate_requests(db)] == ["3", "2"]

    def test_a_certificate_request_said_again_is_kept_once(self, db, cp):
        for minute in (0, 1):
            security.record_certificate_request(db, cp, "csr", after(minute))
        [request] = security.certificate_requests(db, charge_point="CP1")
        assert (request.csr, request.received_at) == ("csr", after(1))


class TestQuarantine:
    def test_a_message_is_kept_as_it_came_and_cut(self, db, cp):
        quarantine.record(db, cp, "StopTransaction", "m1", "unmatched", "ä" * 70_000, NOON)
        [row] = quarantine.page(db)
        assert (row.charge_point, row.action, row.message_id, row.reason) == (
            "CP1",
            "StopTransaction",
            "m1",
            "unmatched",
        )
        assert (row.raw, row.received_at) == ("ä" * 65_536, NOON)

    def test_the_oldest_go_by_number(self, db, cp, monkeypatch):
        monkeypatch.setattr(quarantine, "MAX_MESSAGES", 3)
        other = charge_points.register(db, "CP2", Registration.ACCEPTED, NOON).id
        quarantine.record(db, other, "A", "theirs", "r", "x", NOON)
        for n in range(5):
            quarantine.record(db, cp, "A", f"{n}", "r", "x", NOON)
        assert [row.message_id for row in quarantine.page(db)] == ["4", "3", "2", "theirs"]
        assert [row.message_id for row in quarantine.page(db, charge_point="CP1", limit=1)] == ["4"]

    def test_the_oldest_go_by_size(self, db, cp):
        for n in range(20):
            quarantine.record(db, cp, "A", f"{n}", "r", "x" * 65_536, NOON)
        assert len(quarantine.page(db)) == 16


class TestReservations:
    def test_those_that_still_hold_are_loaded(self, db, cp):
        for number, status_, minutes in ((5, "Accepted", 10), (6, "Accepted", -1), (7, "Cancelled", 10)):
            db.execute(
                "INSERT INTO reservations (id, charge_point_id, evse_id, connector_id, id_tag, expires_at, status,"
                " created_at) VALUES (?, ?, 2, 1, 'TAG', ?, ?, 0)",
                (number, cp, int((NOON + timedelta(minutes=minutes)).timestamp() * 1000), status_),
            )
        assert reservations.load_active(db, NOON) == [(cp, TWO, "TAG", after(10), 5)]
