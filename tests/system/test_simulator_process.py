"""mcppd-sim as a real process on real sockets, against a small central system that starts what is plugged in."""

import asyncio
import base64
import itertools
import json
import signal
import sys
from collections import defaultdict
from contextlib import asynccontextmanager, suppress
from urllib.parse import unquote

import pytest
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from mcppd.simulator import sockets
from mcppd.simulator.__main__ import simulate
from mcppd.simulator.arguments import parser
from mcppd.simulator.clock import SystemClock
from mcppd.simulator.errors import DialFailed, SocketClosed
from mcppd.simulator.printer import Printer

NOW = "2026-11-21T08:00:00Z"
PATIENCE_S = 20


class StartingCentral:
    """Answers everything, starts what reports Preparing, and remembers what was said and how links ended."""

    def __init__(self):
        self.said = defaultdict(list)
        self.closed = {}
        self.headers = {}
        self.links = defaultdict(int)
        self.url = ""
        self._ids = itertools.count(1)
        self._changed = asyncio.Event()

    async def serve_link(self, websocket):
        identity = unquote(websocket.request.path.rpartition("/")[2])
        self.headers[identity] = websocket.request.headers
        self.links[identity] += 1
        with suppress(ConnectionClosed):
            await self._talk(websocket, identity)
        self.closed[identity] = websocket.close_code
        self._changed.set()

    async def _talk(self, websocket, identity):
        async for text in websocket:
            frame = json.loads(text)
            if frame[0] != 2:
                continue
            self.said[identity].append((frame[2], frame[3]))
            await websocket.send(json.dumps([3, frame[1], self._answer(frame[2])]))
            if frame[2] == "StatusNotification" and frame[3]["status"] == "Preparing":
                start = {"connectorId": frame[3]["connectorId"], "idTag": "AUTO"}
                await websocket.send(json.dumps([2, f"s{next(self._ids)}", "RemoteStartTransaction", start]))
            self._changed.set()

    def _answer(self, action):
        accepted = {"idTagInfo": {"status": "Accepted"}}
        return {
            "BootNotification": {"status": "Accepted", "currentTime": NOW, "interval": 300},
            "Heartbeat": {"currentTime": NOW},
            "Authorize": accepted,
            "StartTransaction": {"transactionId": next(self._ids), **accepted},
        }.get(action, {})

    def actions(self, identity):
        return [action for action, _ in self.said[identity]]

    async def until(self, holds):
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def central_system(**options):
    central = StartingCentral()
    async with serve(central.serve_link, "127.0.0.1", 0, **{"subprotocols": ["ocpp1.6"], **options}) as server:
        central.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocpp"
        yield central


