"""How a simulated charge point speaks OCPP 1.6: the `ocpp` package's ChargePoint, made safe for calls that cross.

Rules.

1. One call of ours is in flight at a time, in the order asked. It ends with its answer, NoAnswer, or the link.
2. A call asked on one link is never sent on the next.
3. A handler answers and returns; what shall happen because of it is given to `after_answer` and runs once the answer is
   sent. A handler never calls the central system: the reader would wait for itself.
4. Handlers are methods marked with `on`, on any number of objects: see `answer_with`.
5. Nothing that the other side sends ends the program: what cannot be read is counted, what does not fit its schema
   gets a CALLERROR that repeats nothing of it.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ocpp import messages
from ocpp.exceptions import OCPPError
from ocpp.routing import create_route_map
from ocpp.routing import on as route
from ocpp.v16 import ChargePoint
from ocpp.v16.enums import Action

from mcppd.model.errors import BadAnswer, CallErrorReceived, ConnectionClosed, NoAnswer
from mcppd.simulator.clock import Clock
from mcppd.simulator.connection import Connection
from mcppd.simulator.errors import CENTRAL_SYSTEM, Offline

LOGGER = logging.getLogger("mcppd.simulator")

_SPELLED_IN_16 = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
}
"""The words of later versions that the package uses, and those of OCPP-J 1.6."""

_ACTIONS = frozenset(action.value for action in Action)

Trace = Callable[[str, str], None]
"""Called with "sent" or "received" and the text of every frame."""


Handler = TypeVar("Handler", bound=Callable[..., object])


def on(action: str) -> Callable[[Handler], Handler]:
    """Marks a method as what answers `action`: `ocpp.routing.on`, with its type told."""
    mark: Callable[[Handler], Handler] = route(action)
    return mark


@dataclass(slots=True)
class _InFlight:
    message_id: str
    action: str
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class SpeechStatistics:
    calls: int = 0
    strays: int = 0
    """Results that nobody waits for: late ones, and those to calls never made."""
    garbled: int = 0
    refused: int = 0
    """Calls that were answered with a CALLERROR."""
    answers_lost: int = 0
    """Answers for which the link was gone."""


class Speech(ChargePoint):  # type: ignore[misc]  # the package has no types
    """The charge point's mouth and ears on whatever link there is."""

    def __init__(
        self, identity: str, connection: Connection, clock: Clock, call_timeout_s: float, trace: Trace | None = None
    ) -> None:
        super().__init__(identity, connection, logger=LOGGER)
        # A thread for each message costs more than the check itself, and makes their order a matter of luck.
        messages.ASYNC_VALIDATION = False
        self.statistics = SpeechStatistics()
        self.call_timeout_s = call_timeout_s
        self._link, self._clock, self._trace = connection, clock, trace
        self._turn = asyncio.Lock()
        self._in_flight: _InFlight | None = None
        self._afterwards: list[Callable[[], object]] = []

    def answer_with(self, *handlers: object) -> None:
        """Let the `on` methods of `handlers` answer the central system."""
        for handler in handlers:
            self.route_map.update(create_route_map(handler))

    def after_answer(self, work: Callable[[], object]) -> None:
        """For handlers: call `work` once the answer to the present call is sent."""
        self._afterwards.append(work)

    async def ask(self, payload: Any, *, asked_for: bool = False) -> Any:
        """Send a call (a dataclass of `ocpp.v16.call`) and return its answer (one of `ocpp.v16.call_result`).

        Raises `Offline` at once if it may not be sent now, `ConnectionClosed` if the link ends first, `NoAnswer`,
        `CallErrorReceived`, and `BadAnswer` for one that does not fit its schema.
        """
        action = type(payload).__name__
        control = self._link.control
        link = control.permit(action, asked_for=asked_for)
        async with self._turn:
            if control.link != link:
                raise ConnectionClosed(CENTRAL_SYSTEM, action)
            control.permit(action, asked_for=asked_for)
            answer = await self._exchange(payload, action)
        control.answered(link)
        return answer

    async def _exchange(self, payload: Any, action: str) -> Any:
        waiting = _InFlight(str(uuid.uuid4()), action, asyncio.get_running_loop().create_future())
        overdue = self._clock.call_later(self.call_timeout_s, self._overdue, waiting)
        self._in_flight = waiting
        self.statistics.calls += 1
        try:
            return await self.call(payload, suppress=False, unique_id=waiting.message_id)
        except OCPPError as error:
            if not waiting.answer.done():  # what does not fit its schema is our own call
                raise
            raise BadAnswer(CENTRAL_SYSTEM, action, type(error).__name__) from error
        finally:
            overdue.cancel()
            waiting.answer.cancel()
            self._in_flight = None

    async def hear(self, text: str) -> None:
        """Take in one frame: answer a call, or hand a result to who waits for it."""
        if self._trace:
            self._trace("received", text)
        try:
            message = messages.unpack(text)
        except (OCPPError, ValueError, TypeError, IndexError, RecursionError):
            self.statistics.garbled += 1
            return
        if not isinstance(message.unique_id, str):
            self.statistics.garbled += 1
        elif isinstance(message, messages.Call):
            await self._answer(message)
        else:
            self._settle(message)

    def link_closed(self) -> None:
        """The link is gone: what is in flight ends with ConnectionClosed."""
        waiting = self._in_flight
        if waiting is not None and not waiting.answer.done():
            waiting.answer.set_exception(ConnectionClosed(CENTRAL_SYSTEM, waiting.action))

    async def _answer(self, message: Any) -> None:
        message.payload = {} if message.payload is None else message.payload
        try:
            if not isinstance(message.action, str):
                await self._refuse(message, "FormationViolation", "the action is not a text")
            elif message.action not in self.route_map:
                known = message.action in _ACTIONS
                await self._refuse(message, "NotSupported" if known else "NotImplemented", "no such action here")
            else:
                await self._handle_call(message)
        except OCPPError as error:
            await self._refuse(message, error.code, error.default_description)
        except Offline:
            self.statistics.answers_lost += 1
        except Exception:  # the package lets through what its checks trip over (NaN, deep nesting)
            LOGGER.exception("%s: a call could not be handled", self.id)
            await self._refuse(message, "InternalError", "the call could not be handled")
        finally:
            afterwards, self._afterwards = self._afterwards, []
        for work in afterwards:
            work()

    async def _refuse(self, message: Any, code: str, description: str) -> None:
        self.statistics.refused += 1
        error = messages.CallError(message.unique_id, _SPELLED_IN_16.get(code, code), description[:255], {})
        try:
            await self._send(error.to_json())
        except Offline:
            self.statistics.answers_lost += 1

    def _settle(self, message: Any) -> None:
        waiting = self._in_flight
        if waiting is None or waiting.answer.done() or message.unique_id != waiting.message_id:
            self.statistics.strays += 1
        elif isinstance(message, messages.CallError):
            code, text = str(message.error_code), str(message.error_description)
            waiting.answer.set_exception(CallErrorReceived(CENTRAL_SYSTEM, waiting.action, code[:64], text[:255]))
        else:
            waiting.answer.set_result(message)

    def _overdue(self, waiting: _InFlight) -> None:
        if not waiting.answer.done():
            waiting.answer.set_exception(NoAnswer(CENTRAL_SYSTEM, waiting.action, self.call_timeout_s))

    async def _get_specific_response(self, unique_id: str, _: float) -> Any:
        """In place of the package's queue, which grows without bound and is searched by recursion."""
        assert self._in_flight is not None
        return await self._in_flight.answer

    async def _send(self, message: str) -> None:
        if self._trace:
            self._trace("sent", message)
        await self._link.send(message)
