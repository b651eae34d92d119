"""Frames, masks and a plain pixel oracle for the tests of effects."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from redact.effects.outside import BLOCK
from redact.effects.raster import rasterise
from redact.structures import Frame, Mask, Plane, RedactedFrame, chroma_shape

RATE = Fraction(1, 15)


def planes_of(frame: Frame | RedactedFrame) -> tuple[Plane, Plane, Plane]:
    return frame.y, frame.u, frame.v


def frame_of(
    planes: tuple[Plane, Plane, Plane], index: int = 0, time_base: Fraction = RATE, pad: int = 5
) -> Frame:
    """A frame whose planes are read-only with padded rows, as a decoder's are."""
    views = []
    for plane in planes:
        memory = np.full((plane.shape[0], plane.shape[1] + pad), 77, np.uint8)
        memory[:, : plane.shape[1]] = plane
        view = memory[:, : plane.shape[1]]
        view.flags.writeable = False
        views.append(view)
    return Frame(views[0], views[1], views[2], index, time_base, index)


def noise(height: int, width: int, seed: int) -> tuple[Plane, Plane, Plane]:
    rng = np.random.default_rng(seed)
    shapes = ((height, width), chroma_shape(height, width), chroma_shape(height, width))
    y, u, v = (rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes)
    return y, u, v


def grey(height: int, width: int, value: int = 120) -> tuple[Plane, Plane, Plane]:
    y, u, v = (np.full_like(plane, value) for plane in noise(height, width, 0))
    return y, u, v


def boxes_mask(*boxes: tuple[float, float, float, float], side: float | None = None) -> Mask:
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    sides = (xyxy[:, 2:] - xyxy[:, :2]).min(axis=1)
    return Mask(xyxy, sides if side is None else np.full(len(xyxy), side, np.float32))


def hidden_blocks(mask: Mask, height: int, width: int) -> np.ndarray:
    """Slow oracle for masks of finite, proper boxes: blocks that a box touches."""
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    hidden = np.full((rows, columns), mask.whole)
    for r in range(rows):
        for c in range(columns):
            right, bottom = min((c + 1) * BLOCK, width), min((r + 1) * BLOCK, height)
            for x1, y1, x2, y2 in mask.boxes.tolist():
                if x1 < right and x2 > c * BLOCK and y1 < bottom and y2 > r * BLOCK:
                    hidden[r, c] = True
    return hidden


def pixels_of(blocks: np.ndarray, plane: Plane, channel: int) -> np.ndarray:
    """Bool of the plane's shape: pixels of the chosen blocks."""
    block = BLOCK >> (channel > 0)
    grown = blocks.repeat(block, axis=0).repeat(block, axis=1)
    return grown[: plane.shape[0], : plane.shape[1]]


def shuffled_in_cells(
    planes: tuple[Plane, Plane, Plane], mask: Mask, cells: int, seed: int
) -> tuple[Plane, Plane, Plane]:
    """The same picture with the pixels of every displayed cell shuffled among themselves."""
    rng = np.random.default_rng(seed)
    height, width = planes[0].shape
    raster = rasterise(mask, height, width, cells)
    out = tuple(plane.copy() for plane in planes)
    for channel, plane in enumerate(out):
        for r, c in np.argwhere(raster.hidden):
            e = int(raster.level[r, c])
            side = (BLOCK >> (channel > 0)) << e
            top, left = (r >> e) * side, (c >> e) * side
            cell = plane[top : top + side, left : left + side]
            cell[:] = rng.permutation(cell.reshape(-1)).reshape(cell.shape)
    return out


def masks(height: int, width: int) -> st.SearchStrategy[Mask]:
    """Up to four boxes, from far smaller to larger than the frame, within and beyond it."""

    def build(rows: list[tuple[float, float, float, float]]) -> Mask:
        xyxy = np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32)
        xyxy = xyxy.reshape(-1, 4)
        return Mask(xyxy, (xyxy[:, 2:] - xyxy[:, :2]).min(axis=1, initial=1e9))

    def number(low: float, high: float) -> st.SearchStrategy[float]:
        return st.floats(low, high, width=32)

    box = st.tuples(
        number(-width, 1.5 * width),
        number(-height, 1.5 * height),
        number(1, 1.5 * width),
        number(1, 1.5 * height),
    )
    return st.lists(box, max_size=4).map(build)
