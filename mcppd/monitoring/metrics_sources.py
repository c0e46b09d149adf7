"""Where the metrics come from, as Protocols: what the other floors must offer to be measured."""

from collections.abc import Callable, Sequence
from typing import Protocol

from mcppd.model.events import Event
from mcppd.model.statistics import Histogram
from mcppd.model.views import ChargePointView


class Central(Protocol):
    @property
    def links(self) -> int: ...

    def views(self) -> Sequence[ChargePointView]: ...


class Storage(Protocol):
    """What the memory counts of itself."""

    commits: int
    commit_seconds: Histogram
    batch_size: Histogram
    rows: int
    failures: int

    @property
    def database_bytes(self) -> int: ...

    @property
    def wal_bytes(self) -> int: ...

    @property
    def queue_depth(self) -> int: ...


class Subscription(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def dropped(self) -> int: ...

    def __len__(self) -> int: ...


class Bus(Protocol):
    @property
    def subscriptions(self) -> Sequence[Subscription]: ...

    def listen(self, callback: Callable[[Event], None]) -> None: ...
