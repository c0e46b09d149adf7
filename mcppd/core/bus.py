"""The event bus: what happened goes out to whoever subscribed, and nobody can hold it up.

Rules.

1. `publish` never waits and never raises: a subscriber whose queue is full loses its oldest event, and it is counted.
2. Listeners are called at once, in the publisher's turn: they only count or copy, and never raise.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from mcppd.model.events import Event


class Subscription:
    """One subscriber's bounded queue. Iterate it asynchronously; iteration ends after `close`."""

    def __init__(self, name: str, capacity: int, forget: "Callable[[Subscription], None]") -> None:
        self.name = name
        self.capacity = capacity
        self.dropped = 0
        self._queue: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self._forget = forget

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, event: Event) -> None:
        if len(self._queue) >= self.capacity:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(event)
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._forget(self)
        self._wake.set()

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()


class Bus:
    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self._listeners: list[Callable[[Event], None]] = []

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(self._subscriptions)

    def subscribe(self, name: str, capacity: int) -> Subscription:
        subscription = Subscription(name, capacity, self._drop)
        self._subscriptions.append(subscription)
        return subscription

    def _drop(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def listen(self, callback: Callable[[Event], None]) -> None:
        self._listeners.append(callback)

    def publish(self, events: Iterable[Event]) -> None:
        for event in events:
            for listener in self._listeners:
                listener(event)
            for subscription in self._subscriptions:
                subscription.put(event)
