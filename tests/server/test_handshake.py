"""The opening handshake as bytes: RFC 6455, 4.2; OCPP-J 1.6, 3.1 and 6.2."""

import base64
import logging

import pytest

from mcppd.core.admission import Refusal
from mcppd.server.handshake import (
    MAX_HEADERS,
    MAX_LINE,
    Opening,
    could_be_http,
    credentials,
    farewell,
    identity_of,
    not_http,
    path_of,
    read,
    welcome,
)
from tests.equipment.open_door import ACCEPT, request

LOG = logging.getLogger("tests")


def judged(head: bytes) -> Opening | Refusal:
    return read(head, "192.0.2.7", LOG)


def opened(head: bytes) -> Opening:
    outcome = judged(head)
    assert isinstance(outcome, Opening), outcome
    return outcome


def refused(head: bytes) -> Refusal:
    outcome = judged(head)
    assert isinstance(outcome, Refusal), outcome
    return outcome


class TestIdentity:
    """OCPP-J 1.6, 3.1.1: the last path segment, percent-encoded."""

    @pytest.mark.parametrize(
        ("target", "identity"),
        [
            ("/ocpp/CP1", "CP1"),
            ("/CP1", "CP1"),
            ("/steve/websocket/CentralSystemService/CP1", "CP1"),
            ("//ocpp//CP1//", "CP1"),
            ("/ocpp/CP1?token=a/b", "CP1"),
            ("/ocpp/CP1#a/b", "CP1"),
            ("ws://box:9000/ocpp/CP1", "CP1"),
            ("http://box/CP1?x", "CP1"),
            ("WS://[fd00::1]:9000//CP1/", "CP1"),
            ("/ocpp/RDAM%20123", "RDAM 123"),
            ("/ocpp/%20CP1%20", "CP1"),
            ("/ocpp/CP%2520", "CP%20"),
            ("/ocpp/a%2Fb", "a/b"),
            ("/ocpp/M%C3%BChle", "Mühle"),
            ("/ocpp/M%FChle", "Mühle"),
            ("/ocpp/CP%zz", "CP%zz"),
            ("/" + "x" * 255, "x" * 255),
        ],
    )
    def test_is_the_last_segment_of_the_path(self, target: str, identity: str) -> None:
        assert identity_of(path_of(target)) == identity

    @pytest.mark.parametrize(
        "target",
        ["/", "", "//", "/?CP1", "ws://box:9000", "ws://box:9000/", "/ocpp/%20", "/a%00b", "/a%0Ab", "/" + "x" * 256],
    )
    def test_is_none_where_nothing_printable_of_a_fair_length_is_there(self, target: str) -> None:
        assert identity_of(path_of(target)) is None

    def test_without_one_the_answer_is_404(self) -> None:
        assert refused(request("/")).status == 404


class TestSubprotocols:
    def test_all_offered_tokens_of_all_headers_are_told_as_spelled(self) -> None:
        head = request("/CP1", subprotocols="ocpp2.0.1,OCPP1.6 , ", extra="Sec-WebSocket-Protocol: ocpp1.5")
        assert opened(head).candidate.subprotocols == ("ocpp2.0.1", "OCPP1.6", "ocpp1.5")

    def test_none_offered_are_none(self) -> None:
        assert opened(request("/CP1", subprotocols=None)).candidate.subprotocols == ()

    def test_an_odd_token_costs_nothing(self) -> None:
        assert opened(request("/CP1", subprotocols="ocpp1.6; x=1")).candidate.subprotocols == ("ocpp1.6; x=1",)


class TestCredentials:
    """OCPP-J 1.6, 6.2: HTTP Basic with up to 20 binary bytes."""

    def test_the_vector_of_the_specification(self) -> None:
        head = request("/AL1000", extra="Authorization: Basic QUwxMDAwOgABAgMEBQYH////////////////")
        candidate = opened(head).candidate
        assert candidate.username == "AL1000"
        assert candidate.password == bytes(range(8)) + b"\xff" * 12

    @pytest.mark.parametrize(
        ("raw", "username", "password"),
        [
            (b"CP1:pass:word", "CP1", b"pass:word"),
            (b"CP1:", "CP1", b""),
            ("CP1:schlüssel".encode(), "CP1", "schlüssel".encode()),
            (b"CP1:00112233aabb", "CP1", b"00112233aabb"),
            ("Mühle:x".encode(), "Mühle", b"x"),
            (b"M\xfchle:x", "Mühle", b"x"),
        ],
    )
    def test_split_at_the_first_colon(self, raw: bytes, username: str, password: bytes) -> None:
        assert credentials(["Basic " + base64.b64encode(raw).decode()]) == (username, password)

    @pytest.mark.parametrize("header", ["basic Q1AxOng=", "BASIC   Q1AxOng=", "Basic Q1AxOng", " Basic Q1AxOng= "])
    def test_spelled_loosely(self, header: str) -> None:
        assert credentials([header]) == ("CP1", b"x")

    @pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic Q1Ax", "Bearer Q1AxOng=", "Basic ü"])
    def test_none_where_they_cannot_be_read(self, header: str) -> None:
        assert credentials([header]) == (None, None)

    def test_the_first_that_can_be_read_counts(self) -> None:
        assert credentials(["Bearer abc", "Basic Q1AxOng="]) == ("CP1", b"x")


