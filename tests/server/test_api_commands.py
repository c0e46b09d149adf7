"""Commands over HTTP: what each outcome is answered with."""

import asyncio

import pytest

from mcppd.model import errors
from mcppd.server.api import asking, charge_points
from tests.equipment.site import Site, until

RESET = "/api/v1/charge-points/CP1/commands/Reset"


@pytest.fixture
async def site(tmp_path):
    async with Site(tmp_path) as site:
        site.add("CP1")
        yield site


async def post(site: Site, path: str = RESET, body=None, **headers: str):
    return await site.ask("POST", path, body, control=True, headers=headers)


class TestOutcomes:
    async def test_an_answer_is_200_and_as_the_charge_point_spelled_it(self, site):
        site.operations.outcome = {"status": "Rejected", "vendorSays": {"aB": [1, None]}}
        answer = await post(site, body={"type": "Soft"})
        assert (answer.status, answer.json) == (
            200,
            {"result": {"status": "Rejected", "vendorSays": {"aB": [1, None]}}},
        )
        assert site.operations.sent[0][:3] == ("CP1", "Reset", {"type": "Soft"})

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (errors.ChargePointOffline("CP1"), 409),
            (errors.NotPermitted("CP1", "Reset", "its registration is blocked"), 409),
            (errors.SchemaViolation("Reset", "$.type", "enum", "must be Hard or Soft"), 422),
            (errors.CallErrorReceived("CP1", "Reset", "InternalError", "no"), 502),
            (errors.BadAnswer("CP1", "Reset", "no status"), 502),
            (errors.NoAnswer("CP1", "Reset", 30.0), 504),
            (errors.ConnectionClosed("CP1", "Reset"), 504),
            (errors.StorageUnavailable("the disk is full; free some space"), 503),
        ],
    )
    async def test_each_failure_has_its_status_and_its_name(self, site, error, status):
        site.operations.outcome = error
        answer = await post(site, body={})
        assert answer.status == status
        assert answer.error["kind"] == type(error).__name__
        assert answer.error["message"] == str(error)

    async def test_a_body_against_the_schema_is_told_where(self, site):
        site.operations.outcome = errors.SchemaViolation("Reset", "$.type", "enum", "must be Hard or Soft")
        assert (await post(site, body={"type": "x"})).error["path"] == "$.type"

    async def test_a_callerror_is_told_as_it_came(self, site):
        site.operations.outcome = errors.CallErrorReceived("CP1", "Reset", "NotSupported", "not here")
        error = (await post(site, body={})).error
        assert (error["code"], error["description"]) == ("NotSupported", "not here")

    async def test_an_unknown_charge_point_is_404(self, site):
        answer = await post(site, "/api/v1/charge-points/CP9/commands/Reset", {})
        assert (answer.status, answer.error["kind"]) == (404, "ChargePointUnknown")

    async def test_an_unknown_action_is_404_and_those_that_are_known_are_told(self, site):
        answer = await post(site, "/api/v1/charge-points/CP1/commands/Explode", {})
        assert (answer.status, answer.error["kind"]) == (404, "ActionUnknown")
        assert "Reset" in answer.error["known"]


class TestBodies:
    async def test_none_is_an_empty_one(self, site):
        assert (await post(site)).status == 200
        assert site.operations.sent[0][2] == {}

    @pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
    async def test_must_be_called_json(self, site, media_type):
        answer = await post(site, body=b'{"type": "Soft"}', **{"Content-Type": media_type})
        assert answer.status == 415
        assert "application/json" in answer.error["message"]

    async def test_may_name_their_charset(self, site):
        answer = await post(site, body=b"{}", **{"Content-Type": "Application/JSON; charset=utf-8"})
        assert answer.status == 200

    @pytest.mark.parametrize("body", [b"{", b"\xff{}", b"[" * 100_000, b"{}{}", b"NaN", b'{"a": 1e999}'])
    async def test_must_be_json(self, site, body):
        answer = await post(site, body=body, **{"Content-Type": "application/json"})
        assert answer.status == 400
        assert answer.error["kind"] == "NotJson"
        assert site.operations.sent == []

    async def test_may_be_as_large_as_the_limit_and_no_larger(self, site):
        largest = b'{"a": "' + b"x" * (asking.MAX_BODY - 9) + b'"}'
        assert (await post(site, body=largest, **{"Content-Type": "application/json"})).status == 200
        answer = await post(site, body=largest + b" ", **{"Content-Type": "application/json"})
        assert answer.status == 413
        assert answer.error["kind"] == "BodyTooLarge"

    async def test_that_is_announced_too_large_is_refused_before_it_comes(self, site):
        reader, writer = await site.raw(control=True)
        writer.write(f"POST {RESET} HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n".encode())
        assert b" 413 " in await asyncio.wait_for(reader.readline(), 5)

    async def test_without_a_length_the_limit_holds_too(self, site):
        reader, writer = await site.raw(control=True)
        writer.write(f"POST {RESET} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(30):
            writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        assert b" 413 " in await asyncio.wait_for(reader.readline(), 10)

    async def test_that_drip_are_not_waited_for(self, site, monkeypatch):
        monkeypatch.setattr(asking, "BODY_TIMEOUT_S", 0.05)
        reader, writer = await site.raw(control=True)
        writer.write(f"POST {RESET} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)


class TestWaiting:
    async def test_the_caller_may_wait_for_the_charge_point_to_come_back(self, site):
        await post(site, f"{RESET}?wait_seconds=2.5", {})
        assert site.operations.sent[0][4] == 2.5

    @pytest.mark.parametrize("value", ["-1", "3601", "soon", "nan", "inf", ""])
    async def test_for_no_longer_than_an_hour(self, site, value):
        answer = await post(site, f"{RESET}?wait_seconds={value}", {})
        assert answer.status == 400
        assert answer.error["parameter"] == "wait_seconds"
        assert site.operations.sent == []

    async def test_a_caller_who_hangs_up_does_not_take_the_call_back(self, site):
        outcome = site.operations.outcome = asyncio.get_running_loop().create_future()
        _, writer = await site.raw(control=True)
        writer.write(f"POST {RESET} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        await until(lambda: site.operations.sent)
        writer.transport.abort()
        await until(lambda: not site.door._connections())
        outcome.set_result({"status": "Accepted"})
        await until(lambda: site.operations.ended)

    async def test_commands_under_way_are_counted_and_bounded(self, site, monkeypatch):
        monkeypatch.setattr(charge_points, "MAX_COMMANDS", 1)
        outcome = site.operations.outcome = asyncio.get_running_loop().create_future()
        first = asyncio.create_task(post(site, body={}))
        await until(lambda: site.operations.sent)
        second = await post(site, body={})
        assert (second.status, second.error["kind"]) == (503, "Busy")
        outcome.set_result({"status": "Accepted"})
        assert (await first).status == 200
        assert (await post(site, body={})).status == 200
