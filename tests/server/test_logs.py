"""The log: JSON lines with the agreed fields, bounded, without secrets, and no reason to die."""

import io
import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mcppd.core.correlation import correlation_id
from mcppd.core.message_log import log_message
from mcppd.model.charge_points import ConnectorStatus
from mcppd.model.settings import LogSettings
from mcppd.monitoring import logs
from tests.equipment.clock import FakeClock

ROOT = Path(__file__).parents[2]


class Log:
    """The daemon's log, as somebody reads it who reads every line."""

    def __init__(self) -> None:
        self.clock = FakeClock(datetime(2026, 11, 21, 8, 0, 0, 123456, tzinfo=UTC))
        self.stream = io.StringIO()

    def setup(self, **settings: Any) -> logs.JsonLines:
        self.handler = logs.setup(LogSettings(**settings), self.clock, self.stream)
        return self.handler

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.lines[-1]


@pytest.fixture
def log() -> Iterator[Log]:
    root = logging.getLogger()
    handlers, raising = list(root.handlers), logging.raiseExceptions
    named = [logging.getLogger(name) for name in ("", "mcppd", logs.MESSAGES)]
    levels = [logger.level for logger in named]
    new = Log()
    new.setup()
    yield new
    logging.captureWarnings(False)
    logging.raiseExceptions = raising
    root.handlers[:] = handlers
    for logger, level in zip(named, levels, strict=True):
        logger.setLevel(level)


LOGGER = logging.getLogger("mcppd.core.test")


class TestFields:
    def test_a_line_is_one_json_object_with_the_fields_in_order(self, log: Log) -> None:
        extra = {
            "more": 1,
            "duration_ms": 2.5,
            "action": "Heartbeat",
            "message_id": "m1",
            "charge_point": "CP1",
            "category": "ocpp",
        }
        correlation_id.set("c1")
        LOGGER.info("answered", extra=extra)
        correlation_id.set("")
        assert log.text.count("\n") == 1
        assert list(log.last.items()) == [
            ("ts", "2026-11-21T08:00:00.123Z"),
            ("level", "info"),
            ("event", "answered"),
            ("category", "ocpp"),
            ("charge_point", "CP1"),
            ("correlation_id", "c1"),
            ("message_id", "m1"),
            ("action", "Heartbeat"),
            ("duration_ms", 2.5),
            ("more", 1),
        ]

    def test_what_is_not_known_is_left_out(self, log: Log) -> None:
        LOGGER.warning("started", extra={"action": None})
        assert log.last == {
            "ts": "2026-11-21T08:00:00.123Z",
            "level": "warning",
            "event": "started",
            "category": "system",
        }

    def test_errors_have_their_own_category(self, log: Log) -> None:
        LOGGER.error("failed")
        LOGGER.error("failed", extra={"category": "ocpp"})
        assert [line["category"] for line in log.lines] == ["error", "ocpp"]

    def test_a_correlation_id_given_with_the_line_wins(self, log: Log) -> None:
        correlation_id.set("c1")
        LOGGER.info("x", extra={"correlation_id": "c2"})
        correlation_id.set("")
        assert log.last["correlation_id"] == "c2"

    def test_extras_cannot_take_the_place_of_the_fields(self, log: Log) -> None:
        LOGGER.info("x", extra={"event": "y", "level": 9, "ts": 1})
        assert (log.last["event"], log.last["level"], log.last["event_"], log.last["level_"]) == ("x", "info", "y", 9)

    def test_values_are_shown_as_what_they_are(self, log: Log) -> None:
        extra = {
            "status": ConnectorStatus.CHARGING,
            "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            "ids": (1, 2),
            "deep": {"a": {"b": [True, 1.5]}},
            "odd": float("nan"),
            "huge": 1 << 70,
            "error": ValueError("bad"),
            "path": Path("/x"),
        }
        LOGGER.info("x", extra=extra)
        shown = {name: log.last[name] for name in extra}
        assert shown == {
            "status": "Charging",
            "at": "2026-01-02T03:04:05.000Z",
            "ids": [1, 2],
            "deep": {"a": {"b": [True, 1.5]}},
            "odd": "nan",
            "huge": "0x400000000000000000",
            "error": "ValueError: bad",
            "path": "/x",
        }

    def test_an_exception_is_one_line_with_its_traceback(self, log: Log) -> None:
        try:
            raise ValueError("what\nnow")
        except ValueError:
            LOGGER.exception("failed")
        assert log.text.count("\n") == 1
        assert log.last["exception"].startswith("Traceback")
        assert log.last["exception"].endswith("ValueError: what\nnow")

    def test_of_a_long_traceback_the_end_is_kept(self, log: Log) -> None:
        try:
            raise ValueError("x" * 9000 + "the end")
        except ValueError:
            LOGGER.exception("failed")
        assert len(log.last["exception"]) == 4096
        assert log.last["exception"].endswith("the end")

    def test_arguments_that_do_not_fit_cost_nothing(self, log: Log) -> None:
        LOGGER.info("%d of %s", "x")
        assert log.last["event"] == "%d of %s"

    def test_warnings_and_libraries_come_as_lines_too(self, log: Log) -> None:
        logging.getLogger("websockets.server").warning("noisy %s", "peer")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old", DeprecationWarning, stacklevel=1)
        assert log.lines[0]["event"] == "noisy peer"
        assert "DeprecationWarning: old" in log.lines[1]["event"]


