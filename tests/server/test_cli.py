"""mcppctl as it is run: a process that talks to the control socket of an open HTTP door."""

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from datetime import timedelta

import pytest

from mcppd.model import errors
from mcppd.model.charge_points import ConnectorStatus
from mcppd.model.events import ChargePointReady
from tests.equipment.site import EIGHT, Site, charging, connector, ended, until

COMMANDS = ("status", "list", "show", "start", "stop", "transactions", "watch", "call")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
async def site(tmp_path):
    async with Site(tmp_path) as site:
        site.add("CP1", charging(1, 7), connector(2))
        site.add("CP2", connector(1), connected=False, ready=False)
        yield site


def spawn(*arguments: str, **environment: str):
    pipe = asyncio.subprocess.PIPE
    env = {**os.environ, "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return asyncio.create_subprocess_exec(
        sys.executable, "-m", "mcppd.cli", *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=env
    )


async def run(site: Site, *arguments: str, stdin: str = "") -> Ran:
    process = await spawn(*arguments, MCPPD_HTTP__SOCKET=site.socket)
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 20)
    return Ran(process.returncode, out.decode(), err.decode())


class TestOverview:
    async def test_status_shows_the_site_in_human_units(self, site):
        ran = await run(site, "status")
        assert ran.code == 0
        assert ran.out.startswith("mcppd 1.2.3, up 2 h 00 min\n")
        assert "2 known, 1 connected, 1 ready" in ran.out
        assert "7.4 kW" in ran.out
        assert ran.err == ""

    async def test_list_has_a_row_for_each_place_and_its_columns_are_aligned(self, site):
        site.add("CP3")
        lines = (await run(site, "list")).out.splitlines()
        assert [line.split()[:2] for line in lines] == [
            ["PLACE", "LINK"],
            ["CP1:1", "online"],
            ["CP1:2", "online"],
            ["CP2:1", "offline"],
            ["CP3", "online"],
        ]
        assert "7.4 kW  3.50 kWh  TAG1" in lines[1]
        assert (
            len({line.index(word) for line, word in zip(lines[:3], ("STATUS", "Charging", "Available"), strict=True)})
            == 1
        )

    async def test_show_tells_who_the_charge_point_is(self, site):
        ran = await run(site, "show", "CP1")
        assert "Box 11" in ran.out
        assert "CP1:2" in ran.out

    async def test_what_a_charge_point_says_cannot_steer_the_terminal(self, site):
        site.add("CP1", connector(1, status=ConnectorStatus.FAULTED, error_code="\x1b[31mred\x9b\u202e\n"))
        ran = await run(site, "list")
        assert not [c for c in ran.out if not (c.isprintable() or c == "\n")]
        assert r"\x1b[31mred\x9b\u202e\n" in ran.out
        assert "\x9b" not in (await run(site, "list", "--json")).out

    async def test_transactions_are_a_table_newest_first(self, site):
        site.archive.rows = [ended(7), ended(8, stopped_at=None), ended(9, recovery="left_open")]
        lines = (await run(site, "transactions")).out.splitlines()
        assert [line.split()[0] for line in lines[1:]] == ["9", "8", "7"]
        assert "still running" in lines[2]
        assert "EVDisconnected (recovered: left_open)" in lines[1]
        assert "2026-11-21 08:00  1 h 00 min  7.40 kWh" in lines[3]

    async def test_transactions_are_filtered_and_limited(self, site):
        await run(site, "transactions", "--charge-point", "CP1", "--open", "--limit", "3")
        asked = site.archive.asked[-1]
        assert (asked["charge_point"], asked["open"], asked["limit"]) == ("CP1", True, 4)

    async def test_more_transactions_than_a_page_holds_are_fetched_page_by_page(self, site):
        site.archive.rows = [ended(number) for number in range(1, 1503)]
        ran = await run(site, "transactions", "--limit", "1500", "--json")
        assert [item["id"] for item in ran.json["items"]] == list(range(1502, 2, -1))


