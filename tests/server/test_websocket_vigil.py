"""Silence, pings, and peers that take nothing: RFC 6455, 5.5.2; time is the test's."""

import asyncio
import socket

from mcppd.model.settings import OcppSettings
from mcppd.server.websocket import WebSocketDoor
from mcppd.server.ws_vigil import Cut, Ping, Vigil, Wait
from tests.equipment.charge_point import ChargePoint
from tests.equipment.clock import FakeClock, settle
from tests.equipment.open_door import InnerSide, OpenDoor, RawPeer, frame, in_time, open_door, request, text

PING, PONG = 9, 10


async def let(door: OpenDoor, received: int) -> None:
    """Wait until the door has received that many bytes in all."""

    async def wait() -> None:
        while door.statistics.bytes_in < received:
            await settle(1)

    await in_time(wait())


class TestSilence:
    async def test_of_the_ping_interval_brings_a_ping(self) -> None:
        async with open_door(ping_interval=20.0) as door:
            peer = await door.peer()
            sent = door.statistics.bytes_out
            await door.clock.advance(19.9)
            assert door.statistics.bytes_out == sent
            await door.clock.advance(0.2)
            assert (await peer.reads_frame())[0] == PING
            await peer.hangs_up()

    async def test_is_counted_from_the_last_frame_of_any_kind(self) -> None:
        async with open_door(ping_interval=20.0) as door:
            peer = await door.peer()
            for sign in (text("x"), frame(PONG), frame(PING)):
                await door.clock.advance(15)
                had = door.statistics.bytes_in
                await peer.sends(sign)
                await let(door, had + len(sign))
            assert (await peer.reads_frame())[0] == PONG
            sent = door.statistics.bytes_out
            await door.clock.advance(19.9)
            assert door.statistics.bytes_out == sent
            await door.clock.advance(0.2)
            assert (await peer.reads_frame())[0] == PING
            await peer.hangs_up()

    async def test_ends_a_link_after_the_liveness_timeout(self) -> None:
        async with open_door(ping_interval=20.0, liveness_timeout=180.0, heartbeat_interval=10.0) as door:
            peer = await door.peer()
            link = await door.inner.link()
            await door.clock.advance(179.9)
            assert not link.gone.is_set()
            await door.clock.advance(0.2)
            assert await link.ends() == "silent for 180 s"
            await peer.hangs_up()

    async def test_of_three_heartbeats_is_allowed_where_that_is_longer(self) -> None:
        async with open_door(liveness_timeout=180.0, heartbeat_interval=300.0) as door:
            peer = await door.peer()
            link = await door.inner.link()
            await door.clock.advance(899)
            assert not link.gone.is_set()
            await door.clock.advance(2)
            assert await link.ends() == "silent for 900 s"
            await peer.hangs_up()

    async def test_allowed_may_differ_by_charge_point(self) -> None:
        clock, inner = FakeClock(), InnerSide()
        settings = OcppSettings(listen="127.0.0.1:0", heartbeat_interval=10.0, liveness_timeout=30.0)
        door = WebSocketDoor(inner, settings, clock, lambda identity: 100.0 if identity == "SLOW" else 10.0)
        await door.open()
        around = OpenDoor(door, inner, clock)
        peers = [await around.peer("SLOW"), await around.peer("CP1")]
        slow, usual = await inner.link(), await inner.link()
        await clock.advance(31)
        assert await usual.ends()
        assert not slow.gone.is_set()
        await clock.advance(270)
        assert await slow.ends() == "silent for 300 s"
        for peer in peers:
            await peer.hangs_up()
        await in_time(door.close(0.0))

    async def test_of_pongs_alone_never_ends_a_link(self) -> None:
        async with open_door(liveness_timeout=180.0, heartbeat_interval=60.0) as door:
            peer = await door.peer()
            link = await door.inner.link()
            for _ in range(60):
                await door.clock.advance(60)
                had = door.statistics.bytes_in
                await peer.sends(text("Heartbeat"))
                await let(door, had + 1)
            assert not link.gone.is_set()
            await peer.hangs_up()

    async def test_of_a_charge_point_that_answers_pings_never_ends_a_link(self) -> None:
        async with open_door(liveness_timeout=30.0, heartbeat_interval=10.0) as door:
            cp = await ChargePoint.dial(door.port, "CP1")
            link = await door.inner.link()
            for _ in range(20):
                had = door.statistics.bytes_in
                await door.clock.advance(20.1)
                await let(door, had + 1)
            assert not link.gone.is_set()
            await cp.leaves()

    async def test_while_reading_is_paused_is_not_held_against_the_peer(self) -> None:
        async with open_door(liveness_timeout=30.0, heartbeat_interval=10.0) as door:
            peer = await door.peer()
            link = await door.inner.link()
            link.transport.pause_reading()
            await door.clock.advance(600)
            assert not link.gone.is_set()
            link.transport.resume_reading()
            await door.clock.advance(51)
            assert await link.ends() == "silent for 30 s"
            await peer.hangs_up()


