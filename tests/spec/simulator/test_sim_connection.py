"""The connection of a simulated charge point over time: reconnects, boots, and what is in flight when a link ends."""

import asyncio
import json

import pytest
from ocpp.v16 import call

from mcppd.model.errors import BadAnswer, CallErrorReceived, ConnectionClosed, NoAnswer
from mcppd.simulator.connection import Connection
from mcppd.simulator.errors import Offline
from mcppd.simulator.reconnect import State
from tests.equipment.clock import settle
from tests.spec.simulator.central import NOW, SILENCE, plugged_into


class TestReconnect:
    async def test_dials_again_with_growing_waits_one_at_a_time(self, central, clock):
        central.refusing = "refused"
        async with plugged_into(central, online=False) as (station, _):
            await clock.advance(100)
            waits = [
                round(later - earlier, 6) for earlier, later in zip(central.dials, central.dials[1:], strict=False)
            ]
            assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]
            assert central.most_dialling == 1
            assert station.control.statistics.attempts == 9

    async def test_accepted_boot_starts_the_waits_anew(self, central, clock):
        central.refusing = "refused"
        async with plugged_into(central, online=False) as (_, lines):
            await clock.advance(10)
            central.refusing = None
            await clock.advance(10)
            central.socket.end("closed with 1012")
            await settle()
            assert lines[-1] == "disconnected after 4 s: closed with 1012"
            before = len(central.dials)
            await clock.advance(0.49)
            assert len(central.dials) == before
            await clock.advance(0.02)
            assert len(central.dials) == before + 1

    async def test_link_lost_before_the_boot_was_accepted_keeps_the_wait_growing(self, central, clock):
        central.answers["BootNotification"] = SILENCE
        async with plugged_into(central, online=False):
            for expected in (0.5, 1.0, 2.0):
                central.socket.end("gone")
                await settle()
                started, before = clock.monotonic(), len(central.dials)
                await clock.advance(expected)
                assert len(central.dials) == before + 1
                assert central.dials[-1] - started == pytest.approx(expected)

    async def test_close_while_waiting_ends_the_run_without_another_dial(self, central, clock):
        central.refusing = "refused"
        async with plugged_into(central, online=False):
            await clock.advance(1)
        dials = len(central.dials)
        await clock.advance(60)
        assert len(central.dials) == dials
        assert clock.pending == 0

    async def test_close_while_dialling_gives_the_dial_up(self, central, clock):
        async def endless(_):
            await asyncio.get_running_loop().create_future()

        central.dial = endless
        async with plugged_into(central, online=False) as (station, _):
            assert station.control.state is State.CONNECTING
        assert station.control.state is State.DISCONNECTED
        assert station.control.statistics.last_reason == "given up"

    async def test_close_while_connected_makes_the_closing_handshake(self, central):
        async with plugged_into(central):
            pass
        assert central.socket.close_reason == "stopped"
        assert not central.socket.aborted


