"""The database as the other floors see it: open, write, read, close."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from mcppd.db.statistics import StorageStatistics
from mcppd.model.errors import StorageError

T = TypeVar("T")


class Database:
    stats: StorageStatistics
    commit_interval_s: float

    @classmethod
    def open(cls, directory: Path, *, commit_interval_s: float = 1.0, vfs: str | None = None) -> Self:
        raise NotImplementedError

    async def write(self, fn: Callable[..., T], *args: Any, urgent: bool = True, **kwargs: Any) -> T:
        raise NotImplementedError

    async def read(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        raise NotImplementedError

    def read_now(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        raise NotImplementedError

    async def proof_of_progress(self) -> None:
        raise NotImplementedError

    async def wait_failed(self) -> StorageError:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