class TestLevels:
    @pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
    def test_the_level_decides_what_is_logged(self, log: Log, level: str, count: int) -> None:
        log.setup(level=level)
        for method in (LOGGER.debug, LOGGER.info, LOGGER.warning, LOGGER.error):
            method("x")
        assert len(log.lines) == count

    def test_libraries_never_speak_below_warning(self, log: Log) -> None:
        log.setup(level="debug", messages=True)
        logging.getLogger("websockets.server").debug("< Authorization: Basic xyz")
        logging.getLogger("uvicorn").info("started")
        assert log.text == ""

    def test_a_reload_applies_level_messages_and_rate(self, log: Log) -> None:
        logs.apply(LogSettings(level="debug", messages=True, rate=11))
        LOGGER.debug("x")
        log_message("in", "CP1", "[]")
        assert [line["event"] for line in log.lines] == ["x", "message"]
        logs.apply(LogSettings(level="error"))
        LOGGER.info("x")
        log_message("in", "CP1", "[]")
        assert len(log.lines) == 2
        assert log.handler.rate.rate == 600

    def test_messages_are_logged_at_debug_or_on_demand(self, log: Log) -> None:
        log_message("in", "CP1", "[2]")
        assert log.text == ""
        for settings in ({"level": "debug"}, {"level": "error", "messages": True}):
            log.setup(**settings)
            log_message("out", "CP1", '[3,"m",{}]', "m", "Heartbeat")
            assert log.last == {
                "ts": "2026-11-21T08:00:00.123Z",
                "level": "debug",
                "event": "message",
                "category": "ocpp",
                "charge_point": "CP1",
                "message_id": "m",
                "action": "Heartbeat",
                "direction": "out",
                "frame": '[3,"m",{}]',
            }
            log.setup()


