"""The writer: one thread, one connection, and everything that ever changes the database goes through it.

Rules.

1. Writes are applied in the order in which they were submitted.
2. A batch is one transaction. What one write in it raises is its own, the others stay: the batch is then undone and
   applied again with a savepoint for each write. (Savepoints for all, always, cost a fifth of the thread's time.)
3. A result is handed over after COMMIT returned with `synchronous=FULL`, never before; one call into the event loop
   hands over a whole batch.
4. An urgent write starts a batch at once and takes along all that waits. Others wait `commit_interval_s` for company,
   counted from the first of them.
5. The thread sleeps while there is nothing to do: it wakes up for a write or for the end of a wait.
6. The write-ahead log is checkpointed here, between batches and when nothing waits, so never while a reply does.
7. After an I/O error or damage nothing more is written: `failure` says so for good.
8. A write whose caller was cancelled is carried out all the same.
"""

import logging
import threading
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import apsw

from mcppd.db.connection import FATAL, UNAVAILABLE, explain
from mcppd.db.statistics import StorageStatistics
from mcppd.model.errors import StorageError, StorageUnavailable

CAPACITY = 10_000
"""Writes that may wait; one more is refused."""

BATCH = 1_000
"""Writes in one transaction at most."""

CHECKPOINT_BYTES = 1 << 20
"""From this size on the log is checkpointed when nothing waits, and at four times this size in any case."""

log = logging.getLogger(__name__)


class _Write:
    __slots__ = ("args", "error", "fn", "future", "kwargs", "result")

    def __init__(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], future: Future[Any]
    ) -> None:
        self.fn, self.args, self.kwargs, self.future = fn, args, kwargs, future
        self.result: Any = None
        self.error: Exception | None = None


