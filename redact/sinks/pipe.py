"""PipeSink: redacted frames as y4m or NUT to a stream, such as standard output, at once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO, Literal, Self

import av
import av.error
from av.container import OutputContainer
from av.video.stream import VideoStream

from redact.errors import SinkError
from redact.sinks.encoding import FULL, LIMITED
from redact.sinks.errors import writing
from redact.sinks.pictures import Pictures
from redact.structures import RedactedFrame, StreamInfo

PipeFormat = Literal["y4m", "nut"]
_ADVICE = "what reads from it ended early or failed; see its own messages"


class PipeSink:
    """Writes raw frames as they come: a pipe is read while it is written, so unlike in a file
    what was written before an error stays written. Raises SinkError.

    stream: binary, writable; it is not closed here. y4m needs a constant frame rate.
    """

    def __init__(self, stream: BinaryIO, format: PipeFormat, name: str = "standard output") -> None:
        self._stream_out = stream
        self._format = format
        self._name = name
        self._info: StreamInfo | None = None
        self._output: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._pictures: Pictures | None = None
        self._last: int | None = None
        self._first = Fraction(0)
        self._count = 0

    def open(self, info: StreamInfo) -> None:
        """Raises SinkError where the format cannot hold the stream's times."""
        if self._format == "y4m" and info.frame_rate is None:
            raise SinkError(
                f"{self._name}: y4m has no frame times and the input's rate is not constant; "
                "write NUT instead: `--to nut`"
            )
        self._info = replace(info, rotation=0)  # frames come upright, and raw video has no tag
        with writing(self._name, _ADVICE):
            self._output = av.open(
                _Forward(self._stream_out),
                "w",
                format="yuv4mpegpipe" if self._format == "y4m" else "nut",
                container_options={"fflags": "+bitexact", "flush_packets": "1"},
            )

    def write(self, frame: RedactedFrame) -> None:
        """Hand one frame on. Frames must follow each other in time and have one size."""
        if not isinstance(frame, RedactedFrame):
            raise SinkError(f"{self._name}: only redacted frames are written")
        info = self._info
        if self._output is None or info is None:
            raise SinkError(f"{self._name}: is not open; call open() before write()")
        where = f"{self._name}: frame {frame.index}"
        if (frame.width, frame.height) != (info.width, info.height):
            raise SinkError(f"{where}: is not {info.width}x{info.height}, as the stream is")
        if self._last is not None and frame.pts <= self._last:
            raise SinkError(f"{where}: its time {frame.pts} does not follow the frame before")
        self._check_rate(frame, info, where)
        self._last = frame.pts
        with writing(where, _ADVICE):
            if self._pictures is None or self._stream is None:
                self._pictures = Pictures(info, frame, even=False)
                self._stream = self._begin(info, self._output, self._pictures)
            picture = self._pictures(frame)
            picture.pts, picture.time_base = frame.pts, frame.time_base
            for packet in self._stream.encode(picture):
                packet.duration = frame.duration
                self._output.mux(packet)
            self._stream_out.flush()

    def _check_rate(self, frame: RedactedFrame, info: StreamInfo, where: str) -> None:
        """y4m says nothing of times but a rate: half a frame off it would be a wrong time."""
        if self._format != "y4m" or info.frame_rate is None:
            return
        self._first = frame.time if self._last is None else self._first
        off = (frame.time - self._first) * info.frame_rate - self._count
        if abs(off) >= Fraction(1, 2):
            raise SinkError(
                f"{where}: is not one frame of {float(info.frame_rate):g} per second after the "
                "one before, and y4m has no frame times; write NUT instead: `--to nut`"
            )
        self._count += 1

    def _begin(self, info: StreamInfo, output: OutputContainer, pictures: Pictures) -> VideoStream:
        y4m = self._format == "y4m"
        rate = info.frame_rate or Fraction(25)
        stream = output.add_stream(
            "wrapped_avframe" if y4m else "rawvideo",
            rate=rate,
            width=pictures.width,
            height=pictures.height,
            time_base=1 / rate if y4m else info.time_base,
        )
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.pix_fmt = pictures.pixel_format
        context.color_range = FULL if info.colour.full_range else LIMITED
        context.colorspace = info.colour.matrix
        context.color_primaries = info.colour.primaries
        context.color_trc = info.colour.transfer
        context.sample_aspect_ratio = info.sample_aspect
        return stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        output, stream = self._output, self._stream
        self._output = self._stream = None
        if output is None:
            return
        if kind is not None or stream is None:
            with suppress(av.error.FFmpegError, OSError, ValueError):
                output.close()
            return
        with writing(self._name, _ADVICE):
            output.mux(stream.encode(None))
            output.close()
            self._stream_out.flush()


class _Forward:
    """Only what can be written forward: without `seek`, no muxer tries to go back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        return self._stream.write(data)
