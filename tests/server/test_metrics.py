"""Metrics: every family has the right samples, and nothing can make them grow."""

import logging
from datetime import timedelta

import pytest
from ocpp.v16.enums import ChargePointErrorCode

from mcppd.model.charge_points import ConnectorStatus
from mcppd.model.events import TransactionRecovered, TransactionStopped
from mcppd.model.settings import LogSettings
from mcppd.model.transactions import Recovery, StopMatch
from mcppd.monitoring import logs
from mcppd.monitoring.metrics_process import resident_bytes, written_bytes
from mcppd.monitoring.metrics_samples import MAX_KEYS, bounded
from tests.equipment.clock import FakeClock
from tests.equipment.measured_house import CHARGING, NOW, House, busy, charge_point, connector, ended


class TestTheDaemon:
    def test_build_uptime_and_process(self) -> None:
        house = House()
        assert house.has('mcppd_build_info{python="3.')
        assert house.value("mcppd_process_resident_memory_bytes") > 1e6
        assert house.value("mcppd_process_cpu_seconds_total") > 0
        assert 3 <= house.value("mcppd_process_open_fds") <= house.value("mcppd_process_max_fds")

    async def test_uptime_follows_the_clock(self) -> None:
        house = House()
        await house.clock.advance(90)
        assert house.value("mcppd_uptime_seconds") == 90

    async def test_loop_lag_is_shown(self) -> None:
        house = House()
        house.lag.start()
        await house.clock.advance(1)
        assert house.value("mcppd_loop_lag_seconds") == 0
        house.clock._elapsed += 7
        assert house.value("mcppd_loop_lag_seconds") == 3
        house.lag.stop()

    def test_memory_and_bytes_written_are_the_kernels_count(self) -> None:
        assert resident_bytes() > 1e6
        with open("/proc/self/io") as io:
            told = next(line for line in io if line.startswith("write_bytes: "))
        assert written_bytes() == int(told.split()[1])
        assert House().value("mcppd_process_write_bytes_total") == int(told.split()[1])

    def test_the_logs_losses_are_shown(self) -> None:
        handler = logs.JsonLines(None, FakeClock(), LogSettings().rate)  # type: ignore[arg-type]
        handler.lost, handler.rate.suppressed = 3, 4
        logging.getLogger().addHandler(handler)
        try:
            assert House().value("mcppd_log_lines_lost_total") == 3
            assert House().value("mcppd_log_lines_suppressed_total") == 4
        finally:
            logging.getLogger().removeHandler(handler)


class TestCore:
    def test_messages_and_times(self) -> None:
        house = busy()
        assert house.value("mcppd_links") == 1
        assert house.value("mcppd_charge_points") == 2
        assert house.value('mcppd_messages_total{action="Heartbeat",direction="in",type="call"}') == 7
        assert house.value('mcppd_message_handling_seconds_bucket{action="Heartbeat",le="0.005"}') == 1
        assert house.value('mcppd_message_handling_seconds_bucket{action="Heartbeat",le="0.0025"}') == 0
        assert house.value('mcppd_call_round_trip_seconds_sum{action="Reset"}') == 1.5
        assert house.value('mcppd_errors_total{kind="stray"}') == 1
        assert house.value('mcppd_schema_violations_total{action="MeterValues"}') == 1
        assert house.value('mcppd_repairs_total{kind="coerced"}') == 1

    def test_storage(self) -> None:
        house = busy()
        assert house.value("mcppd_storage_commits_total") == 3
        assert house.value("mcppd_storage_commit_seconds_count") == 1
        assert house.value('mcppd_storage_batch_size_bucket{le="5.0"}') == 1
        assert house.value("mcppd_storage_rows_total") == 12
        assert house.value("mcppd_storage_failures_total") == 1
        assert house.value("mcppd_storage_database_bytes") == 4096
        assert house.value("mcppd_storage_wal_bytes") == 8192
        assert house.value("mcppd_storage_queue_length") == 2

    def test_subscribers_of_one_name_are_one_series(self) -> None:
        house = House()
        for _ in range(2):
            house.bus.subscribe("events", 1)
        closed = TransactionRecovered(charge_point="CP1", at=NOW, transaction=ended())
        house.bus.publish([closed, closed])
        assert house.value('mcppd_subscription_queue_length{subscriber="events"}') == 2
        assert house.value('mcppd_subscription_dropped_total{subscriber="events"}') == 2


class TestChargePoints:
    def test_a_connected_one(self) -> None:
        house = House(
            charge_point(
                connected=True,
                connected_since=NOW - timedelta(seconds=61),
                last_seen_at=NOW,
                boots=2,
                reconnects=5,
                clock_skew_s=-1.5,
            )
        )
        assert house.value('mcppd_charge_point_connected{charge_point="CP1"}') == 1
        assert house.value('mcppd_charge_point_connected_seconds{charge_point="CP1"}') == 61
        assert house.value('mcppd_charge_point_boots_total{charge_point="CP1"}') == 2
        assert house.value('mcppd_charge_point_reconnects_total{charge_point="CP1"}') == 5
        assert house.value('mcppd_charge_point_last_seen_timestamp_seconds{charge_point="CP1"}') == NOW.timestamp()
        assert house.value('mcppd_charge_point_clock_skew_seconds{charge_point="CP1"}') == -1.5

    def test_one_that_is_away_and_was_never_seen(self) -> None:
        house = House(charge_point())
        assert house.value('mcppd_charge_point_connected{charge_point="CP1"}') == 0
        assert house.value('mcppd_charge_point_connected_seconds{charge_point="CP1"}') == 0
        assert not house.has("mcppd_charge_point_last_seen_timestamp_seconds{")
        assert not house.has("mcppd_charge_point_clock_skew_seconds{")

    def test_a_clock_set_back_makes_no_negative_age(self) -> None:
        house = House(charge_point(connected=True, connected_since=NOW + timedelta(days=1)))
        assert house.value('mcppd_charge_point_connected_seconds{charge_point="CP1"}') == 0


