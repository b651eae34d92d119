"""Sound of one stream, silent wherever somebody may speak. No thread, no file, no clock.

Decided over a look-back of `PAD` seconds, so that a word is silent from before it begins. When in
doubt it is silent: where nothing could be decoded, where the listener fails, answers what is no
probability, or too much or too little, and around all that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from redact.errors import SourceError
from redact.sound import Listener, MutedBlock, SoundBlock, SoundInfo, SoundSource, muted

PAD = 0.5  # seconds of silence before and after what may be speech
# Speech begins at the one probability and ends below the other. Low: at these, voices are silent
# down to 5 dB below noise; tones, chords and noise on their own stay (tests/sound).
BEGIN, END = 0.15, 0.07
_LATE = 2.0  # seconds that a listener may owe answers for


class Muter:
    """Iterates over the sound of `source`, muted; to be read once. Never raises for sound that
    cannot be decoded or judged: that is silent, and `note` says so.

    seconds: of sound so far; muted: how many of them are silent.
    """

    def __init__(self, source: SoundSource, listener: Listener) -> None:
        self._source = source
        self._listener = listener
        self._rate = source.info.rate
        self._pad = round(PAD * self._rate)
        self._window = listener.window * self._rate
        self._held: deque[SoundBlock] = deque()
        self._silent, self._doubted = _Spans(), _Spans()
        self._began: int | None = None  # where the stretch began that the listener hears,
        self._end = 0  # and where it ends so far
        self._answers = 0  # of the listener, since then
        self._speech = self._deaf = False
        self._broken = ""
        self._total = self._muted = self._doubtful = 0

    @property
    def info(self) -> SoundInfo:
        return self._source.info

    @property
    def seconds(self) -> float:
        return self._total / self._rate

    @property
    def muted(self) -> float:
        return self._muted / self._rate

    @property
    def note(self) -> str:
        """What was done, in words."""
        said = f"sound: {self.muted:.1f} of {self.seconds:.1f} s are silent, as somebody may speak"
        if self._doubtful:
            said += f"; {self._doubtful / self._rate:.1f} s of them could not be judged"
        return said + (f"; it ends early: {self._broken}" if self._broken else "")

    def close(self) -> None:
        self._source.close()

    def __iter__(self) -> Iterator[MutedBlock]:
        blocks = iter(self._source)
        while (block := self._next(blocks)) is not None:
            if self._began is None or block.start > self._end:
                self._pass_over(block.start)
            self._end = block.end
            self._held.append(block)
            self._hear(block)
            yield from self._release(self._decided - self._pad)
        self._finish(self._end)
        if self._broken:
            self._doubt(self._end, self._end)
        yield from self._release(None)

    def _next(self, blocks: Iterator[SoundBlock]) -> SoundBlock | None:
        try:
            return next(blocks, None)
        except SourceError as error:
            self._broken = str(error)
            return None

    # -- listening --------------------------------------------------------------------------

    @property
    def _judged(self) -> int:
        """Where the windows end that the listener has answered for."""
        return (self._began or 0) + int(self._answers * self._window)

    @property
    def _decided(self) -> int:
        return min(self._end, self._judged)

    def _hear(self, block: SoundBlock) -> None:
        if self._deaf or not block.heard or not np.isfinite(block.samples).all():
            self._finish(block.start)
            self._doubt(block.start, block.end)
            self._begin(block.end)
            return
        try:
            self._judge(self._listener.push(block.samples))
            owed = self._end - self._judged
        except Exception:  # noqa: BLE001 - whatever it is, what it did not judge is silent
            owed = -self._rate
        if not -self._window < owed < _LATE * self._rate:  # then no answer is where it belongs
            self._doubt(self._held[0].start, self._end)
            self._begin(self._end)

    def _judge(self, answers: list[float]) -> None:
        for answer in answers:
            start = self._judged
            self._answers += 1
            if not 0 <= answer <= 1:
                self._speech = True
                self._doubt(start, self._judged)
            else:
                self._speech = answer >= (END if self._speech else BEGIN)
            if self._speech:
                self._mute(start, self._judged)

    def _finish(self, end: int) -> None:
        """The end of a stretch: what the listener still owes, or silence."""
        if self._began is None or self._began >= end:
            return
        before = self._judged
        try:
            self._judge(self._listener.flush())
        except Exception:  # noqa: BLE001 - as above
            self._doubt(before, end)
        if self._judged < end:
            self._doubt(self._judged, end)

    def _begin(self, at: int) -> None:
        """A stretch that the listener hears for itself."""
        self._began, self._answers = at, 0
        self._speech = self._deaf = False
        try:
            self._listener.reset()
        except Exception:  # noqa: BLE001 - it is tried again with the next block
            self._deaf = True

    def _pass_over(self, to: int) -> None:
        """Nothing is there before `to`: what was there before that is not known."""
        if self._began is not None:
            self._finish(self._end)
            self._doubt(self._end, self._end)
            self._doubt(to, to)
        self._begin(to)

    def _doubt(self, start: int, end: int) -> None:
        self._doubted.add(start, end)
        self._mute(start, end)

    def _mute(self, start: int, end: int) -> None:
        self._silent.add(start - self._pad, end + self._pad)

    # -- handing on -------------------------------------------------------------------------

    def _release(self, until: int | None) -> Iterator[MutedBlock]:
        """The blocks that end before `until`; all for None."""
        while self._held and (until is None or self._held[0].end <= until):
            block = self._held.popleft()
            silent = self._silent.within(block.start, block.end)
            samples = np.where(silent, np.float32(0), block.samples)
            self._total += len(silent)
            self._muted += int(silent.sum())
            self._doubtful += int(self._doubted.within(block.start, block.end).sum())
            yield muted(block.start, samples)


class _Spans:
    """Spans of samples, in the order of their starts; what was asked for is forgotten."""

    def __init__(self) -> None:
        self._spans: deque[list[int]] = deque()

    def add(self, start: int, end: int) -> None:
        while self._spans and start <= self._spans[-1][1]:
            before = self._spans.pop()
            start, end = min(start, before[0]), max(end, before[1])
        self._spans.append([start, end])

    def within(self, start: int, end: int) -> npt.NDArray[np.bool_]:
        """(end - start,) bool: which samples from `start` on lie in a span."""
        while self._spans and self._spans[0][1] <= start:
            self._spans.popleft()
        inside = np.zeros(end - start, np.bool_)
        for a, b in self._spans:
            if a >= end:
                break
            inside[max(0, a - start) : max(0, b - start)] = True
        return inside
