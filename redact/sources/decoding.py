"""Packets to pictures: in presentation order, each with a time, none lost in silence."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from redact.errors import SourceError
from redact.sources.deinterlacing import Deinterlacer
from redact.sources.errors import reading
from redact.sources.truncation import Arrived, check_boxes, check_promise, promise_of

# Codecs whose every packet is one shown picture: a time that goes in must come out.
ONE_TO_ONE = frozenset({"h264", "hevc", "mjpeg", "vp9", "av1", "vvc"})
BROKEN = "the file is damaged there; copy it again, or repair it with another tool first"
UNTIMED_AT_MOST = 300  # frames that may wait for the first time stamp


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture with its time. pts, duration: in ticks of time_base; duration 0 when
    not known. corrupt: the decoder found damage."""

    picture: VideoFrame
    pts: int
    duration: int
    time_base: Fraction
    corrupt: bool

    @property
    def time(self) -> Fraction:
        return self.pts * self.time_base


class Decoder:
    """Iterates over the `Decoded` of one stream, once. Raises SourceError."""

    def __init__(
        self, path: Path, container: InputContainer, stream: VideoStream, deinterlace: bool
    ) -> None:
        self._path = path
        self._container = container
        self._stream = stream
        self._deinterlace = deinterlace
        self._filter: Deinterlacer | None = None
        self._count = 0
        self._expected = Expected(stream)
        self._came = Arrived()
        self.time_base = stream.time_base or Fraction(1, 90_000)
        self.promise = promise_of(container, stream)
        self.interlaced = stream.codec_context.field_order > 1
        if "mp4" in container.format.name.split(","):
            with reading(str(path), BROKEN):
                check_boxes(path)

    def __iter__(self) -> Iterator[Decoded]:
        for decoded in self._timed():
            if decoded.picture.interlaced_frame:
                self.interlaced = True
                if self._deinterlace and self._filter is None:
                    self._filter = Deinterlacer(decoded.picture, str(self._path))
            if self._filter is None:
                yield decoded
            else:
                with reading(f"{self._path}: frame {self._count}", BROKEN):
                    ready = list(self._filter.push(decoded))
                yield from ready
        if self._filter is not None:
            with reading(str(self._path), BROKEN):
                ready = list(self._filter.flush())
            yield from ready
        check_promise(self._path, self.promise, self._came)

    def _timed(self) -> Iterator[Decoded]:
        """Give every picture a time: its own, or the one that its neighbours imply."""
        last: Decoded | None = None
        untimed: list[VideoFrame] = []
        for picture in self._pictures():
            pts = picture.pts
            if pts is None and last is None:
                untimed.append(picture)
                if len(untimed) > UNTIMED_AT_MOST:
                    raise self._untimed()
                continue
            if pts is None:
                assert last is not None
                pts = last.pts + (last.duration or self._step())
            for early, time in zip(untimed, self._backwards(untimed, pts), strict=True):
                last = self._stamp(early, time, last)
                yield last
            untimed.clear()
            last = self._stamp(picture, pts, last)
            yield last
        time = 0
        for picture in untimed:
            last = self._stamp(picture, time, last)
            time += last.duration or self._step()
            yield last

    def _stamp(self, picture: VideoFrame, pts: int, last: Decoded | None) -> Decoded:
        if last is not None and pts <= last.pts:
            raise SourceError(
                f"{self._path}: frame {self._count}: its time {pts} does not follow {last.pts}; "
                "write the file anew with `ffmpeg -fflags +genpts+igndts -i IN -c copy OUT.mkv`"
            )
        if last is not None:
            self._came.gap = max(self._came.gap, (pts - last.pts) * self.time_base)
        duration = max(0, picture.duration or 0)
        end = (pts + duration) * self.time_base
        self._came.end = max(self._came.end, end)
        self._came.whole_end = max(self._came.whole_end, end)
        self._count += 1
        return Decoded(picture, pts, duration, self.time_base, picture.is_corrupt)

    def _backwards(self, untimed: list[VideoFrame], pts: int) -> list[int]:
        times = []
        for picture in reversed(untimed):
            pts -= picture.duration or self._step()
            times.append(pts)
        return times[::-1]

    def _step(self) -> int:
        """Ticks between two frames of a stream that says no times. Raises SourceError."""
        rate = self.promise.frame_rate
        step = round(1 / (rate * self.time_base)) if rate else 0
        if step < 1:
            raise self._untimed()
        return step

    def _untimed(self) -> SourceError:
        return SourceError(
            f"{self._path}: its frames have no presentation times; put it into a container "
            "first: `ffmpeg -r RATE -i IN -c copy OUT.mp4`"
        )

    def _pictures(self) -> Iterator[VideoFrame]:
        packets = self._packets()
        while True:
            with reading(f"{self._path}: frame {self._count}", BROKEN):
                packet = next(packets, None)
                pictures = self._stream.decode(packet) if packet is not None else []
            if packet is None:
                break
            for picture in pictures:
                lost = self._expected.came(picture)
                if lost is not None:
                    raise self._lost(lost)
                yield picture
        lost = self._expected.rest()
        if lost is not None:
            raise self._lost(lost)

    def _lost(self, pts: int) -> SourceError:
        at = float(pts * self.time_base)
        return SourceError(
            f"{self._path}: frame {self._count}: the picture at {at:.3f} s cannot be decoded; "
            f"{BROKEN}"
        )

    def _packets(self) -> Iterator[Packet[Stream]]:
        """Video packets, then the flushing one. Other streams are only watched for their end."""
        streams: list[Stream] = [self._stream]
        if self.promise.whole_end is not None:
            streams += self._container.streams.audio
        for packet in self._container.demux(streams):
            if not isinstance(packet.stream, VideoStream):
                if packet.pts is not None:
                    end = (packet.pts + (packet.duration or 0)) * packet.time_base
                    self._came.whole_end = max(self._came.whole_end, end)
                continue
            if packet.size:
                self._came.packets += 1
                self._expected.sent(packet)
            yield packet


class Expected:
    """The times that went into the decoder and have not come out yet.

    Pictures come out in order, so a time that is passed over is a picture that was lost. Not
    watched: codecs that hide pictures, and field-coded ones, where two packets make a picture.
    """

    def __init__(self, stream: VideoStream) -> None:
        context = stream.codec_context
        self._watch = context.codec.canonical_name in ONE_TO_ONE and context.field_order < 2
        self._from: int | None = None  # time of the first key frame: nothing is owed before it
        self._waiting: list[int] = []

    def sent(self, packet: Packet[Stream]) -> None:
        if not self._watch or packet.is_discard:
            return
        if packet.pts is None:
            self._watch = False
            return
        if self._from is None and packet.is_keyframe:
            self._from = packet.pts
        if self._from is not None and packet.pts >= self._from:
            heapq.heappush(self._waiting, packet.pts)

    def came(self, picture: VideoFrame) -> int | None:
        """Time of a picture that was lost before this one, or None."""
        if picture.interlaced_frame or picture.pts is None:
            self._watch = False
        if not self._watch or picture.pts is None:
            return None
        while self._waiting and self._waiting[0] <= picture.pts:
            time = heapq.heappop(self._waiting)
            if time < picture.pts:
                return time
        return None

    def rest(self) -> int | None:
        """Time of the first picture still owed at the end, or None."""
        return self._waiting[0] if self._watch and self._waiting else None
