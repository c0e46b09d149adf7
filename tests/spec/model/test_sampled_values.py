"""Sampled values: numbers, units and the live quantities (OCPP 1.6, 7.43 and PROTOCOL, metering)."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcppd.model.meter_values import (
    CONTEXT_BEGIN,
    CONTEXT_END,
    CURRENT,
    ENERGY,
    POWER,
    STATE_OF_CHARGE,
    VOLTAGE,
    Measured,
    MeterValue,
    Sample,
    in_base_unit,
    measure,
    merge_by_time,
    newest,
    read_number,
)
from mcppd.model.timestamps import MISSING_TIME, ReportedTime, TimeQuality, read_time

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def at(minutes: float = 0) -> ReportedTime:
    return ReportedTime(NOON + timedelta(minutes=minutes), TimeQuality.GOOD)


def value(*samples: Sample, time: ReportedTime | None = None) -> MeterValue:
    return MeterValue(time or at(), samples)


class TestNumbers:
    @pytest.mark.parametrize(
        ("said", "number"),
        [
            ("12.5", 12.5),
            ("12,5", 12.5),
            (" 12.5\r\n", 12.5),
            ("\u00a012.5", 12.5),
            ("+7", 7.0),
            ("-7", -7.0),
            ("007", 7.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1,5E-1", 0.15),
            ("0", 0.0),
            (12, 12.0),
            (12.5, 12.5),
            ("1e15", 1e15),
            (-(10**15), -1e15),
        ],
    )
    def test_a_number_is_read_however_it_is_spelled(self, said, number):
        assert read_number(said) == number

    @pytest.mark.parametrize(
        "said",
        [
            "",
            " ",
            "NaN",
            "nan",
            "inf",
            "-Infinity",
            "1e999",
            "1e16",
            10**16,
            10**400,
            float("nan"),
            float("inf"),
            "1.234,5",
            "1 000",
            "1_000",
            "0x10",
            "12.5 kWh",
            "١٢",
            "e5",
            ".",
            "-",
            "--5",
            True,
            False,
            None,
            [],
            {"value": 1},
        ],
    )
    def test_what_is_no_finite_number_is_none_and_never_zero(self, said):
        assert read_number(said) is None

    @given(st.one_of(st.text(), st.floats(), st.integers()))
    def test_whatever_is_read_is_finite_also_in_base_units(self, said):
        number = read_number(said)
        if number is not None:
            scaled, _ = in_base_unit(number, ENERGY, "kWh")
            assert math.isfinite(scaled)
            assert abs(round(scaled)) < 2**63

    def test_a_megabyte_of_digits_is_no_number(self):
        assert read_number("9" * 1_000_000) is None


class TestUnits:
    @pytest.mark.parametrize(
        ("number", "measurand", "unit", "result"),
        [
            (1.5, ENERGY, "kWh", (1500.0, "Wh")),
            (1500, ENERGY, "Wh", (1500, "Wh")),
            (1.5, ENERGY, "KWH", (1500.0, "Wh")),
            (11, POWER, "kW", (11000.0, "W")),
            (11, POWER, "W", (11, "W")),
            (2, "Energy.Reactive.Import.Register", "kvarh", (2000.0, "varh")),
            (2, "Power.Reactive.Import", "kvar", (2000.0, "var")),
            (2, "Power.Active.Import", "kVA", (2000.0, "VA")),
            (16, CURRENT, "A", (16, "A")),
            (230, VOLTAGE, "V", (230, "V")),
            (80, STATE_OF_CHARGE, "Percent", (80, "Percent")),
            (21, "Temperature", "Celsius", (21, "Celsius")),
        ],
    )
    def test_kilo_is_scaled_away_and_other_units_stay(self, number, measurand, unit, result):
        assert in_base_unit(number, measurand, unit) == result

    @pytest.mark.parametrize("unit", [None, ""])
    @pytest.mark.parametrize(
        ("measurand", "expected"),
        [
            (ENERGY, "Wh"),
            ("Energy.Active.Export.Interval", "Wh"),
            (POWER, "W"),
            ("Power.Offered", "W"),
            ("Power.Reactive.Export", "var"),
            (CURRENT, "A"),
            ("Current.Offered", "A"),
            (VOLTAGE, "V"),
            (STATE_OF_CHARGE, ""),
            ("Power.Factor", ""),
        ],
    )
    def test_a_missing_unit_is_the_default_of_the_measurand(self, measurand, unit, expected):
        assert in_base_unit(5, measurand, unit) == (5, expected)


class TestLiveQuantities:
    def test_nothing_measured_is_nothing_known(self):
        assert measure(value()) == Measured()

    def test_the_four_usual_measurands_are_found(self):
        measured = measure(
            value(
                Sample(12345.4, ENERGY),
                Sample(11040.0, POWER, "W"),
                Sample(16.0, CURRENT, "A", "L1"),
                Sample(15.5, CURRENT, "A", "L2"),
                Sample(230.0, VOLTAGE, "V", "L1-N"),
                Sample(231.0, VOLTAGE, "V", "L2-N"),
                Sample(55.0, STATE_OF_CHARGE, "Percent", location="Body"),
            )
        )
        assert measured == Measured(
            energy_wh=12345,
            power_w=11040.0,
            current_a={"L1": 16.0, "L2": 15.5},
            voltage_v={"L1": 230.0, "L2": 231.0},
            state_of_charge_percent=55.0,
        )

    def test_a_sample_that_is_no_number_is_skipped(self):
        assert measure(value(Sample(None, POWER, "W", raw="NaN"), Sample(None, ENERGY))) == Measured()

    def test_transaction_begin_is_history_and_never_live(self):
        assert measure(value(Sample(7.0, POWER, context=CONTEXT_BEGIN))) == Measured()

    @pytest.mark.parametrize("location", ["Inlet", "EV", "Cable"])
    def test_only_what_is_measured_at_the_outlet_or_body_counts(self, location):
        assert measure(value(Sample(7.0, POWER, location=location))) == Measured()

    @pytest.mark.parametrize("worse", ["Sample.Clock", "Trigger", CONTEXT_END, "Interruption.End", "Other", "Odd"])
    @pytest.mark.parametrize("reverse", [False, True])
    def test_the_periodic_sample_is_preferred_whatever_the_order(self, worse, reverse):
        samples = [Sample(1000.0, POWER, "W"), Sample(5.0, POWER, "W", context=worse)]
        assert measure(value(*(reversed(samples) if reverse else samples))).power_w == 1000.0

    def test_a_single_sample_of_any_other_context_is_taken(self):
        assert measure(value(Sample(5.0, POWER, "W", context="Trigger"))).power_w == 5.0

    def test_phases_add_up_where_there_is_no_total(self):
        samples = [Sample(n, POWER, "W", phase) for n, phase in ((100.0, "L1"), (200.0, "L2-N"), (300.5, "L3"))]
        assert measure(value(*samples)).power_w == 600.5

    def test_a_total_is_preferred_to_the_sum_of_phases(self):
        assert measure(value(Sample(100.0, POWER, "W", "L1"), Sample(310.0, POWER, "W"))).power_w == 310.0

    def test_the_neutral_and_line_to_line_are_no_part_of_a_sum(self):
        samples = [Sample(100.0, POWER, "W", "L1"), Sample(5.0, POWER, "W", "N"), Sample(9.0, POWER, "W", "L1-L2")]
        assert measure(value(*samples)).power_w == 100.0

    def test_a_value_without_phase_stands_under_total(self):
        assert measure(value(Sample(16.0, CURRENT, "A"))).current_a == {"total": 16.0}

    def test_line_to_line_voltages_keep_their_names(self):
        assert measure(value(Sample(400.0, VOLTAGE, "V", "L1-L2"))).voltage_v == {"L1-L2": 400.0}

    def test_the_outlet_is_preferred_to_the_body_whatever_the_order(self):
        body, outlet = Sample(40.0, POWER, "W", location="Body"), Sample(50.0, POWER, "W")
        assert measure(value(body, outlet)).power_w == measure(value(outlet, body)).power_w == 50.0


class TestElements:
    def test_elements_of_one_time_become_one_in_order_of_arrival(self):
        one, two, three = Sample(1.0), Sample(2.0), Sample(3.0)
        merged = merge_by_time([value(one), value(two, time=at(1)), value(three)])
        assert merged == [value(one, three), value(two, time=at(1))]

    def test_empty_elements_are_left_out(self):
        assert merge_by_time([value(), value(Sample(1.0)), value(time=at(3))]) == [value(Sample(1.0))]
        assert merge_by_time([]) == []

    def test_the_newest_is_the_latest_by_its_own_time(self):
        late, early = value(Sample(2.0), time=at(5)), value(Sample(1.0))
        assert newest([late, early]) is late
        assert newest([early, late]) is late

    def test_of_two_of_the_same_time_the_last_is_the_newest(self):
        first, second = value(Sample(1.0)), value(Sample(2.0))
        assert newest([first, second]) is second

    def test_one_without_time_never_hides_one_with(self):
        timed, late = value(Sample(1.0)), value(Sample(2.0), time=at(9))
        lost = value(Sample(3.0), time=read_time("x"))
        assert newest([late, lost, timed]) is late
        assert newest([lost, timed]) is timed

    def test_where_none_has_a_time_the_last_is_the_newest(self):
        first, second = value(Sample(1.0), time=MISSING_TIME), value(Sample(2.0), time=MISSING_TIME)
        assert newest([first, second]) is second

    def test_of_nothing_there_is_no_newest(self):
        assert newest([]) is None
