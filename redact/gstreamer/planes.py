"""Between a GStreamer buffer's memory and planes: I420 and NV12, any strides and offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redact.structures import Plane, chroma_shape

Planes = tuple[Plane, Plane, Plane]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where planes lie in a buffer. offsets, strides: bytes, one per plane (NV12 has two)."""

    width: int
    height: int
    nv12: bool
    offsets: Sequence[int]
    strides: Sequence[int]

    def views(self, memory: memoryview) -> list[Plane]:
        """Views of the planes, as they lie: (height, width), then chroma; NV12's is
        (rows, columns, 2). Writable where the memory is. Raises ValueError when it is short."""
        rows, columns = chroma_shape(self.height, self.width)
        shapes: list[tuple[int, ...]] = [(self.height, self.width)]
        shapes += [(rows, columns, 2)] if self.nv12 else [(rows, columns)] * 2
        views = []
        for shape, offset, stride in zip(shapes, self.offsets, self.strides, strict=False):
            steps = (stride, 2, 1) if len(shape) == 3 else (stride, 1)
            views.append(np.ndarray(shape, np.uint8, memory, offset, steps))
        return views

    def read(self, memory: memoryview) -> Planes:
        """y, u, v, read-only: views; only the chroma of NV12 is copied, to part u from v."""
        views = self.views(memory)
        if self.nv12:
            y, uv = views
            u, v = np.ascontiguousarray(uv[..., 0]), np.ascontiguousarray(uv[..., 1])
        else:
            y, u, v = views
        for plane in (y, u, v):
            plane.flags.writeable = False
        return y, u, v

    def write(self, memory: memoryview, planes: Planes) -> None:
        """Put planes into a buffer of this layout."""
        views = self.views(memory)
        views[0][:] = planes[0]
        if self.nv12:
            views[1][..., 0], views[1][..., 1] = planes[1], planes[2]
        else:
            views[1][:], views[2][:] = planes[1], planes[2]
