"""Health: /healthz is alive (it makes progress), /readyz is ready (charge points are served). Both say why not."""

import os
from collections.abc import Callable

from mcppd.core.clock import SystemClock
from mcppd.hooks import Clock
from mcppd.model.errors import StorageError
from mcppd.monitoring.loop_lag import LAG_BOUND_S, LoopLag
from mcppd.monitoring.proof import Proof, prove

PROOF_BOUND_S = 5.0
"""The database must answer a no-op within this."""

MIN_FREE_BYTES = 4 << 20
"""With less room than this on its disk the database is about to fail."""

Verdict = tuple[bool, list[str]]
"""Whether all is well, and one sentence for each reason why not."""


class Health:
    def __init__(
        self,
        lag: LoopLag,
        proof: Proof,
        directory: str,
        listening: Callable[[], bool],
        clock: Clock | None = None,
    ) -> None:
        """`directory` is where the database lives; `listening` tells whether charge points can connect."""
        self._lag = lag
        self._proof = proof
        self._directory = directory
        self._listening = listening
        self._clock = clock if clock is not None else SystemClock()

    async def alive(self) -> Verdict:
        """The loop and the writer make progress, and the disk can be written."""
        return _verdict([*self._loop(), *await self._database(), *self._disk()])

    async def ready(self) -> Verdict:
        """Charge points can connect, and what they say can be stored."""
        listening = [] if self._listening() else ["the port for charge points is not open"]
        return _verdict([*listening, *await self._database()])

    def _loop(self) -> list[str]:
        late_s = self._lag.last_s
        return [f"the event loop is {late_s:.1f} s late"] if late_s > LAG_BOUND_S else []

    async def _database(self) -> list[str]:
        try:
            await prove(self._proof, PROOF_BOUND_S, self._clock)
        except TimeoutError:
            return [f"the database has not answered within {PROOF_BOUND_S:g} s"]
        except StorageError as error:
            return [f"the database cannot be written: {error}"]
        return []

    def _disk(self) -> list[str]:
        try:
            state = os.statvfs(self._directory)
        except OSError as error:
            return [f"{self._directory} cannot be reached: {error.strerror}"]
        if not os.access(self._directory, os.W_OK):
            return [f"{self._directory} is not writable"]
        if (free := state.f_bavail * state.f_frsize) < MIN_FREE_BYTES:
            return [f"the disk of {self._directory} has only {free} bytes left"]
        return []


def _verdict(reasons: list[str]) -> Verdict:
    return not reasons, reasons
