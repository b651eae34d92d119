"""From the shapes of a `Mask` to a grid of 8 x 8 pixel blocks, and the cell size of each.

Everything grows to whole blocks (the transform of H.264, 4 x 4 pixels of chroma), so that neither
chroma planes nor the ringing of the encoder show a rim of what lies under the mask. Fails closed:
shapes that make no sense hide more, never less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from redact.effects.outside import BLOCK, outside_blocks
from redact.structures import BoolArray, FloatArray, Mask

MAX_LEVEL = 8
"""Cells are at most 8 << 8 = 2048 px: their pixel sums still fit the 32 bits of cv2.resize."""

SMALLEST = 16
"""Side of the smallest cell in pixels: where blocks are finer, several share a colour."""

SLIMMEST = 4.0
"""Nobody is more than this many times as tall as wide; a slimmer box is cut, by the frame
edge or by another person, and its short side says nothing of the person's."""

_FAR = 1e6  # pixels; infinite boxes end here

Levels = npt.NDArray[np.uint8]
Rect = tuple[int, int, int, int]
"""top, left, bottom, right in blocks; bottom and right exclusive."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """What to hide, in blocks.

    hidden: (rows, columns) bool, rows = ceil(height / 8), columns = ceil(width / 8).
    level: (rows, columns) uint8, log2(cell side / 8) of the cell that covers a block. Cells
    are anchored to the frame's top left corner and nest, and a coarse cell claims every block
    in it: blocks of one cell all have the same level, so displayed cells never overlap.
    rects: all hidden blocks, each in one rectangle.
    shapes: how many shapes of the mask hide something.
    """

    hidden: BoolArray
    level: Levels
    rects: tuple[Rect, ...]
    shapes: int


def cell_levels(side: npt.ArrayLike, cells: int) -> npt.NDArray[np.int64]:
    """log2(cell side / 8) of the smallest cells of which at most `cells` lie across `side`.

    side: (n,) pixels, finite. A length s that starts anywhere touches at most ceil(s / c) + 1
    cells of side c, the partly covered ones included; so c >= s / (cells - 1). For cells = 1
    the cell is twice the side, and only a line of the grid can still cut a person in two.
    Holds up to a side of 2048 * (cells - 1) px, where `MAX_LEVEL` ends it.
    """
    length = np.asarray(side, dtype=np.float64)
    need = length / (cells - 1) if cells > 1 else 2.0 * length
    level = np.ceil(np.log2(np.maximum(need, SMALLEST) / BLOCK))
    return np.minimum(level, MAX_LEVEL).astype(np.int64)


def frame_level(height: int, width: int, cells: int) -> int:
    """Level for `outside` and `whole`, where nobody's size is known.

    As if somebody as tall as the frame's short side stood there, a quarter as wide: 6 to 12
    cells across the short side when cells = 4 (128 px at 1080p), so a far person of 30 px is
    a fraction of one cell.
    """
    return int(cell_levels(min(height, width) / SLIMMEST, cells))


def rasterise(mask: Mask, height: int, width: int, cells: int) -> Raster:
    """Rasterise `mask` for a frame of height x width pixels. Never raises on odd shapes.

    A NaN in `boxes` hides the whole frame; a box turned inside out hides what it spans, one
    without area the block it lies in; a side that is unknown counts as that of the frame. NaN
    in `keep` keeps nothing.
    """
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    boxes = np.clip(np.asarray(mask.boxes, dtype=np.float64).reshape(-1, 4), -_FAR, _FAR)
    if mask.whole or np.isnan(boxes).any():
        everywhere = np.full((rows, columns), frame_level(height, width, cells), np.uint8)
        return Raster(np.ones((rows, columns), np.bool_), everywhere, ((0, 0, rows, columns),), 1)
    level = np.zeros((rows, columns), np.uint8)
    hidden, scattered = np.zeros((rows, columns), np.bool_), False
    if mask.outside is not None:
        hidden = outside_blocks(mask.outside, mask.keep, height, width)
        scattered = bool(hidden.any())
    beyond = _claimed_outside(hidden, frame_level(height, width, cells)) if scattered else None
    rects = block_rects(boxes, height, width)
    levels = cell_levels(_sides(mask, boxes, height, width), cells)
    seen = (rects[:, :2] < rects[:, 2:]).all(axis=1)
    _paint(hidden, level, *_joined(rects[seen], levels[seen]))
    if beyond is not None:
        np.maximum(level, beyond, out=level)
    return Raster(hidden, level, _disjoint(hidden), int(seen.sum()) + scattered)


def _disjoint(blocks: BoolArray) -> tuple[Rect, ...]:
    """The blocks that are set, as rectangles: runs within rows, joined where those of rows that
    follow each other are alike."""
    framed = np.zeros((len(blocks), blocks.shape[1] + 2), np.bool_)
    framed[:, 1:-1] = blocks
    # Along a row, runs begin and end in turn.
    ends = np.flatnonzero(framed[:, 1:] != framed[:, :-1])
    if not len(ends):
        return ()
    height, width = len(blocks) + 1, framed.shape[1] - 1
    row, column = np.divmod(ends, width)
    # Of runs that are alike, in rows that follow each other, the keys follow each other.
    key = np.sort((column[::2] * width + column[1::2]) * height + row[::2])
    cuts = np.flatnonzero(key[1:] != key[:-1] + 1)
    last = key[np.append(cuts, len(key) - 1)]
    first = key[np.append(0, cuts + 1)]
    sides, top = np.divmod(first, height)
    left, right = np.divmod(sides, width)
    rects = np.stack([top, left, last % height + 1, right], axis=1)
    return tuple(map(tuple, rects.tolist()))


_Ints = npt.NDArray[np.int64]


def _joined(rects: _Ints, levels: _Ints) -> tuple[_Ints, _Ints]:
    """The rectangles (n, 4) and levels (n,), joined where they stand on top of each other: a mover
    is cut along the outline into rows. In the order of their levels."""
    if not len(rects):
        return rects, levels
    order = np.lexsort((rects[:, 0], rects[:, 3], rects[:, 1], levels))
    rects, levels = rects[order], levels[order]
    top, left, bottom, right = rects.T
    apart = (left[1:] != left[:-1]) | (right[1:] != right[:-1]) | (levels[1:] != levels[:-1])
    first = np.append(0, np.flatnonzero(apart | (top[1:] > bottom[:-1])) + 1)
    joined = rects[first]
    joined[:, 2] = np.maximum.reduceat(bottom, first)
    return joined, levels[first]


def _paint(hidden: BoolArray, level: Levels, rects: _Ints, levels: _Ints) -> None:
    """Hide the rectangles, and give all blocks of the cells that they touch at least their level.

    level: zeros. levels: in ascending order, so that what is claimed twice ends at the coarser one.
    """
    cells = levels[:, None]
    first, last = rects[:, :2] >> cells << cells, -(-rects[:, 2:] >> cells) << cells
    for (top, left, bottom, right), (up, before), (down, after), e in zip(
        rects.tolist(), first.tolist(), last.tolist(), levels.tolist(), strict=True
    ):
        hidden[top:bottom, left:right] = True
        level[up:down, before:after] = e


def block_rects(boxes: npt.NDArray[np.float64], height: int, width: int) -> npt.NDArray[np.int64]:
    """(n, 4) xyxy pixels -> (n, 4) top, left, bottom, right in blocks; empty beyond the frame."""
    low = np.minimum(boxes[:, :2], boxes[:, 2:])[:, ::-1] / BLOCK
    high = np.maximum(boxes[:, :2], boxes[:, 2:])[:, ::-1] / BLOCK
    size = np.array([height, width]) / BLOCK
    beyond = ((low >= size) | ((high <= 0) & (low < 0))).any(axis=1)
    limit = np.ceil(size)
    first = np.clip(np.floor(low), 0, limit)
    last = np.clip(np.maximum(np.ceil(high), first + 1), 0, limit)
    last[beyond] = first[beyond]
    return np.concatenate([first, last], axis=1).astype(np.int64)


def touched(boxes: FloatArray, height: int, width: int) -> BoolArray:
    """(rows, columns) bool: the blocks that any of the boxes (n, 4) touches; NaN touches all."""
    grid = np.zeros((-(-height // BLOCK), -(-width // BLOCK)), np.bool_)
    finite = np.clip(np.asarray(boxes, dtype=np.float64).reshape(-1, 4), -_FAR, _FAR)
    if np.isnan(finite).any():
        return ~grid
    for top, left, bottom, right in block_rects(finite, height, width).tolist():
        grid[top:bottom, left:right] = True
    return grid


def _sides(
    mask: Mask, boxes: npt.NDArray[np.float64], height: int, width: int
) -> npt.NDArray[np.float64]:
    """(n,) trustworthy shortest side per box, in pixels."""
    n, unknown = len(boxes), float(min(height, width))
    side = np.full(n, unknown)
    given = np.asarray(mask.side, dtype=np.float64).reshape(-1)[:n]
    side[: len(given)] = given
    side[~(np.isfinite(side) & (side > 0))] = unknown
    longest = np.abs(boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0)
    trusted: npt.NDArray[np.float64] = np.maximum(side, longest / SLIMMEST)
    return trusted


def _claimed_outside(hidden: BoolArray, e: int) -> Levels:
    """(rows, columns) uint8: e in every cell of level e in which anything is hidden."""
    cells = any_in_cell(hidden, e).astype(np.uint8) * np.uint8(e)
    rows, columns = hidden.shape
    return cells.repeat(1 << e, 0)[:rows].repeat(1 << e, 1)[:, :columns]


def any_in_cell(grid: BoolArray, level: int) -> BoolArray:
    """(rows, columns) of blocks -> (ceil(rows / k), ceil(columns / k)) of cells, k = 1 << level:
    True where any block of the cell is."""
    if level == 0:
        return grid
    k = 1 << level
    rows, columns = -(-grid.shape[0] // k), -(-grid.shape[1] // k)
    if (rows * k, columns * k) != grid.shape:
        padded = np.zeros((rows * k, columns * k), np.bool_)
        padded[: grid.shape[0], : grid.shape[1]] = grid
        grid = padded
    strips = grid.reshape(rows, k, columns * k).any(axis=1)
    return np.asarray(strips.reshape(rows, columns, k).any(axis=2), np.bool_)
