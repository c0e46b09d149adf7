"""Many charge points in one lean process: plain sockets, frames made by hand, no library in between.

    python -m scripts.benchmark.client PORT LINKS SCRIPT WARM_UP_S SECONDS

Connects all, boots each, then repeats the script in closed loop. Speaks with the process that measures over its own
standard streams: prints `ready` (booted and warm), waits for a line, runs, prints one JSON object, waits for a line,
ends. With SCRIPT `idle` the charge points say nothing after their boot.
"""

import asyncio
import base64
import json
import os
import re
import struct
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import NoReturn, cast

import uvloop

from scripts.benchmark.scenarios import SCRIPTS, Memory, Say, Script, boot

_TRANSACTION_ID = re.compile(rb'"transactionId":\s*(\d+)')
PATIENCE_S = 30.0
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


def fail(why: str) -> NoReturn:
    """End at once, from a callback too."""
    print(why, file=sys.stderr, flush=True)
    os._exit(1)


def frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame, masked with zeros: the server unmasks it all the same, and here it costs nothing."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB4x", 0x80 | opcode, 0x80 | size) + payload
    return struct.pack("!BBH4x", 0x80 | opcode, 0xFE, size) + payload


class Load:
    """What all charge points share: when to measure, and what came of it."""

    def __init__(self, script: Script | None) -> None:
        self.script = script
        self.answered = 0
        self.errors = 0
        self.waits_s: list[float] = []
        self.running = True
        self.booted = 0
        self.all_booted = asyncio.Event()
        self.expected = 0

    def one_booted(self) -> None:
        self.booted += 1
        if self.booted == self.expected:
            self.all_booted.set()


class ChargePoint(asyncio.Protocol):
    def __init__(self, load: Load, number: int) -> None:
        self.load, self.memory = load, Memory(number)
        self.script: Iterator[Say] = boot(self.memory)
        self.booting = True
        self.ids = count(1)
        self.buffer = b""
        self.upgraded = False
        self.said_at = 0.0
        self.action = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /ocpp/BENCH{self.memory.number:04} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.upgraded:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                fail(f"refused: {head[:200]!r}")
            self.upgraded, self.buffer = True, rest
            self.say_next()
        while len(self.buffer) >= 2:
            size, start = self.buffer[1] & 0x7F, 2
            if size == 126:
                size, start = int.from_bytes(self.buffer[2:4], "big"), 4
            if len(self.buffer) < start + size:
                return
            opcode, payload = self.buffer[0] & 0x0F, self.buffer[start : start + size]
            self.buffer = self.buffer[start + size :]
            self.hear(opcode, payload)

    def hear(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self.transport.write(frame(_PONG, payload))
        elif opcode == _CLOSE:
            fail(f"closed by the server: {payload!r}")
        elif payload.startswith(b"[2,"):
            message_id = json.loads(payload)[1]
            self.transport.write(frame(_TEXT, json.dumps([4, message_id, "NotSupported", "", {}]).encode()))
        else:
            self.load.answered += 1
            self.load.errors += payload.startswith(b"[4,")
            self.load.waits_s.append(time.perf_counter() - self.said_at)
            if self.action == "StartTransaction" and (match := _TRANSACTION_ID.search(payload)):
                self.memory.transaction_id = int(match[1])
            self.say_next()

    def say_next(self) -> None:
        said = next(self.script, None)
        if said is None:
            if self.booting:
                self.booting = False
                self.load.one_booted()
            if self.load.script is None or not self.load.running:
                return
            self.script = self.load.script(self.memory)
            said = next(self.script)
        self.action, payload = said
        self.said_at = time.perf_counter()
        self.transport.write(frame(_TEXT, f'[2,"{next(self.ids)}","{self.action}",{payload}]'.encode()))


async def main(port: int, links: int, script: str, warm_up_s: float, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    load = Load(SCRIPTS.get(script))
    load.expected = links
    for number in range(links):
        await loop.create_connection(lambda number=number: ChargePoint(load, number), "127.0.0.1", port)
    try:
        await asyncio.wait_for(load.all_booted.wait(), PATIENCE_S)
    except TimeoutError:
        fail(f"only {load.booted} of {links} charge points were booted within {PATIENCE_S:g} s")
    await asyncio.sleep(warm_up_s)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    before, errors = load.answered, load.errors
    load.waits_s.clear()
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    waits = sorted(load.waits_s) or [0.0]
    result = {
        "messages": load.answered - before,
        "errors": load.errors - errors,
        "seconds": took,
        "wait_ms_median": waits[len(waits) // 2] * 1000,
        "wait_ms_99": waits[len(waits) * 99 // 100] * 1000,
    }
    print(json.dumps(result), flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    load.running = False


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4]), float(sys.argv[5])))
