"""What a simulated charge point answers, and that nothing sent to it brings it down."""

import json

import pytest

from tests.equipment.clock import settle
from tests.spec.simulator.central import NOW, SILENCE, plugged_into


class TestConfiguration:
    async def test_all_keys_are_told_when_none_is_named(self, central):
        async with plugged_into(central, connectors=2):
            answer = await central.asks("GetConfiguration")
            keys = {entry["key"]: entry for entry in answer["configurationKey"]}
            assert len(keys) >= 20
            assert keys["NumberOfConnectors"] == {"key": "NumberOfConnectors", "readonly": True, "value": "2"}
            assert keys["HeartbeatInterval"] == {"key": "HeartbeatInterval", "readonly": False, "value": "300"}

    async def test_named_keys_are_told_and_unknown_ones_named_whatever_their_case(self, central):
        async with plugged_into(central):
            answer = await central.asks("GetConfiguration", key=["connectiontimeout", "Nonsense"])
            assert [entry["key"] for entry in answer["configurationKey"]] == ["ConnectionTimeOut"]
            assert answer["unknownKey"] == ["Nonsense"]

    @pytest.mark.parametrize(
        ("key", "value", "status"),
        [
            ("ConnectionTimeOut", "30", "Accepted"),
            ("connectiontimeout", "30", "Accepted"),
            ("ConnectionTimeOut", "soon", "Rejected"),
            ("AuthorizeRemoteTxRequests", "yes", "Rejected"),
            ("MeterValuesSampledData", "Energy.Active.Import.Register,SoC", "Accepted"),
            ("MeterValuesSampledData", "Frequency", "Rejected"),
            ("NumberOfConnectors", "5", "Rejected"),
            ("WebSocketPingInterval", "60", "RebootRequired"),
            ("Nonsense", "1", "NotSupported"),
        ],
    )
    async def test_change_is_answered_by_the_kind_of_key(self, central, key, value, status):
        async with plugged_into(central):
            assert await central.asks("ChangeConfiguration", key=key, value=value) == {"status": status}

    async def test_key_that_needs_a_reboot_takes_effect_with_it(self, central, clock):
        async with plugged_into(central) as (station, _):
            await central.asks("ChangeConfiguration", key="WebSocketPingInterval", value="60")
            assert station.keys.text("WebSocketPingInterval") == "20"
            shown = await central.asks("GetConfiguration", key=["WebSocketPingInterval"])
            assert shown["configurationKey"][0]["value"] == "60"
            await central.asks("Reset", type="Hard")
            await clock.advance(3)
            assert station.keys.text("WebSocketPingInterval") == "60"


class TestHeartbeat:
    async def test_comes_at_the_interval_given_at_boot(self, central, clock):
        central.answers["BootNotification"] = {"status": "Accepted", "currentTime": NOW, "interval": 40}
        async with plugged_into(central):
            await clock.advance(121)
            assert len(central.calls("Heartbeat")) == 3

    async def test_changed_interval_counts_from_now(self, central, clock):
        async with plugged_into(central):
            await central.asks("ChangeConfiguration", key="HeartbeatInterval", value="7")
            await clock.advance(22)
            assert len(central.calls("Heartbeat")) == 3

    async def test_unanswered_one_does_not_end_them(self, central, clock):
        central.answers["Heartbeat"] = SILENCE
        async with plugged_into(central):
            await clock.advance(700)
            assert len(central.calls("Heartbeat")) == 2

    async def test_none_while_offline(self, central, clock):
        async with plugged_into(central) as (station, _):
            await station.lose_network(2000)
            await clock.advance(1900)
            assert central.calls("Heartbeat") == []


