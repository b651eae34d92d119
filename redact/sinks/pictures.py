"""From redacted planes to the picture that the encoder takes: turned back to how it was coded,
of even size, and free of anything that the decoder attached."""

from __future__ import annotations

import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import PictureType, VideoFrame
from av.video.plane import VideoPlane

from redact.structures import Plane, RedactedFrame, StreamInfo


class Pictures:
    """Makes encodable pictures for one stream.

    width, height: of the coded picture, even unless `even` is off, as raw video is kept;
    `padded` when a column or row was repeated to get there. pixel_format: yuv420p, or
    yuvj420p where the decoder calls full range so.
    """

    def __init__(self, info: StreamInfo, first: RedactedFrame, *, even: bool = True) -> None:
        self._quarter_turns = info.rotation // 90
        size = (info.width, info.height)
        self._coded = size[::-1] if self._quarter_turns % 2 else size
        self.width, self.height = (n + n % 2 * even for n in self._coded)
        self.padded = (self.width, self.height) != self._coded
        named = first.owner.format.name if isinstance(first.owner, VideoFrame) else None
        full = "yuvj420p" if info.colour.full_range else "yuv420p"
        self.pixel_format = named if named in ("yuv420p", "yuvj420p") else full

    def __call__(self, frame: RedactedFrame) -> VideoFrame:
        """Without copying where the planes are the decoder's own or one I420 buffer."""
        picture = None
        if not self._quarter_turns and not self.padded:
            picture = self._owned(frame) or self._wrapped(frame)
        picture = picture or self._copied(frame)
        picture.pict_type = PictureType.NONE
        return picture

    def _owned(self, frame: RedactedFrame) -> VideoFrame | None:
        """The decoder's picture; not if side data (captions, places, user data) hang on it."""
        owner = frame.owner
        if not isinstance(owner, VideoFrame) or owner.format.name != self.pixel_format:
            return None
        # Not `owner.side_data`, see `sources.orientation`: it keeps pictures in memory.
        side_data = SideDataContainer(owner)  # type: ignore[call-arg] # a stub without arguments
        return None if len(side_data) else owner

    def _wrapped(self, frame: RedactedFrame) -> VideoFrame | None:
        """A picture on the caller's memory, if y, u and v lie in it one after the other."""
        buffer = frame.y.base
        height, width = frame.y.shape
        if (
            height % 4
        ):  # PyAV takes such a buffer for one of fewer rows, and reads colours off place
            return None
        if not isinstance(buffer, np.ndarray) or buffer.nbytes != height * width * 3 // 2:
            return None
        if not buffer.flags.c_contiguous or not _adjoining(frame, buffer):
            return None
        rows = buffer.view(np.uint8).reshape(height * 3 // 2, width)
        return VideoFrame.from_numpy_buffer(rows, format=self.pixel_format)

    def _copied(self, frame: RedactedFrame) -> VideoFrame:
        picture = VideoFrame(self.width, self.height, self.pixel_format)
        for source, target in zip((frame.y, frame.u, frame.v), picture.planes, strict=True):
            plane = np.rot90(source, self._quarter_turns) if self._quarter_turns else source
            _fill(target, plane)
        return picture


def _adjoining(frame: RedactedFrame, buffer: Plane) -> bool:
    start = buffer.__array_interface__["data"][0]
    for plane in (frame.y, frame.u, frame.v):
        if not plane.flags.c_contiguous or plane.__array_interface__["data"][0] != start:
            return False
        start += plane.nbytes
    return True


def _fill(target: VideoPlane, plane: Plane) -> None:
    """Copy, and repeat the last row and column where the target is larger by one."""
    height, width = plane.shape
    stride = (target.line_size, 1)
    out: Plane = np.ndarray((target.height, target.width), np.uint8, memoryview(target), 0, stride)
    out[:height, :width] = plane
    out[:height, width:] = plane[:, -1:]
    out[height:] = out[height - 1]
