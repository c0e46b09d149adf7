"""A disk that notes what is done to it, and fails on demand: a VFS under SQLite, in this process only."""

from collections.abc import Callable

import apsw


class FaultyDisk(apsw.VFS):
    """Everything goes to the real disk, unless `fault` says otherwise.

    `fault` is called with (operation, file name) before each "write", "sync", "truncate" and "read", and may raise
    what it likes: `io_error()`, `full()`. `done` lists the writes and syncs that went through.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.done: list[tuple[str, str]] = []
        self.fault: Callable[[str, str], None] = lambda operation, file: None
        super().__init__(name, "")

    def xOpen(self, name, flags):
        return _File(self, name, flags)

    def before(self, operation: str, file: str) -> None:
        self.fault(operation, file)
        self.done.append((operation, file))


class _File(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name, flags) -> None:
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = (path or "temporary").rpartition("/")[2]
        super().__init__("", name, flags)

    def xRead(self, amount, offset):
        self._disk.fault("read", self._name)
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):
        self._disk.before("write", self._name)
        return super().xWrite(data, offset)

    def xSync(self, flags):
        self._disk.before("sync", self._name)
        return super().xSync(flags)

    def xTruncate(self, size):
        self._disk.before("truncate", self._name)
        return super().xTruncate(size)


def io_error(code: int = apsw.SQLITE_IOERR_FSYNC) -> apsw.IOError:
    """What SQLite is told by a disk that fails: an fsync error unless `code` says otherwise."""
    error = apsw.IOError("the disk failed")
    error.result, error.extendedresult = apsw.SQLITE_IOERR, code
    return error


def full() -> apsw.FullError:
    error = apsw.FullError("no space left on device")
    error.result = error.extendedresult = apsw.SQLITE_FULL
    return error
