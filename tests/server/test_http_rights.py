"""Who may ask what, over TCP and over the control socket."""

import os
import socket

import pytest

from mcppd.server.api.rights import Rights, TokenFile, is_loopback
from tests.equipment.site import Site

TOKEN = "0123456789abcdef"
RESET = "/api/v1/charge-points/CP1/commands/Reset"


@pytest.fixture
async def site(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    async with Site(tmp_path, token_file=str(tmp_path / "token"), allowed_hosts=("box.example",)) as site:
        site.add("CP1")
        yield site


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class TestToken:
    async def test_a_command_over_tcp_needs_it(self, site):
        answer = await site.ask("POST", RESET, {"type": "Soft"})
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "http.token_file" in answer.error["message"]
        assert site.operations.sent == []

    @pytest.mark.parametrize(
        "headers",
        [
            bearer("0123456789abcdeF"),
            bearer(""),
            bearer(TOKEN + "0"),
            bearer(TOKEN[:-1]),
            {"Authorization": TOKEN},
            {"Authorization": f"Basic {TOKEN}"},
            {"Cookie": f"token={TOKEN}"},
            {"X-Token": TOKEN},
        ],
    )
    async def test_nothing_else_will_do(self, site, headers):
        assert (await site.ask("POST", RESET, {}, headers=headers)).status == 401
        assert site.operations.sent == []

    async def test_in_the_query_it_is_no_token(self, site):
        assert (await site.ask("POST", f"{RESET}?token={TOKEN}", {})).status == 401

    async def test_with_it_a_command_goes_out(self, site):
        answer = await site.ask("POST", RESET, {"type": "Soft"}, headers=bearer(TOKEN))
        assert answer.status == 200
        assert site.operations.sent == [("CP1", "Reset", {"type": "Soft"}, "http:127.0.0.1", 0.0)]

    async def test_a_changed_file_counts_at_once(self, site, tmp_path):
        assert (await site.ask("POST", RESET, {}, headers=bearer(TOKEN))).status == 200
        (tmp_path / "token").write_text("another-token-than-before\n")
        assert (await site.ask("POST", RESET, {}, headers=bearer(TOKEN))).status == 401
        assert (await site.ask("POST", RESET, {}, headers=bearer("another-token-than-before"))).status == 200

    async def test_a_file_that_went_away_lets_nobody_in(self, site, tmp_path):
        os.unlink(tmp_path / "token")
        answer = await site.ask("POST", RESET, {}, headers=bearer(TOKEN))
        assert answer.status == 401
        assert "cannot be read" in answer.error["message"]

    async def test_without_a_file_the_answer_says_what_to_do(self, tmp_path):
        async with Site(tmp_path) as site:
            answer = await site.ask("POST", RESET, {}, headers=bearer(""))
            assert answer.status == 401
            assert "http.token_file" in answer.error["message"]

    async def test_every_route_that_changes_something_needs_it(self, site):
        changing = [row for row in site.door._api.endpoints if row.method != "GET"]
        assert changing
        for row in changing:
            path = row.path.replace("{id}", "CP1").replace("{action}", "Reset")
            assert (await site.ask(row.method, path, {})).status == 401, row.path

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
    async def test_no_other_method_goes_round_it(self, site, method):
        assert (await site.ask(method, "/api/v1/status", {})).status == 401

    async def test_the_control_socket_needs_none(self, site):
        assert (await site.ask("POST", RESET, {}, control=True)).status == 200
        assert site.operations.sent[0][3].startswith("control:")


class TestPeers:
    def test_reading_is_free_from_this_machine_only(self):
        rights = Rights(TokenFile(""), ())
        host = {"host": "localhost"}
        for peer in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
            assert rights.objection("GET", peer, host) is None
        for peer in ("192.0.2.1", "::ffff:192.0.2.1", "fe80::1%eth0", None, ""):
            assert rights.objection("GET", peer, host).status == 401
        assert not is_loopback("localhost")

    def test_reading_from_elsewhere_is_free_with_the_token(self, tmp_path):
        (tmp_path / "token").write_text(TOKEN)
        rights = Rights(TokenFile(str(tmp_path / "token")), ())
        headers = {"host": "192.0.2.9", "authorization": f"bearer {TOKEN}"}
        assert rights.objection("GET", "192.0.2.1", headers) is None


class TestHost:
    @pytest.mark.parametrize(
        "host",
        [
            "localhost",
            "LOCALHOST:9180",
            "127.0.0.1",
            "192.168.1.20:9180",
            "[::1]:9180",
            "[fe80::1]",
            "box.example",
            "Box.Example.:9180",
            socket.gethostname(),
            socket.gethostname().partition(".")[0] + ".local",
        ],
    )
    async def test_names_of_this_machine_are_answered(self, site, host):
        for path in ("/metrics", "/api/v1/status"):
            assert (await site.ask("GET", path, headers={"Host": host})).status == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "box.example.evil",
            "local",
            "2130706433",
            "0x7f.1",
            "[::1",
            "[evil]",
            "localhost:9180:1",
            "localhost@evil.example",
            "",
        ],
    )
    async def test_foreign_names_are_misdirected(self, site, host):
        for path in ("/metrics", "/healthz", "/api/v1/status", "/nothing"):
            answer = await site.ask("GET", path, headers={"Host": host})
            assert answer.status == 421
            assert "http.allowed_hosts" in answer.error["message"]

    async def test_a_foreign_name_is_refused_before_the_token_is_looked_at(self, site):
        assert (await site.ask("POST", RESET, {}, headers={"Host": "evil.example", **bearer(TOKEN)})).status == 421

    async def test_two_names_are_none(self, site):
        reader, writer = await site.raw()
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")

    async def test_the_control_socket_has_no_name(self, site):
        assert (await site.ask("GET", "/healthz", control=True, headers={"Host": "whatever"})).status == 200


class TestBrowsers:
    async def test_a_form_of_another_page_gets_nowhere(self, site):
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "null"}
        assert (await site.ask("POST", RESET, b"type=Soft", headers=headers)).status == 401

    async def test_no_answer_opens_the_door_to_other_origins(self, site):
        answer = await site.ask("GET", "/api/v1/status", headers={"Origin": "http://evil.example"})
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert "Set-Cookie" not in answer.headers

    async def test_every_answer_is_neither_kept_nor_guessed_at(self, site):
        for path in ("/api/v1/status", "/metrics", "/nothing"):
            answer = await site.ask("GET", path)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"


class TestRefusals:
    async def test_are_logged_once_a_second_and_counted_between(self, site, caplog):
        for _ in range(3):
            await site.ask("POST", RESET, {})
        assert [record.message for record in caplog.records] == ["http_refused"]
        await site.clock.advance(2)
        await site.ask("POST", RESET, {})
        assert caplog.records[-1].suppressed == 2
