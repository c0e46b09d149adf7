"""The stories of `mcppd-sim --scenario`, against a central system that starts what is plugged in."""

import asyncio
import json
import sys

import pytest

from mcppd.simulator.arguments import identities, parser
from mcppd.simulator.printer import Printer
from mcppd.simulator.scenarios import SCENARIOS, Plan
from tests.equipment.clock import settle
from tests.spec.simulator.central import plugged_into

PLAN = Plan(charge_s=60.0, pause_s=10.0, offline_s=20.0, cycles=2)


def starts_what_is_plugged_in(central):
    def status(request):
        if request["status"] == "Preparing":
            call = [
                2,
                f"start-{central.clock.monotonic()}",
                "RemoteStartTransaction",
                {"connectorId": 1, "idTag": "AUTO"},
            ]
            central.socket.deliver(json.dumps(call))
        return {}

    central.answers["StatusNotification"] = status


async def play(central, clock, name, seconds, **settings):
    """Play a scenario for `seconds`: whether it came to its end."""
    starts_what_is_plugged_in(central)
    async with plugged_into(central, **settings) as (station, _):
        playing = asyncio.create_task(SCENARIOS[name].play(station, PLAN))
        await clock.advance(seconds)
        await settle()
        over = playing.done()
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        return over


async def test_idle_says_nothing_more_than_it_must(central, clock):
    assert await play(central, clock, "idle", 10)
    assert set(central.said) == {
        "BootNotification",
        "StatusNotification(0 Available)",
        "StatusNotification(1 Available)",
    }


async def test_plug_stays_plugged_in_and_charges(central, clock):
    assert await play(central, clock, "plug", 300)
    assert central.calls("StartTransaction")[0]["idTag"] == "AUTO"
    assert central.calls("StopTransaction") == []
    assert not SCENARIOS["plug"].ends


async def test_charge_ends_after_the_charge_time(central, clock):
    assert not await play(central, clock, "charge", 59)
    assert central.calls("StopTransaction") == []


async def test_charge_is_one_whole_transaction(central, clock):
    assert await play(central, clock, "charge", 61)
    assert [stop["reason"] for stop in central.calls("StopTransaction")] == ["EVDisconnected"]


async def test_charge_that_is_stopped_from_afar_ends_early(central, clock):
    starts_what_is_plugged_in(central)
    async with plugged_into(central) as (station, _):
        playing = asyncio.create_task(SCENARIOS["charge"].play(station, PLAN))
        await clock.advance(5)
        await central.asks("RemoteStopTransaction", transactionId=71)
        await settle()
        assert playing.done()
        assert central.said[-1] == "StatusNotification(1 Available)"


async def test_local_starts_and_stops_with_the_tag(central, clock):
    central.answers["StatusNotification"] = {}
    async with plugged_into(central, online=False) as (station, _):
        playing = asyncio.create_task(SCENARIOS["local"].play(station, PLAN))
        await clock.advance(70)
        assert playing.done()
        assert [start["idTag"] for start in central.calls("StartTransaction")] == ["LOCALTAG"]
        assert [stop["reason"] for stop in central.calls("StopTransaction")] == ["Local"]


async def test_cycle_goes_round_as_often_as_it_is_told(central, clock):
    assert await play(central, clock, "cycle", 200)
    assert len(central.calls("StartTransaction")) == 2
    assert len(central.calls("StopTransaction")) == 2


async def test_offline_tells_the_end_after_the_reconnect(central, clock):
    assert await play(central, clock, "offline", 90)
    links = [link for link, frame in central.frames if frame[0] == 2 and frame[2] == "StopTransaction"]
    assert links == [2]
    assert central.calls("StopTransaction")[0]["timestamp"] == "2026-11-21T08:00:40Z"


async def test_reset_is_followed_by_a_second_transaction(central, clock):
    assert await play(central, clock, "reset", 120)
    assert [stop["reason"] for stop in central.calls("StopTransaction")] == ["HardReset", "EVDisconnected"]


class TestCommandLine:
    def test_defaults_are_the_documented_ones(self):
        options = parser().parse_args([])
        assert (options.url, options.id, options.count) == ("ws://127.0.0.1:9000/ocpp", "CP001", 1)
        assert options.scenario == "cycle"

    @pytest.mark.parametrize(
        ("first", "count", "expected"),
        [
            ("CP001", 1, ["CP001"]),
            ("CP001", 3, ["CP001", "CP002", "CP003"]),
            ("CP099", 2, ["CP099", "CP100"]),
            ("BOX", 3, ["BOX", "BOX2", "BOX3"]),
            ("7", 2, ["7", "8"]),
        ],
    )
    def test_identities_count_up(self, first, count, expected):
        assert identities(first, count) == expected

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["http://box"], "must be like ws://127.0.0.1:9000/ocpp (got 'http://box')"),
            (["--count", "0"], "must be a whole number from 1 to 1000 (got '0')"),
            (["--count", "many"], "must be a whole number from 1 to 1000 (got 'many')"),
            (["--speed", "nan"], "must be a number from 0.01 to 3600 (got 'nan')"),
            (["--speed", "fast"], "must be a number from 0.01 to 3600 (got 'fast')"),
            (["--scenario", "fire"], "invalid choice: 'fire'"),
        ],
    )
    def test_wrong_arguments_exit_with_2_and_say_what_they_must_be(self, capsys, arguments, complaint):
        with pytest.raises(SystemExit) as exit:
            parser().parse_args(arguments)
        assert exit.value.code == 2
        assert complaint in capsys.readouterr().err

    def test_help_names_every_scenario(self):
        text = parser().format_help()
        assert all(scenario.help in text for scenario in SCENARIOS.values())


class TestPrinter:
    def test_line_is_time_identity_and_what(self, clock, capsys):
        Printer(sys.stdout, now=clock.now).voice("CP001")("connected")
        assert capsys.readouterr().out == "08:00:00 CP001    connected\n"

    def test_quiet_prints_no_events_but_asked_for_frames(self, clock, capsys):
        printer = Printer(sys.stdout, quiet=True, now=clock.now)
        printer.voice("CP001")("connected")
        printer.trace("CP001")("sent", "[2]")
        printer.trace("CP001")("received", "[3]")
        assert capsys.readouterr().out == "08:00:00 CP001    -> [2]\n08:00:00 CP001    <- [3]\n"

    def test_control_characters_do_not_reach_the_terminal(self, clock, capsys):
        Printer(sys.stdout, now=clock.now).voice("CP001")("\x1b[2Jgone")
        assert "\x1b" not in capsys.readouterr().out