class TestOnlineOnlyAfterAccepted:
    @pytest.mark.parametrize("status", ["Pending", "Rejected"])
    async def test_waits_the_interval_and_boots_again(self, central, clock, status):
        central.answers["BootNotification"] = {"status": status, "currentTime": NOW, "interval": 17}
        async with plugged_into(central, online=False) as (station, _):
            await clock.advance(16.9)
            assert central.said == ["BootNotification"]
            await clock.advance(0.2)
            assert central.said == ["BootNotification"] * 2
            assert not station.online.is_set()
            central.answers["BootNotification"]["status"] = "Accepted"
            await clock.advance(17.3)
            assert station.online.is_set()

    async def test_interval_of_zero_means_the_charge_points_own(self, central, clock):
        central.answers["BootNotification"] = {"status": "Pending", "currentTime": NOW, "interval": 0}
        async with plugged_into(central, online=False, boot_retry_s=40.0):
            await clock.advance(39)
            assert len(central.calls("BootNotification")) == 1
            await clock.advance(2)
            assert len(central.calls("BootNotification")) == 2

    async def test_unanswered_boot_is_repeated_after_the_charge_points_own_wait(self, central, clock):
        central.answers["BootNotification"] = SILENCE
        async with plugged_into(central, online=False, call_timeout_s=30.0, boot_retry_s=60.0) as (_, lines):
            await clock.advance(89)
            assert len(central.calls("BootNotification")) == 1
            assert "did not answer BootNotification within 30 s" in lines[-1]
            await clock.advance(2)
            assert len(central.calls("BootNotification")) == 2

    async def test_sends_are_refused_at_once_before(self, central):
        central.answers["BootNotification"] = SILENCE
        async with plugged_into(central, online=False) as (station, _):
            with pytest.raises(Offline, match="Heartbeat was not sent: not accepted yet"):
                await station.speech.ask(call.Heartbeat())
            assert central.said == ["BootNotification"]

    async def test_triggered_boot_that_is_accepted_ends_the_waiting(self, central, clock):
        central.answers["BootNotification"] = {"status": "Pending", "currentTime": NOW, "interval": 1000}
        async with plugged_into(central, online=False) as (station, _):
            central.answers["BootNotification"] = {"status": "Accepted", "currentTime": NOW, "interval": 300}
            assert await central.asks("TriggerMessage", requestedMessage="BootNotification") == {"status": "Accepted"}
            await clock.advance(0.25)
            assert station.online.is_set()
            await clock.advance(1100)
            assert len(central.calls("BootNotification")) == 2

    async def test_triggered_boot_that_is_refused_does_not_double_the_repeats(self, central, clock):
        central.answers["BootNotification"] = {"status": "Pending", "currentTime": NOW, "interval": 100}
        async with plugged_into(central, online=False):
            await central.asks("TriggerMessage", requestedMessage="BootNotification")
            await clock.advance(250)
            assert len(central.calls("BootNotification")) == 1 + 1 + 2

    async def test_triggered_boot_that_is_answered_pending_takes_an_online_charge_point_off(self, central, clock):
        async with plugged_into(central) as (station, _):
            central.answers["BootNotification"] = {"status": "Pending", "currentTime": NOW, "interval": 5}
            await central.asks("TriggerMessage", requestedMessage="BootNotification")
            assert not station.control.online
            central.answers["BootNotification"] = {"status": "Accepted", "currentTime": NOW, "interval": 300}
            await clock.advance(5.3)
            assert station.control.online

    async def test_unanswered_triggered_boot_is_told(self, central, clock):
        async with plugged_into(central) as (station, lines):
            central.answers["BootNotification"] = SILENCE
            await central.asks("TriggerMessage", requestedMessage="BootNotification")
            await clock.advance(31)
            assert "did not answer BootNotification" in lines[-1]
            assert station.control.online


class TestResumeDelay:
    async def test_nothing_follows_the_boot_before_it(self, central, clock):
        async with plugged_into(central, online=False, resume_delay_s=0.25):
            accepted_at = clock.monotonic()
            await clock.advance(0.24)
            assert central.said == ["BootNotification"]
            await clock.advance(0.02)
            assert central.said[1:] == ["StatusNotification(0 Available)", "StatusNotification(1 Available)"]
            assert min(central.times[1:]) - accepted_at >= 0.25

    async def test_it_is_waited_for_after_every_reconnect(self, central, clock):
        async with plugged_into(central):
            central.socket.end("gone")
            await clock.advance(0.5)
            central.forget()
            await clock.advance(0.2)
            assert central.said == []
            await clock.advance(0.1)
            assert central.said == ["StatusNotification(0 Available)", "StatusNotification(1 Available)"]

    async def test_triggered_message_waits_for_it_too(self, central, clock):
        async with plugged_into(central, online=False):
            await central.asks("TriggerMessage", requestedMessage="Heartbeat")
            await clock.advance(0.2)
            assert "Heartbeat" not in central.said
            await clock.advance(0.3)
            assert "Heartbeat" in central.said