class TestProbe:
    async def test_is_true_when_a_pong_comes(self) -> None:
        async with open_door() as door, ChargePoint.connect(door.port, "CP1"):
            link = await door.inner.link()
            assert await in_time(link.transport.probe(3.0))
            await settle()
            assert door.clock.pending == 1

    async def test_is_true_when_anything_comes(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            probes = [asyncio.ensure_future(link.transport.probe(3.0)) for _ in range(2)]
            assert (await peer.reads_frame())[0] == PING
            await peer.sends(text("x"))
            assert await in_time(asyncio.gather(*probes)) == [True, True]
            await peer.hangs_up()

    async def test_is_false_when_nothing_comes_in_time(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            probe = asyncio.ensure_future(link.transport.probe(3.0))
            await door.clock.advance(2.9)
            assert not probe.done()
            await door.clock.advance(0.2)
            assert await in_time(probe) is False
            await peer.hangs_up()

    async def test_is_false_when_the_connection_goes(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            probe = asyncio.ensure_future(link.transport.probe(3.0))
            await settle()
            await peer.hangs_up()
            assert await in_time(probe) is False

    async def test_is_no_verdict_while_nobody_listens(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            link.transport.pause_reading()
            probe = asyncio.ensure_future(link.transport.probe(3.0))
            await door.clock.advance(3.1)
            assert await in_time(probe) is True
            await peer.hangs_up()
            link.transport.abort()


class TestPeerThatTakesNothing:
    async def deaf(self, door: OpenDoor) -> RawPeer:
        """A peer with small buffers, past its handshake, that has stopped reading."""
        peer = await RawPeer.dial(door.port, receive_buffer=4096)
        await peer.sends(request("/CP1"))
        assert (await peer.reads_answer())[0] == 101
        (connection,) = door.door._around.guests
        accepted = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        return peer

    async def test_is_cut_after_the_send_timeout(self) -> None:
        async with open_door(send_timeout=10.0) as door:
            peer = await self.deaf(door)
            link = await door.inner.link()
            for _ in range(10):
                link.transport.send("x" * 20_000)
            await settle(100)
            await door.clock.advance(9.9)
            assert not link.gone.is_set()
            await door.clock.advance(2.7)
            assert await link.ends() == "took nothing of what was sent to it for 10 s"
            await peer.breaks_off()

    async def test_is_cut_for_little_more_than_the_kernel_takes(self) -> None:
        async with open_door(send_timeout=10.0) as door:
            peer = await self.deaf(door)
            link = await door.inner.link()
            for _ in range(2):
                link.transport.send("x" * 20_000)
            await settle(100)
            await door.clock.advance(12.6)
            assert "took nothing" in await link.ends()
            await peer.breaks_off()

    async def test_is_not_read_from_either(self) -> None:
        async with open_door() as door:
            peer = await self.deaf(door)
            link = await door.inner.link()
            link.react = lambda heard: link.transport.send("y" * 1000)
            peer.writer.write(text("x" * 100) * 20_000)
            await settle(500)
            assert door.statistics.bytes_in < 1_000_000
            assert door.statistics.bytes_out < 10_000_000
            link.transport.abort()
            await peer.breaks_off()

    async def test_is_kept_when_it_takes_up_reading_again(self) -> None:
        async with open_door(send_timeout=10.0) as door:
            peer = await self.deaf(door)
            link = await door.inner.link()
            for _ in range(10):
                link.transport.send("x" * 20_000)
            await settle(100)
            await door.clock.advance(9)
            peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
            for _ in range(10):
                assert await peer.reads_frame() == (1, b"x" * 20_000)
            await door.clock.advance(15)
            assert not link.gone.is_set()
            await peer.breaks_off()

    async def test_does_not_hold_up_the_others(self) -> None:
        async with open_door() as door:
            peer = await self.deaf(door)
            link = await door.inner.link()
            for _ in range(100):
                link.transport.send("x" * 20_000)
            async with ChargePoint.connect(door.port, "CP2") as cp:
                other = await door.inner.link()
                await cp.sends_text("x")
                assert await other.hears() == "x"
            link.transport.abort()
            await peer.breaks_off()


class TestVigil:
    """The rules alone, without a socket."""

    def look(self, vigil: Vigil, now: float, *, listening: bool = True, taken: int = 0) -> Wait | Ping | Cut:
        return vigil.look(now, dead_after_s=180.0, listening=listening, taken=taken)

    def test_it_looks_again_when_the_next_ping_is_due(self) -> None:
        vigil = Vigil(0.0, 20.0, 10.0)
        vigil.heard_at = 15.0
        assert self.look(vigil, 20.0) == Wait(15.0)
        assert self.look(vigil, 35.0) == Ping(20.0)

    def test_it_pings_on_while_the_silence_lasts(self) -> None:
        vigil = Vigil(0.0, 20.0, 10.0)
        assert [self.look(vigil, now) for now in (20.0, 40.0, 60.0)] == [Ping(20.0)] * 3
        assert self.look(vigil, 175.0) == Ping(5.0)
        assert self.look(vigil, 180.0) == Cut("silent for 180 s")

    def test_a_peer_that_takes_a_little_at_a_time_is_not_cut(self) -> None:
        vigil = Vigil(0.0, 20.0, 10.0)
        assert vigil.stall(1.0, 100) == 2.5
        assert self.look(vigil, 10.0, listening=False, taken=101) == Wait(2.5)
        assert self.look(vigil, 19.0, listening=False, taken=101) == Wait(1.0)
        assert self.look(vigil, 20.0, listening=False, taken=101) == Cut("took nothing of what was sent to it for 10 s")

    def test_nothing_is_sent_to_a_peer_that_takes_nothing(self) -> None:
        vigil = Vigil(0.0, 1.0, 10.0)
        vigil.stall(0.0, 0)
        assert isinstance(self.look(vigil, 5.0), Wait)

    def test_it_never_waits_for_no_time_at_all(self) -> None:
        vigil = Vigil(0.0, 20.0, 10.0)
        outcome = self.look(vigil, 20.0 - 1e-12)
        assert isinstance(outcome, Wait)
        assert outcome.delay_s >= 0.001