class TestTextFromOutside:
    def test_control_and_invisible_characters_are_escaped(self, log: Log) -> None:
        LOGGER.info("a\nb", extra={"charge_point": "CP\r\n\x1b[31m\u2028\u202eü\udc80", "k\n": "v"})
        assert log.text.count("\n") == 1
        assert log.text.isascii()
        assert all(char.isprintable() for char in log.text.rstrip("\n"))
        assert log.last["charge_point"] == "CP\r\n\x1b[31m\u2028\u202eü\udc80"

    def test_every_text_is_cut(self, log: Log) -> None:
        deep = {"k" * 999: ["v" * 999] * 99}
        LOGGER.info("x" * 999, extra={"charge_point": "c" * 999, "reason": "r" * 999, "deep": deep})
        assert {len(log.last[name]) for name in ("event", "charge_point", "reason")} == {256}
        ((key, items),) = log.last["deep"].items()
        assert (len(key), len(items), len(items[0])) == (256, 32, 256)
        assert log.last["reason"].endswith("r...")

    def test_a_frame_may_be_longer(self, log: Log) -> None:
        log.setup(messages=True)
        log_message("in", "CP1", "x" * 9999)
        assert len(log.last["frame"]) == 4096

    def test_nesting_is_cut(self, log: Log) -> None:
        deep: list[Any] = []
        for _ in range(200):
            deep = [deep]
        LOGGER.info("x", extra={"deep": deep})
        assert len(log.text) < 800


class TestSecrets:
    FRAMES = (
        '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cret"}]',
        '[2,"1","ChangeConfiguration",{"value":"s3cret","key":"authorizationkey"}]',
        r'[2,"1","ChangeConfiguration",{"key":"Authoriz\u0061tionKey","value":"s3cret"}]',
        '[3,"1",{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"s3cret"}]}]',
        '[3,"1",{"configurationKey":[{"value":"s3cret", "readonly":false, "key":"WiFiPassword"}]}]',
        '[2,"1","GetDiagnostics",{"location":"ftp://me:s3cret@host/path"}]',
        r'[2,"1","UpdateFirmware",{"location":"https:\/\/me:s3cret@host\/path"}]',
        '[2,"1","DataTransfer",{"data":{"password":"s3cret"}}]',
        '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cret"',
        '[2,"1","ChangeConfiguration",{"value":"s3cret","x":"' + "y" * 5000 + '","key":"AuthorizationKey"}]',
    )

    @pytest.mark.parametrize("frame", FRAMES)
    def test_no_secret_of_a_frame_is_shown(self, log: Log, frame: str) -> None:
        log.setup(messages=True)
        log_message("in", "CP1", frame)
        assert "s3cret" not in log.text
        assert "(hidden)" in log.text

    @pytest.mark.parametrize(
        "frame",
        [
            '[2,"1","ChangeConfiguration",{"key":"AuthorizationCacheEnabled","value":"true"}]',
            '[2,"1","Authorize",{"idTag":"ABC"}]',
            '[2,"1","Authorize",{"idToken":{"idToken":"ABC","type":"ISO14443"}}]',
            '[2,"1","SecurityEventNotification",{"type":"InvalidTokens","timestamp":"2026-11-21T08:00:00Z"}]',
        ],
    )
    def test_what_is_no_secret_is_shown(self, log: Log, frame: str) -> None:
        log.setup(messages=True)
        log_message("in", "CP1", frame)
        assert log.last["frame"] == frame

    def test_a_deep_or_enormous_frame_is_hidden_rather_than_searched_badly(self, log: Log) -> None:
        log.setup(messages=True)
        log_message("in", "CP1", "[" * 100_000 + '"AuthorizationKey","s3cret"')
        log_message("in", "CP1", '["AuthorizationKey","s3cret",' + "9" * 9999 + "]")
        assert [line["frame"] for line in log.lines] == ["(hidden)", "(hidden)"]

    @pytest.mark.parametrize(
        "extra",
        [
            {"key": "AuthorizationKey", "value": "s3cret"},
            {"headers": {"Authorization": "Basic s3cret"}},
            {"reason": "got Authorization: Basic s3cret here"},
            {"reason": "Bearer abcdefghijklmnops3cret"},
            {"url": "wss://me:s3cret@host/"},
            {"password": b"s3cret"},
            {"access_token": "s3cret"},
        ],
    )
    def test_no_secret_of_an_extra_is_shown(self, log: Log, extra: dict[str, Any]) -> None:
        LOGGER.info("x", extra=extra)
        assert "s3cret" not in log.text
        assert "(hidden)" in log.text

    def test_nor_of_the_event_or_an_exception(self, log: Log) -> None:
        try:
            raise OSError("cannot reach ftp://me:s3cret@host")
        except OSError:
            LOGGER.exception("at http://me:s3cret@host")
        assert "s3cret" not in log.text
        assert log.text.count("(hidden)") >= 2


