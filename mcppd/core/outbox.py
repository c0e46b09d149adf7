"""Our calls on one link: first in, first out, one in flight, each with a deadline.

Rules.

1. Nothing goes out before `release`, except what is put in as `at_once`.
2. A call's deadline runs from its being sent. Overdue, it fails with NoAnswer and the line is free for the next.
3. `close` fails every call, sent or waiting, with ConnectionClosed. Nothing is re-sent on another link.
4. A call goes out in the context of whoever asked for it, however late: its correlation id goes with it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from mcppd.core.counters import Counters
from mcppd.hooks import Clock, Timer
from mcppd.model.errors import CallErrorReceived, CallRefused, ConnectionClosed, NoAnswer
from mcppd.ocpp.exchange import Exchange
from mcppd.ocpp.frame import CallError, CallResult

CAPACITY = 64
"""Calls of one link that may wait."""


@dataclass(slots=True)
class _Waiting:
    action: str
    payload: Mapping[str, Any]
    future: "asyncio.Future[Any]"
    before_send: Callable[[], None] | None
    at_once: bool
    context: Context


class Outbox:
    def __init__(
        self,
        identity: str,
        exchange: Exchange,
        *,
        clock: Clock,
        counters: Counters,
        timeout_s: Callable[[], float],
        send: Callable[[str, str, str], None],
        on_unanswered: Callable[[int], None],
    ) -> None:
        """`send(message_id, action, text)` puts a frame on the wire; `on_unanswered(n)` hears of the n-th deadline
        in a row that passed without an answer.
        """
        self._identity = identity
        self._exchange = exchange
        self._clock = clock
        self._counters = counters
        self._timeout_s = timeout_s
        self._send = send
        self._on_unanswered = on_unanswered
        self._queue: deque[_Waiting] = deque()
        self._in_flight: _Waiting | None = None
        self._deadline: Timer | None = None
        self._sent_at = 0.0
        self._released = False
        self._closed = False
        self._unanswered = 0

    def __len__(self) -> int:
        return len(self._queue) + (self._in_flight is not None)

    async def call(
        self,
        action: str,
        payload: Mapping[str, Any],
        *,
        at_once: bool = False,
        before_send: Callable[[], None] | None = None,
    ) -> Any:
        """Send a call and return the payload of its result.

        Raises ConnectionClosed, NoAnswer or CallErrorReceived; CallRefused if too many wait already.
        """
        if self._closed:
            raise ConnectionClosed(self._identity, action)
        if len(self._queue) >= CAPACITY:
            raise CallRefused(f"{CAPACITY} calls wait for {self._identity} already; try again when some are answered")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(action, payload, future, before_send, at_once, copy_context())
        if at_once:
            self._queue.appendleft(waiting)
        else:
            self._queue.append(waiting)
        self._pump()
        return await future

    def release(self) -> None:
        """The link may carry commands from now on."""
        self._released = True
        self._pump()

    def answered(self, frame: CallResult | CallError, action: str) -> None:
        """The answer to the call in flight came."""
        waiting = self._take_down()
        self._unanswered = 0
        if waiting is not None:
            self._counters.call_s[waiting.action].observe(self._clock.monotonic() - self._sent_at)
        if waiting is not None and not waiting.future.done():
            if isinstance(frame, CallResult):
                waiting.future.set_result(frame.payload)
            else:
                error = CallErrorReceived(self._identity, action, frame.code, frame.description)
                waiting.future.set_exception(error)
        self._pump()

    def answered_late(self) -> None:
        """An answer came after its deadline: the charge point is slow, but it answers."""
        self._unanswered = 0

    async def finish(self) -> None:
        """Nothing goes out any more: calls that wait fail, the one in flight is waited for."""
        self._closed = True
        self._fail_waiting()
        if self._in_flight is not None:
            await asyncio.wait([self._in_flight.future])

    def close(self) -> None:
        self._closed = True
        in_flight = self._take_down()
        if in_flight is not None:
            self._queue.appendleft(in_flight)
        self._fail_waiting()

    def _fail_waiting(self) -> None:
        for call in self._queue:
            if not call.future.done():
                call.future.set_exception(ConnectionClosed(self._identity, call.action))
        self._queue.clear()

    def _pump(self) -> None:
        while self._queue and self._in_flight is None and (self._released or self._queue[0].at_once):
            waiting = self._queue.popleft()
            if not waiting.future.done():  # else whoever waited for it has gone before it was sent
                waiting.context.run(self._transmit, waiting)

    def _transmit(self, waiting: _Waiting) -> None:
        message_id, text = self._exchange.ask(waiting.action, waiting.payload)
        if waiting.before_send is not None:
            waiting.before_send()
        self._in_flight = waiting
        self._sent_at = self._clock.monotonic()
        self._deadline = self._clock.call_later(self._timeout_s(), self._overdue)
        self._send(message_id, waiting.action, text)

    def _take_down(self) -> _Waiting | None:
        waiting, self._in_flight = self._in_flight, None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        return waiting

    def _overdue(self) -> None:
        self._deadline = None
        waiting, self._in_flight = self._in_flight, None
        self._exchange.abandon()
        self._counters.errors["call_timeout"] += 1
        self._unanswered += 1
        if waiting is not None and not waiting.future.done():
            elapsed = self._clock.monotonic() - self._sent_at
            waiting.future.set_exception(NoAnswer(self._identity, waiting.action, round(elapsed, 1)))
        self._on_unanswered(self._unanswered)
        self._pump()
