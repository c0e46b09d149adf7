"""What the simulator prints: one readable line per event, `HH:MM:SS IDENTITY what happened`."""

from collections.abc import Callable
from datetime import datetime
from typing import TextIO

from mcppd.simulator.speech import Trace


class Printer:
    def __init__(self, out: TextIO, *, quiet: bool = False, now: Callable[[], datetime] = datetime.now) -> None:
        self._out, self._quiet, self._now = out, quiet, now

    def voice(self, identity: str) -> Callable[[str], None]:
        """Prints what one charge point says of itself."""

        def say(what: str) -> None:
            if not self._quiet:
                self._line(identity, what)

        return say

    def trace(self, identity: str) -> Trace:
        """Prints the frames of one charge point."""

        def frame(direction: str, text: str) -> None:
            self._line(identity, f"{'->' if direction == 'sent' else '<-'} {text}")

        return frame

    def _line(self, identity: str, what: str) -> None:
        # What came from outside must not be able to move the cursor.
        shown = what if what.isprintable() else what.encode("unicode_escape").decode("ascii")
        print(f"{self._now():%H:%M:%S} {identity:<8} {shown}", file=self._out, flush=True)
