"""PyAVSource: every frame of a video file, upright, 8-bit 4:2:0, with its exact time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType, TracebackType
from typing import Self

from av.container import InputContainer
from av.video.frame import VideoFrame

from redact.errors import SourceError
from redact.sources.decoding import Decoder
from redact.sources.opening import DEFAULT_MAX_PIXELS, is_cover, open_container, video_stream
from redact.sources.orientation import matrix_of, orientation_of
from redact.sources.planes import Converter, colour_of
from redact.sources.timing import Decoded
from redact.storage import Place, place_of
from redact.structures import Colour, Frame, StreamInfo

__all__ = ["DEFAULT_MAX_PIXELS", "PyAVSource"]


class PyAVSource:
    """Reads one video file once, frame by frame. Raises SourceError, never anything else.

    path: a local file, or `s3://bucket/key`. deinterlace: turn fields into frames where the
    stream is interlaced (one frame out per frame in). max_pixels: refuse larger pictures before
    they are allocated. `info` is known after construction; the first frame has been decoded by
    then. `notes` says what of the file is not read.
    """

    def __init__(
        self,
        path: str | Place,
        *,
        deinterlace: bool = True,
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        place = place_of(path)
        blocks: Counter[int] = Counter()
        container = open_container(place, max_pixels, blocks)
        self._start(place, container, deinterlace, max_pixels, blocks)

    def _start(
        self,
        path: Place,
        container: InputContainer,
        deinterlace: bool,
        max_pixels: int,
        blocks: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        """Decode the first frame of an opened container, whose messages name `path`. blocks: of
        each track, where they were counted."""
        self._path = path
        self._read = False
        self.notes: tuple[str, ...] = ()
        self._container = container
        try:
            self._stream = video_stream(self._path, self._container, max_pixels)
            self._decoder = Decoder(self._path, self._container, self._stream, deinterlace, blocks)
            self._decoded = self._wanted(iter(self._decoder))
            first = next(self._decoded, None)
            if first is None:
                raise SourceError(f"{self._path}: holds no frame; the recording is empty")
            self._begin(first)
        except BaseException:
            self._container.close()
            raise

    def _wanted(self, decoded: Iterator[Decoded]) -> Iterator[Decoded]:
        """Those of the pictures that are given out; a part of a clip leaves some out."""
        return decoded

    def _begin(self, first: Decoded) -> None:
        picture = first.picture
        views = len([s for s in self._container.streams.video if not is_cover(s)])
        if views > 1:
            self.notes = (f"{self._path.name}: only the first of {views} video streams is read",)
        left_out = self._decoder.promise.left_out
        if left_out:
            self.notes += (
                f"{self._path.name}: {left_out} of {self._stream.frames} pictures are left out "
                "by its edit list: a trim, or damage",
            )
        self._first: Decoded | None = first
        self._matrix = matrix_of(picture)
        self._orientation = orientation_of(self._matrix, str(self._path))
        self._colour = self._colour_of(picture)
        self._size = picture.width, picture.height
        self._convert = Converter()
        self._info = self._describe(picture)

    def _describe(self, picture: VideoFrame) -> StreamInfo:
        stream, swap = self._stream, self._orientation.transpose
        width, height = self._size[::-1] if swap else self._size
        aspect = stream.sample_aspect_ratio or Fraction(1)
        promise = self._decoder.promise
        return StreamInfo(
            width=width,
            height=height,
            time_base=self._decoder.time_base,
            frame_rate=promise.frame_rate,
            colour=self._colour,
            rotation=self._orientation.rotation,
            sample_aspect=1 / aspect if swap else aspect,
            bit_depth=max(c.bits for c in picture.format.components),
            interlaced=self._decoder.interlaced,
            codec=stream.codec_context.name,
            name=self._path.name,
            frame_count=promise.frames,
            duration=promise.duration,
            coding=self._decoder.coding if self._orientation.upright else None,
        )

    @property
    def info(self) -> StreamInfo:
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        if self._read:
            raise SourceError(f"{self._path}: was read already; open it again to read it twice")
        self._read = True
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        first, self._first = self._first, None
        assert first is not None
        yield self._frame(0, first)
        del first  # keep no picture alive longer than its reader does
        for index, decoded in enumerate(self._decoded, start=1):
            yield self._frame(index, decoded)

    def _frame(self, index: int, decoded: Decoded) -> Frame:
        picture = decoded.picture
        self._check_unchanged(index, picture)
        coded = self._decoder.coded(decoded)
        owner, (y, u, v) = self._convert(picture, self._colour)
        if not self._orientation.upright:
            owner, turn = None, self._orientation.turn
            y, u, v = turn(y), turn(u), turn(v)
        return Frame(
            y,
            u,
            v,
            pts=decoded.pts,
            time_base=self._decoder.time_base,
            index=index,
            duration=decoded.duration,
            colour=self._colour,
            corrupt=decoded.corrupt,
            owner=owner,
            coded=coded if owner is not None else None,
        )

    def _check_unchanged(self, index: int, picture: VideoFrame) -> None:
        changed = None
        if (picture.width, picture.height) != self._size:
            old, new = self._size, (picture.width, picture.height)
            changed = f"size changes from {old[0]}x{old[1]} to {new[0]}x{new[1]}"
        elif matrix_of(picture) != self._matrix:
            changed = "orientation changes"
        elif self._colour_of(picture) != self._colour:
            changed = f"colour changes from {self._colour} to {self._colour_of(picture)}"
        if changed:
            raise SourceError(
                f"{self._path}: frame {index}: the picture's {changed}; "
                "split the file there and run the parts one by one"
            )

    def _colour_of(self, picture: VideoFrame) -> Colour:
        return colour_of(picture)

    def close(self) -> None:
        """Close the file, from any thread, at any time. Frames that were given out stay valid."""
        self._decoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
