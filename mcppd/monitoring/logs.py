"""The log of the daemon: JSON lines on stderr, bounded per charge point, and never a reason to die.

Rules.

1. Only loggers under `mcppd` follow `log.level`. Libraries speak from WARNING on: at DEBUG they would print frames and
   headers past our redaction.
2. `mcppd.messages` carries the OCPP messages at DEBUG; `log.messages` lets it pass whatever the level.
3. A stderr that is gone loses lines, counted, and nothing else.
"""

import logging
import sys
from typing import TextIO

from mcppd.hooks import Clock
from mcppd.model.settings import LogSettings
from mcppd.monitoring.log_lines import encode, line_of, timestamp
from mcppd.monitoring.log_rate import LogRate

MESSAGES = "mcppd.messages"


class JsonLines(logging.Handler):
    """Writes records to `stream`, as many a minute for each charge point as `rate` admits."""

    def __init__(self, stream: TextIO, clock: Clock, rate: int) -> None:
        super().__init__()
        self.rate = LogRate(rate)
        self.lost = 0
        """Lines that could not be written."""
        self._stream = stream
        self._clock = clock

    @property
    def suppressed(self) -> int:
        """Lines that `rate` did not admit."""
        return self.rate.suppressed

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock.monotonic()
        for quiet, count in self.rate.overdue(now):
            self._tell_suppressed(quiet, count)
        charge_point = str(getattr(record, "charge_point", None) or "")
        if charge_point:
            admitted, count = self.rate.admit(charge_point, now, error=record.levelno >= logging.ERROR)
            if not admitted:
                return
            if count:
                self._tell_suppressed(charge_point, count)
        self._write(line_of(record, self._clock.now()))

    def close(self) -> None:
        """Tell what was suppressed in the end. The stream stays open: it is not ours."""
        for charge_point, count in self.rate.untold():
            self._tell_suppressed(charge_point, count)
        super().close()

    def _tell_suppressed(self, charge_point: str, count: int) -> None:
        about = {"category": "system", "charge_point": charge_point[:256], "suppressed": count}
        line = {"ts": timestamp(self._clock.now()), "level": "warning", "event": "log_suppressed", **about}
        self._write(encode(line))

    def _write(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # gone, full, or closed: there is nowhere left to say so
            self.lost += 1


def setup(settings: LogSettings, clock: Clock, stream: TextIO | None = None) -> JsonLines:
    """Send every log of the process to `stream` (stderr by default) as JSON lines, in place of whatever was there."""
    handler = JsonLines(sys.stderr if stream is None else stream, clock, settings.rate)
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    logging.captureWarnings(True)
    # What goes wrong in a handler is not printed past it as a bare traceback.
    logging.raiseExceptions = False
    # No line shows where in the code it was written, by which thread or process: logging need not find out.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    apply(settings)
    return handler


def apply(settings: LogSettings) -> None:
    """Take over level, rate and message log: at start, and on a reload."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root = logging.getLogger()
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("mcppd").setLevel(level)
    logging.getLogger(MESSAGES).setLevel(logging.DEBUG if settings.messages else logging.NOTSET)
    for handler in root.handlers:
        if isinstance(handler, JsonLines):
            handler.rate.rate = settings.rate
