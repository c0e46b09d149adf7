"""Opening a directory: what is refused, what is checked, and what is left exactly as it was."""

import hashlib
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from mcppd.db import connection
from mcppd.db.connection import require_sqlite
from mcppd.db.database import Database
from mcppd.db.migrations import Migration, known, migrate
from mcppd.model.errors import StorageRefused
from tests.equipment.faulty_disk import FaultyDisk

NEXT = Migration(2, "next", "CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT; INSERT INTO later VALUES (7);")
BROKEN = Migration(3, "broken", "CREATE TABLE half (id INTEGER) STRICT; INSERT INTO nowhere VALUES (1);")
DANGLING = Migration(
    3,
    "dangling",
    "INSERT INTO jobs (charge_point_id, kind, status, created_at, updated_at) VALUES (99, 'log', 'Idle', 0, 0)",
)


def picture(directory: Path) -> dict[str, str]:
    """Every file of the database with what is in it."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
        if path.name.startswith("mcppd.db")
    }


def fill(directory: Path, migrations=None) -> None:
    database = Database.open(directory, migrations=migrations)
    database.close()


def put(db: apsw.Connection, key: str) -> None:
    db.execute("INSERT INTO meta (key, value) VALUES (?, 1)", (key,))


def keys(db: apsw.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT key FROM meta")]


def crash(directory: Path) -> None:
    """Write a row and end without closing anything."""
    program = f"""
import asyncio, os, pathlib
from mcppd.db.database import Database
def put(db): db.execute("INSERT INTO meta (key, value) VALUES ('a', 1)")
async def main():
    database = Database.open(pathlib.Path({str(directory)!r}), commit_interval_s=0)
    await database.write(put)
    os._exit(9)
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9


class TestVersionOfSQLite:
    @pytest.mark.parametrize("version", ["3.51.2", "3.40.1", "3.7.0", "2.8.17"])
    def test_one_that_can_corrupt_the_log_is_refused_with_the_reason(self, version):
        with pytest.raises(StorageRefused, match=f"SQLite {version} can corrupt a database in WAL mode"):
            require_sqlite(version)

    @pytest.mark.parametrize("version", ["3.51.3", "3.51.3.1", "3.54.1", "4.0.0"])
    def test_one_that_has_the_fix_is_taken(self, version):
        require_sqlite(version)

    def test_nothing_is_opened_with_one_that_is_too_old(self, tmp_path, monkeypatch):
        monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.40.1")
        with pytest.raises(StorageRefused, match=r"3\.40\.1"):
            Database.open(tmp_path)
        assert list(tmp_path.iterdir()) == []


