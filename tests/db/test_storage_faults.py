"""Disks that fill up, fail, or are slow: never an answer for what is not kept."""

import asyncio
import itertools

import apsw
import pytest

from mcppd.db import writer
from mcppd.db.database import Database
from mcppd.db.writer import Writer
from mcppd.model.errors import StorageRefused, StorageUnavailable
from tests.equipment.faulty_disk import FaultyDisk, full, io_error

_numbers = itertools.count()


def put(db: apsw.Connection, key: str) -> str:
    db.execute("INSERT INTO meta (key, value) VALUES (?, 1)", (key,))
    return key


def keys(db: apsw.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT key FROM meta ORDER BY key")]


@pytest.fixture
def disk():
    return FaultyDisk(f"disk{next(_numbers)}")


@pytest.fixture
def faulty(tmp_path, disk):
    database = Database.open(tmp_path, commit_interval_s=0, vfs=disk.name)
    yield database
    disk.fault = lambda operation, file: None
    database.close()


def fail(disk, error, on="sync", file="-wal"):
    """From now on `on` fails for files whose name ends so."""

    def fault(operation, name):
        if operation == on and name.endswith(file):
            raise error()

    disk.fault = fault


class TestFullDisk:
    async def test_a_write_that_does_not_fit_is_refused_and_the_same_connection_goes_on_when_there_is_room(
        self, tmp_path
    ):
        database = Database.open(tmp_path, commit_interval_s=0)
        await database.write(put, "a")
        pages = await database.write(lambda db: db.pragma("page_count"))
        await database.write(lambda db: db.pragma("max_page_count", pages))
        with pytest.raises(StorageUnavailable, match="disk is full"):
            await database.write(put, "x" * 100_000)
        with pytest.raises(StorageUnavailable, match="disk is full"):
            await database.write(put, "y" * 100_000)
        assert database.failed is None
        assert database.stats.failures == 2
        await database.write(lambda db: db.pragma("max_page_count", 1_000_000))
        assert await database.write(put, "b") == "b"
        assert await database.read(keys) == ["a", "b"]
        database.close()

    async def test_the_whole_batch_fails_with_the_one_that_does_not_fit(self, tmp_path):
        database = Database.open(tmp_path, commit_interval_s=3600)
        pages = await database.write(lambda db: db.pragma("page_count"))
        await database.write(lambda db: db.pragma("max_page_count", pages))
        small = asyncio.ensure_future(database.write(put, "a", urgent=False))
        await asyncio.sleep(0)
        with pytest.raises(StorageUnavailable):
            await database.write(put, "x" * 100_000)
        with pytest.raises(StorageUnavailable):
            await small
        assert await database.read(keys) == []
        database.close()

    async def test_a_log_that_cannot_grow_is_the_same(self, disk, faulty):
        fail(disk, full, on="write")
        with pytest.raises(StorageUnavailable, match="disk is full"):
            await faulty.write(put, "a")
        disk.fault = lambda operation, file: None
        assert await faulty.write(put, "b") == "b"
        assert await faulty.read(keys) == ["b"]

    async def test_proof_of_progress_says_it_until_a_write_succeeds_again(self, disk, faulty):
        await faulty.proof_of_progress()
        fail(disk, full, on="write")
        with pytest.raises(StorageUnavailable):
            await faulty.write(put, "a")
        with pytest.raises(StorageUnavailable, match="disk is full"):
            await faulty.proof_of_progress()
        disk.fault = lambda operation, file: None
        await faulty.proof_of_progress()

    async def test_a_checkpoint_that_finds_no_room_stops_nothing(self, disk, faulty, monkeypatch):
        monkeypatch.setattr(writer, "CHECKPOINT_BYTES", 1)
        fail(disk, full, on="write", file=".db")
        assert await faulty.write(put, "a") == "a"
        assert await faulty.write(put, "b") == "b"
        assert faulty.failed is None
        assert faulty.stats.failures > 0


class TestFailedDisk:
    async def test_a_failed_sync_ends_all_writing_and_tells_the_daemon(self, disk, faulty):
        await faulty.write(put, "a")
        waiting = asyncio.create_task(faulty.wait_failed())
        await asyncio.sleep(0)
        fail(disk, io_error)
        with pytest.raises(StorageUnavailable, match="disk failed"):
            await faulty.write(put, "b")
        assert str(await waiting) == str(faulty.failed) == str(await faulty.wait_failed())
        disk.fault = lambda operation, file: None
        with pytest.raises(StorageUnavailable, match="disk failed"):
            await faulty.write(put, "c")
        assert await faulty.read(keys) == ["a"]

    async def test_those_that_wait_behind_it_fail_too(self, disk, faulty):
        async def write(key):
            return await faulty.write(put, key)  # may be refused at once: the disk fails while these are submitted

        fail(disk, io_error)
        results = await asyncio.gather(*(write(f"{n}") for n in range(2500)), return_exceptions=True)
        assert {type(result) for result in results} == {StorageUnavailable}
        assert len({id(result) for result in results}) == 2500

    async def test_after_a_restart_all_that_was_answered_is_there(self, tmp_path, disk):
        database = Database.open(tmp_path, commit_interval_s=0, vfs=disk.name)
        await database.write(put, "a")
        fail(disk, io_error)
        with pytest.raises(StorageUnavailable):
            await database.write(put, "b")
        disk.fault = lambda operation, file: None
        database.close()
        assert (tmp_path / "mcppd.unclean").exists()
        database = Database.open(tmp_path)
        assert "a" in database.read_now(keys)
        database.close()
        assert not (tmp_path / "mcppd.unclean").exists()

    async def test_a_failed_write_to_the_database_in_a_checkpoint_ends_all_writing(self, disk, faulty, monkeypatch):
        monkeypatch.setattr(writer, "CHECKPOINT_BYTES", 1)
        fail(disk, lambda: io_error(apsw.SQLITE_IOERR_WRITE), on="write", file=".db")
        assert await faulty.write(put, "a") == "a"
        assert "disk failed" in str(await faulty.wait_failed())

    async def test_every_single_failing_operation_is_answered_or_refused_but_never_wrongly_answered(self, tmp_path):
        """Fail the n-th write or sync, for every n, until a round passes clean."""
        for n in itertools.count(1):
            directory = tmp_path / str(n)
            directory.mkdir()
            disk = FaultyDisk(f"nth{next(_numbers)}")
            left = itertools.count(1)

            def fault(operation, file, left=left, n=n):
                if operation != "read" and next(left) == n:
                    raise io_error(apsw.SQLITE_IOERR_WRITE)

            answered = []
            disk.fault = fault
            try:
                database = Database.open(directory, commit_interval_s=0, vfs=disk.name)
            except StorageRefused:
                database = None
            else:
                for key in ("a", "b", "c"):
                    try:
                        answered.append(await database.write(put, key))
                    except StorageUnavailable:
                        assert database.failed is not None
                database.close()
            clean = next(left) <= n
            disk.fault = lambda operation, file: None
            database = Database.open(directory)
            assert set(answered) <= set(database.read_now(keys))
            assert database.read_now(lambda db: db.execute("PRAGMA integrity_check").get) == "ok"
            database.close()
            if clean:
                assert answered == ["a", "b", "c"]
                return


class TestTrouble:
    async def test_a_database_that_somebody_holds_fails_the_batch_and_the_next_one_finds_it_as_it_was(self, database):
        def half(db):
            put(db, "half")
            raise apsw.BusyError("database is locked")

        with pytest.raises(StorageUnavailable, match="locked; try again"):
            await database.write(half)
        assert await database.write(put, "b") == "b"
        assert await database.read(keys) == ["b"]
        assert database.failed is None


class TestFaultOfOurOwn:
    async def test_a_writer_that_stops_by_itself_fails_everybody_and_tells_the_daemon(
        self, database, monkeypatch, caplog
    ):
        def broken(self, batch):
            raise ZeroDivisionError

        monkeypatch.setattr(Writer, "_commit", broken)
        lost = asyncio.ensure_future(database.write(put, "a"))
        assert "fault of its own" in str(await database.wait_failed())
        with pytest.raises(StorageUnavailable, match="fault of its own"):
            await lost
        assert "ZeroDivisionError" in caplog.text


class TestReading:
    async def test_a_read_that_takes_too_long_is_cut_off_and_the_next_one_works(self, database, monkeypatch):
        monkeypatch.setattr(database._reader, "_limit_s", 0.0)
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        with pytest.raises(StorageUnavailable, match="too long"):
            await database.read(lambda db: db.execute(endless).get)
        monkeypatch.undo()
        assert await database.read(keys) == []

    async def test_more_reads_than_may_wait_are_refused(self, database, monkeypatch):
        reads = [asyncio.create_task(database.read(keys)) for _ in range(200)]
        results = await asyncio.gather(*reads, return_exceptions=True)
        refused = [result for result in results if isinstance(result, StorageUnavailable)]
        assert refused
        assert "ask again later" in str(refused[0])
        assert await database.read(keys) == []

    async def test_a_read_sees_one_moment_of_the_database(self, tmp_path, database):
        def twice(db):
            before = keys(db)
            other = apsw.Connection(str(tmp_path / "mcppd.db"))
            put(other, "late")
            other.close()
            return before, keys(db)

        assert await database.read(twice) == ([], [])
        assert await database.read(keys) == ["late"]

    async def test_nothing_can_be_written_through_a_read(self, database):
        with pytest.raises(StorageUnavailable, match="readonly"):
            await database.read(put, "a")
