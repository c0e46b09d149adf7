"""The reader: one thread, one read-only connection, one consistent snapshot for each read.

A read that takes too long is cut off, because it holds back the checkpoints: the log would grow without bound.
"""

import threading
from asyncio import Future, get_running_loop, wrap_future
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import apsw

from mcppd.db.connection import FATAL, UNAVAILABLE, explain
from mcppd.model.errors import StorageUnavailable

CAPACITY = 100
"""Reads that may wait; one more is refused."""

_STEPS = 10_000
"""SQLite instructions between two looks at the clock: some 0.3 ms."""


class Reader:
    def __init__(self, db: apsw.Connection, path: Path, limit_s: float) -> None:
        self._db, self._path, self._limit_s = db, path, limit_s
        self._deadline = 0.0
        self._waiting = threading.BoundedSemaphore(CAPACITY)
        self._closed = False
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="mcppd-reader")
        db.set_progress_handler(lambda: monotonic() > self._deadline, _STEPS)

    def submit(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> "Future[Any]":
        """Queue `fn(db, *args, **kwargs)`. Raises `StorageUnavailable`."""
        if self._closed:
            raise StorageUnavailable(f"{self._path}: is being closed")
        if not self._waiting.acquire(blocking=False):
            raise StorageUnavailable(f"{self._path}: {CAPACITY} reads wait already; ask again later")
        work = self._executor.submit(self._read, fn, args, kwargs, self._limit_s)
        work.add_done_callback(lambda _: self._waiting.release())
        return wrap_future(work, loop=get_running_loop())

    def read_now(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """The same, blocking and without a limit of time."""
        return self._executor.submit(self._read, fn, args, kwargs, float("inf")).result()

    def stop(self) -> None:
        """Let what runs come to its end, drop what waits, close the connection."""
        self._closed = True
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._db.close()

    def _read(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], limit_s: float) -> Any:
        self._deadline = monotonic() + limit_s
        try:
            self._db.execute("BEGIN")
            return fn(self._db, *args, **kwargs)
        except FATAL + UNAVAILABLE as error:
            raise explain(error, self._path) from error
        finally:
            self._deadline = float("inf")
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
