"""Whether this machine's clock can be believed: a box without a battery-backed clock starts in the past."""

import ctypes
from datetime import UTC, datetime
from pathlib import Path

_MARK = Path("/run/systemd/timesync/synchronized")
_EARLIEST_YEAR = 2024
_TIME_ERROR = 5
"""What adjtimex(2) returns while the kernel's clock is not synchronised."""


def clock_is_set(mark: Path = _MARK) -> bool:
    """By systemd-timesyncd's mark, or else by the kernel, which chrony and ntpd tell. False before 2024 in any case."""
    if datetime.now(UTC).year < _EARLIEST_YEAR:
        return False
    return mark.exists() or _kernel_is_synchronised()


def _kernel_is_synchronised() -> bool:
    # struct timex with modes = 0 only asks; 512 bytes hold it on every architecture.
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    return state not in (-1, _TIME_ERROR)
