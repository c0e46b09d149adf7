"""What a charge point wants to tell, in order: transaction messages are kept until they are answered, the rest is not.

Rules.

1. Messages go out one by one in the order put in, while online.
2. Transaction messages (StartTransaction, StopTransaction, MeterValues of a transaction) wait while offline and are
   sent in order after the reconnect. One whose answer never came is sent again: same payload, new message id.
3. Everything else is forgotten when the link ends: the present state is told anew.
4. A transaction message that gets an error or no answer is sent TransactionMessageAttempts times in all, with a wait
   that grows by TransactionMessageRetryInterval each time (OCPP 1.6, 3.7.1), and then given up. Others of its kind
   wait behind it.
5. At most `LIMIT` messages wait. Beyond it the oldest MeterValues are dropped, never a Start or a Stop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcppd.model.errors import CallFailed, CallRefused, ConnectionClosed
from mcppd.simulator.clock import Clock
from mcppd.simulator.configuration import Configuration

LIMIT = 1000


@dataclass(eq=False, slots=True)
class Message:
    """`build` makes the payload when it is sent: the transaction id may be learnt only after it was put in."""

    action: str
    build: Callable[[], Any]
    durable: bool = False
    answered: Callable[[Any], None] | None = None
    attempts: int = 0
    not_before_s: float = 0.0


class Outbox:
    def __init__(
        self,
        ask: Callable[[Any], Awaitable[Any]],
        keys: Configuration,
        clock: Clock,
        failed: Callable[[str], None],
    ) -> None:
        self._ask, self._keys, self._clock, self._failed = ask, keys, clock, failed
        self._waiting: list[Message] = []
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._open = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def actions(self) -> list[str]:
        """What waits, first to last."""
        return [message.action for message in self._waiting]

    def put(self, message: Message) -> None:
        """Add `message`; one that is not durable is forgotten at once while offline."""
        if not (message.durable or self._open):
            return
        if len(self._waiting) >= LIMIT:
            self._make_room()
        self._waiting.append(message)
        self._empty.clear()
        self._wake.set()

    def online(self, first: list[Message]) -> None:
        """A link may be used: `first` goes before all that waits. `run` is to be started now."""
        self._open = True
        for message in self._waiting:
            message.not_before_s = 0.0
        self._waiting[:0] = first

    def link_closed(self) -> None:
        self._open = False
        self._waiting = [message for message in self._waiting if message.durable]

    async def empty(self) -> None:
        """Wait until nothing waits."""
        if self._waiting:
            self._empty.clear()
            await self._empty.wait()

    async def run(self) -> None:
        """Send what waits and what comes, until the link ends."""
        while True:
            message = self._next()
            if message is None:
                await self._wait()
                continue
            try:
                answer = await self._ask(message.build())
            except (ConnectionClosed, CallRefused):
                return
            except CallFailed as error:
                self._retry(message, error)
            else:
                self._remove(message)
                if message.answered is not None:
                    message.answered(answer)

    def _next(self) -> Message | None:
        """The first that may go now: one that waits for its retry holds back those of its own kind only."""
        held = False
        for message in self._waiting:
            if not message.durable:
                return message
            held = held or message.not_before_s > self._clock.monotonic()
            if not held:
                return message
        return None

    async def _wait(self) -> None:
        """Until something is put in, or the retry of the first transaction message is due."""
        self._wake.clear()
        first = self._waiting[0] if self._waiting else None
        timer = None
        if first is not None:
            timer = self._clock.call_later(first.not_before_s - self._clock.monotonic(), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def _retry(self, message: Message, error: CallFailed) -> None:
        message.attempts += 1
        if message.durable and message.attempts < self._keys.count("TransactionMessageAttempts"):
            wait_s = self._keys.count("TransactionMessageRetryInterval") * message.attempts
            message.not_before_s = self._clock.monotonic() + wait_s
            self._failed(f"{error}; again in {wait_s} s")
        else:
            self._remove(message)
            self._failed(f"{error}; given up" if message.durable else str(error))

    def _remove(self, message: Message) -> None:
        if message in self._waiting:
            self._waiting.remove(message)
        if not self._waiting:
            self._empty.set()

    def _make_room(self) -> None:
        oldest = next((message for message in self._waiting if message.action == "MeterValues"), None)
        if oldest is not None:
            self._waiting.remove(oldest)
            self.dropped += 1
