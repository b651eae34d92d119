"""Fresh planes to paint into, and the one way in which hidden blocks are overwritten."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from redact.effects.raster import BLOCK, Raster, Rect
from redact.structures import Frame, Plane, chroma_shape

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


def copy(frame: Frame) -> Planes:
    """The frame's planes, copied once into `blank` ones."""
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
    for rect in raster.rects:
        for index, plane in enumerate(to):
            where = pixels(rect, BLOCK >> (index > 0))
            plane[where] = picture[index][where]
    if raster.scattered:
        cover_scattered(to, picture, raster.hidden)


def cover_scattered(to: Planes, picture: Planes, hidden: npt.NDArray[np.bool_]) -> None:
    """As `cover`, for any pattern of hidden blocks."""
    import cv2

    luma = pixel_mask(hidden, BLOCK)
    chroma = pixel_mask(hidden, BLOCK // 2)
    for plane, source, mask in zip(to, picture, (luma, chroma, chroma), strict=True):
        height, width = plane.shape
        cv2.copyTo(source[:height, :width], mask[:height, :width], plane)


def pixel_mask(hidden: npt.NDArray[np.bool_], block: int) -> Plane:
    """(rows, columns) blocks -> (rows * block, columns * block) uint8, 0 or 1."""
    return hidden.view(np.uint8).repeat(block, axis=0).repeat(block, axis=1)
