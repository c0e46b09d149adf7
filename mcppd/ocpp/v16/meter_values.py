"""`meterValue` and `transactionData` of OCPP 1.6 (7.33, 7.43)."""

from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

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
    get = said.get
    value, signed = get("value"), get("format") == "SignedData"
    words = (get("measurand"), get("unit"), get("phase"), get("location"), get("context"))
    for word in words:
        if word is not None and (type(word) is not str or len(word) > _MAX_WORD):
            kind = _work_out(*words)  # nothing worth keeping
            break
    else:
        kind = _kind(*words)
    number = None if signed else read_number(value)
    if number is not None:
        return Sample(number * kind.scale, kind.measurand, kind.base_unit, kind.phase, kind.location, kind.context)
    if type(value) is not str or (not signed and _says_nothing(value)):
        return None
    return Sample(None, kind.measurand, kind.unit, kind.phase, kind.location, kind.context, value[:_MAX_RAW])


class _Kind(NamedTuple):
    """All of a sample but its value, with the defaults filled in."""

    measurand: str
    unit: str
    phase: str | None
    location: str
    context: str
    scale: float
    base_unit: str


def _work_out(measurand: Any, unit: Any, phase: Any, location: Any, context: Any) -> _Kind:
    measurand, unit = _word(measurand, ENERGY), _word(unit, "")
    scale, base_unit = in_base_unit(1.0, measurand, unit)
    return _Kind(
        measurand,
        unit,
        _word(phase, None),
        _word(location, "Outlet"),
        _word(context, CONTEXT_PERIODIC),
        scale,
        base_unit,
    )


_kind = lru_cache(maxsize=512)(_work_out)
"""A site has a few dozen kinds of samples and sends each of them all day, so each is worked out once."""


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
