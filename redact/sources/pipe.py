"""PipeSource: y4m or NUT from a stream that cannot be rewound, such as standard input."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Literal

import av
from av.video.frame import VideoFrame

from redact.errors import SourceError
from redact.sources.errors import reading
from redact.sources.opening import DEFAULT_MAX_PIXELS
from redact.sources.planes import NATIVE, UNSPECIFIED
from redact.sources.pyav import PyAVSource
from redact.structures import Colour, Frame, chroma_shape

PipeFormat = Literal["y4m", "nut"]
_MAGIC: dict[PipeFormat, bytes] = {"y4m": b"YUV4MPEG2 ", "nut": b"nut/multimedia container\x00"}
_FRAME = b"FRAME\n"
_HEADER = 512  # bytes within which the first line of y4m ends
_DEMUXERS: dict[PipeFormat, str] = {"y4m": "yuv4mpegpipe", "nut": "nut"}


def format_of(start: bytes) -> PipeFormat | None:
    """What a stream that starts so is, or None."""
    return next((name for name, magic in _MAGIC.items() if start.startswith(magic)), None)


class PipeSource(PyAVSource):
    """Reads one stream once, as `PyAVSource` does a file. Raises SourceError.

    stream: binary, readable; it is not closed here. name: how messages call it. matrix: of the
    colours, by H.273, where the stream does not say: neither format has a place for it. `format`
    says what was found; `audio` whether there is sound in it, which is not read.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: str = "standard input",
        *,
        matrix: int = UNSPECIFIED,
        deinterlace: bool = True,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        self._matrix_told = matrix
        buffered = stream if isinstance(stream, io.BufferedReader) else None
        buffered = buffered or io.BufferedReader(stream)
        with reading(name, "check what writes to it"):
            found = format_of(buffered.peek(32))
            if found is None:
                empty = not buffered.peek(1)
                raise SourceError(
                    f"{name}: {'ended before it began' if empty else 'is neither y4m nor NUT'}; "
                    "write to it with `ffmpeg -i IN -f nut -c:v rawvideo -` or `-f yuv4mpegpipe -`"
                )
            forward = _Forward(buffered)
            container = av.open(
                forward,
                "r",
                format=_DEMUXERS[found],
                options={"max_pixels": str(max_pixels)},
                metadata_errors="replace",
            )
        self.format: PipeFormat = found
        self.audio = bool(container.streams.audio)
        self._forward = forward
        self._start(Path(name), container, deinterlace, max_pixels)

    def _colour_of(self, picture: VideoFrame) -> Colour:
        found = super()._colour_of(picture)
        said = found.matrix != UNSPECIFIED
        return found if said else replace(found, matrix=self._matrix_told)

    def _frames(self) -> Iterator[Frame]:
        yield from super()._frames()
        if self.format == "y4m":
            self._check_whole()

    def _check_whole(self) -> None:
        """The demuxer takes a last frame that is cut short for the end. Raises SourceError."""
        rows, columns = chroma_shape(self.info.height, self.info.width)
        frame = len(_FRAME) + self.info.height * self.info.width + 2 * rows * columns
        native = self._stream.codec_context.pix_fmt in NATIVE
        if native and self._forward.plain and (self._forward.count - self._forward.header) % frame:
            raise SourceError(
                f"{self._path}: ended within a frame; check what writes to it, its output is cut"
            )


class _Forward:
    """Only what can be read forward: without `seek`, nothing tries to rewind a pipe.

    header: bytes before the first frame of y4m. plain: its frames bring no parameters of
    their own, so that all take the same room. count: bytes read.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        start = stream.peek(_HEADER)
        self.header = start.find(b"\n") + 1
        self.plain = start[self.header :].startswith(_FRAME)
        self.count = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read1(size)
        self.count += len(data)
        return data
