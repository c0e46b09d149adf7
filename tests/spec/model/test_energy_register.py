"""The energy of a transaction: continuity with meterStart, suspect values, and the stop (PROTOCOL, metering)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcppd.model.meter_values import EnergyRegister, Series

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def minutes(n: float) -> datetime:
    return NOON + timedelta(minutes=n)


def after(register: EnergyRegister, *steps: tuple[int, float]) -> EnergyRegister:
    """`register` after each (Wh, minute); every one must be believed."""
    for register_wh, minute in steps:
        advanced = register.advance(register_wh, minutes(minute))
        assert advanced is not None, f"{register_wh} Wh at minute {minute} was suspect"
        register = advanced
    return register


LIFETIME = EnergyRegister(100_000, NOON)
"""A transaction that started at a register of 100 kWh."""


class TestLifetimeRegister:
    def test_energy_is_what_the_register_rose_since_meter_start(self):
        register = after(LIFETIME, (100_500, 1), (101_000, 2))
        assert (register.energy_wh, register.series, register.last_at) == (1000, Series.LIFETIME, minutes(2))

    def test_a_lower_value_of_the_same_moment_is_suspect(self):
        assert after(LIFETIME, (100_500, 1)).advance(100_400, minutes(1)) is None

    def test_a_register_that_stands_still_is_believed(self):
        assert after(LIFETIME, (100_500, 1), (100_500, 60)).last_at == minutes(60)

    def test_a_negative_step_is_suspect(self):
        assert after(LIFETIME, (100_500, 1)).advance(100_499, minutes(2)) is None

    def test_zero_amid_a_lifetime_register_is_suspect(self):
        assert after(LIFETIME, (100_500, 1)).advance(0, minutes(2)) is None

    def test_a_first_value_just_below_meter_start_is_a_negative_step(self):
        assert EnergyRegister(1000, NOON).advance(990, minutes(1)) is None

    def test_an_absurd_jump_is_suspect_and_the_next_good_value_counts(self):
        register = after(LIFETIME, (100_500, 1))
        assert register.advance(900_000, minutes(2)) is None
        assert after(register, (101_000, 3)).energy_wh == 1000

    def test_half_a_megawatt_is_just_believed(self):
        register = after(LIFETIME, (100_000, 0))
        most = 2_000 + 500_000 // 60 * 6
        assert register.advance(100_000 + most, minutes(6)) is not None
        assert register.advance(100_000 + most + 100, minutes(6)) is None

    def test_a_long_silence_allows_a_long_step(self):
        assert after(LIFETIME, (100_500, 1), (160_000, 8 * 60)).energy_wh == 60_000

    def test_a_late_value_of_an_earlier_time_moves_nothing_back(self):
        register = after(LIFETIME, (100_500, 1), (102_000, 10))
        assert register.advance(101_000, minutes(5)) is register

    def test_a_late_value_below_meter_start_is_suspect(self):
        assert after(LIFETIME, (102_000, 10)).advance(99_000, minutes(5)) is None

    def test_a_later_register_with_an_earlier_time_counts_but_does_not_turn_time_back(self):
        register = after(LIFETIME, (100_500, 10), (100_600, 9))
        assert (register.energy_wh, register.last_at) == (600, minutes(10))

    def test_the_register_itself_never_changes(self):
        before = EnergyRegister(100_000, NOON)
        LIFETIME.advance(100_500, minutes(1))
        assert before == LIFETIME


class TestSessionRegister:
    def test_a_register_that_starts_from_zero_is_told_by_its_first_value(self):
        register = after(LIFETIME, (0, 1), (1500, 10))
        assert (register.energy_wh, register.series) == (1500, Series.SESSION)

    def test_a_first_value_of_a_few_hundred_will_do(self):
        assert after(LIFETIME, (300, 1)).series is Series.SESSION

    def test_a_negative_step_is_suspect_here_too(self):
        assert after(LIFETIME, (300, 1)).advance(200, minutes(2)) is None

    def test_a_lifetime_value_amid_session_values_is_suspect(self):
        assert after(LIFETIME, (300, 1)).advance(100_400, minutes(2)) is None

    def test_a_zero_that_was_no_register_is_made_good_by_a_value_that_continues(self):
        register = after(LIFETIME, (0, 1), (100_400, 2))
        assert (register.energy_wh, register.series) == (400, Series.LIFETIME)

    def test_the_same_with_a_meter_start_so_low_that_either_could_be(self):
        assert after(EnergyRegister(1000, NOON), (0, 1), (1100, 2)).energy_wh == 100

    def test_a_value_just_below_meter_start_is_still_one_of_the_session(self):
        assert after(EnergyRegister(1000, NOON), (0, 1), (999, 2)).energy_wh == 999

    def test_once_it_counted_it_stays_what_it_is_also_beyond_meter_start(self):
        assert after(EnergyRegister(1000, NOON), (0, 1), (400, 2), (1500, 9)).energy_wh == 1500

    @pytest.mark.parametrize(("first", "energy"), [(300, 200), (100_300, 100_200 - 100_000)])
    def test_energy_at_a_register_is_told_by_its_series(self, first, energy):
        assert after(LIFETIME, (first, 1)).energy_at(first - 100) == energy

    def test_with_meter_start_zero_both_are_one(self):
        assert after(EnergyRegister(0, NOON), (0, 1), (2_000, 5)).energy_wh == 2000

    def test_a_first_value_that_fits_neither_is_suspect_and_decides_nothing(self):
        assert LIFETIME.advance(45_000, minutes(1)) is None
        assert after(LIFETIME, (100_200, 1)).series is Series.LIFETIME


class TestStop:
    def test_meter_stop_of_a_lifetime_register_is_the_energy(self):
        assert after(LIFETIME, (101_000, 5)).stopped(101_500, minutes(10)) == (1500, False)

    def test_a_transaction_without_meter_values_has_its_two_registers(self):
        assert LIFETIME.stopped(108_000, minutes(60)) == (8000, False)

    def test_nothing_charged_is_nothing(self):
        assert LIFETIME.stopped(100_000, minutes(0)) == (0, False)

    def test_a_session_register_may_stop_with_its_own_value(self):
        assert after(LIFETIME, (1000, 5)).stopped(1500, minutes(10)) == (1500, False)

    def test_a_session_register_may_stop_with_the_lifetime_value(self):
        assert after(LIFETIME, (1000, 5)).stopped(101_500, minutes(10)) == (1500, False)

    def test_without_a_readable_meter_stop_the_last_counted_value_stands(self):
        assert after(LIFETIME, (101_000, 5)).stopped(None, minutes(10)) == (1000, False)

    @pytest.mark.parametrize("meter_stop", [0, 100_999, 9_000_000, -1])
    def test_a_suspect_meter_stop_is_told_and_never_counted(self, meter_stop):
        assert after(LIFETIME, (101_000, 5)).stopped(meter_stop, minutes(10)) == (1000, True)

    def test_a_suspect_stop_of_a_session_register_is_told_too(self):
        assert after(LIFETIME, (1000, 5)).stopped(55_000, minutes(10)) == (1000, True)

    def test_a_stop_told_with_an_early_time_still_counts(self):
        assert after(LIFETIME, (101_000, 5)).stopped(101_500, minutes(1)) == (1500, False)


@given(
    start=st.integers(0, 10**9),
    readings=st.lists(st.tuples(st.integers(-(10**9), 2 * 10**9), st.integers(-600, 6000)), max_size=30),
)
def test_whatever_comes_energy_never_falls_nor_outruns_half_a_megawatt(start, readings):
    register = EnergyRegister(start, NOON)
    for register_wh, minute in readings:
        following = register.advance(register_wh, minutes(minute))
        if following is None:
            continue
        assert following.energy_wh >= register.energy_wh
        assert following.last_at >= register.last_at
        elapsed_h = max(60.0, (minutes(minute) - register.last_at).total_seconds()) / 3600
        assert following.energy_wh - register.energy_wh <= 2000 + 500_000 * elapsed_h
        register = following
