"""`scripts/run`: one command that runs mcppd with something to look at, and leaves nothing behind."""

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
SETUP_PATIENCE_S = 300
"""The first run makes the virtual environment."""

pytestmark = pytest.mark.slow


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def daemon_of(folder):
    """The process id of the daemon that runs on the configuration in `folder`."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if f"--config\0{folder}/mcppd.yaml\0".encode() in entry.read_bytes():
                return int(entry.parent.name)
    raise AssertionError("no daemon runs there")


class Demo:
    def __init__(self, process, folder, ocpp_port, http_port):
        self.process, self.folder = process, folder
        self.ocpp_port, self.http_port = ocpp_port, http_port
        self.lines = []

    async def until(self, text, patience_s=PATIENCE_S):
        """Read on until a line has `text` in it; returns that line."""
        async with asyncio.timeout(patience_s):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line)
                if text in line:
                    return line
        raise AssertionError(f"{text!r} never came:\n{''.join(self.lines)}")

    async def end(self, number=signal.SIGINT):
        """As Ctrl-C does: the signal goes to the whole process group. Returns the exit status."""
        os.killpg(self.process.pid, number)
        rest, _ = await asyncio.wait_for(self.process.communicate(), PATIENCE_S)
        self.lines.append(rest.decode())
        return self.process.returncode

    def log(self):
        return [json.loads(line) for line in (self.folder / "mcppd.log").read_text().splitlines()]


@asynccontextmanager
async def demo(folder, *arguments):
    ports = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        ROOT / "scripts/run",
        *("--ocpp-port", str(ports[0]), "--http-port", str(ports[1])),
        *arguments,
        env={**os.environ, "RUN_DIRECTORY": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield Demo(process, folder, *ports)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
            await asyncio.wait_for(process.communicate(), PATIENCE_S)


async def test_two_charge_points_are_started_and_charge_and_ctrl_c_ends_it_all(tmp_path):
    async with demo(tmp_path / "it's here") as run:
        await run.until("mcppd is running", SETUP_PATIENCE_S)
        assert f"http://127.0.0.1:{run.http_port}/metrics" in await run.until("metrics")
        for identity in ("CP001", "CP002"):
            await run.until(f"{identity}         transaction")
        await run.until("measures 11.0 kW")
        assert await run.end() == 0
        assert run.log()[-1]["event"] == "stopped"
        assert (run.folder / "sim.log").read_text().count("disconnected") == 2
        assert free(run.ocpp_port)
        assert free(run.http_port)


async def test_without_simulator_it_tells_the_url_for_real_ones_and_waits(tmp_path):
    async with demo(tmp_path, "--no-sim") as run:
        line = await run.until("charge points", SETUP_PATIENCE_S)
        assert f":{run.ocpp_port}/ocpp/" in line
        assert "adds its identity" in line
        await run.until("Ctrl-C stops it")
        simulator = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mcppd.simulator", "--id", "BOX7", "--scenario", "plug"),
            f"ws://127.0.0.1:{run.ocpp_port}/ocpp/",
            stdout=asyncio.subprocess.DEVNULL,
        )
        await run.until("BOX7          transaction")
        simulator.terminate()
        assert await simulator.wait() == 0
        assert await run.end(signal.SIGTERM) == 0
        assert not (run.folder / "sim.log").exists()


async def test_port_in_use_is_said_and_nothing_is_started(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with demo(tmp_path, "--ocpp-port", str(port)) as run:
            await run.until(
                f"run: port {port} is taken; choose another: scripts/run --ocpp-port PORT", SETUP_PATIENCE_S
            )
            assert await run.process.wait() == 1
            assert not (run.folder / "mcppd.log").exists()


async def test_daemon_that_does_not_start_is_shown_by_the_end_of_its_log(tmp_path):
    (tmp_path / "data").write_text("in the way")
    async with demo(tmp_path) as run:
        rest, _ = await asyncio.wait_for(run.process.communicate(), SETUP_PATIENCE_S)
        assert run.process.returncode == 1
        assert b"data" in rest


async def test_daemon_that_dies_ends_the_demo_and_is_named(tmp_path):
    async with demo(tmp_path) as run:
        await run.until("CP001         transaction", SETUP_PATIENCE_S)
        os.kill(daemon_of(tmp_path), signal.SIGKILL)
        await run.until("daemon has ended by itself")
        await asyncio.wait_for(run.process.communicate(), PATIENCE_S)
        assert run.process.returncode == 1