class TestCharging:
    async def test_start_names_the_connector_and_the_tag(self, site):
        ran = await run(site, "start", "CP1:2", "--tag", "AB12")
        assert ran.code == 0
        assert ran.out == "CP1:2: start under tag AB12: Accepted\n"
        assert site.operations.sent[0][:3] == ("CP1", "RemoteStartTransaction", {"idTag": "AB12", "connectorId": 2})

    async def test_the_only_connector_needs_no_name(self, site):
        assert (await run(site, "start", "CP2")).code == 0
        assert site.operations.sent[0][2]["connectorId"] == 1

    async def test_of_several_connectors_one_must_be_named(self, site):
        ran = await run(site, "start", "CP1")
        assert (ran.code, ran.out) == (2, "")
        assert "CP1:1 or CP1:2" in ran.err

    async def test_an_identity_may_itself_look_like_a_place(self, site):
        site.add("AA:11", connector(1))
        assert (await run(site, "start", "AA:11")).code == 0
        assert site.operations.sent[0][0] == "AA:11"

    async def test_a_refusal_is_told_on_stderr(self, site):
        site.operations.outcome = {"status": "Rejected"}
        ran = await run(site, "start", "CP1:1")
        assert (ran.code, ran.out) == (1, "")
        assert "Rejected" in ran.err

    @pytest.mark.parametrize("place", ["CP1", "CP1:1", "7"])
    async def test_stop_finds_the_transaction(self, site, place):
        site.archive.rows = [ended(7, stopped_at=None)]
        assert (await run(site, "stop", place)).code == 0
        assert site.operations.sent[0][:3] == ("CP1", "RemoteStopTransaction", {"transactionId": 7})

    async def test_a_number_may_also_be_a_charge_point(self, site):
        site.add("1001", charging(1, 8))
        assert (await run(site, "stop", "1001")).code == 0
        assert site.operations.sent[0][2] == {"transactionId": 8}

    async def test_where_nothing_runs_there_is_nothing_to_stop(self, site):
        ran = await run(site, "stop", "CP1:2")
        assert ran.code == 2
        assert "no transaction runs at CP1:2" in ran.err

    async def test_what_ended_cannot_be_stopped(self, site):
        site.archive.rows = [ended(7)]
        ran = await run(site, "stop", "7")
        assert ran.code == 2
        assert "ended already" in ran.err

    async def test_of_several_transactions_one_must_be_named(self, site):
        site.add("CP1", charging(1, 7), charging(2, 8))
        assert "CP1:1 or CP1:2" in (await run(site, "stop", "CP1")).err


class TestCall:
    async def test_body_and_answer_are_as_ocpp_spells_them(self, site):
        site.operations.outcome = {"configurationKey": [], "unknownKey": ["é"]}
        ran = await run(site, "call", "CP1", "GetConfiguration", '{"key": ["é"]}', "--wait", "2")
        assert (ran.code, ran.json) == (0, {"configurationKey": [], "unknownKey": ["é"]})
        assert site.operations.sent[0][1:3] == ("GetConfiguration", {"key": ["é"]})
        assert site.operations.sent[0][4] == 2.0

    async def test_the_body_may_come_from_standard_input(self, site):
        await run(site, "call", "CP1", "Reset", "-", stdin='{"type": "Soft"}')
        assert site.operations.sent[0][2] == {"type": "Soft"}

    async def test_the_journal_learns_who_asked(self, site):
        await run(site, "call", "CP1", "Reset")
        assert site.operations.sent[0][3].startswith("control:")


