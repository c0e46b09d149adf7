"""Meter values: what charge points measure, read tolerantly and told apart strictly.

Rules.

1. Energy is integer Wh, power W, current A, voltage V; conversion happens here and nowhere else.
2. A sample is keyed by (measurand, phase, location, context): two with different context never overwrite each other.
3. A value that is no finite number is skipped: it is never 0.
4. `Transaction.Begin` samples are history, never live values.
5. `EnergyRegister.advance` alone decides which register value counts as energy; what it refuses is `suspect`.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from mcppd.model.timestamps import ReportedTime

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
CURRENT = "Current.Import"
VOLTAGE = "Voltage"
STATE_OF_CHARGE = "SoC"

CONTEXT_BEGIN = "Transaction.Begin"
CONTEXT_END = "Transaction.End"
CONTEXT_PERIODIC = "Sample.Periodic"

_LARGEST = 1e15

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?", re.ASCII)

_SCALES: dict[str, tuple[str, float]] = {
    "wh": ("Wh", 1.0),
    "kwh": ("Wh", 1000.0),
    "w": ("W", 1.0),
    "kw": ("W", 1000.0),
    "varh": ("varh", 1.0),
    "kvarh": ("varh", 1000.0),
    "var": ("var", 1.0),
    "kvar": ("var", 1000.0),
    "va": ("VA", 1.0),
    "kva": ("VA", 1000.0),
    "a": ("A", 1.0),
    "v": ("V", 1.0),
}

_DEFAULT_UNITS = {
    "Energy.": "Wh",
    "Power.Active": "W",
    "Power.Offered": "W",
    "Power.Reactive": "var",
    "Current.": "A",
    "Voltage": "V",
}

_CONTEXT_RANK = {CONTEXT_PERIODIC: 0, "Sample.Clock": 1, "Trigger": 2, CONTEXT_END: 3}


class Sample(NamedTuple):
    """One sampled value in base units; `value` is None for what is not a number (signed data, an unknown format).

    A named tuple, as a dozen are made with every message: a frozen dataclass takes four times as long.
    """

    value: float | None
    measurand: str = ENERGY
    unit: str = "Wh"
    phase: str | None = None
    location: str = "Outlet"
    context: str = CONTEXT_PERIODIC
    raw: str | None = None
    """What was said, at most 2,500 characters, where `value` is None."""


class MeterValue(NamedTuple):
    """What was measured at one moment: one element of `meterValue` or `transactionData`."""

    at: ReportedTime
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """The live quantities in one MeterValue; None, or an absent phase, is what it does not tell.

    A value that was told without its phase stands under "total".
    """

    energy_wh: int | None = None
    power_w: float | None = None
    current_a: dict[str, float] = field(default_factory=dict)
    voltage_v: dict[str, float] = field(default_factory=dict)
    state_of_charge_percent: float | None = None


def read_number(value: object) -> float | None:
    """The number that a `value` string means: blanks trimmed, a decimal comma read.

    None for everything not finite, and beyond 10^15: no meter counts that far, and a sum of such in Wh fits 64 bits.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) <= _LARGEST else None
    if not isinstance(value, str):
        return None
    try:
        number = float(value)
    except ValueError:
        return _read_odd_number(value)
    if not value.isascii() or "_" in value:  # Python takes more for a number than a meter says
        return _read_odd_number(value)
    return number if -_LARGEST <= number <= _LARGEST else None


def _read_odd_number(value: str) -> float | None:
    text = value.strip()
    if not text.isascii() or _NUMBER.fullmatch(text) is None:
        return None
    number = float(text.replace(",", "."))
    return number if abs(number) <= _LARGEST else None


def in_base_unit(value: float, measurand: str, unit: str | None) -> tuple[float, str]:
    """`value` and its unit with kilo scaled away; a missing unit is the default of the measurand (OCPP 1.6, 7.43)."""
    if not unit:
        unit = next((default for prefix, default in _DEFAULT_UNITS.items() if measurand.startswith(prefix)), "")
    base, scale = _SCALES.get(unit.lower(), (unit, 1.0))
    return value * scale, base


def measure(value: MeterValue) -> Measured:
    """The live quantities of `value`, phases `L1-N` read as `L1`; phases that OCPP does not have are passed over.

    Of each (measurand, phase) the best context counts, and the outlet before the body.
    """
    best: dict[tuple[str, str | None], tuple[int, float]] = {}
    for number, measurand, _, phase, location, context, _ in value.samples:
        if number is None or context == CONTEXT_BEGIN or location not in _PLACES:
            continue
        key = (measurand, _TO_NEUTRAL.get(phase, phase))
        rank = 2 * _CONTEXT_RANK.get(context, 4) + _PLACES[location]
        held = best.get(key)
        if held is None or rank < held[0]:
            best[key] = (rank, number)
    energy = _total(best, ENERGY)
    current_a: dict[str, float] = {}
    voltage_v: dict[str, float] = {}
    for (measurand, phase), (_, number) in best.items():
        if phase not in _PHASES:
            continue
        if measurand == CURRENT:
            current_a[phase or "total"] = number
        elif measurand == VOLTAGE:
            voltage_v[phase or "total"] = number
    return Measured(
        None if energy is None else round(energy),
        _total(best, POWER),
        current_a,
        voltage_v,
        best.get((STATE_OF_CHARGE, None), (0, None))[1],
    )


