"""How many lines of the log one charge point may fill: a token bucket each, and a count of what it swallowed."""

import math
from collections.abc import Iterator

MAX_BUCKETS = 1024
"""Charge points beyond this share one bucket, so that invented identities cost neither memory nor much of the log."""

SHARED = "(others)"
"""The name of that bucket."""

_ERRORS_FACTOR = 10
_REPORT_EVERY_S = 60.0


class _Bucket:
    __slots__ = ("at", "errors", "lines", "suppressed")

    def __init__(self, at: float, rate: int) -> None:
        self.at = at
        self.lines = float(rate)
        self.errors = float(rate * _ERRORS_FACTOR)
        self.suppressed = 0

    def refill(self, now: float, rate: int) -> None:
        elapsed, self.at = max(0.0, now - self.at), now
        self.lines = min(rate, self.lines + elapsed * rate / 60)
        errors = rate * _ERRORS_FACTOR
        self.errors = min(errors, self.errors + elapsed * errors / 60)

    def idle(self, now: float) -> bool:
        """Whether it is full again and nothing is to be told, so that forgetting it changes nothing."""
        return not self.suppressed and now - self.at >= 60


class LogRate:
    """`rate` lines a minute for each charge point, a minute's worth at once; ten times that for errors."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.suppressed = 0
        """All lines ever swallowed."""
        self._buckets: dict[str, _Bucket] = {}
        self._reported_at = 0.0

    def admit(self, charge_point: str, now: float, *, error: bool) -> tuple[bool, int]:
        """Whether a line may pass at `now` (s, monotonic), and how many swallowed ones it is time to tell of."""
        bucket = self._bucket(charge_point, now)
        bucket.refill(now, self.rate)
        if error and bucket.errors >= 1:
            bucket.errors -= 1
        elif not error and bucket.lines >= 1:
            bucket.lines -= 1
        else:
            bucket.suppressed += 1
            self.suppressed += 1
            return False, 0
        if bucket.suppressed and bucket.lines >= 1:
            bucket.lines -= 1
            suppressed, bucket.suppressed = bucket.suppressed, 0
            return True, suppressed
        return True, 0

    def overdue(self, now: float) -> Iterator[tuple[str, int]]:
        """(charge point, lines swallowed) of those that have gone quiet since, looked for once a minute at most."""
        if now - self._reported_at < _REPORT_EVERY_S:
            return
        self._reported_at = now
        yield from self.untold(before=now - _REPORT_EVERY_S)

    def untold(self, before: float = math.inf) -> Iterator[tuple[str, int]]:
        """(charge point, lines swallowed) of those whose last line came at `before` or earlier; each is told once."""
        for charge_point, bucket in self._buckets.items():
            if bucket.suppressed and bucket.at <= before:
                suppressed, bucket.suppressed = bucket.suppressed, 0
                yield charge_point, suppressed

    def _bucket(self, charge_point: str, now: float) -> _Bucket:
        bucket = self._buckets.get(charge_point)
        if bucket is not None:
            return bucket
        if len(self._buckets) >= MAX_BUCKETS:
            self._buckets = {name: one for name, one in self._buckets.items() if not one.idle(now)}
        if len(self._buckets) < MAX_BUCKETS:
            bucket = self._buckets[charge_point] = _Bucket(now, self.rate)
            return bucket
        return self._buckets.setdefault(SHARED, _Bucket(now, self.rate))