class TestExitCodes:
    @pytest.mark.parametrize(
        ("outcome", "code"),
        [
            ({"status": "Accepted"}, 0),
            ({"status": "RebootRequired"}, 0),
            ({}, 0),
            ({"status": "Rejected"}, 1),
            ({"status": 5}, 1),
            (errors.CallErrorReceived("CP1", "Reset", "NotSupported", "no"), 1),
            (errors.BadAnswer("CP1", "Reset", "no status"), 1),
            (errors.NotPermitted("CP1", "Reset", "its registration is blocked"), 1),
            (errors.SchemaViolation("Reset", "$.type", "enum", "must be Hard or Soft"), 2),
            (errors.ChargePointOffline("CP1"), 3),
            (errors.NoAnswer("CP1", "Reset", 30.0), 4),
            (errors.ConnectionClosed("CP1", "Reset"), 4),
            (errors.StorageUnavailable("the disk is full; free some space"), 5),
        ],
    )
    async def test_tell_what_came_of_it(self, site, outcome, code):
        site.operations.outcome = outcome
        ran = await run(site, "call", "CP1", "Reset")
        assert ran.code == code
        if isinstance(outcome, Exception):
            assert ran.out == ""
            assert ran.err == f"mcppctl: {outcome}\n"

    @pytest.mark.parametrize(
        "arguments",
        [
            ("call", "CP9", "Reset"),
            ("call", "CP1", "Explode"),
            ("call", "CP1", "Reset", "{"),
            ("show", "CP9"),
            ("start", "CP9:1"),
            ("stop", "99"),
            ("transactions", "--limit", "0"),
            ("explode",),
            (),
        ],
    )
    async def test_2_is_for_what_does_not_exist_or_makes_no_sense(self, site, arguments):
        ran = await run(site, *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err

    async def test_a_name_that_is_nearly_right_is_suggested(self, site):
        assert "did you mean CP1?" in (await run(site, "show", "cp1")).err
        assert "did you mean CP1?" in (await run(site, "start", "cp1:1")).err
        assert "did you mean Reset?" in (await run(site, "call", "CP1", "resett")).err

    async def test_5_is_for_a_daemon_that_is_not_there_and_says_where_it_was_looked_for(self, site, tmp_path):
        ran = await run(site, "status", "--socket", str(tmp_path / "nowhere.sock"))
        assert ran.code == 5
        assert str(tmp_path / "nowhere.sock") in ran.err
        assert "--socket" in ran.err

    async def test_5_is_for_a_socket_where_nobody_listens(self, site):
        await site.door.close(0)
        ran = await run(site, "list")
        assert ran.code == 5
        assert site.socket in ran.err


class TestJson:
    async def test_is_taken_before_and_after_the_command(self, site):
        before, after = await run(site, "--json", "status"), await run(site, "status", "--json")
        assert before == after
        assert before.json["version"] == "1.2.3"

    async def test_every_command_has_it(self, site):
        site.archive.rows = [ended(7, stopped_at=None)]
        assert (await run(site, "list", "--json")).json["items"][0]["id"] == "CP1"
        assert (await run(site, "show", "CP1", "--json")).json["id"] == "CP1"
        assert (await run(site, "transactions", "--json")).json["items"][0]["id"] == 7
        for arguments in (("start", "CP1:1"), ("stop", "7"), ("call", "CP1", "Reset")):
            assert (await run(site, *arguments, "--json")).json == {"result": {"status": "Accepted"}}

    async def test_an_error_is_json_too_and_stays_on_stderr(self, site):
        site.operations.outcome = errors.CallErrorReceived("CP1", "Reset", "NotSupported", "no")
        ran = await run(site, "call", "CP1", "Reset", "--json")
        assert (ran.code, ran.out) == (1, "")
        assert json.loads(ran.err)["error"]["code"] == "NotSupported"


class TestWatch:
    async def watch(self, site: Site, *arguments: str):
        process = await spawn("watch", *arguments, MCPPD_HTTP__SOCKET=site.socket)
        await until(lambda: site.door._api.events.listeners)
        return process

    def happens(self, site: Site, identity: str) -> None:
        site.bus.publish([ChargePointReady(charge_point=identity, at=EIGHT, generation=1, by="boot")])

    async def test_shows_a_line_for_each_event_at_once(self, site):
        process = await self.watch(site)
        self.happens(site, "CP1")
        assert (await process.stdout.readline()).decode() == "08:00:00  CP1           is ready (by boot)\n"
        process.send_signal(signal.SIGINT)
        assert await process.communicate() == (b"", b"")
        assert process.returncode == 0

    async def test_shows_one_charge_point_as_json_lines(self, site):
        process = await self.watch(site, "--charge-point", "CP2", "--json")
        self.happens(site, "CP1")
        self.happens(site, "CP2")
        assert json.loads(await process.stdout.readline())["charge_point"] == "CP2"
        process.send_signal(signal.SIGINT)
        assert await process.communicate() == (b"", b"")

    async def test_ends_with_the_daemon_and_says_so(self, site):
        process = await self.watch(site)
        await site.door.close(1)
        _, err = await process.communicate()
        assert process.returncode == 5
        assert b"stopping, or was restarted" in err


class TestProgram:
    async def test_every_command_has_two_examples_in_its_help(self, site):
        for name in COMMANDS:
            ran = await run(site, name, "--help")
            assert ran.code == 0
            assert ran.out.split("examples:\n")[1].count(f"mcppctl {name}") == 2

    async def test_the_help_tells_the_exit_codes(self, site):
        assert "offline" in (await run(site, "--help")).out.split("exit codes:")[1]

    async def test_a_reader_who_has_seen_enough_is_no_error(self, site):
        for number in range(3000):
            site.add(f"CP{number:04}", *[connector(1)] * 3)
        process = await asyncio.create_subprocess_shell(
            f"{sys.executable} -m mcppd.cli --socket {site.socket} list | head -n 1",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert err == b""
        assert out.startswith(b"PLACE")

    async def test_only_the_standard_library_is_loaded(self, site):
        code = "from mcppd.cli.__main__ import main; main(['status']); import sys; print(*sys.modules, file=sys.stderr)"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            env={**os.environ, "MCPPD_HTTP__SOCKET": site.socket},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
        loaded = {name.partition(".")[0] for name in err.decode().split()}
        assert "http" in loaded
        assert not {"msgspec", "starlette", "uvicorn", "yaml", "apsw", "websockets", "ocpp"} & loaded

    async def test_a_running_transaction_is_counted_up_to_now(self, site):
        started = site.clock.now().fromtimestamp(time.time(), tz=EIGHT.tzinfo) - timedelta(minutes=90)
        site.archive.rows = [ended(7, started_at=started, stopped_at=None)]
        assert "1 h 30 min" in (await run(site, "transactions")).out
