"""Packets to pictures: in presentation order, each with a time, none lost in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from threading import Lock
from types import MappingProxyType

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from redact.errors import SourceError
from redact.h264 import CodedPicture, Coding
from redact.sources.deinterlacing import Deinterlacer
from redact.sources.errors import reading
from redact.sources.owed import Owed
from redact.sources.runs import Runs
from redact.sources.timing import Clock, Decoded
from redact.sources.truncation import Arrived, check_promise, promise_of
from redact.storage import Place

BROKEN = "the file is damaged there; copy it again, or repair it with another tool first"


class Decoder:
    """Iterates over the `Decoded` of one stream, once. Raises SourceError."""

    def __init__(
        self,
        path: Place,
        container: InputContainer,
        stream: VideoStream,
        deinterlace: bool,
        blocks: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        """blocks: how many coded pictures a Matroska file has for each track, by its number."""
        self._path = path
        self._container = container
        self._stream = stream
        self._deinterlace = deinterlace
        self._filter: Deinterlacer | None = None
        self._count = 0
        self._left_out = 0
        self._open = Lock()  # closing frees memory that a decoder in another thread may be using
        self._closed = False
        by_order = container.format.name == "avi"
        self._owed = Owed(stream, by_order)
        self._runs = Runs(stream, by_order)
        self._came = Arrived()
        self.time_base = stream.time_base or Fraction(1, 90_000)
        self.promise = promise_of(container, stream, blocks)
        self.interlaced = stream.codec_context.field_order > 1

    @property
    def coding(self) -> Coding | None:
        """Set while coded pictures may be copied."""
        return self._runs.coding

    def coded(self, decoded: Decoded) -> CodedPicture | None:
        """What this picture was decoded from, where it may be copied. To be asked in order, once
        for each; not before `deinterlacing` changes pictures."""
        coded = self._runs.came(decoded.picture.pts)
        timed = decoded.picture.pts == decoded.pts
        return coded if timed and self._filter is None else None

    def close(self) -> None:
        """Close the file; safe while another thread reads, which then gets a SourceError."""
        with self._open:
            self._closed = True
            self._container.close()

    def __iter__(self) -> Iterator[Decoded]:
        clock = Clock(str(self._path), self.time_base, self.promise.frame_rate)
        for decoded in clock.stamp(self._pictures()):
            self._came.note(decoded.time, decoded.duration * decoded.time_base)
            yield from self._progressive(decoded)
        if self._filter is not None:
            with reading(str(self._path), BROKEN):
                ready = list(self._filter.flush())
            yield from ready
        self._came.watched = self._owed.watching
        check_promise(self._path, self.promise, self._came)

    def _progressive(self, decoded: Decoded) -> Iterator[Decoded]:
        """Through the deinterlacer, from the first interlaced picture on."""
        if decoded.picture.interlaced_frame:
            self.interlaced = True
            if self._deinterlace and self._filter is None:
                with reading(str(self._path), "run it with deinterlace off"):
                    self._filter = Deinterlacer(decoded.picture, str(self._path))
        if self._filter is None:
            yield decoded
            return
        with reading(f"{self._path}: frame {self._count}", BROKEN):
            ready = list(self._filter.push(decoded))
        yield from ready

    def _pictures(self) -> Iterator[VideoFrame]:
        packets = self._packets()
        while True:
            with self._open, reading(f"{self._path}: frame {self._count}", BROKEN):
                if self._closed:
                    raise SourceError(f"{self._path}: was closed while it was read; open it again")
                packet = next(packets, None)
                pictures = self._stream.decode(packet) if packet is not None else []
            if packet is None:
                break
            for picture in pictures:
                self._check_owed(self._owed.came(picture))
                self._count += 1
                yield picture
        self._check_owed(self._owed.rest())

    def _check_owed(self, lost: int | None) -> None:
        if lost is not None:
            raise SourceError(
                f"{self._path}: frame {self._count}: the picture at "
                f"{float(lost * self.time_base):.3f} s cannot be decoded; {BROKEN}"
            )

    def _check_left_out(self, packet: Packet[Stream]) -> None:
        """FFmpeg leaves out the pictures of a fragment that begins before the last one ended, as
        it does those that an edit list leaves out: only these are known, and said, beforehand."""
        self._left_out += packet.is_discard
        if self._left_out > self.promise.left_out:
            raise SourceError(
                f"{self._path}: frame {self._count}: its fragments overlap in time, and pictures "
                f"would be lost; {BROKEN}"
            )

    def _packets(self) -> Iterator[Packet[Stream]]:
        """Video packets, then the flushing one. Audio is only watched for where it ends."""
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
                self._check_left_out(packet)
                self._owed.sent(packet)
                self._runs.sent(packet)
            yield packet
