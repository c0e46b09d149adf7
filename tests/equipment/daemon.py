"""The real daemon in a process of its own, on free ports, in a folder of its own.

    with Daemon(tmp_path, {"boot.setup": "false"}) as daemon:
        ...ChargePoint.connect(daemon.ocpp_port, "CP1")...
        daemon.kill()
        daemon.start()              # on the same database

Rules.

1. Every wait ends, with an AssertionError that holds the tail of the daemon's log.
2. Calls here block: with charge points connected, call them by `asyncio.to_thread` where the loop must go on.
3. Whatever a test does, no process and no socket outlives the `with` block.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0
"""How long anything may take; a start on a loaded machine takes a few seconds."""

MCPPD = (sys.executable, "-m", "mcppd")
MCPPCTL = (sys.executable, "-m", "mcppd.cli")


def clean_environment() -> dict[str, str]:
    """The environment without settings for mcppd, and with the program on its path.

    A COVERAGE_PROCESS_START in it makes the daemon measure itself.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MCPPD_", "NOTIFY_", "WATCHDOG_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT)}


class Daemon:
    """One daemon: configuration, process, log, ports.

    `settings` are given as `--set` flags, `config` is the text of its file.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        *,
        config: str = "",
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.config_file = folder / "mcppd.yaml"
        self.config_file.write_text(config)
        self.data = folder / "data"
        self.data.mkdir()
        self.database = self.data / "mcppd.db"
        self._sockets = Path(tempfile.mkdtemp(prefix="mcppd-"))  # the path of a socket must be short
        self.control_socket = self._sockets / "control.sock"
        self.settings = {
            "ocpp.listen": "127.0.0.1:0",
            "http.listen": "127.0.0.1:0",
            "http.socket": str(self.control_socket),
            "storage.directory": str(self.data),
            "plugins.directory": str(folder / "plugins.d"),
            **(settings or {}),
        }
        self.arguments = list(arguments)
        self.environment = {**clean_environment(), **(environment or {})}
        self.log_file = folder / "mcppd.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.notifications: list[str] = []
        self._heard = 0
        self._notify: socket.socket | None = None
        self._log_from = 0

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Life.

    @property
    def command(self) -> list[str]:
        flags = [part for key, value in self.settings.items() for part in ("--set", f"{key}={value}")]
        return [*MCPPD, "--config", str(self.config_file), *flags, *self.arguments]

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process and wait for nothing."""
        assert self.process is None or self.process.poll() is not None, "it is running already"
        if self._notify is None:
            self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._notify.bind(str(self._sockets / "notify.sock"))
            self._notify.setblocking(False)
        self._log_from = self.log_file.stat().st_size if self.log_file.exists() else 0
        self.notifications.clear()
        self._heard = 0
        environment = {**self.environment, "NOTIFY_SOCKET": str(self._sockets / "notify.sock")}
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self.process

    def start(self) -> Self:
        """Start it and wait until it is ready for charge points."""
        self.launch()
        self.wait_for_notification("READY=1")
        return self

    def refuses_to_start(self) -> tuple[int, str]:
        """Start it and wait until it has given up: (exit code, what it wrote)."""
        self.launch()
        return self.wait(), self.output

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """The exit code, once it has ended."""
        assert self.process is not None
        try:
            return self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it still runs after {patience_s:g} s{self._tail()}") from None

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """kill -9: nothing is finished, nothing is closed."""
        self.signal(signal.SIGKILL)
        self.wait()

    def close(self) -> None:
        """Whatever it does, it is gone after this, and all that it left outside its folder."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._notify is not None:
            self._notify.close()
        shutil.rmtree(self._sockets, ignore_errors=True)

    # What it says.

    @property
    def output(self) -> str:
        """All that it wrote since it was last started."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_bytes()[self._log_from :].decode("utf-8", "replace")

    def log_lines(self, **wanted: Any) -> list[dict[str, Any]]:
        """Its log since it was last started, or only the lines with these values: `log_lines(event="listening")`."""
        lines = []
        for text in self.output.splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and all(line.get(key) == value for key, value in wanted.items()):
                lines.append(line)
        return lines

    def wait_for_log(self, **wanted: Any) -> dict[str, Any]:
        """The first log line with these values."""
        return self.wait_until(lambda: self.log_lines(**wanted), f"a log line with {wanted}")[0]

    def wait_for_notification(self, text: str) -> str:
        """The next word to the service manager that begins with `text`, after the one that was waited for last."""

        def found() -> str | None:
            self._read_notifications()
            for place, said in enumerate(self.notifications):
                if place >= self._heard and said.startswith(text):
                    self._heard = place + 1
                    return said
            return None

        return self.wait_until(found, f"the notification {text}")

    def wait_until(self, check: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        """What `check` returns once that is something."""
        deadline = time.monotonic() + patience_s
        while not (found := check()):
            if self.process is not None and self.process.poll() is not None and not (found := check()):
                raise AssertionError(f"it ended with {self.process.returncode} before {what}{self._tail()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {patience_s:g} s for {what}{self._tail()}")
            time.sleep(0.01)
        return found

    def _read_notifications(self) -> None:
        assert self._notify is not None
        while True:
            try:
                self.notifications += self._notify.recv(65536).decode().splitlines()
            except BlockingIOError:
                return

    def _tail(self) -> str:
        return "; the end of its log:\n" + "\n".join(self.output.splitlines()[-25:])

    # Where it listens, and what it answers.

    @property
    def ocpp_port(self) -> int:
        return int(self.wait_for_log(event="listening")["ocpp_port"])

    @property
    def http_port(self) -> int:
        return int(self.wait_for_log(event="listening")["http_port"])

    def get(self, path: str) -> tuple[int, str]:
        """(status, body) of a GET over TCP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def api(self, path: str) -> Any:
        """What /api/v1/`path` answers, read; any status but 200 fails."""
        status, body = self.get(f"/api/v1/{path}")
        assert status == 200, f"/api/v1/{path} answered {status}: {body[:500]}{self._tail()}"
        return json.loads(body)

    def metric(self, name: str, **labels: str) -> float | None:
        """The value of one sample of /metrics; None if it is not there."""
        for line in self.get("/metrics")[1].splitlines():
            series, _, value = line.rpartition(" ")
            found, _, inside = series.partition("{")
            if found == name and all(f'{key}="{label}"' in inside for key, label in labels.items()):
                return float(value)
        return None

    def mcppctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run mcppctl against its control socket."""
        return subprocess.run(
            [*MCPPCTL, "--socket", str(self.control_socket), *arguments],
            cwd=self.folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