class TestRate:
    def flood(self, charge_point: str, count: int, level: int = logging.INFO) -> None:
        for _ in range(count):
            LOGGER.log(level, "flood", extra={"charge_point": charge_point})

    async def test_a_minutes_worth_passes_then_lines_are_suppressed_and_told(self, log: Log) -> None:
        log.setup(rate=10)
        self.flood("CP1", 1000)
        assert len(log.lines) == 10
        assert log.handler.suppressed == 990
        await log.clock.advance(12)  # room for two: the line, and the telling
        self.flood("CP1", 5)
        told, line = log.lines[10:]
        assert (told["event"], told["charge_point"], told["suppressed"]) == ("log_suppressed", "CP1", 990)
        assert line["event"] == "flood"

    async def test_a_minute_long_flood_fills_at_most_two_minutes_worth(self, log: Log) -> None:
        log.setup(rate=60)
        for _ in range(60):
            self.flood("CP1", 100)
            await log.clock.advance(1)
        assert len(log.lines) <= 120

    async def test_others_are_not_held_up(self, log: Log) -> None:
        log.setup(rate=10)
        self.flood("CP1", 100)
        self.flood("CP2", 3)
        LOGGER.info("system")
        assert [line.get("charge_point") for line in log.lines[10:]] == ["CP2"] * 3 + [None]

    async def test_errors_pass_but_not_without_bound(self, log: Log) -> None:
        log.setup(rate=10)
        self.flood("CP1", 100)
        self.flood("CP1", 1000, logging.ERROR)
        assert len(log.lines) == 10 + 100

    async def test_of_one_that_went_quiet_the_count_is_told_all_the_same(self, log: Log) -> None:
        log.setup(rate=10)
        self.flood("CP1", 15)
        await log.clock.advance(61)
        LOGGER.info("system")
        assert [line["event"] for line in log.lines[10:]] == ["log_suppressed", "system"]
        assert log.lines[10]["suppressed"] == 5

    async def test_at_the_end_it_is_told_too(self, log: Log) -> None:
        log.setup(rate=10)
        self.flood("CP1", 15)
        log.handler.close()
        assert log.last["suppressed"] == 5

    async def test_invented_identities_cost_no_memory_and_little_log(self, log: Log) -> None:
        log.setup(rate=10)
        for number in range(5000):
            self.flood(f"invented-{number}", 1)
        assert len(log.lines) == 1024 + 10
        await log.clock.advance(61)
        self.flood("CP1", 1)
        assert [line.get("charge_point") for line in log.lines[-2:]] == ["(others)", "CP1"]


class TestBrokenStream:
    def test_lines_that_cannot_be_written_are_counted(self, log: Log) -> None:
        handler = log.setup()
        log.stream.close()
        LOGGER.info("x")
        assert handler.lost == 1

    def test_a_reader_that_went_away_does_not_kill_the_daemon(self, tmp_path: Path) -> None:
        program = (
            "import logging, sys\n"
            "from mcppd.core.clock import SystemClock\n"
            "from mcppd.model.settings import LogSettings\n"
            "from mcppd.monitoring import logs\n"
            "handler = logs.setup(LogSettings(), SystemClock())\n"
            "sys.stdin.read()\n"
            "for _ in range(2000): logging.getLogger('mcppd').info('x' * 100)\n"
            "print(handler.lost)\n"
        )
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=writer,
            cwd=ROOT,
        )
        os.close(writer)
        os.close(reader)
        out, _ = process.communicate(b"", timeout=30)
        assert (process.returncode, int(out)) == (0, 2000)