class TestReconnectWithoutBoot:
    async def test_carries_on_after_the_resume_delay_without_booting(self, central, clock):
        async with plugged_into(central, boot_on_reconnect=False) as (station, _):
            central.socket.end("gone")
            await clock.advance(0.5)
            central.forget()
            await clock.advance(0.3)
            assert station.control.online
            assert central.said == []

    async def test_tells_only_the_status_that_changed_meanwhile(self, central, clock):
        async with plugged_into(central, boot_on_reconnect=False, connectors=2) as (station, _):
            central.socket.end("gone")
            await settle()
            station.plug(2)
            central.forget()
            await clock.advance(1)
            assert central.said == ["StatusNotification(2 Preparing)"]


class TestInFlight:
    async def test_call_in_flight_fails_with_connection_closed_and_is_not_sent_again(self, central, clock):
        central.answers["Heartbeat"] = SILENCE
        async with plugged_into(central) as (station, _):
            beating = asyncio.create_task(station.speech.ask(call.Heartbeat()))
            await settle()
            central.socket.end("gone")
            with pytest.raises(ConnectionClosed, match="the central system closed before it answered Heartbeat"):
                await beating
            await clock.advance(5)
            assert len(central.calls("Heartbeat")) == 1

    async def test_call_that_waited_for_its_turn_is_not_sent_on_the_next_link(self, central, clock):
        central.answers["Heartbeat"] = SILENCE
        async with plugged_into(central) as (station, _):
            beating = [asyncio.create_task(station.speech.ask(call.Heartbeat())) for _ in range(3)]
            await settle()
            central.socket.end("gone")
            await clock.advance(5)
            outcomes = await asyncio.gather(*beating, return_exceptions=True)
            assert isinstance(outcomes[0], ConnectionClosed)
            assert all(isinstance(outcome, ConnectionClosed | Offline) for outcome in outcomes)
            assert len(central.calls("Heartbeat")) == 1

    async def test_calls_still_waiting_when_the_next_link_is_up_already_are_not_sent_on_it(self, central, clock):
        central.answers["Heartbeat"] = SILENCE
        async with plugged_into(central, boot_on_reconnect=False, resume_delay_s=0.0) as (station, _):
            beating = [asyncio.create_task(station.speech.ask(call.Heartbeat())) for _ in range(200)]
            await settle()
            await station.connection.drop("at once again", wait_s=0.0)
            await clock.advance(0)
            assert station.control.online
            outcomes = await asyncio.gather(*beating, return_exceptions=True)
            assert isinstance(outcomes[-1], ConnectionClosed)
            assert len(central.calls("Heartbeat")) == 1

    async def test_call_that_waited_is_refused_when_the_charge_point_became_pending_meanwhile(self, central):
        central.answers["Heartbeat"] = SILENCE
        async with plugged_into(central) as (station, _):
            first = asyncio.create_task(station.speech.ask(call.Heartbeat()))
            await settle()
            central.answers["BootNotification"] = {"status": "Pending", "currentTime": NOW, "interval": 90}
            await central.asks("TriggerMessage", requestedMessage="BootNotification")
            second = asyncio.create_task(station.speech.ask(call.Heartbeat()))
            await settle()
            central.socket.deliver(json.dumps([3, central.ids("Heartbeat")[0], {"currentTime": NOW}]))
            assert (await first).current_time == NOW
            with pytest.raises(Offline):
                await second
            assert len(central.calls("Heartbeat")) == 1

    async def test_status_that_was_not_told_is_not_told_after_the_reconnect_either(self, central, clock):
        async with plugged_into(central) as (station, _):
            central.answers["StatusNotification"] = SILENCE
            station.plug(1)
            station.unplug(1)
            await settle()
            central.answers["StatusNotification"] = {}
            central.socket.end("gone")
            central.forget()
            await clock.advance(2)
            assert central.said == [
                "BootNotification",
                "StatusNotification(0 Available)",
                "StatusNotification(1 Available)",
            ]

    async def test_only_one_call_is_in_flight(self, central):
        central.answers["Heartbeat"] = SILENCE
        async with plugged_into(central) as (station, _):
            beating = [asyncio.create_task(station.speech.ask(call.Heartbeat())) for _ in range(3)]
            await settle()
            assert len(central.calls("Heartbeat")) == 1
            central.socket.deliver(json.dumps([3, central.ids("Heartbeat")[0], {"currentTime": NOW}]))
            await settle()
            assert len(central.calls("Heartbeat")) == 2
        await asyncio.gather(*beating, return_exceptions=True)

    async def test_sends_are_refused_at_once_while_disconnected(self, central):
        async with plugged_into(central) as (station, _):
            central.socket.end("gone")
            await settle()
            central.forget()
            with pytest.raises(Offline, match="Heartbeat was not sent: the connection is Disconnected"):
                await station.speech.ask(call.Heartbeat())
            with pytest.raises(Offline, match="Disconnected"):
                await station.connection.send("x")
            assert central.frames == []

    async def test_link_that_broke_unnoticed_refuses_too(self, central):
        async with plugged_into(central) as (station, _):
            central.socket.open = False
            with pytest.raises(Offline):
                await station.speech.ask(call.Heartbeat())

    async def test_unanswered_call_ends_with_no_answer_and_the_late_result_is_a_stray(self, central, clock):
        central.answers["Heartbeat"] = SILENCE
        async with plugged_into(central, call_timeout_s=30.0) as (station, _):
            beating = asyncio.create_task(station.speech.ask(call.Heartbeat()))
            await clock.advance(29)
            assert not beating.done()
            await clock.advance(2)
            with pytest.raises(NoAnswer, match="within 30 s"):
                await beating
            central.socket.deliver(json.dumps([3, central.ids("Heartbeat")[0], {"currentTime": NOW}]))
            await settle()
            assert station.speech.statistics.strays == 1

    async def test_strays_are_counted_and_take_no_ones_place(self, central):
        async with plugged_into(central) as (station, _):
            for number in range(2000):
                central.socket.deliver(json.dumps([3, f"x{number}", {}]))
            while station.speech.statistics.strays < 2000:
                await settle()
            assert (await station.speech.ask(call.Heartbeat())).current_time == NOW

    async def test_result_with_another_id_is_not_taken_for_the_answer(self, central):
        central.answers["Heartbeat"] = SILENCE
        async with plugged_into(central) as (station, _):
            beating = asyncio.create_task(station.speech.ask(call.Heartbeat()))
            await settle()
            central.socket.deliver(json.dumps([3, "another", {"currentTime": NOW}]))
            await settle()
            assert not beating.done()
            assert station.speech.statistics.strays == 1
        await asyncio.gather(beating, return_exceptions=True)

    async def test_call_error_is_raised_with_its_code(self, central):
        central.answers["Heartbeat"] = "FormationViolation"
        async with plugged_into(central) as (station, _):
            with pytest.raises(CallErrorReceived, match="FormationViolation: no"):
                await station.speech.ask(call.Heartbeat())

    async def test_answer_against_the_schema_is_a_bad_answer(self, central):
        central.answers["Heartbeat"] = {"time": 3}
        async with plugged_into(central) as (station, _):
            with pytest.raises(BadAnswer):
                await station.speech.ask(call.Heartbeat())

    async def test_drop_without_a_link_does_nothing(self, central, clock):
        async with plugged_into(central) as (station, _):
            central.socket.end("gone")
            await settle()
            await station.connection.drop("again")
            assert station.control.state is State.DISCONNECTED

    async def test_close_before_run_does_nothing(self, central, clock):
        async with plugged_into(central) as (station, _):
            await Connection(central.dial, station.control, clock, station).close("never ran")