_PLACES = {"Outlet": 0, "Body": 1}
"""Where a live value may be measured, the better place first."""

_TO_NEUTRAL: dict[str | None, str] = {"L1-N": "L1", "L2-N": "L2", "L3-N": "L3"}

_PHASES = frozenset({None, "L1", "L2", "L3", "N", "L1-L2", "L2-L3", "L3-L1"})
"""Phase (OCPP 1.6, 7.36) once `L1-N` is read as `L1`: what is shown by phase is bounded by it."""


def _total(best: dict[tuple[str, str | None], tuple[int, float]], measurand: str) -> float | None:
    whole = best.get((measurand, None))
    if whole is not None:
        return whole[1]
    parts = [best[measurand, phase][1] for phase in ("L1", "L2", "L3") if (measurand, phase) in best]
    return math.fsum(parts) if parts else None


class Series(StrEnum):
    """Which register a charge point reports during a transaction."""

    UNDECIDED = "undecided"
    LIFETIME = "lifetime"
    """It continues from meterStart."""
    SESSION = "session"
    """It starts from 0 with each transaction, although meterStart was the lifetime register. Only a first value nearer
    to 0 than to meterStart says so: one just below meterStart is a negative step. As long as it only ever said 0, a
    value that continues from meterStart tells otherwise."""


MAX_PLAUSIBLE_POWER_W = 500_000
_SLACK_WH = 2_000
_MIN_ELAPSED_S = 60.0


@dataclass(frozen=True, slots=True)
class EnergyRegister:
    """The energy of one transaction as its register values come in. Immutable: `advance` makes the next one."""

    meter_start_wh: int
    last_at: datetime
    energy_wh: int = 0
    series: Series = Series.UNDECIDED

    def advance(self, register_wh: int, at: datetime) -> "EnergyRegister | None":
        """The register after `register_wh` (Wh) was read at `at` (UTC); None if the value is suspect.

        Suspect is a negative step, and a rise that would need more than 500 kW since the last counted value.
        A value older than the last one counts only for what it is: it never moves the register back.
        """
        for series in self._possible(register_wh):
            energy = register_wh - self.meter_start_wh if series is Series.LIFETIME else register_wh
            step = energy - self.energy_wh
            if 0 <= step <= self._largest_step(at):
                return EnergyRegister(self.meter_start_wh, max(at, self.last_at), energy, series)
            if at < self.last_at and 0 <= energy <= self.energy_wh:
                return self
        return None

    def energy_at(self, register_wh: int) -> int:
        """The energy (Wh) of the transaction when its register stood at `register_wh`."""
        return register_wh if self.series is Series.SESSION else register_wh - self.meter_start_wh

    def stopped(self, meter_stop_wh: int | None, at: datetime) -> tuple[int, bool]:
        """The energy (Wh) of the whole transaction for `meterStop`, and whether that value was suspect."""
        final = None if meter_stop_wh is None else self.advance(meter_stop_wh, max(at, self.last_at))
        if final is None and meter_stop_wh is not None and self.series is Series.SESSION:
            final = replace(self, series=Series.UNDECIDED).advance(meter_stop_wh, max(at, self.last_at))
        if final is None:
            return self.energy_wh, meter_stop_wh is not None
        return final.energy_wh, False

    def _possible(self, register_wh: int) -> tuple[Series, ...]:
        if self.series is Series.SESSION and self.energy_wh == 0:
            return Series.LIFETIME, Series.SESSION  # that 0 may have been no register
        if self.series is not Series.UNDECIDED:
            return (self.series,)
        return (Series.LIFETIME, Series.SESSION) if 2 * register_wh < self.meter_start_wh else (Series.LIFETIME,)

    def _largest_step(self, at: datetime) -> float:
        elapsed_s = max(_MIN_ELAPSED_S, (at - self.last_at).total_seconds())
        return _SLACK_WH + MAX_PLAUSIBLE_POWER_W * elapsed_s / 3600


def merge_by_time(values: Iterable[MeterValue]) -> list[MeterValue]:
    """Elements with the same timestamp become one; empty ones are left out; order of arrival is kept."""
    merged: dict[ReportedTime, list[Sample]] = {}
    for value in values:
        if value.samples:
            merged.setdefault(value.at, []).extend(value.samples)
    return [MeterValue(at, tuple(samples)) for at, samples in merged.items()]


def newest(values: Sequence[MeterValue]) -> MeterValue | None:
    """The element to take live values from: the latest by its own time; where none has one, the last."""
    best: MeterValue | None = None
    for value in values:
        if best is None or best.at.at is None or (value.at.at is not None and value.at.at >= best.at.at):
            best = value
    return best