class TestTriggerMessage:
    @pytest.mark.parametrize(
        ("message", "said"),
        [
            ("BootNotification", ["BootNotification"]),
            ("Heartbeat", ["Heartbeat"]),
            ("MeterValues", ["MeterValues", "MeterValues"]),
            ("DiagnosticsStatusNotification", ["DiagnosticsStatusNotification"]),
            ("FirmwareStatusNotification", ["FirmwareStatusNotification"]),
        ],
    )
    async def test_message_follows_the_answer(self, central, message, said):
        async with plugged_into(central, connectors=2):
            central.forget()
            assert await central.asks("TriggerMessage", requestedMessage=message) == {"status": "Accepted"}
            assert central.frames[0][1][0] == 3
            assert [one.partition("(")[0] for one in central.said] == said

    async def test_status_of_all_or_of_one(self, central):
        async with plugged_into(central, connectors=2):
            central.forget()
            await central.asks("TriggerMessage", requestedMessage="StatusNotification")
            assert central.said == [f"StatusNotification({number} Available)" for number in range(3)]
            central.forget()
            await central.asks("TriggerMessage", requestedMessage="StatusNotification", connectorId=2)
            assert central.said == ["StatusNotification(2 Available)"]

    async def test_triggered_reading_names_its_context_and_the_running_transaction(self, central):
        async with plugged_into(central) as (station, _):
            station.plug(1)
            await station.present_tag("TAG")
            await settle()
            await central.asks("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
            reading = central.calls("MeterValues")[0]
            assert reading["transactionId"] == 71
            assert {one["context"] for one in reading["meterValue"][0]["sampledValue"]} == {"Trigger"}

    async def test_triggered_reading_has_energy_even_where_nothing_is_sampled(self, central):
        async with plugged_into(central, keys={"MeterValuesSampledData": ""}):
            await central.asks("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
            sampled = central.calls("MeterValues")[0]["meterValue"][0]["sampledValue"]
            assert [one["measurand"] for one in sampled] == ["Energy.Active.Import.Register"]

    async def test_unknown_connector_is_rejected(self, central):
        async with plugged_into(central):
            answer = await central.asks("TriggerMessage", requestedMessage="MeterValues", connectorId=9)
            assert answer == {"status": "Rejected"}

    async def test_pending_charge_point_sends_what_is_triggered(self, central):
        central.answers["BootNotification"] = {"status": "Pending", "currentTime": NOW, "interval": 100}
        async with plugged_into(central, online=False):
            await central.asks("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
            assert central.said == ["BootNotification", "StatusNotification(1 Available)"]

    async def test_failure_of_a_triggered_message_is_told(self, central):
        central.answers["Heartbeat"] = "InternalError"
        async with plugged_into(central) as (_, lines):
            await central.asks("TriggerMessage", requestedMessage="Heartbeat")
            assert "answered Heartbeat with the error InternalError" in lines[-1]


class TestReset:
    @pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
    async def test_ends_the_transaction_closes_and_boots_again(self, central, clock, kind, reason):
        async with plugged_into(central, reboot_s=2.0) as (station, _):
            station.plug(1)
            await station.present_tag("TAG")
            await settle()
            central.forget()
            assert await central.asks("Reset", type=kind) == {"status": "Accepted"}
            await settle()
            assert central.socket.close_reason == f"{kind.lower()} reset"
            assert station.control.statistics.last_reason == f"{kind.lower()} reset"
            dials = len(central.dials)
            await clock.advance(1.9)
            assert len(central.dials) == dials
            await clock.advance(1)
            assert [stop["reason"] for stop in central.calls("StopTransaction")] == [reason]
            after_boot = central.said[central.said.index("BootNotification") :]
            assert after_boot[:3] == [
                "BootNotification",
                "StatusNotification(0 Available)",
                "StatusNotification(1 Preparing)",
            ]
            told_before = central.said.index("StopTransaction") < central.said.index("BootNotification")
            assert told_before is (kind == "Soft")

    async def test_boots_again_even_where_reconnects_do_not(self, central, clock):
        async with plugged_into(central, boot_on_reconnect=False):
            await central.asks("Reset", type="Hard")
            await clock.advance(3)
            assert len(central.calls("BootNotification")) == 2

    async def test_transaction_begun_while_a_soft_reset_waits_is_ended_too(self, central, clock):
        async with plugged_into(central, connectors=2) as (station, _):
            central.answers["StopTransaction"] = SILENCE
            station.plug(1)
            station.plug(2)
            await central.asks("RemoteStartTransaction", connectorId=1, idTag="TAG")
            await central.asks("Reset", type="Soft")
            assert await central.asks("RemoteStartTransaction", connectorId=2, idTag="TAG") == {"status": "Accepted"}
            central.answers["StopTransaction"] = {}
            await clock.advance(20)
            assert {stop["reason"] for stop in central.calls("StopTransaction")} == {"SoftReset"}
            assert all(connector.transaction is None for connector in station.connectors.values())
            assert (
                len(central.calls("StartTransaction")) == len({str(s) for s in central.calls("StopTransaction")}) == 2
            )

    async def test_charge_after_it_begins_at_the_foot_of_the_ramp(self, central, clock):
        async with plugged_into(central) as (station, _):
            station.plug(1)
            await station.present_tag("TAG")
            await clock.advance(100)
            await central.asks("Reset", type="Hard")
            await clock.advance(3)
            await station.present_tag("TAG")
            assert station.connectors[1].transaction is not None
            assert station.connectors[1].power_w == 0

    async def test_soft_reset_does_not_wait_for_an_answer_for_ever(self, central, clock):
        async with plugged_into(central) as (station, _):
            central.answers["StopTransaction"] = SILENCE
            station.plug(1)
            await station.present_tag("TAG")
            await central.asks("Reset", type="Soft")
            await clock.advance(9)
            assert central.socket.open
            await clock.advance(2)
            assert central.sockets[0].close_reason == "soft reset"
            central.answers["StopTransaction"] = {}
            await clock.advance(3)
            assert central.calls("StopTransaction")[0] == central.calls("StopTransaction")[1]


class TestRubbish:
    async def test_action_of_ocpp_that_it_does_not_offer_is_not_supported(self, central):
        async with plugged_into(central):
            assert (await central.asks("ClearCache"))[2:] == ["NotSupported", "no such action here", {}]

    async def test_action_that_ocpp_does_not_know_is_not_implemented(self, central):
        async with plugged_into(central):
            assert (await central.asks("BrewCoffee"))[2] == "NotImplemented"

    async def test_content_against_the_schema_gets_a_code_of_1_6_and_no_echo(self, central):
        async with plugged_into(central) as (station, _):
            frame = await central.asks("Reset", type="Gently")
            assert frame[2] == "FormationViolation"
            assert "Gently" not in json.dumps(frame)
            assert (await central.asks("Reset", type=5))[2] in ("TypeConstraintViolation", "FormationViolation")
            assert station.speech.statistics.refused == 2

    async def test_null_payload_is_an_empty_one(self, central):
        async with plugged_into(central):
            central.socket.deliver('[2,"n","GetConfiguration",null]')
            await settle()
            assert central.frames[-1][1][:2] == [3, "n"]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "nonsense",
            "{}",
            "[]",
            "[9,1,2]",
            "[2]",
            '[2,"x"]',
            "[" * 100_000,
            "[2," + "9" * 5000 + "]",
            '[3,["x"],{}]',
            '[2,{"a":1},"Reset",{}]',
            "[4,null]",
        ],
    )
    async def test_frame_that_is_none_is_counted_and_not_answered(self, central, text):
        async with plugged_into(central) as (station, _):
            central.forget()
            central.socket.deliver(text)
            await settle()
            assert station.speech.statistics.garbled == 1
            assert central.frames == []
            assert await central.asks("RemoteStopTransaction", transactionId=1) == {"status": "Rejected"}

    async def test_action_that_is_no_text_is_refused(self, central):
        async with plugged_into(central):
            central.socket.deliver('[2,"x",["Reset"],{}]')
            await settle()
            assert central.frames[-1][1] == [4, "x", "FormationViolation", "the action is not a text", {}]

    async def test_value_that_trips_the_packages_own_check_is_refused(self, central, caplog):
        async with plugged_into(central):
            profile = {
                "chargingProfileId": 1,
                "stackLevel": 0,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative",
                "chargingSchedule": {
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": float("nan")}],
                },
            }
            answer = await central.asks("RemoteStartTransaction", idTag="TAG", chargingProfile=profile)
            assert isinstance(answer, list)
            assert answer[:1] == [4]
            assert await central.asks("RemoteStopTransaction", transactionId=1) == {"status": "Rejected"}

    async def test_answer_for_which_the_link_is_gone_is_counted(self, central):
        async with plugged_into(central) as (station, _):
            central.socket.deliver('[2,"x","Reset",{"type":"Soft"}]')
            central.socket.deliver('[2,"y","BrewCoffee",{}]')
            central.socket.end("gone")
            await settle()
            assert station.speech.statistics.answers_lost == 2
