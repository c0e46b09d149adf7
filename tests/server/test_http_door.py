"""The HTTP door as a listener: what it opens, what it withstands, how it closes."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest
import uvloop

from mcppd.model.errors import ConfigurationError
from mcppd.server import http_connection
from tests.equipment.site import Site, charge_point, until


def there(path: str) -> bool:
    return Path(path).exists()


async def read_all(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.read(), 10)


class TestOpening:
    async def test_both_listeners_answer_the_same(self, tmp_path):
        async with Site(tmp_path) as site:
            over_tcp = await site.ask("GET", "/api/v1/status")
            over_socket = await site.ask("GET", "/api/v1/status", control=True)
            assert over_tcp.status == over_socket.status == 200
            assert over_tcp.json == over_socket.json

    async def test_the_control_socket_is_for_owner_and_group_and_its_directory_is_made(self, tmp_path):
        async with Site(tmp_path) as site:
            assert stat.S_IMODE(os.stat(site.socket).st_mode) == 0o660

    async def test_a_socket_file_that_a_dead_daemon_left_is_taken_over(self, tmp_path):
        site = Site(tmp_path)
        os.makedirs(os.path.dirname(site.socket))
        left = socket.socket(socket.AF_UNIX)
        left.bind(site.socket)
        left.close()
        async with site:
            assert (await site.ask("GET", "/healthz", control=True)).status == 200

    async def test_a_socket_where_a_daemon_listens_is_left_alone(self, tmp_path):
        async with Site(tmp_path) as first:
            with pytest.raises(OSError, match=r"http\.socket.*already"):
                await Site(tmp_path).door.open()
            assert (await first.ask("GET", "/healthz", control=True)).status == 200

    async def test_a_file_that_is_no_socket_is_not_removed(self, tmp_path):
        site = Site(tmp_path)
        os.makedirs(os.path.dirname(site.socket))
        precious = tmp_path / "run" / "control.sock"
        precious.write_text("precious")
        with pytest.raises(OSError, match="no socket"):
            await site.door.open()
        assert precious.read_text() == "precious"

    async def test_a_port_in_use_is_told_and_nothing_stays_open(self, tmp_path):
        async with Site(tmp_path) as first:
            second = Site(tmp_path / "second", listen=f"127.0.0.1:{first.door.port}")
            with pytest.raises(OSError, match=rf"http\.listen.*127\.0\.0\.1:{first.door.port}.*in use"):
                await second.door.open()
            assert not there(second.socket)

    async def test_an_address_open_to_others_is_refused_without_a_token(self, tmp_path):
        site = Site(tmp_path, listen="0.0.0.0:0")
        with pytest.raises(ConfigurationError, match=r"http\.listen.*http\.token_file"):
            await site.door.open()
        assert not there(site.socket)

    async def test_an_address_open_to_others_is_taken_with_a_token(self, tmp_path):
        (tmp_path / "token").write_text("0123456789abcdef\n")
        async with Site(tmp_path, listen="0.0.0.0:0", token_file=str(tmp_path / "token")) as site:
            assert (await site.ask("GET", "/healthz")).status == 200

    async def test_a_short_token_is_none(self, tmp_path):
        (tmp_path / "token").write_text("short\n")
        with pytest.raises(ConfigurationError, match="at least 16"):
            await Site(tmp_path, listen="0.0.0.0:0", token_file=str(tmp_path / "token")).door.open()


class TestWithstanding:
    async def test_what_is_not_http_gets_400_in_the_form_of_every_error(self, tmp_path):
        async with Site(tmp_path) as site:
            reader, writer = await site.raw()
            writer.write(b"\x16\x03\x01 hello\r\n\r\n")
            told = await read_all(reader)
            assert told.startswith(b"HTTP/1.1 400")
            assert b'{"error":{"kind":"BadRequest"' in told

    async def test_a_head_without_end_is_refused(self, tmp_path):
        async with Site(tmp_path) as site:
            reader, writer = await site.raw()
            writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000)
            told = await read_all(reader)
            assert told.startswith(b"HTTP/1.1 400")

    async def test_a_connection_that_asks_nothing_is_cut(self, tmp_path, monkeypatch):
        monkeypatch.setattr(http_connection, "HEAD_TIMEOUT_S", 0.05)
        async with Site(tmp_path) as site:
            reader, _ = await site.raw()
            assert await read_all(reader) == b""

    async def test_a_head_that_drips_is_cut(self, tmp_path, monkeypatch):
        monkeypatch.setattr(http_connection, "HEAD_TIMEOUT_S", 0.3)
        async with Site(tmp_path) as site:
            reader, writer = await site.raw()
            async with asyncio.timeout(5):
                while not reader.at_eof() and not writer.is_closing():
                    writer.write(b"G")
                    await asyncio.sleep(0.01)

    async def test_what_drips_after_an_answer_is_cut_too(self, tmp_path, monkeypatch):
        async with Site(tmp_path) as site:
            reader, writer = await site.raw()
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await asyncio.wait_for(reader.readuntil(b"}"), 10)
            monkeypatch.setattr(http_connection, "HEAD_TIMEOUT_S", 0.05)
            writer.write(b"GET /heal")
            assert await read_all(reader) == b""

    async def test_more_connections_than_are_served_are_told_so_and_far_more_are_cut(self, tmp_path, monkeypatch):
        monkeypatch.setattr(http_connection, "MAX_CONNECTIONS", 2)
        async with Site(tmp_path) as site:
            for _ in range(2):
                await site.raw()
            busy = await site.ask("GET", "/healthz")
            assert busy.status == 503
            assert busy.error["kind"] == "Busy"
            assert (await site.ask("GET", "/healthz", control=True)).status == 200, (
                "the control socket counts for itself"
            )
            for _ in range(2):
                await site.raw()
            reader, _ = await site.raw()
            assert await read_all(reader) == b""

    async def test_an_upgrade_that_is_not_offered_is_ignored(self, tmp_path):
        async with Site(tmp_path) as site:
            headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
            assert (await site.ask("GET", "/healthz", headers=headers)).status == 200

    async def test_a_forwarded_address_is_not_believed(self, tmp_path):
        async with Site(tmp_path) as site:
            assert (await site.ask("GET", "/healthz", headers={"X-Forwarded-For": "9.9.9.9"})).status == 200

    async def test_bad_requests_write_nothing_into_the_log(self, tmp_path, caplog):
        async with Site(tmp_path) as site:
            reader, writer = await site.raw()
            writer.write(b"nonsense\r\n\r\n")
            await read_all(reader)
        assert caplog.records == []


class TestUvloop:
    def test_everything_works_on_that_event_loop_too(self, tmp_path):
        async def scenario() -> None:
            async with Site(tmp_path) as site:
                site.add("CP1")
                for control in (False, True):
                    assert (await site.ask("GET", "/api/v1/charge-points/CP1", control=control)).status == 200
                reset = await site.ask("POST", "/api/v1/charge-points/CP1/commands/Reset", {}, control=True)
                assert reset.status == 200
                assert site.operations.sent[0][3].startswith("control:")
                listening = await site.listen()
                await site.door.close(5)
                assert await listening.block() == ""
            assert not there(site.socket)

        uvloop.run(scenario())


class TestClosing:
    async def test_the_socket_file_goes(self, tmp_path):
        async with Site(tmp_path) as site:
            assert there(site.socket)
        assert not there(site.socket)
        assert site.door.port == 0

    async def test_a_socket_file_that_is_another_daemons_stays(self, tmp_path):
        async with Site(tmp_path) as site:
            os.unlink(site.socket)
            other = socket.socket(socket.AF_UNIX)
            other.bind(site.socket)
        assert there(site.socket)
        other.close()

    async def test_idle_connections_and_listeners_are_let_go_at_once(self, tmp_path):
        async with Site(tmp_path) as site:
            reader, _ = await site.raw()
            listening = await site.listen()
            await asyncio.wait_for(site.door.close(60), 5)
            assert await listening.block() == ""
            assert await read_all(reader) == b""
            listening.writer.close()

    async def test_idle_connections_do_not_outlive_those_that_are_answered(self, tmp_path):
        async with Site(tmp_path) as site:
            site.add("CP1")
            answer = site.operations.outcome = asyncio.get_running_loop().create_future()
            asking = asyncio.create_task(site.ask("POST", "/api/v1/charge-points/CP1/commands/Reset", {}, control=True))
            await until(lambda: site.operations.sent)
            reader, _ = await site.raw()
            closing = asyncio.create_task(site.door.close(10))
            assert await read_all(reader) == b""
            assert not asking.done()
            answer.set_result({"status": "Accepted"})
            await asyncio.gather(asking, closing)

    async def test_a_request_under_way_is_answered_within_the_grace(self, tmp_path):
        async with Site(tmp_path) as site:
            site.central.known["CP1"] = charge_point("CP1")
            answer = site.operations.outcome = asyncio.get_running_loop().create_future()
            asking = asyncio.create_task(site.ask("POST", "/api/v1/charge-points/CP1/commands/Reset", {}, control=True))
            await until(lambda: site.operations.sent)
            closing = asyncio.create_task(site.door.close(10))
            await asyncio.sleep(0)
            answer.set_result({"status": "Accepted"})
            assert (await asking).json == {"result": {"status": "Accepted"}}
            await closing

    async def test_a_request_that_outlasts_the_grace_is_told_so(self, tmp_path, caplog):
        async with Site(tmp_path) as site:
            site.add("CP1")
            site.operations.outcome = asyncio.get_running_loop().create_future()
            asking = asyncio.create_task(site.ask("POST", "/api/v1/charge-points/CP1/commands/Reset", {}, control=True))
            await until(lambda: site.operations.sent)
            await site.door.close(0)
            answer = await asking
            assert (answer.status, answer.error["kind"]) == (503, "Stopping")
        assert caplog.records == []
