"""From a decoded picture of any pixel format to 8-bit 4:2:0 planes, range and matrix kept."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from redact.structures import Colour, Plane, chroma_shape

NATIVE = frozenset({"yuv420p", "yuvj420p"})
RGB_MATRIX, BT709, UNSPECIFIED = 0, 1, 2
FULL = 2  # AVCOL_RANGE_JPEG

Planes = tuple[Plane, Plane, Plane]


def colour_of(frame: VideoFrame) -> Colour:
    """How the planes that `Converter` makes of this frame mean colours.

    RGB pictures are converted to BT.709, limited range; everything else keeps its own tags.
    High dynamic range (PQ, HLG) keeps its tags as well: 8 bits band, but colours stay right.
    """
    if frame.format.is_rgb:
        return Colour(False, BT709, frame.color_primaries, frame.color_trc)
    full = frame.color_range == FULL or frame.format.name.startswith("yuvj")
    matrix = UNSPECIFIED if frame.colorspace == RGB_MATRIX else frame.colorspace
    return Colour(full, matrix, frame.color_primaries, frame.color_trc)


def view(plane: VideoPlane, height: int, width: int) -> Plane:
    """A read-only view (height, width) of a plane's memory; keeps the frame alive."""
    stride = abs(plane.line_size)
    array: Plane = np.ndarray((height, width), np.uint8, memoryview(plane), strides=(stride, 1))
    if plane.line_size < 0:
        array = array[::-1]
    array.flags.writeable = False
    return array


def _luma(frame: VideoFrame) -> Plane:
    """The one plane of a grey picture, at 8 bits. Not by swscale, which takes all grey for full
    range."""
    plane, bits = frame.planes[0], frame.format.components[0].bits
    if bits == 8:
        return view(plane, frame.height, frame.width)
    order = ">u2" if frame.format.is_big_endian else "<u2"
    deep = np.ndarray(
        (frame.height, frame.width), order, memoryview(plane), strides=(plane.line_size, 2)
    )
    luma: Plane = (deep >> (bits - 8)).astype(np.uint8)
    luma.flags.writeable = False
    return luma


class Converter:
    """Makes (picture, planes) of decoded pictures. One per stream, for one thread.

    The picture returned owns the planes and may be encoded as it is; None where the planes
    are not those of one picture.
    """

    def __init__(self) -> None:
        self._reformatter: VideoReformatter | None = None
        self._grey: Plane | None = None

    def __call__(self, frame: VideoFrame, colour: Colour) -> tuple[VideoFrame | None, Planes]:
        height, width = frame.height, frame.width
        chroma = chroma_shape(height, width)
        if frame.format.name.startswith("gray"):
            grey = self._neutral(chroma)
            return None, (_luma(frame), grey, grey)
        if frame.format.name not in NATIVE:
            frame = self._reformat(frame, colour)
        y, u, v = frame.planes
        return frame, (view(y, height, width), view(u, *chroma), view(v, *chroma))

    def _neutral(self, shape: tuple[int, int]) -> Plane:
        if self._grey is None or self._grey.shape != shape:
            self._grey = np.full(shape, 128, np.uint8)
            self._grey.flags.writeable = False
        return self._grey

    def _reformat(self, frame: VideoFrame, colour: Colour) -> VideoFrame:
        if self._reformatter is None:
            self._reformatter = VideoReformatter()
        wanted = ColorRange.JPEG if colour.full_range else ColorRange.MPEG
        rgb = frame.format.is_rgb
        # The same matrix on both sides keeps swscale from converting between matrices.
        return self._reformatter.reformat(
            frame,
            format="yuv420p",
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG if rgb else wanted,
            dst_color_range=wanted,
            threads=1,
        )
