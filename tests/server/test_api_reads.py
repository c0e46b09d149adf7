"""Reading the API: charge points, transactions, the smaller lists, probes."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mcppd.model.authorization import IdTag
from mcppd.model.charge_points import ConnectorRef, ConnectorStatus
from mcppd.model.errors import StorageUnavailable
from mcppd.server.api import transactions
from tests.equipment.site import (
    EIGHT,
    KeyRow,
    NoteRow,
    ReadingRow,
    Site,
    TagRow,
    charging,
    connector,
    ended,
)


@pytest.fixture
async def site(tmp_path):
    async with Site(tmp_path) as site:
        yield site


async def get(site: Site, path: str):
    answer = await site.ask("GET", path)
    assert answer.status == 200, answer.body
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json


class TestProbes:
    async def test_metrics_are_what_monitoring_makes_of_them(self, site):
        answer = await site.ask("GET", "/metrics")
        assert answer.body == b"mcppd_links 1\n"
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"

    @pytest.mark.parametrize("path", ["/healthz", "/readyz"])
    async def test_health_says_why_it_is_red(self, site, path):
        assert await get(site, path) == {"status": "ok", "reasons": []}
        site.health.reasons = ["the disk is full"]
        answer = await site.ask("GET", path)
        assert answer.status == 503
        assert answer.json == {"status": "failing", "reasons": ["the disk is full"]}

    async def test_the_status_counts_the_site_and_tells_of_the_daemon(self, site):
        faulted = connector(2, status=ConnectorStatus.FAULTED)
        site.add("CP1", connector(0), charging(1, 7), faulted)
        site.add("CP2", connected=False, ready=False)
        assert await get(site, "/api/v1/status") == {
            "charge_points": {"known": 2, "connected": 1, "ready": 1},
            "connectors": {"known": 2, "charging": 1, "faulted": 1},
            "transactions": {"open": 1},
            "power_w": 7400.0,
            "energy_total_wh": 5500,
            "version": "1.2.3",
            "started_at": "2026-11-21T06:00:00.000Z",
            "uptime_s": 7200.0,
        }


class TestChargePoints:
    async def test_are_listed_by_name(self, site):
        site.add("B")
        site.add("A")
        listed = await get(site, "/api/v1/charge-points")
        assert [item["id"] for item in listed["items"]] == ["A", "B"]
        assert listed["next"] is None

    async def test_one_is_shown_with_its_connectors_and_what_runs_there(self, site):
        site.add("CP1", charging(1, 7))
        shown = await get(site, "/api/v1/charge-points/CP1")
        assert shown["registration"] == "accepted"
        assert (shown["vendor"], shown["model"], shown["firmware"]) == ("Wall", "Box 11", "1.0")
        assert shown["connected_since"] == "2026-11-21T08:00:00.000Z"
        (place,) = shown["connectors"]
        assert (place["connector_id"], place["status"], place["power_w"]) == (1, "Charging", 7400.0)
        assert place["current_a"] == {"L1": 16.0, "L2": 16.0}
        assert place["transaction"] == {
            "id": 7,
            "connector_id": 1,
            "id_tag": "TAG1",
            "started_at": "2026-11-21T08:00:00.000Z",
            "meter_start_wh": 1000,
            "energy_wh": 3500,
            "max_power_w": 7400.0,
            "interrupted": False,
            "reservation_id": None,
        }

    @pytest.mark.parametrize(
        ("told", "identity"), [("Stra%C3%9Fe%201", "Straße 1"), ("a%2Fb", "a/b"), ("50%25", "50%")]
    )
    async def test_any_name_can_be_asked_for(self, site, told, identity):
        site.add(identity)
        assert (await get(site, f"/api/v1/charge-points/{told}"))["id"] == identity
        await get(site, f"/api/v1/charge-points/{told}/configuration")

    @pytest.mark.parametrize("path", ["/api/v1/charge-points/CP9", "/api/v1/charge-points/CP9/configuration"])
    async def test_an_unknown_one_is_404(self, site, path):
        answer = await site.ask("GET", path)
        assert answer.status == 404
        assert answer.error["kind"] == "ChargePointUnknown"

    async def test_configuration_keys_are_shown_but_secrets_are_not(self, site):
        site.add("CP1")
        site.archive.keys = [
            KeyRow("HeartbeatInterval", "300", False, EIGHT),
            KeyRow("AuthorizationKey", "s3cret", False, EIGHT),
        ]
        listed = await get(site, "/api/v1/charge-points/CP1/configuration")
        assert listed["items"][0] == {
            "key": "HeartbeatInterval",
            "value": "300",
            "readonly": False,
            "seen_at": "2026-11-21T08:00:00.000Z",
        }
        assert "s3cret" not in json.dumps(listed)


class TestTransactions:
    async def test_come_newest_first_and_page_by_page(self, site):
        site.archive.rows = [ended(number) for number in range(1, 6)]
        seen, cursor = [], ""
        for size in (2, 2, 1):
            listed = await get(site, f"/api/v1/transactions?limit=2{cursor}")
            assert len(listed["items"]) == size
            seen += [item["id"] for item in listed["items"]]
            cursor = f"&cursor={listed['next']}"
        assert seen == [5, 4, 3, 2, 1]
        assert listed["next"] is None

    async def test_a_last_page_that_is_just_full_has_no_next(self, site):
        site.archive.rows = [ended(1), ended(2)]
        assert (await get(site, "/api/v1/transactions?limit=2"))["next"] is None

    async def test_filters_reach_the_archive(self, site):
        await get(
            site,
            "/api/v1/transactions?charge_point=CP1&open=true&id_tag=T&since=2026-11-21&until=2026-11-21T10:00:00%2B01:00",
        )
        asked = site.archive.asked[-1]
        assert asked == {
            "charge_point": "CP1",
            "open": True,
            "id_tag": "T",
            "since": datetime(2026, 11, 21, tzinfo=UTC),
            "until": datetime(2026, 11, 21, 9, tzinfo=UTC),
            "before_id": None,
            "limit": 101,
        }

    async def test_one_is_shown_with_its_duration(self, site):
        site.archive.rows = [ended(7), ended(8, stopped_at=None)]
        shown = await get(site, "/api/v1/transactions/7")
        assert (shown["id"], shown["connector_id"], shown["duration_s"]) == (7, 1, 3600.0)
        assert (await get(site, "/api/v1/transactions/8"))["duration_s"] is None

    @pytest.mark.parametrize("number", ["9", "abc", "-1", "9" * 30, "1e3"])
    async def test_an_unknown_one_is_404(self, site, number):
        for path in (f"/api/v1/transactions/{number}", f"/api/v1/transactions/{number}/meter-values"):
            answer = await site.ask("GET", path)
            assert answer.status == 404
            assert answer.error

    async def test_meter_values_come_oldest_first(self, site):
        site.archive.rows = [ended(7)]
        site.archive.readings = [
            ReadingRow(n, ConnectorRef(1), EIGHT + timedelta(minutes=n), n * 100) for n in (1, 2, 3)
        ]
        listed = await get(site, "/api/v1/transactions/7/meter-values?limit=2")
        assert [item["energy_wh"] for item in listed["items"]] == [100, 200]
        listed = await get(site, f"/api/v1/transactions/7/meter-values?limit=2&cursor={listed['next']}")
        assert [item["energy_wh"] for item in listed["items"]] == [300]

    async def test_a_database_that_cannot_be_read_is_503(self, site):
        site.archive.failure = StorageUnavailable("the disk is full; free some space")
        answer = await site.ask("GET", "/api/v1/transactions")
        assert answer.status == 503
        assert "disk is full" in answer.error["message"]

    async def test_what_was_not_foreseen_is_500_and_the_log_can_be_searched_for_it(self, site, caplog):
        site.archive.failure = RuntimeError("secret cause")
        answer = await site.ask("GET", "/api/v1/transactions")
        assert answer.status == 500
        assert "secret" not in answer.body.decode()
        assert answer.error["correlation_id"] in answer.error["message"]
        assert [record.message for record in caplog.records] == ["http_request_failed"]


class TestCsv:
    async def test_all_pages_come_in_one(self, site, monkeypatch):
        monkeypatch.setattr(transactions, "CSV_CHUNK", 2)
        site.archive.rows = [ended(number) for number in range(1, 6)]
        answer = await site.ask("GET", "/api/v1/transactions?format=csv")
        lines = answer.body.decode().splitlines()
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["Content-Disposition"]
        assert lines[0].startswith("id,charge_point,connector_id,id_tag")
        assert [line.split(",")[0] for line in lines[1:]] == ["5", "4", "3", "2", "1"]
        assert all(asked["limit"] == 2 for asked in site.archive.asked)

    async def test_a_limit_and_a_cursor_hold(self, site):
        site.archive.rows = [ended(number) for number in range(1, 6)]
        answer = await site.ask("GET", "/api/v1/transactions?format=csv&limit=2&cursor=4")
        assert [line.split(",")[0] for line in answer.body.decode().splitlines()[1:]] == ["3", "2"]

    async def test_a_text_cannot_become_a_formula_or_another_cell(self, site):
        site.archive.rows = [
            ended(n, id_tag=tag) for n, tag in enumerate(["=1+1", "+1", "-1", "@x", 'a"b,c', "x\ry"], 1)
        ]
        text = (await site.ask("GET", "/api/v1/transactions?format=csv")).body.decode()
        for shown in (",'=1+1,", ",'+1,", ",'-1,", ",'@x,", ',"a""b,c",', ',"x\ry",'):
            assert shown in text

    async def test_a_failure_half_way_does_not_look_like_the_end(self, site, monkeypatch):
        monkeypatch.setattr(transactions, "CSV_CHUNK", 1)
        site.archive.rows = [ended(1), ended(2)]

        async def failing(**filters):
            if filters["before_id"] is not None:
                raise StorageUnavailable("the disk is gone; look at it")
            return site.archive.rows[1:]

        monkeypatch.setattr(site.archive, "transactions", failing)
        with pytest.raises((OSError, Exception), match=r"IncompleteRead|reset|RemoteDisconnected"):
            await site.ask("GET", "/api/v1/transactions?format=csv")


class TestLists:
    async def test_id_tags_are_flat_and_tell_whether_anybody_entered_them(self, site):
        site.archive.tags = [
            TagRow(1, "AB12", IdTag("AB12", note="van", expires_at=EIGHT), EIGHT, EIGHT),
            TagRow(2, "FFFF", None, EIGHT, None),
        ]
        first, second = (await get(site, "/api/v1/id-tags"))["items"]
        assert (first["entered"], first["status"], first["note"]) == (True, "Accepted", "van")
        assert first["expires_at"] == "2026-11-21T08:00:00.000Z"
        assert second["entered"] is False
        assert (await get(site, "/api/v1/id-tags?limit=1"))["next"] == "1"

    @pytest.mark.parametrize("path", ["/api/v1/quarantine", "/api/v1/security-events"])
    async def test_notes_come_page_by_page(self, site, path):
        site.archive.notes = [NoteRow(n, "CP1", "{\u2028}") for n in (3, 2, 1)]
        listed = await get(site, f"{path}?limit=2")
        assert [item["id"] for item in listed["items"]] == [3, 2]
        assert [item["id"] for item in (await get(site, f"{path}?cursor={listed['next']}"))["items"]] == [1]

    async def test_reservations_and_profiles_have_one_page(self, site):
        site.archive.held = [{"charge_point": "CP1", "connector": ConnectorRef(2), "expires_at": EIGHT}]
        assert await get(site, "/api/v1/reservations") == {
            "items": [{"charge_point": "CP1", "connector_id": 2, "expires_at": "2026-11-21T08:00:00.000Z"}],
            "next": None,
        }
        assert await get(site, "/api/v1/charging-profiles") == {"items": [], "next": None}


class TestParameters:
    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=ten", "limit"),
            ("limit=%D9%A1", "limit"),
            ("limit=1&limit=2", "limit"),
            ("open=maybe", "open"),
            ("since=yesterday", "since"),
            ("until=", "until"),
            ("cursor=-1", "cursor"),
            ("cursor=99999999999999999999", "cursor"),
            ("format=xml", "format"),
            ("charge_point=", "charge_point"),
            ("id_tag=%00", "id_tag"),
            ("colour=red", "colour"),
        ],
    )
    async def test_a_bad_one_is_400_and_named(self, site, query, parameter):
        answer = await site.ask("GET", f"/api/v1/transactions?{query}")
        assert answer.status == 400
        assert answer.error["parameter"] == parameter
        assert parameter in answer.error["message"]
        assert site.archive.asked == []

    async def test_too_many_are_400(self, site):
        assert (await site.ask("GET", "/api/v1/transactions?" + "&".join(["a=1"] * 30))).status == 400


class TestAddresses:
    async def test_an_unknown_one_is_404(self, site):
        for path in (
            "/",
            "/api",
            "/api/v1",
            "/api/v1/status/",
            "/api/v2/status",
            "/api/v1/charge-points//configuration",
        ):
            answer = await site.ask("GET", path)
            assert answer.status == 404, path
            assert answer.error["kind"] == "NotFound"

    async def test_another_method_is_405_and_told_which(self, site):
        answer = await site.ask("DELETE", "/api/v1/status", control=True)
        assert answer.status == 405
        assert "GET" in answer.headers["Allow"]
        assert answer.error

    async def test_head_is_a_get_without_a_body(self, site):
        answer = await site.ask("HEAD", "/api/v1/status")
        assert (answer.status, answer.body) == (200, b"")

    async def test_no_read_asks_anything_of_a_charge_point(self, site):
        site.add("CP1")
        site.archive.rows = [ended(1)]
        before = replace(site.central.known["CP1"])
        for row in site.door._api.endpoints:
            if row.method == "GET" and not row.path.endswith("/events"):
                path = row.path.replace("charge-points/{id}", "charge-points/CP1").replace("{id}", "1")
                assert (await site.ask("GET", path)).status == 200, row.path
        assert site.operations.sent == []
        assert site.central.known == {"CP1": before}