class TestConnectors:
    AT = '{charge_point="CP1",connector="2"'

    def test_a_charging_one(self) -> None:
        house = House(charge_point("CP1", CHARGING))
        expected = {
            "status_changes_total": 9,
            "transaction_active": 1,
            "transactions_total": 3,
            "transaction_duration_seconds": 90,
            "transaction_energy_wh": 250,
            "energy_wh_total": 1_234_567,
            "power_watts": 11000,
            "peak_power_watts": 11500,
            "state_of_charge_ratio": 0.8,
        }
        assert {name: house.value(f"mcppd_connector_{name}{self.AT}}}") for name in expected} == expected
        assert house.value(f'mcppd_connector_current_amperes{self.AT},phase="L2"}}') == 15.5
        assert house.value(f'mcppd_connector_voltage_volts{self.AT},phase="total"}}') == 229

    def test_an_idle_one(self) -> None:
        house = House(charge_point("CP1", connector(2)))
        for name in ("active", "duration_seconds", "energy_wh"):
            assert house.value(f"mcppd_connector_transaction_{name}{self.AT}}}") == 0
        assert house.value(f"mcppd_connector_peak_power_watts{self.AT}}}") == 0
        assert not house.has("mcppd_connector_state_of_charge_ratio{")

    @pytest.mark.parametrize("status", ConnectorStatus)
    def test_the_status_is_a_state_set(self, status: ConnectorStatus) -> None:
        house = House(charge_point("CP1", connector(2, status=status)))
        series = {
            one: house.value(f'mcppd_connector_status{{charge_point="CP1",connector="2",status="{one}"}}')
            for one in ConnectorStatus
        }
        assert series == {one: float(one is status) for one in ConnectorStatus}

    def test_error_codes_are_those_of_the_specification_or_other(self) -> None:
        for code in (*(one.value for one in ChargePointErrorCode), "VendorSays: \U0001f525"):
            house = House(charge_point("CP1", connector(2, error_code=code)))
            shown = code if code.isalnum() else "other"
            labels = f'charge_point="CP1",connector="2",error_code="{shown}"'
            assert house.value(f"mcppd_connector_error_info{{{labels}}}") == 1

    def test_unknown_phases_make_no_series(self) -> None:
        house = House(charge_point("CP1", connector(2, current_a={"L9": 1.0, "x" * 99: 2.0}, voltage_v={"L4": 1.0})))
        assert "phase=" not in house.text


class TestBounds:
    def test_a_charge_point_cannot_have_connectors_without_end(self) -> None:
        house = House(charge_point("CP1", *(connector(number) for number in range(1000, 0, -1))))
        assert house.text.count("mcppd_connector_power_watts{") == 32
        assert house.has('mcppd_connector_power_watts{charge_point="CP1",connector="1"}')

    def test_counts_beyond_the_cap_are_added_up_as_other(self) -> None:
        counts = bounded({f"kind{number}": 1 for number in range(MAX_KEYS + 10)})
        assert len(counts) == MAX_KEYS + 1
        assert counts["other"] == 10

    def test_names_from_outside_are_other(self) -> None:
        assert bounded({"a b": 1, "x" * 65: 2, "ü": 4, "": 8, "ok": 16, "other": 32}) == {"other": 47, "ok": 16}

    def test_in_a_house_gone_wild_nothing_grows(self) -> None:
        house = House()
        for number in range(1000):
            house.counters.messages["in", "call", f"Action{number}"] = 1
            house.counters.handling_s[f"Action{number}"].observe(1)
            house.counters.errors[f"kind{number}"] = 1
        assert house.text.count("mcppd_messages_total{") == MAX_KEYS + 1
        assert house.text.count("mcppd_message_handling_seconds_count{") == MAX_KEYS
        assert house.text.count("mcppd_errors_total{") == MAX_KEYS + 1


class TestTransactionsThatEnded:
    @pytest.mark.parametrize(
        ("match", "count"),
        [
            (StopMatch.BY_ID, 1),
            (StopMatch.HEURISTIC, 1),
            (StopMatch.REPEATED, 0),
            (StopMatch.REPLACED, 0),
        ],
    )
    def test_a_transaction_ends_once(self, match: StopMatch, count: int) -> None:
        house = House()
        house.bus.publish([TransactionStopped(charge_point="CP1", at=NOW, transaction=ended(), match=match)])
        assert house.value("mcppd_transaction_duration_seconds_count") == count

    def test_duration_and_energy_are_observed(self) -> None:
        house = House()
        house.bus.publish(
            [TransactionRecovered(charge_point="CP1", at=NOW, transaction=ended(recovery=Recovery.LEFT_OPEN))]
        )
        assert house.value("mcppd_transaction_duration_seconds_sum") == 600
        assert house.value('mcppd_transaction_duration_seconds_bucket{le="900.0"}') == 1
        assert house.value('mcppd_transaction_energy_wh_bucket{le="1000.0"}') == 0
        assert house.value("mcppd_transaction_energy_wh_sum") == 1500
