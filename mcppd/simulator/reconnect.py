"""When a charge point connects and when it may speak: a state machine without I/O, clock or dice of its own.

Rules.

1. Everything that changes the state stands in `TRANSITIONS`. Any other step is an `IllegalTransition`.
2. DIAL starts from Disconnected only: there is never more than one connect in flight.
3. `online` is true only while Connected, after a BootNotification was accepted on this link and the resume delay has
   passed. A link that carries on without BootNotification (OCPP 1.6, 4.2) still waits for the resume delay.
4. The wait before the next dial doubles with every dial. Only an accepted BootNotification sets it back, or the first
   answered call of a link that carries on without one: a link that merely opens proves nothing.
5. Links are numbered. What belongs to an older one (a timer, an answer) changes nothing.
6. Nothing is kept here to be sent later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mcppd.simulator.errors import IllegalTransition, Offline


class State(StrEnum):
    DISCONNECTED = "Disconnected"
    CONNECTING = "Connecting"
    CONNECTED = "Connected"
    CLOSING = "Closing"


class Step(StrEnum):
    DIAL = "dial"
    OPENED = "opened"
    FAILED = "failed"
    CLOSE = "close"
    LOST = "lost"


TRANSITIONS: Mapping[tuple[State, Step], State] = {
    (State.DISCONNECTED, Step.DIAL): State.CONNECTING,
    (State.CONNECTING, Step.OPENED): State.CONNECTED,
    (State.CONNECTING, Step.FAILED): State.DISCONNECTED,
    (State.CONNECTED, Step.CLOSE): State.CLOSING,
    (State.CONNECTED, Step.LOST): State.DISCONNECTED,
    (State.CLOSING, Step.LOST): State.DISCONNECTED,
}

BOOT_NOTIFICATION = "BootNotification"


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential waits in seconds. `jitter` is a fraction of the wait, to either side; none is longer than `cap_s`."""

    initial_s: float = 0.5
    cap_s: float = 30.0
    jitter: float = 0.2

    def nominal_s(self, failures: int) -> float:
        """The wait without jitter after `failures` (>= 1) in a row."""
        return min(self.cap_s, self.initial_s * 2.0 ** min(failures - 1, 64))

    def delay_s(self, failures: int, chance: float) -> float:
        """The wait after `failures` in a row; `chance` is from 0 to 1.

        At the cap the upper half of the jitter is folded down, so that charge points that have all waited for long do
        not all end up waiting for exactly the cap.
        """
        delay = self.nominal_s(failures) * (1 + self.jitter * (2 * chance - 1))
        return delay if delay <= self.cap_s else 2 * self.cap_s - delay


@dataclass(slots=True)
class ConnectionStatistics:
    attempts: int = 0
    opened: int = 0
    accepted: int = 0
    last_reason: str = ""
    """Why the last dial failed or the last link ended."""
    last_duration_s: float = 0.0
    """How long the last link lasted."""


class Reconnect:
    """The controller. Its caller does what it says: dials, waits, and tells it what came of it."""

    def __init__(self, backoff: Backoff, resume_delay_s: float, chance: Callable[[], float]) -> None:
        self.backoff, self.resume_delay_s = backoff, resume_delay_s
        self.state = State.DISCONNECTED
        self.online = False
        self.resuming = False
        """Accepted, and waiting for the resume delay."""
        self.link = 0
        """The number of the present or last link."""
        self.statistics = ConnectionStatistics()
        self._chance = chance
        self._failures = 0
        self._opened_at = 0.0

    def dial(self) -> int:
        """A connect begins: returns the number of the link that it will be."""
        self._step(Step.DIAL)
        self.statistics.attempts += 1
        self.link += 1
        return self.link

    def opened(self, now_s: float) -> None:
        self._step(Step.OPENED)
        self.statistics.opened += 1
        self._opened_at = now_s

    def failed(self, reason: str) -> float:
        """The connect came to nothing: returns the seconds to wait before the next."""
        self._step(Step.FAILED)
        self.statistics.last_reason = reason
        return self._next_delay()

    def close(self, reason: str) -> None:
        """We close the link: from now on nothing is sent on it."""
        self._step(Step.CLOSE)
        self.statistics.last_reason = reason
        self._silence()

    def lost(self, reason: str, now_s: float) -> float:
        """The link is gone, whoever closed it: returns the seconds to wait before the next dial."""
        ours = self.state is State.CLOSING
        self._step(Step.LOST)
        if not ours:
            self.statistics.last_reason = reason
        self.statistics.last_duration_s = now_s - self._opened_at
        self._silence()
        return self._next_delay()

    def accepted(self, link: int) -> float | None:
        """BootNotification was accepted on `link`: returns the resume delay, None if that link is gone."""
        if not self._is_up(link):
            return None
        self.statistics.accepted += 1
        self._failures = 0
        self.resuming = not self.online
        return self.resume_delay_s

    def carry_on(self, link: int) -> float | None:
        """`link` goes on without a BootNotification: returns the resume delay, None if that link is gone."""
        if not self._is_up(link):
            return None
        self.resuming = True
        return self.resume_delay_s

    def resume(self, link: int) -> bool:
        """The resume delay has passed: whether `link` went online just now."""
        if not self._is_up(link) or not self.resuming:
            return False
        self.online, self.resuming = True, False
        return True

    def suspend(self, link: int) -> None:
        """A BootNotification was answered with Pending or Rejected: silent until one is accepted."""
        if self._is_up(link):
            self._silence()

    def answered(self, link: int) -> None:
        """A call was answered on `link`: when online, the connection has proved itself."""
        if self._is_up(link) and self.online:
            self._failures = 0

    def permit(self, action: str, *, asked_for: bool = False) -> int:
        """The number of the link on which `action` may be sent now.

        `asked_for` says that the central system triggered it, which it may do before it accepts (OCPP 1.6, 4.2). Raises
        `Offline`.
        """
        if self.state is not State.CONNECTED:
            raise Offline(action, f"the connection is {self.state}")
        if self.online or action == BOOT_NOTIFICATION or (asked_for and not self.resuming):
            return self.link
        raise Offline(action, "the resume delay has not passed" if self.resuming else "not accepted yet")

    def _is_up(self, link: int) -> bool:
        return link == self.link and self.state is State.CONNECTED

    def _silence(self) -> None:
        self.online = self.resuming = False

    def _next_delay(self) -> float:
        self._failures += 1
        return self.backoff.delay_s(self._failures, self._chance())

    def _step(self, step: Step) -> None:
        following = TRANSITIONS.get((self.state, step))
        if following is None:
            raise IllegalTransition(self.state, step)
        self.state = following
