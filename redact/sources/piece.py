"""A long clip in pieces that can be redacted apart from each other.

Frames are shared out by their times: a piece writes those from `first` up to, not including,
`end`, so each frame belongs to exactly one piece, whatever the order of decoding. It reads from
a key frame well before, so that tracks are known when it begins to write, and some frames
further, so that the look-back sees what comes. What the motion net must have learned by then it
learns from key frames of the minutes before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice

from redact.errors import SourceError
from redact.sources.errors import reading
from redact.sources.opening import DEFAULT_MAX_PIXELS, is_cover, open_container, video_stream
from redact.sources.pyav import PyAVSource
from redact.sources.span import Span
from redact.sources.timing import Decoded
from redact.storage import Place, place_of
from redact.structures import Frame

_DENSE = 60.0  # seconds before a piece of which every key frame is looked at
_SPARSE = 10.0  # seconds between key frames looked at further back


def key_times(path: str | Place) -> tuple[list[int], Fraction]:
    """Times at which decoding can begin, ascending, in ticks, and a tick in seconds. From the
    index where the container has one, else from all packets; nothing is decoded."""
    place = place_of(path)
    container = open_container(place, DEFAULT_MAX_PIXELS)
    try:
        with reading(f"{place}: cannot be split", "run it whole"):
            stream = video_stream(place, container, DEFAULT_MAX_PIXELS)
            if "mp4" in container.format.name.split(","):
                coded = [e.timestamp for e in stream.index_entries if e.is_keyframe]
                late = (stream.start_time or 0) - min(coded, default=0)  # the index has times of
                times = {time + late for time in coded}  # decoding, which run ahead
            else:
                packets = container.demux(stream)
                times = {p.pts for p in packets if p.is_keyframe and p.size and p.pts is not None}
            return sorted(times), stream.time_base or Fraction(1, 90_000)
    finally:
        container.close()


def spans(
    keys: Sequence[int], tick: Fraction, piece: float, overlap: float, memory: float, after: int
) -> list[Span]:
    """How to share out a clip with these key frames; one span where it is too short.

    piece, overlap, memory: seconds written by each, read before that, and looked back at.
    """
    ticks = [round(seconds / tick) for seconds in (piece, overlap, memory, _DENSE, _SPARSE)]
    firsts = list(keys[:1])
    for key in keys:
        if key - firsts[-1] >= ticks[0]:
            firsts.append(key)
    out = []
    for first, end in zip(firsts, [*firsts[1:], None], strict=True):
        at = max(bisect_right(keys, first - ticks[1]) - 1, 0)
        begin = keys[at]
        past = _thinned(keys[bisect_left(keys, begin - ticks[2]) : at], begin, ticks)
        out.append(Span(begin, first, end, after, past))
    return out


def _thinned(keys: Sequence[int], begin: int, ticks: Sequence[int]) -> tuple[int, ...]:
    """All of the last minute, every so often before."""
    dense, sparse = ticks[3:]
    out: list[int] = []
    for key in keys:
        if not out or key >= begin - dense or key - out[-1] >= sparse:
            out.append(key)
    return tuple(out)


class PieceSource(PyAVSource):
    """The frames of one span, what is read around it included."""

    def __init__(
        self, path: str | Place, span: Span, *, max_pixels: int = DEFAULT_MAX_PIXELS
    ) -> None:
        place = place_of(path)
        self._span = span
        container = open_container(place, max_pixels)
        try:
            with reading(f"{place}: cannot be split", "run it whole"):
                stream = next(s for s in container.streams.video if not is_cover(s))
                container.seek(span.begin, stream=stream)
        except BaseException:
            container.close()
            raise
        self._start(place, container, True, max_pixels)
        self._decoder.promise = replace(self._decoder.promise, packets=None)  # of the whole

    def _wanted(self, decoded: Iterator[Decoded]) -> Iterator[Decoded]:
        """From the key frame on: pictures before it in time refer to what was not read."""
        sound = False
        left = self._span.after
        for one in decoded:
            sound = sound or bool(one.picture.key_frame)
            if not sound:
                continue
            if self._span.end is not None and one.pts >= self._span.end:
                if not left:
                    return
                left -= 1
            yield one

    def _begin(self, first: Decoded) -> None:
        if first.pts > self._span.first:
            raise SourceError(f"{self._path}: cannot be split at its key frames; run it whole")
        super()._begin(first)
        self._info = replace(self._info, coding=None)  # a piece is encoded, whatever it shows


class _KeyFrames(PyAVSource):
    """Single key frames, found by their times."""

    def at(self, times: Sequence[int]) -> Iterator[Frame]:
        last: int | None = None
        for time in times:
            with reading(f"{self._path}: cannot be split", "run it whole"):
                self._container.seek(time, stream=self._stream)
                picture = self._next_key()
            if picture is not None and (last is None or picture.pts > last):
                last = picture.pts
                yield self._frame(0, picture)

    def _next_key(self) -> Decoded | None:
        for packet in self._container.demux(self._stream):
            for picture in self._stream.decode(packet):
                if picture.key_frame and picture.pts is not None:
                    tick = self._decoder.time_base
                    return Decoded(picture, picture.pts, 0, tick, picture.is_corrupt)
        return None


class PastSource(PieceSource):
    """What the motion net is to see before a piece with a past: `lesson` frames in a row, from
    which it learns its first background as it does at the start of a clip, then single key
    frames."""

    def __init__(
        self,
        path: str | Place,
        span: Span,
        lesson: int,
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        super().__init__(path, Span(span.past[0], span.past[0], None, 0), max_pixels=max_pixels)
        self._lesson, self._piece = lesson, span

    def _frames(self) -> Iterator[Frame]:
        last = None
        for frame in islice(super()._frames(), self._lesson):
            last = frame.pts
            yield frame
        self.close()
        assert last is not None
        with _KeyFrames(self._path) as keys:
            yield from keys.at([t for t in self._piece.past if last < t < self._piece.begin])
