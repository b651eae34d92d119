"""Give every picture its presentation time: its own, or the one that its neighbours imply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from av.video.frame import VideoFrame

from redact.errors import SourceError

UNTIMED_AT_MOST = 32  # pictures that may wait for the first time stamp


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture with its time. pts, duration: in ticks of time_base; duration 0 when
    not known, which only the last one's can be. corrupt: the decoder found damage."""

    picture: VideoFrame
    pts: int
    duration: int
    time_base: Fraction
    corrupt: bool

    @property
    def time(self) -> Fraction:
        return self.pts * self.time_base


class Clock:
    """Stamps the pictures of one stream. Times rise strictly, or SourceError is raised.

    where: how messages start. frame_rate: used only where the stream says no times.
    """

    def __init__(self, where: str, time_base: Fraction, frame_rate: Fraction | None) -> None:
        self._where = where
        self._time_base = time_base
        self._frame_rate = frame_rate
        self._last: tuple[int, int] | None = None  # pts, duration
        self._count = 0

    def stamp(self, pictures: Iterator[VideoFrame]) -> Iterator[Decoded]:
        """Each picture, one late, lasts until the next one; the last as long as its file says.

        The durations of the file itself are not used: in mp4 with B-frames and a variable rate
        they lie between times of decoding.
        """
        held: Decoded | None = None
        for decoded in self._stamp(pictures):
            if held is not None:
                yield replace(held, duration=decoded.pts - held.pts)
            held = decoded
        if held is not None:
            yield held

    def _stamp(self, pictures: Iterator[VideoFrame]) -> Iterator[Decoded]:
        untimed: list[VideoFrame] = []
        for picture in pictures:
            pts = picture.pts
            if pts is None and self._last is None:
                untimed.append(picture)
                if len(untimed) > UNTIMED_AT_MOST:
                    break
                continue
            if pts is None:
                pts = self._next()
            for early, time in self._before(untimed, pts):
                yield self._stamped(early, time)
            untimed.clear()
            yield self._stamped(picture, pts)
        yield from self._from_zero(untimed, pictures)

    def _from_zero(
        self, untimed: list[VideoFrame], pictures: Iterator[VideoFrame]
    ) -> Iterator[Decoded]:
        """A raw stream without any times: it starts at zero and runs at its own rate."""
        for picture in untimed:
            yield self._stamped(picture, self._next())
        if len(untimed) > UNTIMED_AT_MOST:
            for picture in pictures:
                yield self._stamped(picture, self._next())

    def _before(self, untimed: list[VideoFrame], pts: int) -> list[tuple[VideoFrame, int]]:
        """Times for pictures that came before the first one with a time, counted backwards."""
        out = []
        for picture in reversed(untimed):
            pts -= picture.duration or self._step()
            out.append((picture, pts))
        return out[::-1]

    def _next(self) -> int:
        if self._last is None:
            return 0
        pts, duration = self._last
        return pts + (duration or self._step())

    def _step(self) -> int:
        """Ticks between two pictures of a stream that says nothing. Raises SourceError."""
        step = round(1 / (self._frame_rate * self._time_base)) if self._frame_rate else 0
        if step < 1:
            raise SourceError(
                f"{self._where}: its frames have no presentation times; put it into a container "
                "first: `ffmpeg -r RATE -i IN -c copy OUT.mp4`"
            )
        return step

    def _stamped(self, picture: VideoFrame, pts: int) -> Decoded:
        if self._last is not None and pts <= self._last[0]:
            raise SourceError(
                f"{self._where}: frame {self._count}: its time {pts} does not follow "
                f"{self._last[0]}; write the file anew with "
                "`ffmpeg -fflags +genpts+igndts -i IN -c copy OUT.mkv`"
            )
        duration = max(0, picture.duration or 0)
        self._last = (pts, duration)
        self._count += 1
        return Decoded(picture, pts, duration, self._time_base, picture.is_corrupt)
