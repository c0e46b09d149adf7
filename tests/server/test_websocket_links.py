"""What an open link hears and says, and how it ends: RFC 6455, 5 to 7."""

import asyncio
import gc
import logging
import os

import pytest
from websockets.frames import Frame

from mcppd.server.ws_connection import SLICE
from tests.equipment.charge_point import ChargePoint
from tests.equipment.clock import settle
from tests.equipment.open_door import InnerLink, InnerSide, RawPeer, frame, in_time, open_door, request, text

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


class TestMessages:
    async def test_go_both_ways(self) -> None:
        async with open_door() as door, ChargePoint.connect(door.port, "CP1") as cp:
            link = await door.inner.link()
            await cp.sends_text('[2,"1","Heartbeat",{}]')
            assert await link.hears() == '[2,"1","Heartbeat",{}]'
            link.transport.send('[3,"1",{}]')
            assert await cp.next_text() == '[3,"1",{}]'

    async def test_in_binary_frames_are_read_like_text(self) -> None:
        async with open_door() as door, ChargePoint.connect(door.port, "CP1") as cp:
            link = await door.inner.link()
            await cp.sends_text('["Mühle"]'.encode())
            assert await link.hears() == '["Mühle"]'

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    async def test_that_are_not_utf8_end_with_1007(self, opcode: int) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            await peer.sends(text("before") + frame(opcode, b"\xff\xfe") + text("behind"))
            assert (await peer.reads_close())[0] == 1007
            await peer.hangs_up()
            assert "UTF-8" in await link.ends()
            assert await link.hears() == "before"
            assert link.heard.empty()

    async def test_in_fragments_are_put_together(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            whole = "Mühle".encode()
            await peer.sends(text(whole[:2], fin=False) + frame(CONTINUATION, whole[2:3], fin=False))
            await peer.sends(frame(PING, b"between") + frame(CONTINUATION, whole[3:]) + text("next"))
            assert [await link.hears(), await link.hears()] == ["Mühle", "next"]
            assert await peer.reads_frame() == (PONG, b"between")
            await peer.hangs_up()

    async def test_have_256_fragments_at_most(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            part = frame(CONTINUATION, b"x", fin=False)
            await peer.sends(text("x", fin=False) + part * 254 + frame(CONTINUATION, b"x"))
            assert await link.hears() == "x" * 256
            await peer.sends(text("x", fin=False) + part * 256)
            assert (await peer.reads_close())[0] == 1009
            await peer.hangs_up()

    async def test_up_to_the_bound_are_taken_and_above_it_end_with_1009(self) -> None:
        async with open_door(max_message_size=16384) as door:
            peer = await door.peer()
            link = await door.inner.link()
            await peer.sends(text("x" * 16384))
            assert await link.hears() == "x" * 16384
            await peer.sends(text("x" * 16385))
            assert (await peer.reads_close())[0] == 1009
            await peer.hangs_up()
            assert "16384" in await link.ends()

    async def test_of_fragments_are_bounded_as_a_whole(self) -> None:
        async with open_door(max_message_size=16384) as door:
            peer = await door.peer()
            await peer.sends(text("x" * 16000, fin=False) + frame(CONTINUATION, "x" * 385))
            assert (await peer.reads_close())[0] == 1009
            await peer.hangs_up()

    async def test_of_a_lying_length_end_before_any_of_it_came(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            await peer.sends(b"\x81\xff" + (1 << 62).to_bytes(8, "big"))
            assert (await peer.reads_close())[0] == 1009
            await peer.hangs_up()

    @pytest.mark.parametrize(
        "broken",
        [
            b"\xc1\x80\0\0\0\0",  # compressed, which was never agreed on
            b"\x81\x01x",  # not masked
            b"\x83\x80\0\0\0\0",  # an opcode that is none
            frame(CONTINUATION, b"x"),  # of nothing
            text("x", fin=False) + text("y"),
        ],
        ids=["compressed", "unmasked", "opcode", "continuation", "interleaved"],
    )
    async def test_against_the_protocol_end_with_1002(self, broken: bytes) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            await peer.sends(broken)
            assert (await peer.reads_close())[0] == 1002
            await peer.hangs_up()
            assert "protocol" in await link.ends()

    async def test_of_a_megabyte_arrive_whole_and_leave_whole(self) -> None:
        async with open_door() as door, ChargePoint.connect(door.port, "CP1") as cp:
            link = await door.inner.link()
            big = "x" * (1 << 20)
            await cp.sends_text(big)
            assert await link.hears() == big
            link.transport.send(big)
            assert await cp.next_text() == big


class TestReading:
    async def test_pauses_at_once_and_goes_on_in_order(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            link.react = lambda text: link.transport.pause_reading() if text == "2" else None
            await peer.sends(b"".join(text(str(n)) for n in range(5000)))
            assert [await link.hears() for _ in range(3)] == ["0", "1", "2"]
            await settle(100)
            assert link.heard.empty()
            assert sum(type(thing) is Frame for thing in gc.get_objects()) < SLICE // 6
            link.transport.resume_reading()
            assert [await link.hears() for _ in range(3, 5000)] == [str(n) for n in range(3, 5000)]
            await peer.hangs_up()

    async def test_does_not_go_on_in_the_middle_of_what_resumes_it(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            deep = 0

            def react(heard: str) -> None:
                nonlocal deep
                assert deep == 0
                deep += 1
                link.transport.pause_reading()
                if heard != "0":
                    link.transport.resume_reading()
                deep -= 1

            link.react = react
            await peer.sends(b"".join(text(str(n)) for n in range(200)))
            assert await link.hears() == "0"
            await settle()
            link.transport.resume_reading()
            assert [await link.hears() for _ in range(1, 200)] == [str(n) for n in range(1, 200)]
            await peer.hangs_up()

    async def test_takes_no_more_than_a_little_while_paused(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            link.transport.pause_reading()
            peer.writer.write(text("x" * 4000) * 5000)
            await settle(200)
            assert door.statistics.bytes_in < 1000
            await peer.breaks_off()
            link.transport.abort()


class TestClosing:
    async def test_by_us_is_a_closing_handshake(self) -> None:
        async with open_door() as door, ChargePoint.connect(door.port, "CP1") as cp:
            link = await door.inner.link()
            link.transport.close(1000, "replaced")
            assert await cp.closed() == (1000, "replaced")
            assert await link.ends() == "closed by mcppd: 1000 replaced"

    async def test_by_us_works_while_reading_is_paused(self) -> None:
        async with open_door() as door, ChargePoint.connect(door.port, "CP1") as cp:
            link = await door.inner.link()
            link.transport.pause_reading()
            link.transport.close(1000, "replaced")
            assert await cp.closed() == (1000, "replaced")
            await link.ends()

    async def test_with_a_long_reason_cuts_it_to_what_a_frame_holds(self) -> None:
        async with open_door() as door, ChargePoint.connect(door.port, "CP1") as cp:
            (await door.inner.link()).transport.close(1000, "ü" * 100)
            assert await cp.closed() == (1000, "ü" * 61)

    async def test_by_us_is_cut_after_three_seconds_where_the_peer_does_not_join_in(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            link.transport.close(1000, "replaced")
            assert await peer.reads_close() == (1000, "replaced")
            await door.clock.advance(2.9)
            assert not link.gone.is_set()
            await door.clock.advance(0.2)
            assert "1000" in await link.ends()
            assert await peer.ended()
            await peer.hangs_up()

    async def test_nothing_is_heard_and_nothing_said_after_it(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            link.transport.close(1000, "")
            link.transport.send("late")
            link.transport.close(1001, "again")
            assert await peer.reads_close() == (1000, "")
            await peer.sends(text("late") + frame(CLOSE, (1000).to_bytes(2, "big")))
            assert await peer.ended()
            await peer.hangs_up()
            await link.ends()
            assert link.heard.empty()
            link.transport.send("later")
            link.transport.close(1000, "")
            link.transport.abort()
            assert not await link.transport.probe(1.0)

    async def test_by_the_charge_point_is_told_with_its_code(self) -> None:
        async with open_door() as door:
            cp = await ChargePoint.dial(door.port, "CP1")
            link = await door.inner.link()
            await cp.leaves(1001, "re\nboot")
            assert await link.ends() == "closed by the charge point: 1001 (going away) re?boot"

    async def test_without_a_word_is_told_as_such(self) -> None:
        async with open_door() as door:
            cp = await ChargePoint.dial(door.port, "CP1")
            link = await door.inner.link()
            await cp.vanishes()
            assert await link.ends()
            peer = await door.peer()
            link = await door.inner.link()
            await peer.hangs_up()
            assert await link.ends() == "hung up without a closing handshake"

    async def test_by_abort_is_at_once(self) -> None:
        async with open_door() as door:
            peer = await door.peer()
            link = await door.inner.link()
            link.transport.abort()
            assert await peer.ended()
            assert await link.ends() == "cut by mcppd"
            await peer.hangs_up()

    async def test_of_the_door_closes_every_link_with_1012(self) -> None:
        async with open_door() as door:
            polite = await ChargePoint.dial(door.port, "CP1")
            deaf = await door.peer("CP2")
            silent = await RawPeer.dial(door.port)
            await settle()
            closing = asyncio.ensure_future(door.door.close(2.0))
            assert await polite.closed() == (1012, "service restart")
            assert await silent.ended()
            await settle()
            assert not closing.done()
            await door.clock.advance(2.1)
            await in_time(closing)
            assert await deaf.reads_close() == (1012, "service restart")
            assert [link.reasons for link in door.inner.links] == [["closed by mcppd: 1012 service restart"]] * 2
            for peer in (deaf, silent):
                await peer.hangs_up()
        assert door.statistics.connections == door.statistics.links == 0

    async def test_of_the_door_lets_nobody_else_in(self) -> None:
        async with open_door() as door:
            port = door.port
            await door.door.close(0.0)
            with pytest.raises(OSError):
                await RawPeer.dial(port)


class TestFailuresInside:
    async def test_of_a_link_end_that_link_with_1011_and_no_other(self, caplog: pytest.LogCaptureFixture) -> None:
        async with open_door() as door:
            first, second = await ChargePoint.dial(door.port, "CP1"), await ChargePoint.dial(door.port, "CP2")

            def fail(link: InnerLink, text: str) -> None:
                if link.admission.identity == "CP1":
                    raise LookupError("broken")
                link.transport.send(text)

            door.inner.react = fail
            await first.sends_text("x")
            assert await first.closed() == (1011, "internal error")
            await second.sends_text("x")
            assert await second.next_text() == "x"
            await second.leaves()
        (record,) = [record for record in caplog.records if record.message == "link_failed"]
        assert record.exc_info is not None
        assert record.charge_point == "CP1"  # type: ignore[attr-defined]

    async def test_at_the_end_of_a_link_harm_nobody(self, caplog: pytest.LogCaptureFixture) -> None:
        async with open_door() as door:
            cp = await ChargePoint.dial(door.port, "CP1")
            link = await door.inner.link()

            def fail(reason: str) -> None:
                raise LookupError("broken")

            link.closed = fail  # type: ignore[method-assign]
            await cp.leaves()
            async with ChargePoint.connect(door.port, "CP1"):
                assert door.statistics.links == 1
        assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == ["link_failed"]

    async def test_while_a_link_is_made_end_it_with_1011(self, caplog: pytest.LogCaptureFixture) -> None:
        class Broken(InnerSide):
            def open_link(self, admission, transport):  # type: ignore[no-untyped-def]
                raise LookupError("broken")

        async with open_door(Broken()) as door, ChargePoint.connect(door.port, "CP1") as cp:
            assert await cp.closed() == (1011, "internal error")
            await settle()
            assert door.statistics.links == 0
        assert "link_failed" in caplog.messages


class TestThrift:
    async def test_two_hundred_reconnects_leave_nothing_behind(self) -> None:
        async with open_door() as door:
            tasks = len(asyncio.all_tasks())

            async def once(n: int) -> None:
                peer = await door.peer()
                link = await door.inner.link()
                await peer.sends(text(str(n)))
                assert await link.hears() == str(n)
                if n % 2:
                    link.transport.close(1000, "")
                    await peer.reads_close()
                await peer.hangs_up()
                await link.ends()
                door.inner.links.clear()
                door.inner.candidates.clear()
                assert door.clock.pending == 0
                await door.clock.advance(30)  # the fake clock keeps what was cancelled until its time

            await once(0)
            gc.collect()
            before = (len(os.listdir("/proc/self/fd")), _connections())
            for n in range(200):
                await once(n)
            gc.collect()
            assert (len(os.listdir("/proc/self/fd")), _connections()) == before
            assert len(asyncio.all_tasks()) == tasks
            assert door.clock.pending == 0
            assert door.statistics.connections == 0

    async def test_what_a_link_held_goes_with_it_and_waits_for_no_collector(self) -> None:
        async with open_door() as door:
            gc.collect()
            before = _connections()
            gc.disable()
            try:
                peer = await door.peer()
                link = await door.inner.link()
                link.transport.close(1000, "")
                await peer.reads_close()
                await peer.hangs_up()
                await link.ends()
                door.inner.links.clear()
                link.react = lambda text: None  # else it refers to itself
                del link
                await door.clock.advance(30)
                assert _connections() == before
            finally:
                gc.enable()

    async def test_what_is_said_is_not_in_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        async with open_door() as door, ChargePoint.connect(door.port, "CP1", auth=("CP1", "hush")) as cp:
            await cp.sends_text("quiet")
            await (await door.inner.link()).hears()
        said = [record.getMessage() for record in caplog.records if record.name.startswith("mcppd")]
        assert said == ["door_opened", "door_closed"]

    async def test_an_idle_link_has_no_task_and_one_timer(self) -> None:
        async with open_door() as door:
            tasks = len(asyncio.all_tasks())
            peer = await door.peer()
            await door.inner.link()
            await settle()
            assert len(asyncio.all_tasks()) == tasks
            assert door.clock.pending == 1
            for _ in range(50):
                await peer.sends(text("x"))
            await settle()
            assert door.clock.pending == 1
            await peer.hangs_up()

    async def test_every_byte_is_counted(self) -> None:
        async with open_door() as door:
            peer = await RawPeer.dial(door.port)
            sent = request("/CP1") + text("x" * 1000)
            await peer.sends(sent)
            _, head, _ = await peer.reads_answer()
            link = await door.inner.link()
            await link.hears()
            link.transport.send("y" * 1000)
            await peer.reads_frame()
            assert door.statistics.bytes_in == len(sent)
            assert door.statistics.bytes_out == len(head) + 4 + 1000
            await peer.hangs_up()


def _connections() -> int:
    return sum(type(thing).__name__ in ("Arrival", "Connection", "ServerProtocol") for thing in gc.get_objects())
