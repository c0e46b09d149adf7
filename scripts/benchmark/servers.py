"""The processes that are measured, mcppd and the baseline: context managers that know their port and their pid."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


class Server(Protocol):
    name: str
    port: int
    pid: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class Baseline:
    """The README-shaped central system; `quiet`, without the log that it keeps of every message."""

    name = "ocpp package"

    def __init__(self, *, quiet: bool = False) -> None:
        self.name = f"{Baseline.name}, no log" if quiet else Baseline.name
        self._flags = ["--quiet"] if quiet else []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts.benchmark.baselines", *self._flags],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.port, self.pid = int(self._process.stdout.readline()), self._process.pid
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()


class Mcppd:
    """mcppd with an empty database, or with the one that an earlier run left in `data`."""

    name = "mcppd"

    def __init__(self, settings: Mapping[str, str], data: Path | None = None) -> None:
        self._settings, self._data = settings, data
        self.ready_s = 0.0

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="mcppd-bench-"))
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(self._folder / "notify"))
        notify.settimeout(PATIENCE_S)
        configuration = self._folder / "mcppd.yaml"
        configuration.touch()
        (self._folder / "data").mkdir()
        settings = {
            "ocpp.listen": "127.0.0.1:0",
            "ocpp.max_charge_points": "1000",
            "http.listen": "127.0.0.1:0",
            "http.socket": str(self._folder / "control.sock"),
            "storage.directory": str(self._data or self._folder / "data"),
            "plugins.directory": str(self._folder / "plugins.d"),
            **self._settings,
        }
        flags = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        self._log = self._folder / "log"
        began = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mcppd", "--config", str(configuration), *flags],
                cwd=ROOT,
                env={**os.environ, "NOTIFY_SOCKET": str(self._folder / "notify")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        with notify:
            try:
                while "READY=1" not in notify.recv(4096).decode():
                    pass
            except TimeoutError:
                self._process.kill()
                sys.exit(f"mcppd did not become ready:\n{self._log.read_text()[-3000:]}")
        self.ready_s = time.perf_counter() - began
        self.pid = self._process.pid
        lines = (json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{"))
        self.port = next(line["ocpp_port"] for line in lines if line["event"] == "listening")
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        shutil.rmtree(self._folder)
