"""What the meter of a connector shows, as `sampledValue` of OCPP 1.6 (7.43). Pure."""

from typing import Any

from mcppd.model.meter_values import CONTEXT_PERIODIC, CURRENT, ENERGY, POWER, STATE_OF_CHARGE, VOLTAGE
from mcppd.simulator.vehicle import Vehicle

MEASURANDS = (ENERGY, POWER, CURRENT, VOLTAGE, STATE_OF_CHARGE)

_VOLTAGE_V = {"L1": 230.4, "L2": 229.1, "L3": 231.2}
"""The three phases of a real house are never alike."""


def sampled_values(
    measurands: list[str], register_wh: int, vehicle: Vehicle | None, power_w: float, context: str = CONTEXT_PERIODIC
) -> list[dict[str, Any]]:
    """One entry for each of `measurands` and phase, in the spelling of the `ocpp` package (snake case)."""
    phases = list(_VOLTAGE_V)[: vehicle.phases if vehicle else 3]
    per_phase_w = power_w / len(phases)
    shown: dict[str, list[tuple[str, str, str | None]]] = {
        ENERGY: [(str(register_wh), "Wh", None)],
        POWER: [(f"{power_w:.0f}", "W", None)],
        CURRENT: [(f"{per_phase_w / _VOLTAGE_V[phase]:.2f}", "A", phase) for phase in phases],
        VOLTAGE: [(f"{_VOLTAGE_V[phase]:.1f}", "V", f"{phase}-N") for phase in phases],
        STATE_OF_CHARGE: [(f"{vehicle.state_of_charge * 100:.1f}", "Percent", None)] if vehicle else [],
    }
    return [
        _sample(measurand, value, unit, phase, context)
        for measurand in measurands
        for value, unit, phase in shown.get(measurand, [])
    ]


def _sample(measurand: str, value: str, unit: str, phase: str | None, context: str) -> dict[str, Any]:
    sample = {"value": value, "context": context, "measurand": measurand, "unit": unit}
    if phase is not None:
        sample["phase"] = phase
    if measurand != STATE_OF_CHARGE:
        sample["location"] = "Outlet"
    else:
        sample["location"] = "EV"
    return sample
