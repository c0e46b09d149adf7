"""A charge at a simulated charge point: plug, start, measure, stop; and what becomes of it when the network goes."""

import json

import pytest

from mcppd.simulator.vehicle import Vehicle
from tests.equipment.clock import settle
from tests.spec.simulator.central import ACCEPTED, SILENCE, plugged_into

FLAT = Vehicle(ramp_s=0.0)
"""11 kW from the first second on."""


def keys_set(**keys):
    return {"keys": {name: str(value) for name, value in keys.items()}}


class TestRemoteStart:
    async def test_plug_start_charge_stop_unplug_in_this_order(self, central):
        async with plugged_into(central) as (station, _):
            central.forget()
            station.plug(1)
            await settle()
            answer = await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            assert answer == {"status": "Accepted"}
            assert await central.asks("RemoteStopTransaction", transactionId=71) == {"status": "Accepted"}
            station.unplug(1)
            await settle()
            assert central.said == [
                "StatusNotification(1 Preparing)",
                "StartTransaction",
                "StatusNotification(1 Charging)",
                "StopTransaction",
                "StatusNotification(1 Finishing)",
                "StatusNotification(1 Available)",
            ]
            assert central.calls("StartTransaction") == [
                {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-11-21T08:00:00Z"}
            ]
            assert central.calls("StopTransaction")[0]["reason"] == "Remote"
            assert central.calls("StopTransaction")[0]["transactionId"] == 71

    async def test_start_before_the_vehicle_waits_for_it(self, central, clock):
        async with plugged_into(central) as (station, _):
            central.forget()
            await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            await clock.advance(59)
            assert central.said == ["StatusNotification(1 Preparing)"]
            station.plug(1)
            await settle()
            assert central.said[1:] == ["StartTransaction", "StatusNotification(1 Charging)"]

    async def test_start_before_the_vehicle_lapses_after_the_connection_time_out(self, central, clock):
        async with plugged_into(central) as (station, _):
            central.forget()
            await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            await clock.advance(61)
            station.plug(1)
            await settle()
            assert central.said == [
                "StatusNotification(1 Preparing)",
                "StatusNotification(1 Available)",
                "StatusNotification(1 Preparing)",
            ]

    async def test_start_without_connector_takes_the_one_with_a_vehicle(self, central):
        async with plugged_into(central, connectors=3) as (station, _):
            station.plug(2)
            await central.asks("RemoteStartTransaction", idTag="TAG")
            assert central.calls("StartTransaction")[0]["connectorId"] == 2

    @pytest.mark.parametrize("connector", [0, 7])
    async def test_start_on_no_such_connector_is_rejected(self, central, connector):
        async with plugged_into(central):
            answer = await central.asks("RemoteStartTransaction", connectorId=connector, idTag="TAG")
            assert answer == {"status": "Rejected"}

    async def test_start_on_a_busy_connector_is_rejected(self, central):
        async with plugged_into(central) as (station, _):
            station.plug(1)
            await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            answer = await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            assert answer == {"status": "Rejected"}

    async def test_second_start_that_was_promised_meanwhile_starts_nothing(self, central):
        async with plugged_into(central) as (station, _):
            station.plug(1)
            station.connectors[1].start("TAG")
            station.connectors[1].start("OTHER")
            await settle()
            assert [start["idTag"] for start in central.calls("StartTransaction")] == ["TAG"]

    async def test_start_while_finishing_is_rejected(self, central):
        async with plugged_into(central) as (station, _):
            station.plug(1)
            await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            await central.asks("RemoteStopTransaction", transactionId=71)
            answer = await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            assert answer == {"status": "Rejected"}

    async def test_stop_of_an_unknown_transaction_is_rejected(self, central):
        async with plugged_into(central):
            assert await central.asks("RemoteStopTransaction", transactionId=5) == {"status": "Rejected"}

    @pytest.mark.parametrize(("status", "starts"), [("Accepted", 1), ("Blocked", 0)])
    async def test_remote_start_is_authorized_first_where_the_key_says_so(self, central, status, starts):
        central.answers["Authorize"] = {"idTagInfo": {"status": status}}
        async with plugged_into(central, **keys_set(AuthorizeRemoteTxRequests="true")) as (station, _):
            station.plug(1)
            await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            assert central.calls("Authorize") == [{"idTag": "TAG"}]
            assert len(central.calls("StartTransaction")) == starts

    async def test_transaction_of_an_invalid_tag_is_stopped_as_deauthorized(self, central):
        central.answers["StartTransaction"] = {"transactionId": 9, "idTagInfo": {"status": "Invalid"}}
        async with plugged_into(central) as (station, _):
            station.plug(1)
            await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            assert central.calls("StopTransaction")[0]["reason"] == "DeAuthorized"
            assert central.calls("StopTransaction")[0]["transactionId"] == 9

    async def test_invalid_tag_charges_on_where_the_key_allows_it(self, central):
        central.answers["StartTransaction"] = {"transactionId": 9, "idTagInfo": {"status": "Invalid"}}
        async with plugged_into(central, **keys_set(StopTransactionOnInvalidId="false")) as (station, _):
            station.plug(1)
            await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            assert central.calls("StopTransaction") == []


class TestLocalStart:
    async def test_tag_starts_and_stops(self, central):
        async with plugged_into(central) as (station, _):
            station.plug(1)
            await station.present_tag("Tag")
            await settle()
            await station.present_tag("TAG")
            await settle()
            assert central.calls("Authorize") == [{"idTag": "Tag"}]
            assert central.calls("StopTransaction")[0]["reason"] == "Local"
            assert central.calls("StopTransaction")[0]["idTag"] == "TAG"

    async def test_refused_tag_starts_nothing(self, central):
        central.answers["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
        async with plugged_into(central) as (station, _):
            station.plug(1)
            await station.present_tag("TAG")
            assert station.connectors[1].transaction is None

    async def test_failed_authorize_starts_nothing(self, central):
        central.answers["Authorize"] = "InternalError"
        async with plugged_into(central) as (station, lines):
            station.plug(1)
            await station.present_tag("TAG")
            assert station.connectors[1].transaction is None
            assert "answered Authorize with the error InternalError" in lines[-1]

    @pytest.mark.parametrize(("key", "started"), [("true", True), ("false", False)])
    async def test_offline_the_configuration_decides(self, central, key, started):
        async with plugged_into(central, **keys_set(AllowOfflineTxForUnknownId=key)) as (station, _):
            central.socket.end("gone")
            await settle()
            station.plug(1)
            await station.present_tag("TAG")
            assert (station.connectors[1].transaction is not None) is started

    async def test_another_tag_does_not_stop_it(self, central):
        async with plugged_into(central) as (station, _):
            station.plug(1)
            await station.present_tag("TAG")
            await station.present_tag("OTHER")
            assert station.connectors[1].transaction is not None

    async def test_unplugging_stops_it_as_disconnected(self, central):
        async with plugged_into(central) as (station, _):
            station.plug(1)
            station.plug(1)
            await station.present_tag("TAG")
            station.unplug(1)
            station.unplug(1)
            await settle()
            assert [stop["reason"] for stop in central.calls("StopTransaction")] == ["EVDisconnected"]


class TestMeterValues:
    async def test_samples_come_at_the_interval_with_all_that_is_measured(self, central, clock):
        async with plugged_into(central, **keys_set(MeterValueSampleInterval=10)) as (station, _):
            station.plug(1, FLAT)
            await station.present_tag("TAG")
            await clock.advance(35)
            readings = central.calls("MeterValues")
            assert [reading["meterValue"][0]["timestamp"] for reading in readings] == [
                "2026-11-21T08:00:10Z",
                "2026-11-21T08:00:20Z",
                "2026-11-21T08:00:30Z",
            ]
            assert {reading["transactionId"] for reading in readings} == {71}
            sampled = readings[0]["meterValue"][0]["sampledValue"]
            shown = {(one["measurand"], one.get("phase")): (one["value"], one["unit"]) for one in sampled}
            assert shown == {
                ("Energy.Active.Import.Register", None): ("30", "Wh"),
                ("Power.Active.Import", None): ("11000", "W"),
                ("Current.Import", "L1"): ("15.91", "A"),
                ("Current.Import", "L2"): ("16.00", "A"),
                ("Current.Import", "L3"): ("15.86", "A"),
                ("Voltage", "L1-N"): ("230.4", "V"),
                ("Voltage", "L2-N"): ("229.1", "V"),
                ("Voltage", "L3-N"): ("231.2", "V"),
                ("SoC", None): ("30.1", "Percent"),
            }

    async def test_energy_integrates_and_the_register_goes_on_with_the_next_transaction(self, central, clock):
        async with plugged_into(central) as (station, _):
            for _ in range(2):
                station.plug(1, FLAT)
                await station.present_tag("TAG")
                await clock.advance(3600)
                station.unplug(1)
                await settle()
            assert [start["meterStart"] for start in central.calls("StartTransaction")] == [0, 11000]
            assert [stop["meterStop"] for stop in central.calls("StopTransaction")] == [11000, 22000]

    async def test_speed_makes_energy_flow_faster_but_power_stays(self, central, clock):
        async with plugged_into(central, speed=60, **keys_set(MeterValueSampleInterval=60)) as (station, _):
            station.plug(1, FLAT)
            await station.present_tag("TAG")
            await clock.advance(61)
            values = {
                s["measurand"]: s["value"] for s in central.calls("MeterValues")[0]["meterValue"][0]["sampledValue"]
            }
            assert values["Energy.Active.Import.Register"] == "11000"
            assert values["Power.Active.Import"] == "11000"

    async def test_full_battery_suspends_the_charge(self, central, clock):
        async with plugged_into(central, **keys_set(MeterValueSampleInterval=60)) as (station, _):
            station.plug(1, Vehicle(state_of_charge=0.999, taper_from=0.9999, ramp_s=0.0))
            await station.present_tag("TAG")
            await clock.advance(180)
            assert central.said.count("StatusNotification(1 SuspendedEV)") == 1
            values = {
                s["measurand"]: s["value"] for s in central.calls("MeterValues")[-1]["meterValue"][0]["sampledValue"]
            }
            assert values["Power.Active.Import"] == "0"
            assert values["SoC"] == "100.0"

    async def test_interval_of_zero_means_none(self, central, clock):
        async with plugged_into(central, **keys_set(MeterValueSampleInterval=0)) as (station, _):
            station.plug(1)
            await station.present_tag("TAG")
            await clock.advance(200)
            assert central.calls("MeterValues") == []

    async def test_changed_interval_counts_at_once(self, central, clock):
        async with plugged_into(central, **keys_set(MeterValueSampleInterval=0)) as (station, _):
            station.plug(1)
            await station.present_tag("TAG")
            await central.asks("ChangeConfiguration", key="MeterValueSampleInterval", value="5")
            await clock.advance(6)
            assert len(central.calls("MeterValues")) == 1

    async def test_no_measurands_means_no_messages(self, central, clock):
        async with plugged_into(central, **keys_set(MeterValuesSampledData="")) as (station, _):
            station.plug(1)
            await station.present_tag("TAG")
            await clock.advance(200)
            assert central.calls("MeterValues") == []


class TestOffline:
    async def test_whole_transaction_offline_is_told_in_order_after_the_reconnect(self, central, clock):
        async with plugged_into(central, **keys_set(MeterValueSampleInterval=60)) as (station, _):
            await station.lose_network(300)
            await settle()
            central.forget()
            station.plug(1, FLAT)
            await station.present_tag("TAG")
            await clock.advance(130)
            station.unplug(1)
            await clock.advance(200)
            assert central.said == [
                "BootNotification",
                "StatusNotification(0 Available)",
                "StatusNotification(1 Available)",
                "StartTransaction",
                "MeterValues",
                "MeterValues",
                "StopTransaction",
            ]
            assert central.calls("StartTransaction")[0]["timestamp"] == "2026-11-21T08:00:00Z"
            assert {reading["transactionId"] for reading in central.calls("MeterValues")} == {71}
            stop = central.calls("StopTransaction")[0]
            assert (stop["transactionId"], stop["timestamp"]) == (71, "2026-11-21T08:02:10Z")
            assert central.sockets[0].aborted

    @pytest.mark.parametrize("action", ["StartTransaction", "StopTransaction"])
    async def test_unanswered_message_is_sent_again_after_the_reconnect_with_a_new_id(self, central, clock, action):
        async with plugged_into(central) as (station, _):
            answer, central.answers[action] = central.answers[action], SILENCE
            station.plug(1)
            await station.present_tag("TAG")
            await settle()
            station.unplug(1)
            await settle()
            assert len(central.calls(action)) == 1
            central.answers[action] = answer
            central.socket.end("gone")
            await clock.advance(2)
            first, second = central.calls(action)
            assert first == second
            assert len(set(central.ids(action))) == 2
            assert central.said.count("StartTransaction") == 1 + (action == "StartTransaction")

    async def test_answered_messages_are_not_sent_again(self, central, clock):
        async with plugged_into(central) as (station, _):
            station.plug(1)
            await station.present_tag("TAG")
            await settle()
            central.socket.end("gone")
            await clock.advance(2)
            assert len(central.calls("StartTransaction")) == 1
            assert station.connectors[1].transaction.id == 71

    async def test_refused_message_is_repeated_with_a_growing_wait_and_then_given_up(self, central, clock):
        central.answers["StartTransaction"] = "InternalError"
        keys = keys_set(TransactionMessageAttempts=3, TransactionMessageRetryInterval=10, MeterValueSampleInterval=0)
        async with plugged_into(central, **keys) as (station, lines):
            station.plug(1)
            await station.present_tag("TAG")
            for moment, count in ((9, 1), (2, 2), (18, 2), (3, 3), (100, 3)):
                await clock.advance(moment)
                assert len(central.calls("StartTransaction")) == count
            assert any(line.endswith("given up") for line in lines)
            station.unplug(1)
            await settle()
            assert central.calls("StopTransaction")[0]["transactionId"] == 0

    async def test_reconnect_ends_the_wait_for_the_next_attempt(self, central, clock):
        central.answers["StartTransaction"] = "InternalError"
        async with plugged_into(central) as (station, _):
            station.plug(1)
            await station.present_tag("TAG")
            await settle()
            central.socket.end("gone")
            await clock.advance(2)
            assert len(central.calls("StartTransaction")) == 2

    async def test_second_transaction_is_not_stopped_for_the_invalid_tag_of_the_first(self, central, clock):
        answers = iter(("Invalid", "Accepted"))
        central.answers["StartTransaction"] = lambda _: {"transactionId": 5, "idTagInfo": {"status": next(answers)}}
        async with plugged_into(central) as (station, _):
            await station.lose_network(60)
            for _ in range(2):
                station.unplug(1)
                station.plug(1)
                await station.present_tag("TAG")
            await clock.advance(61)
            assert [stop["reason"] for stop in central.calls("StopTransaction")] == ["EVDisconnected"]
            assert station.connectors[1].transaction is not None

    async def test_messages_after_a_reconnect_are_sent_once(self, central, clock):
        async with plugged_into(central) as (station, _):
            for _ in range(3):
                central.socket.end("gone")
                await clock.advance(2)
            central.forget()
            station.plug(1)
            await settle()
            await station.present_tag("TAG")
            await settle()
            assert central.said == [
                "StatusNotification(1 Preparing)",
                "Authorize",
                "StartTransaction",
                "StatusNotification(1 Charging)",
            ]

    async def test_other_messages_pass_one_that_waits_for_its_retry_but_its_own_kind_does_not(self, central, clock):
        central.answers["StartTransaction"] = "InternalError"
        async with plugged_into(central) as (station, _):
            central.forget()
            station.plug(1)
            await station.present_tag("TAG")
            station.unplug(1)
            await settle()
            assert central.said[-3:] == [
                "StatusNotification(1 Charging)",
                "StatusNotification(1 Finishing)",
                "StatusNotification(1 Available)",
            ]
            assert central.calls("StopTransaction") == []
            central.answers["StartTransaction"] = {"transactionId": 5, **ACCEPTED}
            await clock.advance(61)
            assert central.calls("StopTransaction")[0]["transactionId"] == 5

    async def test_failed_status_is_told_and_not_repeated(self, central, clock):
        async with plugged_into(central) as (station, lines):
            central.answers["StatusNotification"] = "InternalError"
            central.forget()
            station.plug(1)
            await clock.advance(200)
            assert central.said == ["StatusNotification(1 Preparing)"]
            assert "answered StatusNotification with the error InternalError" in lines[-1]

    async def test_too_many_readings_push_out_the_oldest_readings_only(self, central, clock):
        async with plugged_into(central, **keys_set(MeterValueSampleInterval=1)) as (station, _):
            await station.lose_network(2000)
            await settle()
            station.plug(1)
            await station.present_tag("TAG")
            await clock.advance(1100)
            station.unplug(1)
            assert len(station.outbox) == 1000
            assert station.outbox.dropped > 100
            assert station.outbox.actions[0] == "StartTransaction"
            assert station.outbox.actions[-1] == "StopTransaction"

    async def test_late_answer_to_a_start_that_was_sent_again_is_ignored(self, central, clock):
        async with plugged_into(central) as (station, _):
            answer, central.answers["StartTransaction"] = central.answers["StartTransaction"], SILENCE
            station.plug(1)
            await station.present_tag("TAG")
            await settle()
            old = central.ids("StartTransaction")[0]
            central.answers["StartTransaction"] = answer
            central.socket.end("gone")
            await clock.advance(2)
            central.socket.deliver(json.dumps([3, old, {"transactionId": 999, **ACCEPTED}]))
            await settle()
            assert station.connectors[1].transaction.id == 71
