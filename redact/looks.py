"""When the detector looks: every so often, at once when something stirs, and never so seldom
that the look-back could not cover what it missed."""

from __future__ import annotations

from dataclasses import dataclass

_EARLY = 1e-3  # seconds: clocks of cameras are not exact


@dataclass(slots=True)
class Looks:
    """State of one stream.

    interval: seconds between two looks; 0 looks at every frame. still: the same while nothing
    moves and the last look found everybody at rest, or nobody. limit: frames that may wait for a
    look, at most.
    """

    interval: float
    still: float
    limit: int
    _last: float | None = None
    _waiting: int = 0
    _quiet: bool = False

    def due(self, time: float, still: bool, corrupt: bool = False) -> bool:
        """Whether to look at the next frame. time: seconds. still: the motion net is sure that
        nothing moves in it."""
        self._waiting += 1
        if self._last is None or time <= self._last or self._waiting > self.limit:
            return True
        if corrupt:  # nothing to be learned from it
            return False
        quiet = still and self._quiet
        interval = max(self.still, self.interval) if quiet else self.interval
        return time - self._last >= interval - _EARLY

    def looked(self, time: float, rest: bool) -> None:
        """A look is over. rest: it found those whom the one before found, where they were."""
        self._last, self._waiting, self._quiet = time, 0, rest