class Writer:
    """Owns `db` from `start` to `stop`."""

    def __init__(self, db: apsw.Connection, path: Path, commit_interval_s: float) -> None:
        self.stats = StorageStatistics(path, lambda: len(self._waiting))
        self.failure: StorageError | None = None
        self.committed_at = monotonic()
        """When a batch that changed something was last committed (monotonic seconds)."""
        self.troubled = False
        """Whether the last batch that wanted to change something could not."""
        self._db, self._path = db, path
        self._interval_s = commit_interval_s
        self._waiting: deque[_Write] = deque()
        self._batch: list[_Write] = []
        self._since = 0.0
        self._awake = False
        self._urgent = False
        self._closing = False
        self._bell = threading.Lock()  # a binary semaphore: locked while nobody rang
        self._bell.acquire()
        self._loop: AbstractEventLoop | None = None
        self._watchers: list[Future[StorageError]] = []
        self._log_bytes = 0
        self._page_size: int = db.pragma("page_size")
        db.set_wal_hook(self._log_grew)
        self._thread = threading.Thread(target=self._run, name="mcppd-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Carry out what waits, then end the thread. Blocks."""
        self._closing = True
        self._ring()
        self._thread.join()

    @property
    def interval_s(self) -> float:
        return self._interval_s

    @interval_s.setter
    def interval_s(self, seconds: float) -> None:
        self._interval_s = seconds
        self._ring()

    def submit(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], urgent: bool
    ) -> Future[Any]:
        """Queue `fn(db, *args, **kwargs)`. Must be called on the event loop. Raises `StorageUnavailable`."""
        waiting = self._waiting
        if self.failure is not None:
            raise StorageUnavailable(str(self.failure))
        if self._closing:
            raise StorageUnavailable(f"{self._path}: is being closed")
        if len(waiting) >= CAPACITY:
            raise StorageUnavailable(f"{self._path}: {CAPACITY} writes wait already; the disk is too slow")
        loop = self._loop = get_running_loop()
        future = loop.create_future()
        if not waiting:
            self._since = monotonic()
        waiting.append(_Write(fn, args, kwargs, future))
        # The append comes before the look at _awake here, and the other way round in the thread: one of them sees it.
        if urgent:
            self._urgent = True
            self._ring()
        elif not self._awake:
            self._ring()
        return future

    def watch(self) -> "Future[StorageError]":
        """Resolves when the writer has failed for good. Must be called on the event loop."""
        self._loop = get_running_loop()
        watcher = self._loop.create_future()
        self._watchers.append(watcher)
        if self.failure is not None:
            watcher.set_result(self.failure)
        return watcher

    def _ring(self) -> None:
        try:
            self._bell.release()
        except RuntimeError:
            pass  # it rings already

    def _run(self) -> None:
        try:
            self._serve()
        except Exception as error:
            log.critical("the writer stopped on a fault of its own", exc_info=error)
            self.failure = StorageUnavailable(f"{self._path}: the writer stopped on a fault of its own: {error!r}")
            lost = self._batch + [self._waiting.popleft() for _ in range(len(self._waiting))]
            self._fail(lost, self.failure)
            self._hand_over(lost)

    def _serve(self) -> None:
        while True:
            self._awake = False
            if not self._waiting:
                if self._closing:
                    return
                self._checkpoint(CHECKPOINT_BYTES)
                if not self._waiting and not self._closing:
                    self._bell.acquire()
                continue
            self._awake = True
            self._wait_for_company()
            self._urgent = False
            self._batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH))]
            self._urgent |= bool(self._waiting)  # what did not fit has waited long enough
            self._commit(self._batch)
            self._hand_over(self._batch)
            self._batch = []
            self._checkpoint(4 * CHECKPOINT_BYTES)

    def _wait_for_company(self) -> None:
        while not self._urgent and not self._closing and len(self._waiting) < BATCH:
            remaining = self._since + self._interval_s - monotonic()
            if remaining <= 0:
                return
            self._bell.acquire(timeout=min(remaining, threading.TIMEOUT_MAX))

    def _commit(self, batch: list[_Write]) -> None:
        if self.failure is not None:
            self._fail(batch, self.failure)
            return
        db, stats = self._db, self.stats
        began, changes = perf_counter(), db.total_changes()
        try:
            db.execute("BEGIN IMMEDIATE")
            if not self._apply_all(db, batch):
                db.execute("ROLLBACK")
                db.execute("BEGIN IMMEDIATE")
                for write in batch:
                    self._apply(db, write)
            db.execute("COMMIT")
        except FATAL as error:
            self._fail(batch, explain(error, self._path), for_good=True)
        except apsw.Error as error:
            self._fail(batch, explain(error, self._path))
        else:
            stats.commits += 1
            stats.commit_seconds.observe(perf_counter() - began)
            stats.batch_size.observe(len(batch))
            changed = db.total_changes() - changes
            if changed:
                stats.rows += changed
                self.committed_at = monotonic()
                self.troubled = False

    @staticmethod
    def _apply_all(db: apsw.Connection, batch: list[_Write]) -> bool:
        """Whether all went well; if not, the transaction holds what must be undone."""
        try:
            for write in batch:
                write.result = write.fn(db, *write.args, **write.kwargs)
        except FATAL + UNAVAILABLE:
            raise  # the disk's doing, so the whole batch's trouble
        except Exception:  # noqa: BLE001 - told to its caller when it is raised again
            return False
        return True

    @staticmethod
    def _apply(db: apsw.Connection, write: _Write) -> None:
        db.execute("SAVEPOINT one")
        try:
            write.result = write.fn(db, *write.args, **write.kwargs)
        except FATAL + UNAVAILABLE:
            raise  # the disk's doing, so the whole batch's trouble
        except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            write.error = error
            db.execute("ROLLBACK TO one")
        db.execute("RELEASE one")

    def _fail(self, batch: list[_Write], error: StorageError, *, for_good: bool = False) -> None:
        self.stats.failures += 1
        self.troubled = True
        if for_good:
            self.failure = error
        elif self.failure is None and self._db.in_transaction:
            self._db.execute("ROLLBACK")
        for write in batch:  # one each: a raised exception grows by the frames it passes
            write.error = StorageUnavailable(str(error))

    def _hand_over(self, batch: list[_Write]) -> None:
        if self._loop is None or self._loop.is_closed():
            return  # nobody waits any more
        try:
            self._loop.call_soon_threadsafe(self._deliver, batch)
        except RuntimeError:
            pass  # it was closed in this very moment

    def _deliver(self, batch: list[_Write]) -> None:
        for write in batch:
            if write.future.done():
                continue
            if write.error is None:
                write.future.set_result(write.result)
            else:
                write.future.set_exception(write.error)
        if self.failure is not None:
            for watcher in self._watchers:
                if not watcher.done():
                    watcher.set_result(self.failure)

    def _log_grew(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._log_bytes = pages * self._page_size
        return apsw.SQLITE_OK

    def _checkpoint(self, from_bytes: int) -> None:
        if self._log_bytes < from_bytes or self.failure is not None:
            return
        self._log_bytes = 0  # or it would be tried again and again while a reader holds the log
        try:
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except FATAL as error:
            self._fail([], explain(error, self._path), for_good=True)
            self._hand_over([])
        except apsw.Error as error:
            self.stats.failures += 1
            log.warning("the log could not be checkpointed: %s", explain(error, self._path))
