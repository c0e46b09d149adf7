"""One daemon, one directory: the lock against a second one, and the mark that tells a clean stop from any other."""

import fcntl
import os
from pathlib import Path

from mcppd.model.errors import StorageRefused


class Directory:
    """A storage directory, held for this process until `release`.

    `mcppd.lock` is locked with flock, which ends with the process however that ends. `mcppd.unclean` exists from
    `mark` to `unmark`: found at start, it says that the last process did not close the database.
    """

    def __init__(self, path: Path) -> None:
        """Raises `StorageRefused` if the directory is missing, not writable, or in use."""
        self.path = path
        self.database = path / "mcppd.db"
        self._mark = path / "mcppd.unclean"
        if not path.is_dir():
            raise StorageRefused(f"{path}: no such directory; create it, or set storage.directory")
        try:
            self._lock = os.open(path / "mcppd.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StorageRefused(f"{path}: cannot be written ({error.strerror}); check owner and mount") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._lock)
            raise StorageRefused(
                f"{path}: another mcppd (process {holder}) uses this directory; stop it, or set storage.directory"
            ) from error
        try:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(self._lock)
            raise StorageRefused(f"{path}: cannot be written ({error.strerror}); check the disk") from error

    @property
    def unclean(self) -> bool:
        """Whether the last process that wrote here did not come to its end."""
        return self._mark.exists() or size_of(self.log) > 0

    @property
    def log(self) -> Path:
        """The write-ahead log."""
        return self.path / "mcppd.db-wal"

    @property
    def journal(self) -> Path:
        """The rollback journal, which only an interrupted migration leaves behind."""
        return self.path / "mcppd.db-journal"

    def mark(self) -> None:
        self._mark.touch(0o640)
        sync(self._mark)
        sync(self.path)

    def unmark(self) -> None:
        self._mark.unlink(missing_ok=True)

    def release(self) -> None:
        os.close(self._lock)


def size_of(path: Path) -> int:
    """Bytes in a file; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def sync(path: Path) -> None:
    """fsync a file or a directory that SQLite does not hold open."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