class TestDirectory:
    def test_a_missing_one_is_refused(self, tmp_path):
        with pytest.raises(StorageRefused, match="no such directory"):
            Database.open(tmp_path / "missing")

    def test_one_in_which_nothing_can_be_made_is_refused(self, tmp_path):
        (tmp_path / "mcppd.lock").mkdir()  # root may write anywhere, but not into a directory as if it were a file
        with pytest.raises(StorageRefused, match="cannot be written"):
            Database.open(tmp_path)

    def test_a_database_that_cannot_be_read_is_refused(self, tmp_path):
        (tmp_path / "mcppd.db").mkdir()
        with pytest.raises(StorageRefused, match="cannot be read"):
            Database.open(tmp_path)

    def test_a_mark_that_cannot_be_made_is_refused(self, tmp_path, monkeypatch):
        def no_room(self, mode):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "touch", no_room)
        with pytest.raises(StorageRefused, match="No space left"):
            Database.open(tmp_path)

    def test_a_lock_that_cannot_be_written_is_refused(self, tmp_path, monkeypatch):
        def no_room(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.ftruncate", no_room)
        with pytest.raises(StorageRefused, match="No space left"):
            Database.open(tmp_path)

    def test_a_second_daemon_is_refused_and_the_first_is_not_disturbed(self, tmp_path, database):
        with pytest.raises(StorageRefused, match=r"another mcppd \(process \d+\)"):
            Database.open(tmp_path)
        program = (
            f"from mcppd.db.database import Database; from pathlib import Path; Database.open(Path({str(tmp_path)!r}))"
        )
        second = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert "another mcppd" in second.stderr
        assert database.read_now(keys) == []

    def test_once_it_is_closed_another_may_open_it(self, tmp_path):
        for _ in range(3):
            Database.open(tmp_path).close()

    def test_a_refused_start_lets_go_of_the_directory(self, tmp_path):
        (tmp_path / "mcppd.db").write_bytes(b"x" * 200)
        for _ in range(2):
            with pytest.raises(StorageRefused, match="damaged"):
                Database.open(tmp_path)


class TestSettings:
    def test_a_commit_is_synced_and_the_log_is_a_write_ahead_log(self, database):
        pragmas = {
            name: database._writing.pragma(name)
            for name in ("journal_mode", "synchronous", "foreign_keys", "mmap_size", "page_size", "trusted_schema")
        }
        assert pragmas == {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "mmap_size": 0,
            "page_size": connection.PAGE_SIZE,
            "trusted_schema": 0,
        }
        assert database._writing.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1) == 1

    def test_every_table_is_strict(self, db):
        tables = db.execute(
            "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        ).fetchall()
        assert {name for name, strict in tables if not strict} <= {"sqlite_schema", "sqlite_sequence"}

    def test_what_the_design_names_has_a_table(self, db):
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert tables >= {
            "charge_points",
            "connectors",
            "transactions",
            "meter_values",
            "id_tags",
            "local_list_versions",
            "reservations",
            "charging_profiles",
            "configuration_keys",
            "certificates",
            "certificate_requests",
            "jobs",
            "security_events",
            "quarantine",
            "meta",
        }


class TestMigrations:
    def test_a_new_directory_gets_the_newest_schema_and_no_copy(self, tmp_path):
        fill(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["mcppd.db", "mcppd.lock"]
        db = apsw.Connection(str(tmp_path / "mcppd.db"))
        assert db.pragma("user_version") == len(known())
        db.close()

    def test_an_older_database_is_brought_forward_and_kept_as_it_was(self, tmp_path):
        fill(tmp_path)
        database = Database.open(tmp_path, migrations=[*known(), NEXT])
        assert database.read_now(lambda db: db.execute("SELECT id FROM later").get) == 7
        database.close()
        copy = apsw.Connection(str(tmp_path / "mcppd.db.schema-1"))
        assert copy.pragma("user_version") == 1
        assert copy.execute("PRAGMA integrity_check").get == "ok"
        copy.close()

    def test_the_schema_never_changes_inside_a_write_ahead_log(self, tmp_path):
        """Or a program of before could not tell from the header that the database is newer."""
        fill(tmp_path)
        disk = FaultyDisk("migrating")
        Database.open(tmp_path, vfs="migrating", migrations=[*known(), NEXT]).close()
        assert ("write", "mcppd.db-journal") in disk.done
        assert ("write", "mcppd.db-wal") not in disk.done

    def test_it_happens_once(self, tmp_path):
        fill(tmp_path, [*known(), NEXT])
        before = picture(tmp_path)
        fill(tmp_path, [*known(), NEXT])
        assert picture(tmp_path).keys() == before.keys()

    @pytest.mark.parametrize("last", [BROKEN, DANGLING])
    def test_all_pending_ones_take_effect_or_none(self, tmp_path, last):
        fill(tmp_path)
        with pytest.raises(StorageRefused, match="could not be brought from schema 1 to 3 and is as it was"):
            Database.open(tmp_path, migrations=[*known(), NEXT, last])
        database = Database.open(tmp_path)
        assert database.read_now(lambda db: db.table_exists("main", "later")) is False
        database.close()

    def test_what_an_interrupted_one_left_is_undone(self, tmp_path):
        fill(tmp_path)
        program = f"""
import os, apsw
db = apsw.Connection({str(tmp_path / "mcppd.db")!r})
db.pragma("journal_mode", "delete")
db.execute("PRAGMA cache_size = 1; BEGIN EXCLUSIVE; CREATE TABLE later (id INTEGER, filler TEXT) STRICT")
for n in range(500):
    db.execute("INSERT INTO later VALUES (?, ?)", (n, "x" * 500))
db.pragma("user_version", 2)
db.cache_flush()
os._exit(9)
"""
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
        assert (tmp_path / "mcppd.db-journal").stat().st_size > 0
        database = Database.open(tmp_path)
        assert database.read_now(lambda db: db.table_exists("main", "later")) is False
        database.close()

    def test_a_database_of_a_newer_program_is_refused_with_both_versions_and_not_touched(self, tmp_path):
        fill(tmp_path, [*known(), NEXT])
        before = picture(tmp_path)
        with pytest.raises(
            StorageRefused, match=r"has schema 2, and this mcppd knows up to 1; install the newer mcppd"
        ):
            Database.open(tmp_path)
        assert picture(tmp_path) == before

    def test_nor_is_one_that_was_left_with_a_log(self, tmp_path):
        crash(tmp_path)
        db = apsw.Connection(str(tmp_path / "mcppd.db"))
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.close()
        header = bytearray((tmp_path / "mcppd.db").read_bytes())
        header[60:64] = (99).to_bytes(4)
        (tmp_path / "mcppd.db").write_bytes(header)
        before = picture(tmp_path)
        assert "mcppd.db-wal" in before
        with pytest.raises(StorageRefused, match="has schema 99"):
            Database.open(tmp_path)
        assert picture(tmp_path) == before

    def test_the_files_are_numbered_without_a_gap(self, tmp_path):
        assert [migration.number for migration in known()] == list(range(1, len(known()) + 1))
        assert str(known()[0]) == "0001_first"
        (tmp_path / "0001_first.sql").write_text("SELECT 1")
        (tmp_path / "0003_third.sql").write_text("SELECT 1")
        with pytest.raises(ValueError, match=r"must be named 0002_slug\.sql"):
            known(tmp_path)


class TestDamage:
    def test_a_file_that_is_no_database_is_refused_and_not_touched(self, tmp_path):
        (tmp_path / "mcppd.db").write_bytes(b"this is not a database " * 100)
        before = picture(tmp_path)
        with pytest.raises(StorageRefused, match="damaged or no SQLite database"):
            Database.open(tmp_path)
        assert picture(tmp_path) == before

    def test_so_is_a_database_of_another_program(self, tmp_path):
        other = apsw.Connection(str(tmp_path / "mcppd.db"))
        other.execute("CREATE TABLE theirs (id)")
        other.close()
        before = picture(tmp_path)
        with pytest.raises(StorageRefused, match="another program"):
            Database.open(tmp_path)
        assert picture(tmp_path) == before

    def test_after_an_unclean_stop_a_damaged_one_is_refused_and_not_touched(self, tmp_path):
        crash(tmp_path)
        database = Database.open(tmp_path)  # brings the log in
        database.close()
        path = tmp_path / "mcppd.db"
        pages = bytearray(path.read_bytes())
        page = connection.PAGE_SIZE
        pages[-page:] = b"\xff" * page
        path.write_bytes(pages)
        (tmp_path / "mcppd.unclean").touch()
        before = picture(tmp_path)
        with pytest.raises(StorageRefused, match="is damaged"):
            Database.open(tmp_path)
        after = picture(tmp_path)
        assert after["mcppd.db"] == before["mcppd.db"]
        assert (tmp_path / "mcppd.unclean").exists()

    def test_nor_is_its_log(self, tmp_path):
        crash(tmp_path)
        path = tmp_path / "mcppd.db"
        content = path.read_bytes()
        path.write_bytes(content[: -connection.PAGE_SIZE] + b"\xff" * connection.PAGE_SIZE)
        before = picture(tmp_path)
        with pytest.raises(StorageRefused, match="is damaged"):
            Database.open(tmp_path)
        after = picture(tmp_path)
        assert [after[name] for name in ("mcppd.db", "mcppd.db-wal")] == [
            before[name] for name in ("mcppd.db", "mcppd.db-wal")
        ]

    def test_a_damaged_log_does_not_lose_what_is_in_the_database(self, tmp_path):
        fill(tmp_path)
        crash(tmp_path)
        log = tmp_path / "mcppd.db-wal"
        log.write_bytes(log.read_bytes()[:-10])
        database = Database.open(tmp_path)
        assert database.read_now(keys) == []
        database.close()

    def test_a_schema_that_is_damaged_is_refused(self, tmp_path):
        fill(tmp_path)
        path = tmp_path / "mcppd.db"
        content = path.read_bytes()
        path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
        (tmp_path / "mcppd.unclean").touch()
        with pytest.raises(StorageRefused, match="damaged"):
            Database.open(tmp_path)
        (tmp_path / "mcppd.unclean").unlink()
        with pytest.raises(StorageRefused, match="damaged"):
            Database.open(tmp_path)

    def test_one_whose_first_page_is_damaged_is_refused_and_not_touched(self, tmp_path):
        fill(tmp_path)
        path = tmp_path / "mcppd.db"
        content = bytearray(path.read_bytes())
        content[16:18] = b"\x00\x07"  # no page has seven bytes
        path.write_bytes(content)
        (tmp_path / "mcppd.unclean").touch()
        with pytest.raises(StorageRefused, match="damaged"):
            Database.open(tmp_path)
        assert path.read_bytes() == content

    def test_an_unclean_stop_with_nothing_wrong_loses_nothing(self, tmp_path, caplog):
        crash(tmp_path)
        assert (tmp_path / "mcppd.unclean").exists()
        database = Database.open(tmp_path)
        assert database.read_now(keys) == ["a"]
        database.close()
        assert "the last stop was not clean" in caplog.text
        assert not (tmp_path / "mcppd.unclean").exists()

    def test_a_file_system_that_cannot_hold_a_log_is_refused(self, tmp_path):
        db = apsw.Connection(":memory:")  # has no log either
        with pytest.raises(StorageRefused, match="cannot hold a write-ahead log"):
            migrate(db, tmp_path / "mcppd.db", known())
        db.close()
