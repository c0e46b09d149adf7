"""Who gets through the door for charge points, and how the others are told: RFC 6455, 4.2; OCPP-J 1.6, 3.1."""

import asyncio
import logging
import socket
from dataclasses import replace

import pytest

from mcppd.core.admission import Admission, Refusal
from mcppd.hooks import Candidate
from mcppd.model.settings import OcppSettings
from mcppd.server.websocket import DoorNotOpened, WebSocketDoor
from tests.equipment.charge_point import ChargePoint, HandshakeRefused
from tests.equipment.clock import FakeClock, settle
from tests.equipment.open_door import (
    ACCEPT,
    InnerSide,
    OpenDoor,
    RawPeer,
    frame,
    in_time,
    open_door,
    request,
    text,
    welcome_all,
)


def refusing(status: int, reason: str = "no") -> InnerSide:
    async def decide(candidate: Candidate) -> Refusal:
        return Refusal(status, reason)

    return InnerSide(decide)


class Hesitating:
    """Decides when the test says so."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked = asyncio.Event()
        self.cancelled = False

    async def __call__(self, candidate: Candidate) -> Admission | Refusal:
        self.asked.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return await welcome_all(candidate)


async def knock(door: OpenDoor, head: bytes) -> tuple[RawPeer, tuple[int, str, str]]:
    peer = await RawPeer.dial(door.port)
    await peer.sends(head)
    return peer, await peer.reads_answer()


class TestLetIn:
    async def test_the_subprotocol_is_the_one_that_was_decided(self) -> None:
        async with open_door() as door, ChargePoint.connect(door.port, "CP1", subprotocols=["x", "ocpp1.6"]) as cp:
            assert cp.subprotocol == "ocpp1.6"

    async def test_without_an_offer_there_is_no_subprotocol(self) -> None:
        async with open_door() as door, ChargePoint.connect(door.port, "CP1", subprotocols=None) as cp:
            assert cp.subprotocol is None

    async def test_the_answer_comes_in_canonical_spelling(self) -> None:
        async with open_door() as door:
            peer, (status, head, _) = await knock(door, request("/CP1"))
            assert status == 101
            assert f"\r\nSec-WebSocket-Accept: {ACCEPT}\r\n" in head
            await peer.hangs_up()

    async def test_compression_is_never_agreed_on(self) -> None:
        async with open_door() as door:
            peer, (status, head, _) = await knock(
                door, request("/CP1", extra="Sec-WebSocket-Extensions: permessage-deflate")
            )
            assert status == 101
            assert "extensions" not in head.lower()
            await peer.hangs_up()

    async def test_the_candidate_is_known_by_all_it_said(self) -> None:
        async with open_door() as door:
            key = bytes(range(16))
            async with ChargePoint.connect(door.port, "RDAM 123", auth=("RDAM 123", key)):
                pass
            assert door.inner.candidates == [
                Candidate("RDAM 123", "127.0.0.1", ("ocpp1.6",), "RDAM 123", key, "/ocpp/RDAM%20123")
            ]

    async def test_an_absolute_target_is_as_good(self) -> None:
        async with open_door() as door:
            peer, (status, _, _) = await knock(door, request(f"ws://127.0.0.1:{door.port}/ocpp/CP1"))
            assert status == 101
            assert door.inner.candidates[0].identity == "CP1"
            await peer.hangs_up()

    async def test_a_request_may_come_byte_by_byte(self) -> None:
        async with open_door() as door:
            peer = await RawPeer.dial(door.port)
            for byte in request("/CP1"):
                await peer.sends(bytes([byte]))
            assert (await peer.reads_answer())[0] == 101
            await peer.hangs_up()

    async def test_accepted_sockets_notice_a_dead_peer(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            (connection,) = door.door._around.guests
            accepted = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
            for level, option, value in [
                (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
                (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
                (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            ]:
                assert accepted.getsockopt(level, option) == value
            await peer.hangs_up()


class TestFramesBehindTheRequest:
    async def test_in_the_same_segment_are_the_first_that_the_link_hears(self) -> None:
        async with open_door() as door:
            peer = await door.peer(behind=text("one") + frame(9, b"?") + text("two"))
            link = await door.inner.link()
            assert [await link.hears(), await link.hears()] == ["one", "two"]
            assert await peer.reads_frame() == (10, b"?")
            await peer.hangs_up()

    async def test_while_the_decision_is_pending_are_kept_and_bounded(self) -> None:
        decide = Hesitating()
        async with open_door(InnerSide(decide)) as door:
            peer = await RawPeer.dial(door.port)
            peer.writer.transport.set_write_buffer_limits(high=1 << 30)
            await peer.sends(request("/CP1"))
            await in_time(decide.asked.wait())
            many = 2000
            await peer.sends(b"".join(text(f"{n}:" + "x" * 4000) for n in range(many)))
            await settle(200)
            assert door.statistics.bytes_in < 300_000, "read on while the decision was pending"
            decide.go.set()
            link = await door.inner.link()
            for n in range(many):
                assert (await link.hears()).startswith(f"{n}:")
            await peer.hangs_up()

    async def test_a_close_frame_right_behind_is_answered(self) -> None:
        async with open_door() as door:
            peer = await door.peer(behind=text("bye") + frame(8, (1000).to_bytes(2, "big")))
            link = await door.inner.link()
            assert await link.hears() == "bye"
            assert await peer.reads_close() == (1000, "")
            assert await peer.ended()
            await peer.hangs_up()
            assert "1000" in await link.ends()


class TestTurnedAway:
    @pytest.mark.parametrize("status", [401, 403, 404, 409, 503])
    async def test_with_the_status_and_the_reason(self, status: int, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "mcppd.server.websocket")
        async with open_door(refusing(status, "because")) as door:
            with pytest.raises(HandshakeRefused) as refused:
                await ChargePoint.dial(door.port, "CP1", auth=("CP1", "secret"))
            assert (refused.value.status, refused.value.reason) == (status, "because")
            assert ("WWW-Authenticate" in refused.value.headers) is (status == 401)
            assert door.statistics.refused == {status: 1}
            assert door.inner.links == []
            await settle(100)
            assert door.statistics.connections == 0, "the peer hung up, and nobody noticed"
        (record,) = [record for record in caplog.records if record.message == "handshake_refused"]
        assert record.levelno == logging.INFO
        assert (record.charge_point, record.status, record.reason) == ("CP1", status, "because")  # type: ignore[attr-defined]
        assert "secret" not in str([vars(record) for record in caplog.records])

    async def test_without_a_common_subprotocol_after_the_handshake(self) -> None:
        async with open_door() as door:
            async with ChargePoint.connect(door.port, "CP1", subprotocols=["ocpp0.1"]) as cp:
                assert cp.subprotocol is None
                assert await cp.closed() == (1002, "no common subprotocol")
            assert door.statistics.refused == {101: 1}
            assert door.inner.links == []

    @pytest.mark.parametrize(
        ("head", "status"),
        [
            (request("/"), 404),
            (request("/CP1", extra="Sec-Fetch-Mode: websocket"), 403),
            (b"GET /CP1 HTTP/1.1\r\nHost: box\r\n\r\n", 426),
            (b"nonsense\r\n\r\n", 400),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
            (b"GET /" + b"x" * 40_000, 431),
            (request("/CP1", extra="X: " + "y" * 5000), 431),
        ],
    )
    async def test_before_anybody_is_asked(self, head: bytes, status: int) -> None:
        async with open_door() as door:
            peer, (answered, _, body) = await knock(door, head)
            assert answered == status
            assert body.endswith("\n")
            assert await peer.ended()
            await peer.hangs_up()
            assert door.statistics.refused == {status: 1}
            assert door.inner.candidates == []

    async def test_and_cut_when_it_does_not_hang_up(self) -> None:
        async with open_door(refusing(403)) as door:
            peer, _ = await knock(door, request("/CP1"))
            await door.clock.advance(3.1)
            assert door.statistics.connections == 0
            await peer.hangs_up()

    async def test_a_decision_that_fails_is_500_and_the_door_stays_open(self, caplog: pytest.LogCaptureFixture) -> None:
        async def decide(candidate: Candidate) -> Admission | Refusal:
            if candidate.identity == "CP1":
                raise LookupError("broken")
            return await welcome_all(candidate)

        async with open_door(InnerSide(decide)) as door:
            with pytest.raises(HandshakeRefused) as refused:
                await ChargePoint.dial(door.port, "CP1")
            assert (refused.value.status, refused.value.reason) == (500, "internal error")
            async with ChargePoint.connect(door.port, "CP2"):
                pass
        (record,) = [record for record in caplog.records if record.message == "admission_failed"]
        assert record.exc_info is not None


class TestHandshakeTimeout:
    async def test_a_silent_peer_is_cut(self) -> None:
        async with open_door(handshake_timeout=10.0) as door:
            peer = await RawPeer.dial(door.port)
            await settle()
            await door.clock.advance(9.9)
            assert door.statistics.connections == 1
            await door.clock.advance(0.2)
            assert await peer.ended()
            assert door.statistics.refused == {408: 1}
            await peer.hangs_up()

    async def test_a_dripping_peer_is_cut_at_the_same_time(self) -> None:
        async with open_door(handshake_timeout=10.0) as door:
            peer = await RawPeer.dial(door.port)
            for byte in request("/CP1")[:50]:
                await peer.sends(bytes([byte]))
                await door.clock.advance(0.19)
            assert door.statistics.connections == 1
            await door.clock.advance(0.6)
            assert await peer.ended()
            assert door.statistics.refused == {408: 1}
            await peer.hangs_up()

    async def test_a_decision_that_does_not_come_is_503(self) -> None:
        decide = Hesitating()
        async with open_door(InnerSide(decide), handshake_timeout=10.0) as door:
            peer = await RawPeer.dial(door.port)
            await peer.sends(request("/CP1"))
            await in_time(decide.asked.wait())
            await door.clock.advance(10.1)
            assert (await peer.reads_answer())[0] == 503
            assert decide.cancelled
            await peer.hangs_up()

    async def test_one_who_hangs_up_before_the_decision_leaves_nothing_behind(self) -> None:
        decide = Hesitating()
        async with open_door(InnerSide(decide)) as door:
            peer = await RawPeer.dial(door.port)
            await peer.sends(request("/CP1"))
            await in_time(decide.asked.wait())
            await peer.hangs_up()
            decide.go.set()
            assert "hung up" in await (await door.inner.link()).ends()
            assert door.statistics.connections == 0

    async def test_a_decision_that_is_pending_when_the_door_closes_is_dropped(self) -> None:
        decide = Hesitating()
        async with open_door(InnerSide(decide)) as door:
            peer = await RawPeer.dial(door.port)
            await peer.sends(request("/CP1"))
            await in_time(decide.asked.wait())
            await in_time(door.door.close(5.0))
            assert await peer.ended()
            await settle()
            assert decide.cancelled
            await peer.hangs_up()

    async def test_a_decision_that_comes_as_the_connection_is_cut_opens_no_link(self) -> None:
        decide = Hesitating()
        async with open_door(InnerSide(decide)) as door:
            peer = await RawPeer.dial(door.port)
            await peer.sends(request("/CP1"))
            await in_time(decide.asked.wait())
            (arrival,) = door.door._around.guests
            decide.go.set()
            arrival.abort()
            assert await peer.ended()
            await settle()
            assert door.inner.links == []
            await peer.hangs_up()

    async def test_too_many_unfinished_ones_cost_the_oldest_its_place(self) -> None:
        async with open_door(max_charge_points=1) as door:
            idle = [await RawPeer.dial(door.port) for _ in range(18)]
            await settle()
            assert door.statistics.connections == 18
            async with ChargePoint.connect(door.port, "CP1"):
                assert await idle[0].ended()
                assert door.statistics.refused == {503: 1}
            for peer in idle:
                await peer.hangs_up()


class TestListening:
    async def test_on_an_address_in_use_says_which_and_what_to_do(self) -> None:
        async with open_door() as door:
            listen = f"127.0.0.1:{door.port}"
            second = WebSocketDoor(InnerSide(), replace(OcppSettings(), listen=listen), FakeClock())
            with pytest.raises(DoorNotOpened) as refused:
                await second.open()
            assert listen in str(refused.value)
            assert "in use" in str(refused.value)
            assert "ocpp.listen" in str(refused.value)

    @pytest.mark.parametrize("listen", ["192.0.2.1:9000", "127.0.0.1:99999", "127.0.0.1:x", "nowhere.invalid:9000"])
    async def test_on_an_address_that_is_none_of_ours_is_an_error(self, listen: str) -> None:
        door = WebSocketDoor(InnerSide(), replace(OcppSettings(), listen=listen), FakeClock())
        with pytest.raises(DoorNotOpened, match=listen):
            await door.open()

    async def test_on_ipv6_and_ipv4_with_one_socket(self) -> None:
        async with open_door(listen="[::]:0") as door:
            async with ChargePoint.connect(door.port, "CP1"):
                pass
            async with ChargePoint.connect(door.port, "CP1", host="[::1]"):
                pass
            assert [candidate.remote_address for candidate in door.inner.candidates] == ["127.0.0.1", "::1"]

    async def test_on_sockets_that_are_handed_over(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        door = WebSocketDoor(InnerSide(), OcppSettings(), FakeClock())
        await door.open([listening])
        assert door.port == listening.getsockname()[1]
        async with ChargePoint.connect(door.port, "CP1") as cp:
            closing = asyncio.ensure_future(door.close(5.0))
            assert await cp.closed() == (1012, "service restart")
            await in_time(closing)
