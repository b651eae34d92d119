"""One time line for a camera that comes and goes: it never jumps back, whatever its clock does."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

TICKS = 90_000  # per second
_JUMP = 5.0  # seconds between the camera's clock and ours beyond which the camera's jumped
_SLEW = 0.01  # share of the time that passes by which a drifting clock is drawn back
_CALM = 0.2  # seconds of difference that are jitter


class LiveClock:
    """Turns a camera's own times into ticks since the relay began. One per camera.

    A camera's steps are kept; its drift is drawn back slowly, and a jump, a missing time or a
    new connection starts again from the clock of this machine.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()
        self._anchor: tuple[float, float] | None = None  # the camera's time, ours
        self._last = -1
        self._last_theirs: float | None = None
        self._trusted = False
        self.jumps = 0

    def restart(self, *, trusted: bool = False) -> None:
        """A new connection: its times have nothing to do with those before. trusted: they are
        followed as they are, as those of a file that is read faster or slower than it plays."""
        self._anchor = self._last_theirs = None
        self._trusted = trusted

    def stamp(self, theirs: Fraction | None) -> int:
        """Ticks for the next frame, larger than all before. theirs: seconds, None = unknown."""
        ours = self._now() - self._began
        when = ours if theirs is None else self._follow(float(theirs), ours)
        self._last = max(self._last + 1, round(when * TICKS))
        return self._last

    def place(self, theirs: Fraction) -> int | None:
        """Ticks of something that is no frame, such as sound, on the same time line; None while
        nothing is known of the camera's clock."""
        if self._anchor is None or self._last_theirs is None:
            return None
        if not self._trusted and abs(float(theirs) - self._last_theirs) > _JUMP:
            return None  # from before or after a jump
        return round((self._anchor[1] + float(theirs) - self._anchor[0]) * TICKS)

    def _follow(self, theirs: float, ours: float) -> float:
        if self._anchor is not None and self._last_theirs is not None:
            step = theirs - self._last_theirs
            expected = self._anchor[1] + theirs - self._anchor[0]
            off = ours - expected
            if step > 0 and (self._trusted or abs(off) < _JUMP):
                if abs(off) > _CALM and not self._trusted:
                    pull = _SLEW * step * (1 if off > 0 else -1)
                    self._anchor = self._anchor[0], self._anchor[1] + pull
                    expected += pull
                self._last_theirs = theirs
                return expected
            self.jumps += 1
        self._anchor, self._last_theirs = (theirs, ours), theirs
        return ours
