"""Connections: how SQLite is opened here, and what its errors mean to the other floors.

Rules.

1. SQLite older than 3.51.3 is refused: it can corrupt a WAL database when one connection checkpoints while another
   commits, which is what this program does all day.
2. `synchronous=FULL`: a commit is on the disk when it returns. NORMAL loses acknowledged rows in a power cut.
3. No memory mapping: an I/O error would be a SIGBUS instead of an exception.
"""

from pathlib import Path

import apsw

from mcppd.model.errors import StorageError, StorageRefused, StorageUnavailable

MINIMUM_SQLITE = (3, 51, 3)
PAGE_SIZE = 1024
BUSY_TIMEOUT_MS = 5000
JOURNAL_SIZE_LIMIT = 4 << 20
CACHE_KIB = 1024

FATAL = (apsw.IOError, apsw.CorruptError, apsw.NotADBError)
"""After one of these nobody knows what is on the disk: nothing more is written, and a new process must look."""

UNAVAILABLE = (
    apsw.FullError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.ProtocolError,
    apsw.PermissionsError,
    apsw.InterruptError,
)
"""It did not work now and may work later: the batch fails, the connection goes on."""


def require_sqlite(version: str) -> None:
    """Raise `StorageRefused` if `version` ("3.51.3") is too old to be trusted with a WAL database."""
    if tuple(int(part) for part in version.split(".")[:3]) < MINIMUM_SQLITE:
        raise StorageRefused(
            f"SQLite {version} can corrupt a database in WAL mode when its log is reset (fixed in "
            f"{'.'.join(map(str, MINIMUM_SQLITE))}); install apsw from PyPI, which brings a newer SQLite with it"
        )


def connect(path: Path, *, writable: bool, vfs: str | None = None) -> apsw.Connection:
    """A connection with the settings that every connection here has; `writable` also creates the file.

    One that is not writable still may lock the file as a writer does: if it is the last to close, it has to.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if writable else 0)
    db = apsw.Connection(str(path), flags=flags, vfs=vfs)
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    db.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    db.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1)
    db.execute(f"PRAGMA mmap_size = 0; PRAGMA cache_size = -{CACHE_KIB}; PRAGMA temp_store = MEMORY").fetchall()
    if writable:
        db.execute(f"PRAGMA page_size = {PAGE_SIZE}; PRAGMA synchronous = FULL").fetchall()
        db.execute(f"PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT}").fetchall()
        db.transaction_mode = "IMMEDIATE"
        db.wal_autocheckpoint(0)
    else:
        db.execute("PRAGMA query_only = 1").fetchall()
    return db


def leave_log_alone(db: apsw.Connection) -> None:
    """Make closing `db` leave the write-ahead log as it is, so that looking at a database does not change it."""
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)


def explain(error: Exception, path: Path) -> StorageError:
    """What an SQLite error means, with the advice that belongs to it."""
    match error:
        case apsw.FullError():
            advice = "the disk is full: free some space, mcppd goes on by itself"
        case apsw.ReadOnlyError():
            advice = "it cannot be written: check the mount and the permissions"
        case apsw.CorruptError() | apsw.NotADBError():
            advice = "it is damaged: keep the files and restore a copy"
        case apsw.IOError():
            advice = "the disk failed: check the kernel log and replace the card if it goes on"
        case apsw.InterruptError():
            advice = "it took too long: ask for less at once"
        case _:
            advice = "try again"
    return StorageUnavailable(f"{path}: {error}; {advice}")
