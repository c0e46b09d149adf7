"""The control socket's file: taken over from a daemon that died, never from one that lives."""

import contextlib
import os
import socket
import stat
from pathlib import Path

MODE = 0o660


class ControlSocket:
    """A bound, not yet listening socket at `path`. Its file goes when it is closed, if it is still ours."""

    def __init__(self, path: str) -> None:
        """Raises OSError with a sentence that names the path and what to do."""
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._clear()
            self.socket = self._bind()
        except OSError as error:
            reason = error.strerror or str(error)
            raise OSError(error.errno, f"http.socket: cannot listen on {path}: {reason}") from error
        about = os.stat(self.path)
        self._inode = (about.st_dev, about.st_ino)

    def close(self) -> None:
        self.socket.close()
        with contextlib.suppress(FileNotFoundError):
            about = os.stat(self.path)
            if (about.st_dev, about.st_ino) == self._inode:
                os.unlink(self.path)

    def _clear(self) -> None:
        try:
            mode = os.lstat(self.path).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise FileExistsError("there is a file that is no socket; remove it or set another path")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self.path))
            except (ConnectionRefusedError, FileNotFoundError):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path)
                return
        raise FileExistsError("a daemon listens there already; stop it or set another path")

    def _bind(self) -> socket.socket:
        bound = socket.socket(socket.AF_UNIX)
        try:
            bound.bind(str(self.path))
            os.chmod(self.path, MODE)  # before it listens: until then nobody can connect
        except OSError:
            bound.close()
            raise
        bound.setblocking(False)
        return bound
