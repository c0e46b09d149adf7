"""The charging curve: up a ramp, along a plateau, down a taper."""

import pytest

from mcppd.simulator.vehicle import Vehicle


def test_power_rises_over_the_ramp():
    vehicle = Vehicle(ramp_s=20.0)
    powers = []
    for _ in range(5):
        powers.append(vehicle.power_w())
        vehicle, _ = vehicle.charge(5.0)
    assert powers == pytest.approx([0, 2750, 5500, 8250, 11000])


def test_plateau_is_the_vehicles_maximum():
    vehicle, energy_wh = Vehicle(ramp_s=0.0, state_of_charge=0.1).charge(3600)
    assert vehicle.power_w() == 11_000
    assert energy_wh == pytest.approx(11_000)
    assert vehicle.state_of_charge == pytest.approx(0.1 + 11 / 60)


def test_power_falls_as_the_battery_fills():
    powers = [Vehicle(ramp_s=0.0, state_of_charge=charge).power_w() for charge in (0.8, 0.85, 0.9, 0.95, 0.99)]
    assert powers == sorted(powers, reverse=True)
    assert powers[0] == 11_000
    assert powers[-1] < 2_000


def test_full_battery_takes_nothing_more():
    vehicle, energy_wh = Vehicle(state_of_charge=0.9).charge(1_000_000)
    assert vehicle.full
    assert vehicle.power_w() == 0
    assert energy_wh == pytest.approx(6_000, abs=0.1)
    assert vehicle.charge(3600)[1] == 0


def test_limit_holds_power_and_energy_down():
    vehicle = Vehicle(ramp_s=0.0)
    assert vehicle.power_w(4_000) == 4_000
    assert vehicle.charge(1800, 4_000)[1] == pytest.approx(2_000)


def test_energy_does_not_depend_on_how_often_it_is_looked_at():
    often, seldom = Vehicle(), Vehicle()
    total = 0.0
    for _ in range(600):
        often, taken = often.charge(1.0)
        total += taken
    assert seldom.charge(600)[1] == pytest.approx(total, rel=0.001)


def test_next_charge_begins_at_the_foot_of_the_ramp():
    vehicle, _ = Vehicle().charge(100)
    assert vehicle.power_w() == 11_000
    assert vehicle.paused().power_w() == 0