class TestWhatIsTolerated:
    @pytest.mark.parametrize(
        "head",
        [
            request("/CP1", without="Connection"),
            request("/CP1", without="Connection", extra="Connection: keep-alive"),
            request("/CP1", without="Upgrade", extra="Upgrade: WebSocket"),
            request("/CP1", without="Host"),
            request("/CP1", extra="Origin: http://anything.example"),
            request("/CP1", extra="Origin: null\r\nOrigin: http://another.example"),
            request("/CP1", extra="Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
            request("/CP1", extra="Content-Length: 0"),
            request("/CP1", extra="X-Name: M\xfchle"),
        ],
    )
    def test_the_handshake_is_read(self, head: bytes) -> None:
        opening = opened(head)
        assert opening.candidate.identity == "CP1"
        assert opening.accept == ACCEPT

    def test_the_candidate_has_address_and_path_without_query(self) -> None:
        candidate = opened(request("ws://box/ocpp/CP%201?token=secret")).candidate
        assert candidate.remote_address == "192.0.2.7"
        assert candidate.path == "/ocpp/CP%201"


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "head",
        [
            b"GET /CP1 HTTP/1.1\r\nHost: box\r\n\r\n",
            request("/CP1").replace(b"GET", b"POST"),
            request("/CP1").replace(b"HTTP/1.1", b"HTTP/1.0"),
            request("/CP1", without="Upgrade", extra="Upgrade: h2c"),
        ],
    )
    def test_what_is_no_websocket_request_is_told_what_this_port_is(self, head: bytes) -> None:
        refusal = refused(head)
        assert refusal.status == 426
        assert "OCPP" in refusal.reason

    @pytest.mark.parametrize("mark", ["Sec-Fetch-Site: cross-site", "sec-fetch-mode: websocket", "SEC-FETCH-X: y"])
    def test_a_browser(self, mark: str) -> None:
        assert refused(request("/CP1", extra=mark)).status == 403

    def test_another_version_of_the_protocol(self) -> None:
        head = request("/CP1", without="Sec-WebSocket-Version", extra="Sec-WebSocket-Version: 8")
        refusal = refused(head)
        assert refusal.status == 426
        assert b"Sec-WebSocket-Version: 13\r\n" in farewell(refusal)

    @pytest.mark.parametrize(
        "head",
        [
            request("/CP1", without="Sec-WebSocket-Key"),
            request("/CP1", without="Sec-WebSocket-Key", extra="Sec-WebSocket-Key: c2hvcnQ="),
            request("/CP1", without="Sec-WebSocket-Key", extra="Sec-WebSocket-Key: ???"),
            request("/CP1", extra="Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            b"GET /CP1\r\n\r\n",
            b"GET /M\xfchle HTTP/1.1\r\n\r\n",
            b"GET /CP1 HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET /CP1 HTTP/1.1\n\n",
            request("/CP1", extra="Content-Length: 5"),
            request("/CP1", extra="Transfer-Encoding: chunked"),
        ],
    )
    def test_what_cannot_be_read(self, head: bytes) -> None:
        assert refused(head).status == 400

    def test_the_reason_repeats_nothing_that_was_said(self) -> None:
        head = b"GET /CP1 HTTP/1.1\r\nAuthorization Basic c2VjcmV0\r\n\r\n"
        assert "c2VjcmV0" not in refused(head).reason

    def test_too_many_headers(self) -> None:
        fill = MAX_HEADERS - 6
        assert opened(request("/CP1", extra="X: y\n" * fill))
        assert refused(request("/CP1", extra="X: y\n" * (fill + 1))).status == 431

    def test_too_long_a_header(self) -> None:
        assert opened(request("/CP1", extra="X: " + "y" * (MAX_LINE - 5)))
        assert refused(request("/CP1", extra="X: " + "y" * (MAX_LINE - 4))).status == 431

    def test_too_long_a_request_line(self) -> None:
        assert refused(request("/CP1?" + "y" * MAX_LINE)).status == 414

    def test_what_is_not_http_at_all(self) -> None:
        client_hello = b"\x16\x03\x01"
        assert not could_be_http(client_hello)
        assert "wss://" in not_http(client_hello).reason
        assert not_http(b"\x00").status == 400
        assert could_be_http(b"GET")


class TestAnswers:
    def test_the_welcome_has_canonical_names_and_no_more_than_needed(self) -> None:
        assert welcome(ACCEPT, "ocpp1.6").decode().split("\r\n") == [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {ACCEPT}",
            "Sec-WebSocket-Protocol: ocpp1.6",
            "",
            "",
        ]

    def test_without_a_subprotocol_there_is_no_header_for_it(self) -> None:
        assert b"Sec-WebSocket-Protocol" not in welcome(ACCEPT, None)

    def test_a_refusal_says_why_in_plain_text(self) -> None:
        head, _, body = farewell(Refusal(409, "CP1 is connected already")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 409 Conflict\r\n")
        assert b"Content-Type: text/plain" in head
        assert b"Connection: close" in head
        assert f"Content-Length: {len(body)}".encode() in head
        assert body == b"CP1 is connected already\n"

    def test_only_401_asks_for_credentials(self) -> None:
        assert b"WWW-Authenticate: Basic realm=" in farewell(Refusal(401, "no"))
        assert b"WWW-Authenticate" not in farewell(Refusal(403, "no"))
