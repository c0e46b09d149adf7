"""The writer: what is answered is on the disk, and what waits waits for a reason."""

import asyncio
import linecache
import sys
import threading

import apsw
import pytest

from mcppd.db import connection, writer
from mcppd.db.database import Database
from mcppd.model.errors import StorageUnavailable
from tests.equipment.faulty_disk import FaultyDisk

FOR_EVER = 3600.0


def put(db: apsw.Connection, key: str, value: int = 1) -> str:
    db.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (key, value))
    return key


def keys(db: apsw.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT key FROM meta")]


async def turn() -> None:
    """Let tasks that were created run to where they wait."""
    for _ in range(3):
        await asyncio.sleep(0)


class TestReplyAfterCommit:
    async def test_a_write_returns_after_its_log_was_synced(self, tmp_path):
        disk = FaultyDisk("noting")
        database = Database.open(tmp_path, vfs="noting")
        disk.done.clear()
        assert await database.write(put, "a") == "a"
        done = list(disk.done)
        database.close()
        assert ("write", "mcppd.db-wal") in done
        assert done[-1] == ("sync", "mcppd.db-wal")

    async def test_a_write_that_returned_is_seen_by_any_other_connection(self, tmp_path, database):
        await database.write(put, "a")
        other = connection.connect(tmp_path / "mcppd.db", writable=False)
        assert keys(other) == ["a"]
        other.close()
        assert await database.read(keys) == ["a"]

    async def test_arguments_and_keywords_reach_the_function(self, database):
        await database.write(put, "a", value=7)
        assert (
            await database.read(lambda db, key: db.execute("SELECT value FROM meta WHERE key = ?", (key,)).get, "a")
            == 7
        )


class TestGroupCommit:
    async def test_writes_that_are_not_urgent_wait_for_company_and_an_urgent_one_takes_them_along(self, database):
        database.commit_interval_s = FOR_EVER
        before = database.stats.commits
        waiting = [asyncio.ensure_future(database.write(put, f"a{n}", urgent=False)) for n in range(10)]
        await turn()
        assert database.stats.queue_depth == 10
        assert not any(task.done() for task in waiting)
        await database.write(put, "urgent")
        await asyncio.gather(*waiting)
        assert database.stats.commits == before + 1
        assert database.stats.queue_depth == 0

    async def test_nobody_has_to_come_for_the_wait_to_end(self, database):
        database.commit_interval_s = 0.001
        assert await asyncio.wait_for(database.write(put, "a", urgent=False), 10) == "a"

    async def test_a_shorter_interval_counts_for_those_that_wait_already(self, database):
        database.commit_interval_s = FOR_EVER
        waiting = asyncio.ensure_future(database.write(put, "a", urgent=False))
        await turn()
        database.commit_interval_s = 0.0
        assert await asyncio.wait_for(waiting, 10) == "a"
        assert database.commit_interval_s == 0.0

    async def test_a_full_batch_does_not_wait_longer(self, database, monkeypatch):
        monkeypatch.setattr(writer, "BATCH", 5)
        database.commit_interval_s = FOR_EVER
        first = asyncio.ensure_future(database.write(put, "a", urgent=False))
        await turn()
        database.commit_interval_s = FOR_EVER  # wakes the writer, which goes on waiting
        more = [asyncio.ensure_future(database.write(put, f"b{n}", urgent=False)) for n in range(6)]
        await turn()
        assert not first.done()
        await database.write(put, "urgent")
        await asyncio.gather(first, *more)
        assert len(await database.read(keys)) == 8

    async def test_writes_are_applied_in_the_order_of_their_submission(self, database):
        order: list[int] = []
        await asyncio.gather(*(database.write(lambda db, n=n: order.append(n), urgent=n % 3 == 0) for n in range(200)))
        assert order == list(range(200))

    async def test_batches_rows_and_times_are_counted(self, database):
        database.commit_interval_s = FOR_EVER
        tasks = [asyncio.ensure_future(database.write(put, f"a{n}", urgent=n == 4)) for n in range(5)]
        await asyncio.gather(*tasks)
        stats = database.stats
        assert stats.rows == 5
        assert stats.commit_seconds.count == stats.commits == stats.batch_size.count == 1
        assert stats.batch_size.total == 5
        assert stats.failures == 0
        assert stats.database_bytes > 0
        assert stats.wal_bytes > 0


class TestIsolation:
    async def test_what_one_write_raises_is_its_own_and_the_others_of_its_batch_stay(self, database):
        def fail(db):
            put(db, "half")
            raise LookupError("no")

        database.commit_interval_s = FOR_EVER
        good = asyncio.ensure_future(database.write(put, "before", urgent=False))
        bad = asyncio.ensure_future(database.write(fail, urgent=False))
        await turn()
        await database.write(put, "after")
        assert await good == "before"
        with pytest.raises(LookupError, match="no"):
            await bad
        assert sorted(await database.read(keys)) == ["after", "before"]
        assert database.stats.commits == 1

    async def test_a_broken_rule_of_the_schema_is_the_callers_and_not_the_disks(self, database):
        await database.write(put, "a")
        with pytest.raises(apsw.ConstraintError):
            await database.write(put, "a")
        assert database.failed is None

    async def test_a_write_whose_caller_went_away_is_carried_out(self, database):
        database.commit_interval_s = FOR_EVER
        gone = asyncio.ensure_future(database.write(put, "a", urgent=False))
        await turn()
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        await database.write(put, "b")
        assert sorted(await database.read(keys)) == ["a", "b"]


class TestBounds:
    async def test_more_waiting_writes_than_the_queue_holds_are_refused_at_once(self, database, monkeypatch):
        monkeypatch.setattr(writer, "CAPACITY", 3)
        database.commit_interval_s = FOR_EVER
        waiting = [asyncio.ensure_future(database.write(put, f"a{n}", urgent=False)) for n in range(3)]
        await turn()
        with pytest.raises(StorageUnavailable, match="wait already"):
            await database.write(put, "one too many")
        database.commit_interval_s = 0
        assert len(await asyncio.gather(*waiting)) == 3

    async def test_an_idle_writer_sleeps_without_a_limit_of_time(self, database):
        await database.write(put, "a")
        thread = next(thread for thread in threading.enumerate() if thread.name == "mcppd-writer")
        for _ in range(10_000):
            frame = sys._current_frames()[thread.ident]
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            if line.strip() == "self._bell.acquire()":
                return
            await asyncio.sleep(0)
        pytest.fail(f"the writer does not sleep: {line}")


class TestCheckpoint:
    async def test_a_grown_log_is_brought_into_the_database_when_nothing_waits(self, database, monkeypatch):
        monkeypatch.setattr(writer, "CHECKPOINT_BYTES", 64 << 10)
        before = database.stats.database_bytes
        for n in range(10):
            await database.write(put, f"{n}" + "x" * 20_000)
        async with asyncio.timeout(10):  # the answer to a write does not wait for the checkpoint after it
            while database.stats.database_bytes <= before + 100_000:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)
        assert database.stats.wal_bytes < 300_000

    async def test_a_read_in_progress_holds_the_log_back_but_stops_nothing(self, tmp_path, database, monkeypatch):
        monkeypatch.setattr(writer, "CHECKPOINT_BYTES", 16 << 10)
        other = connection.connect(tmp_path / "mcppd.db", writable=False)
        other.execute("BEGIN; SELECT * FROM meta").fetchall()
        for n in range(20):
            await database.write(put, f"{n}" + "x" * 5_000)
        other.close()
        assert len(await database.read(keys)) == 20


