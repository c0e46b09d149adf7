"""What core counts about itself: plain numbers, incremented in passing and read by monitoring when it is asked.

Rule: keys come from fixed sets (`other` for the rest), so that nothing a charge point says can make them grow.
"""

from collections import Counter, defaultdict
from typing import Literal

from mcppd.model.statistics import SECONDS, Histogram

Direction = Literal["in", "out"]
MessageType = Literal["call", "call_result", "call_error"]


def _seconds() -> Histogram:
    return Histogram(SECONDS)


class Counters:
    __slots__ = ("call_s", "errors", "events", "handling_s", "messages", "plugin_failures", "repairs", "violations")

    def __init__(self) -> None:
        self.messages: Counter[tuple[Direction, MessageType, str]] = Counter()
        self.handling_s: defaultdict[str, Histogram] = defaultdict(_seconds)
        """By action: from the arrival of a call to its answer's going out."""
        self.call_s: defaultdict[str, Histogram] = defaultdict(_seconds)
        """By action: from a call of ours to its answer."""
        self.errors: Counter[str] = Counter()
        """By kind: garbled frames by their kind, stray, late, call_timeout, handler_failed, storage, inbox_full."""
        self.violations: Counter[str] = Counter()
        """By action: messages that did not fit their schema."""
        self.repairs: Counter[str] = Counter()
        """By kind of repair."""
        self.plugin_failures: Counter[str] = Counter()
        """By plugin."""
        self.events: Counter[str] = Counter()
        """By kind of event."""
