"""The database as the other floors see it: open, write, read, close.

What is written and read are plain functions `fn(db, ...)` in the modules beside this one. They know nothing of threads,
and this module knows nothing of what they do.
"""

import logging
from asyncio import Future
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Self, TypeVar

import apsw

from mcppd.db.connection import FATAL, connect, explain, leave_log_alone, require_sqlite
from mcppd.db.instance import Directory
from mcppd.db.migrations import Migration, known, migrate, refuse_newer, schema_of
from mcppd.db.reader import Reader
from mcppd.db.rows import only
from mcppd.db.statistics import StorageStatistics
from mcppd.db.writer import Writer
from mcppd.model.errors import StorageError, StorageRefused

T = TypeVar("T")

READ_LIMIT_S = 2.0
PROOF_AGE_S = 60.0
"""A commit no older than this proves that the disk can be written."""

log = logging.getLogger(__name__)


class Database:
    """One storage directory, opened by `open`. Its coroutines belong to one event loop."""

    def __init__(
        self, directory: Directory, writing: apsw.Connection, reading: apsw.Connection, writer: Writer
    ) -> None:
        self._directory, self._writing, self._writer = directory, writing, writer
        self._reader = Reader(reading, directory.database, READ_LIMIT_S)
        self._closed = False

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        commit_interval_s: float = 1.0,
        vfs: str | None = None,
        migrations: Sequence[Migration] | None = None,
    ) -> Self:
        """Open, check and bring up to date what is in `directory`. After an unclean stop that reads the whole of it.

        Blocks.

        Raises `StorageRefused` if it is in use, damaged, of a newer program, or cannot be written. `vfs` and
        `migrations` are for tests.
        """
        require_sqlite(apsw.sqlite_lib_version())
        held = Directory(Path(directory))
        try:
            return cls._open(held, commit_interval_s, vfs, known() if migrations is None else migrations)
        except BaseException as error:
            held.release()
            if isinstance(error, apsw.Error | OSError):
                raise StorageRefused(str(explain(error, held.database))) from error
            raise

    @classmethod
    def _open(cls, held: Directory, commit_interval_s: float, vfs: str | None, migrations: Sequence[Migration]) -> Self:
        path = held.database
        if held.journal.exists():
            _undo_interrupted_migration(path, vfs)
        schema = schema_of(path)
        refuse_newer(path, schema, migrations)
        if schema and held.unclean:
            _check(path, vfs)
        writing = connect(path, writable=True, vfs=vfs)
        try:
            migrate(writing, path, migrations)
            held.mark()
            reading = connect(path, writable=False, vfs=vfs)
        except BaseException:
            writing.close()
            raise
        writer = Writer(writing, path, commit_interval_s)
        writer.start()
        return cls(held, writing, reading, writer)

    @property
    def stats(self) -> StorageStatistics:
        return self._writer.stats

    @property
    def commit_interval_s(self) -> float:
        """How long writes that are not urgent wait for company."""
        return self._writer.interval_s

    @commit_interval_s.setter
    def commit_interval_s(self, seconds: float) -> None:
        self._writer.interval_s = seconds

    @property
    def failed(self) -> StorageError | None:
        """Why nothing can be written any more, for good; None while all is well."""
        return self._writer.failure

    def write(self, fn: Callable[..., T], *args: Any, urgent: bool = True, **kwargs: Any) -> "Future[T]":
        """Run `fn(db, *args, **kwargs)` on the writer's thread; await its result, there once it is safely on the disk.

        `fn` may be run twice, what the first time did being undone: it must depend on nothing but the database and its
        arguments. It is submitted at once, in the order of the calls, and carried out even if nobody awaits it.

        Raises what `fn` raised, having undone all that it did; `StorageUnavailable`, here or when awaited, if the disk
        is full, has failed or is too slow, and then nothing of it was kept.
        """
        return self._writer.submit(fn, args, kwargs, urgent)

    async def read(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run `fn(db, *args, **kwargs)` on the reader's thread, within one snapshot and 2 s.

        Raises what `fn` raised; `StorageUnavailable` if it took too long or the disk cannot be read.
        """
        result: T = await self._reader.submit(fn, args, kwargs)
        return result

    def read_now(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """The same, blocking and without limit: for the start, before the event loop runs."""
        result: T = self._reader.read_now(fn, args, kwargs)
        return result

    async def proof_of_progress(self) -> None:
        """Return if the writer's thread makes progress and the disk can be written.

        Raises `StorageUnavailable` if it cannot. Something is really written only if the last commit that changed
        anything failed, or is older than a minute: an idle box does not wear its card out by proving that it could.
        """
        recent = monotonic() - self._writer.committed_at < PROOF_AGE_S and not self._writer.troubled
        await self.write(_nothing if recent else _touch)

    async def wait_failed(self) -> StorageError:
        """Return when nothing can be written any more: the process must end, and a new one look at the disk."""
        return await self._writer.watch()

    def close(self) -> None:
        """Carry out what waits, empty the log into the database, and let go of the directory. Blocks."""
        if self._closed:
            return
        self._closed = True
        self._writer.stop()
        self._reader.stop()
        clean = self._writer.failure is None and self._empty_log()
        if not clean:
            leave_log_alone(self._writing)
        self._writing.close()
        if clean:
            self._directory.unmark()
        self._directory.release()

    def _empty_log(self) -> bool:
        try:
            self._writing.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            log.warning("closed without emptying the log, which the next start will do: %s", error)
            return False
        return True


def _undo_interrupted_migration(path: Path, vfs: str | None) -> None:
    """Let SQLite roll back the journal that a migration left when its process was killed."""
    db = connect(path, writable=True, vfs=vfs)
    try:
        db.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    finally:
        db.close()


def _check(path: Path, vfs: str | None) -> None:
    """Look for damage after an unclean stop, changing nothing. Raises `StorageRefused`."""
    log.warning("the last stop was not clean: checking %s", path)
    db = connect(path, writable=True, vfs=vfs)
    leave_log_alone(db)
    try:
        verdict = only(db, "PRAGMA quick_check(1)")
    except FATAL as error:
        verdict = str(error)
    finally:
        db.close()
    if verdict != "ok":
        raise StorageRefused(
            f"{path}: is damaged ({verdict}) and was left as it is; move it away together with its -wal"
            " and restore a copy"
        )


def _nothing(_db: apsw.Connection) -> None:
    """Prove only that the writer's thread gets round."""


def _touch(db: apsw.Connection) -> None:
    db.execute("INSERT INTO meta (key, value) VALUES ('touched', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1")