class TestClosing:
    async def test_what_waits_is_written_and_answered_before_the_end(self, tmp_path, database):
        database.commit_interval_s = FOR_EVER
        waiting = asyncio.ensure_future(database.write(put, "a", urgent=False))
        await turn()
        database.close()
        assert await waiting == "a"
        with pytest.raises(StorageUnavailable, match="being closed"):
            await database.write(put, "b")
        with pytest.raises(StorageUnavailable, match="being closed"):
            await database.read(keys)
        database.close()
        assert not (tmp_path / "mcppd.db-wal").exists()

    def test_a_loop_that_is_gone_loses_answers_but_no_writes(self, tmp_path):
        database = Database.open(tmp_path, commit_interval_s=FOR_EVER)

        async def leave() -> None:
            task = asyncio.ensure_future(database.write(put, "a", urgent=False))
            await turn()
            task.cancel()

        asyncio.run(leave())
        database.close()
        database = Database.open(tmp_path)
        assert database.read_now(keys) == ["a"]
        database.close()

    async def test_proof_of_progress_writes_nothing_while_commits_are_fresh(self, database):
        await database.write(put, "a")
        rows = database.stats.rows
        await database.proof_of_progress()
        assert database.stats.rows == rows

    async def test_proof_of_progress_writes_when_the_last_commit_is_long_ago(self, database, monkeypatch):
        monkeypatch.setattr("mcppd.db.database.PROOF_AGE_S", 0.0)
        await database.proof_of_progress()
        await database.proof_of_progress()
        assert database.stats.rows == 2