@asynccontextmanager
async def simulator(*arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mcppd.simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ended(process):
    """(exit status, standard output, standard error) of a process that is to end by itself."""
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode, out.decode(), err.decode()


QUICK = ("--charge-time", "0.2", "--pause", "0", "--stagger", "0", "--speed", "100")


async def test_three_charge_points_charge_and_the_process_ends_with_0():
    async with (
        central_system() as central,
        simulator("--count", "3", "--scenario", "charge", *QUICK, central.url) as sim,
    ):
        status, out, err = await ended(sim)
        assert (status, err) == (0, "")
        await central.until(lambda: len(central.closed) == 3)
        for identity in ("CP001", "CP002", "CP003"):
            actions = central.actions(identity)
            assert actions[0] == "BootNotification"
            assert actions.count("StartTransaction") == actions.count("StopTransaction") == 1
            assert central.closed[identity] == 1000
        assert "CP002    connector 1: plugged in" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_closes_all_links_cleanly_and_ends_with_0(number):
    async with central_system() as central, simulator("--count", "2", "--scenario", "plug", central.url) as sim:
        await central.until(lambda: all("StartTransaction" in central.actions(one) for one in ("CP001", "CP002")))
        sim.send_signal(number)
        status, _, err = await ended(sim)
        assert (status, err) == (0, "")
        await central.until(lambda: len(central.closed) == 2)
        assert set(central.closed.values()) == {1000}


async def test_signal_while_nobody_listens_ends_with_0():
    async with simulator("--scenario", "idle", "ws://127.0.0.1:9/ocpp") as sim:
        assert b"no connection" in await asyncio.wait_for(sim.stdout.readline(), PATIENCE_S)
        sim.send_signal(signal.SIGTERM)
        status, _, err = await ended(sim)
        assert (status, err) == (0, "")


async def test_wrong_command_line_ends_with_2():
    async with simulator("--count", "none") as sim:
        status, out, err = await ended(sim)
        assert (status, out) == (2, "")
        assert "--count: must be a whole number from 1 to 1000 (got 'none')" in err


async def test_fifty_charge_points_in_one_process(monkeypatch, capsys):
    async with central_system() as central:
        options = parser().parse_args(["--count", "50", "--scenario", "charge", *QUICK, central.url])
        async with asyncio.timeout(60):
            await simulate(options, SystemClock(), Printer(sys.stdout))
        assert len(central.said) == 50
        assert all(central.actions(identity).count("StopTransaction") == 1 for identity in central.said)


async def test_link_that_breaks_is_made_again_and_the_charge_is_told_to_its_end():
    arguments = ("--scenario", "offline", "--offline-time", "0.6", *QUICK, "--messages")
    async with central_system() as central, simulator(*arguments, central.url) as sim:
        status, out, err = await ended(sim)
        assert (status, err) == (0, "")
        assert central.links["CP001"] == 2
        assert central.actions("CP001").count("StartTransaction") == 1
        assert central.actions("CP001").count("StopTransaction") == 1
        assert "the network goes away for 0.6 s" in out
        assert '-> [2,"' in out


async def test_identity_is_percent_encoded_and_password_goes_along():
    async with central_system() as central:
        options = ["--id", "RDAM 123/ä", "--password", "geheim:ö", "--scenario", "charge", *QUICK, central.url]
        await simulate(parser().parse_args(options), SystemClock(), Printer(sys.stdout, quiet=True))
        # the slash is part of the identity: the server above cuts at the last one that is not encoded
        assert list(central.headers) == ["RDAM 123/ä"]
        scheme, _, credentials = central.headers["RDAM 123/ä"]["Authorization"].partition(" ")
        assert (scheme, base64.b64decode(credentials).decode()) == ("Basic", "RDAM 123/ä:geheim:ö")


class TestSockets:
    async def test_refusal_is_told_with_its_status(self):
        async def refuse(connection, request):
            return connection.respond(404, "unknown\n")

        async with central_system(process_request=refuse) as central:
            with pytest.raises(DialFailed, match="refused with HTTP 404 Not Found"):
                await sockets.dial(central.url, "CP001", None, None)

    async def test_server_without_the_subprotocol_is_left_again(self):
        async with central_system(subprotocols=None) as central:
            with pytest.raises(DialFailed, match=r"does not speak ocpp1\.6"):
                await sockets.dial(central.url, "CP001", None, None)
            await central.until(lambda: central.closed == {"CP001": 1002})

    async def test_nobody_listening_is_told(self):
        with pytest.raises(DialFailed, match=r"nothing listens at ws://127\.0\.0\.1:9/ocpp"):
            await sockets.dial("ws://127.0.0.1:9/ocpp", "CP001", None, None)

    async def test_silent_server_is_given_up(self, monkeypatch):
        monkeypatch.setattr(sockets, "OPEN_TIMEOUT_S", 0.05)
        connections = []
        async with await asyncio.start_server(lambda *link: connections.append(link), "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(DialFailed, match=r"no answer within 0.05 s"):
                await sockets.dial(f"ws://127.0.0.1:{port}", "CP001", None, None)
            for _, writer in connections:
                writer.close()

    @pytest.mark.parametrize(
        ("end", "reason"),
        [
            (lambda link: link.close(1012, "service restart"), r"closed with 1012 \(service restart\)"),
            (lambda link: link.close(1001), "closed with 1001$"),
        ],
    )
    async def test_reason_of_the_other_sides_close_is_told(self, end, reason):
        async with serve(end, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
            port = server.sockets[0].getsockname()[1]
            socket = await sockets.dial(f"ws://127.0.0.1:{port}", "CP001", None, None)
            with pytest.raises(SocketClosed, match=reason):
                await socket.recv()
            with pytest.raises(SocketClosed, match=reason):
                await socket.send("[2]")

    async def test_broken_link_is_told(self):
        async with central_system() as central:
            socket = await sockets.dial(central.url, "CP001", None, None)
            socket.abort()
            with pytest.raises(SocketClosed, match="broke off"):
                await socket.recv()

    async def test_binary_frame_is_read_as_text(self):
        async def say(link):
            await link.send(b"\xffhello")
            await link.wait_closed()

        async with serve(say, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
            port = server.sockets[0].getsockname()[1]
            socket = await sockets.dial(f"ws://127.0.0.1:{port}", "CP001", None, None)
            assert await socket.recv() == "\ufffdhello"
            await socket.close("over")


async def test_system_clock_moves_forward_and_calls_back():
    clock = SystemClock()
    called = asyncio.Event()
    before = clock.monotonic()
    clock.call_later(0, called.set)
    await asyncio.wait_for(called.wait(), PATIENCE_S)
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now().tzinfo is not None
