"""Planes to paint into, and the one way in which hidden blocks are overwritten."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from redact.effects.outside import BLOCK
from redact.effects.raster import Raster, Rect
from redact.structures import BoolArray, Frame, Plane, chroma_shape

Planes = tuple[Plane, Plane, Plane]


def blank(height: int, width: int) -> Planes:
    """Uninitialised y (height, width), u and v (ceil(height/2), ceil(width/2)), uint8.

    For even sizes all three are views of one contiguous I420 buffer, their `.base`: uint8 of
    shape (height * 3 / 2, width), as `av.VideoFrame.from_numpy_buffer` takes it.
    """
    rows, columns = chroma_shape(height, width)
    if height % 2 or width % 2:
        chroma = (rows, columns)
        return (
            np.empty((height, width), np.uint8),
            np.empty(chroma, np.uint8),
            np.empty(chroma, np.uint8),
        )
    buffer = np.empty((height * 3 // 2, width), np.uint8)
    flat, luma, size = buffer.reshape(-1), height * width, rows * columns
    return (
        buffer[:height],
        flat[luma : luma + size].reshape(rows, columns),
        flat[luma + size :].reshape(rows, columns),
    )


def canvas(frame: Frame) -> Planes:
    """Planes with the frame's picture to paint in: its own where nobody else has them, which end
    as a picture that shows nobody then; else `blank` ones into which they are copied."""
    if frame.private:
        planes = (frame.y.view(), frame.u.view(), frame.v.view())
        for plane in planes:
            plane.flags.writeable = True
        return planes
    planes = blank(frame.height, frame.width)
    for to, plane in zip(planes, (frame.y, frame.u, frame.v), strict=True):
        to[:] = plane
    return planes


def pixels(rect: Rect, block: int) -> tuple[slice, slice]:
    """Rows and columns of a plane under `rect`; block: 16 for luma, 8 for chroma."""
    top, left, bottom, right = rect
    return slice(top * block, bottom * block), slice(left * block, right * block)


def cover(to: Planes, picture: Planes, raster: Raster) -> None:
    """Overwrite the hidden blocks of `to` by those of `picture`, planes of the same shapes."""
    for index, (plane, source) in enumerate(zip(to, picture, strict=True)):
        for rect in raster.rects:
            where = pixels(rect, BLOCK >> (index > 0))
            plane[where] = source[where]


def copy_blocks(to: Plane, source: Plane, blocks: BoolArray, block: int) -> None:
    """Copy the pixels of the chosen blocks. `source` is at least as large as `to`."""
    import cv2

    height, width = to.shape
    mask = pixel_mask(blocks, block)[:height, :width]
    cv2.copyTo(source[:height, :width], mask, to)


def pixel_mask(blocks: BoolArray, block: int) -> Plane:
    """(rows, columns) blocks -> (rows * block, columns * block) uint8, 0 or 1, read-only."""
    return _pixel_mask(blocks.tobytes(), blocks.shape[1], block)


@lru_cache(maxsize=8)
def _pixel_mask(blocks: bytes, columns: int, block: int) -> Plane:
    """Cached, because u follows v, and what lies beyond a property rarely changes."""
    import cv2

    grid = np.frombuffer(blocks, np.uint8).reshape(-1, columns)
    size = (columns * block, len(grid) * block)
    mask = np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
    mask.flags.writeable = False
    return mask
