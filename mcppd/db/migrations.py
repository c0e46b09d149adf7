"""Migrations: the schema grows by numbered SQL files, `migrations/NNNN_slug.sql`.

Rules.

1. Forward only. All pending ones run in one transaction: either every one took effect or none.
2. They run with a rollback journal instead of the write-ahead log. `user_version` therefore never changes inside a log,
   and the first 100 bytes of the file tell its schema without SQLite: a database of a newer program is refused before
   anything is opened, and stays as it was to the byte.
3. A database that holds data is copied (VACUUM INTO) before the first pending one touches it.
4. A file that was released is never edited again.
"""

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from mcppd.db.instance import sync
from mcppd.model.errors import StorageRefused

APPLICATION_ID = 0x6D637070
_MAGIC = b"SQLite format 3\0"
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_DIRECTORY = Path(__file__).with_name("migrations")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    slug: str
    sql: str

    def __str__(self) -> str:
        return f"{self.number:04}_{self.slug}"


def known(directory: Path = _DIRECTORY) -> list[Migration]:
    """Those that came with the program, in order. Raises ValueError if a number is missing, doubled or misspelled."""
    found: list[Migration] = []
    for path in sorted(directory.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) != len(found) + 1:
            raise ValueError(f"{path}: must be named {len(found) + 1:04}_slug.sql")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    return found


def schema_of(path: Path) -> int:
    """The schema of the database file, read from its header without SQLite; 0 if there is none yet.

    Raises `StorageRefused` for a file that is no database of this program.
    """
    try:
        with path.open("rb") as file:  # closed before SQLite opens it: closing it later would drop SQLite's locks
            header = file.read(100)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StorageRefused(f"{path}: cannot be read ({error.strerror}); check owner and permissions") from error
    if not header:
        return 0
    if len(header) < 100 or not header.startswith(_MAGIC):
        raise StorageRefused(f"{path}: is damaged or no SQLite database; move it away and restore a copy")
    if int.from_bytes(header[68:72]) != APPLICATION_ID:
        raise StorageRefused(f"{path}: is a database of another program; set storage.directory")
    return int.from_bytes(header[60:64])


def refuse_newer(path: Path, schema: int, migrations: Sequence[Migration]) -> None:
    """Raise `StorageRefused` if a newer program wrote this database."""
    if schema > len(migrations):
        raise StorageRefused(
            f"{path}: has schema {schema}, and this mcppd knows up to {len(migrations)}; install the newer mcppd again,"
            f" or restore the copy it made ({copy_name(path, len(migrations)).name}) and lose what came after"
        )


def copy_name(path: Path, schema: int) -> Path:
    return path.with_name(f"{path.name}.schema-{schema}")


def migrate(db: apsw.Connection, path: Path, migrations: Sequence[Migration]) -> int:
    """Bring the database to the newest schema and leave it in WAL mode. Returns how many migrations ran.

    Raises `StorageRefused`, the database being as it was, if one of them fails.
    """
    schema = db.pragma("user_version")
    pending = migrations[schema:]
    if pending:
        try:
            kept = _keep_copy(db, path, schema) if schema else None
            db.pragma("journal_mode", "delete")
            _run(db, pending)
        except (apsw.Error, OSError) as error:
            raise StorageRefused(
                f"{path}: could not be brought from schema {schema} to {len(migrations)} and is as it was: {error}"
            ) from error
        if kept:
            log.info("schema %d brought to %d; the database as it was is kept as %s", schema, len(migrations), kept)
    mode = db.pragma("journal_mode", "wal")
    if mode != "wal":
        raise StorageRefused(f"{path}: this file system cannot hold a write-ahead log (journal mode stays {mode})")
    return len(pending)


def _run(db: apsw.Connection, pending: Sequence[Migration]) -> None:
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 0)
    db.execute("BEGIN EXCLUSIVE")
    try:
        for migration in pending:
            db.execute(migration.sql).fetchall()
            db.pragma("user_version", migration.number)
        broken = db.execute("PRAGMA foreign_key_check").fetchone()
        if broken:
            raise apsw.ConstraintError(f"{pending[-1]} leaves a row of {broken[0]} without what it refers to")
    except BaseException:
        if db.in_transaction:  # a full disk may have rolled it back already
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1)


def _keep_copy(db: apsw.Connection, path: Path, schema: int) -> Path:
    final = copy_name(path, schema)
    unfinished = final.with_name(f"{final.name}.part")
    unfinished.unlink(missing_ok=True)
    db.execute("VACUUM INTO ?", (str(unfinished),))
    sync(unfinished)
    os.replace(unfinished, final)
    sync(path.parent)
    return final
