"""`meterValue` and `transactionData` of OCPP 1.6 (7.33, 7.43)."""

from typing import Any, TypeVar

from mcppd.model.meter_values import CONTEXT_PERIODIC, ENERGY, MeterValue, Sample, in_base_unit, read_number
from mcppd.model.timestamps import read_time

_Default = TypeVar("_Default")

_MAX_RAW = 2500
_MAX_WORD = 64
_NOTHING = frozenset({"", "-", "--", "nan", "null", "none", "na", "n/a"})


def read_meter_values(said: Any) -> tuple[MeterValue, ...]:
    """The elements that hold at least one sample, in the order in which they came."""
    if type(said) is not list:
        return ()
    values = []
    for element in said:
        if type(element) is not dict:
            continue
        samples = _read_samples(element.get("sampledValue"))
        if samples:
            values.append(MeterValue(read_time(element.get("timestamp")), samples))
    return tuple(values)


def _read_samples(said: Any) -> tuple[Sample, ...]:
    if type(said) is not list:
        return ()
    samples = []
    for element in said:
        if type(element) is dict:
            sample = _read_sample(element)
            if sample is not None:
                samples.append(sample)
    return tuple(samples)


def _read_sample(said: dict[str, Any]) -> Sample | None:
    """One sample; None where its value is blank, NaN or infinite: that is not 0, it is nothing."""
    value, signed = said.get("value"), said.get("format") == "SignedData"
    measurand = _word(said.get("measurand"), ENERGY)
    unit = _word(said.get("unit"), "")
    phase = _word(said.get("phase"), None)
    location = _word(said.get("location"), "Outlet")
    context = _word(said.get("context"), CONTEXT_PERIODIC)
    number = None if signed else read_number(value)
    if number is not None:
        scaled, base = in_base_unit(number, measurand, unit)
        return Sample(scaled, measurand, base, phase, location, context)
    if type(value) is not str or (not signed and _says_nothing(value)):
        return None
    return Sample(None, measurand, unit, phase, location, context, value[:_MAX_RAW])


def _word(said: Any, default: _Default) -> str | _Default:
    if type(said) is not str or not said:
        return default
    return said if len(said) <= _MAX_WORD else said[:_MAX_WORD]


def _says_nothing(value: str) -> bool:
    if value.strip().casefold() in _NOTHING:
        return True
    try:
        float(value)  # infinities in whatever spelling, and numbers too large to be one
    except ValueError:
        return False
    return True
