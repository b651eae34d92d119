"""One mean colour per cell, quantised, held still in time, smoothed for the eye.

The smoothing is a function of the cells' colours alone: between two originals whose quantised
cell means agree, the output does not differ in one bit.
"""

from __future__ import annotations

import numpy as np

from redact.config import EffectOptions
from redact.effects import planes as painting
from redact.effects.cells import CellGrid, Clock, bounds, quantiser, smooth
from redact.effects.outside import BLOCK
from redact.effects.planes import Planes
from redact.effects.raster import Levels, Raster, Rect, any_in_cell, rasterise
from redact.structures import BoolArray, FloatArray, Frame, Mask, Plane, RedactedFrame, redacted

_FEW = 16  # rectangles


class BlurEffect:
    """The default effect; state of one stream. See `redact.effects.cells` for the bound."""

    def __init__(self, options: EffectOptions) -> None:
        self._options = options
        self._table = quantiser(options.levels)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._clock = Clock(self._options.hold)
        self._grids: dict[int, CellGrid] = {}
        self._shape = (0, 0)
        self._bucket: int | None = None
        self._claims: tuple[Levels, Levels] | None = None

    def apply(self, frame: Frame, mask: Mask) -> RedactedFrame:
        """Hide what `mask` covers. Never raises on odd masks: they hide more, not less."""
        if mask.empty:
            return redacted(frame, None, 0)
        raster = rasterise(mask, frame.height, frame.width, self._options.cells)
        if not raster.shapes:
            return redacted(frame, None, 0)
        if self._shape != frame.y.shape:
            self.reset()
            self._shape = (frame.height, frame.width)
        lattice = self._lattice((frame.y, frame.u, frame.v), raster, *self._clock.tick(frame.time))
        return redacted(frame, self._painted(frame, lattice, raster), raster.shapes)

    def _painted(self, frame: Frame, lattice: list[Plane], raster: Raster) -> Planes:
        """Planes of the frame, with the hidden blocks in the colours of the lattice."""
        planes = painting.canvas(frame)
        _paint(planes, lattice, raster)
        return planes

    def _lattice(self, planes: Planes, raster: Raster, bucket: int, faded: float) -> list[Plane]:
        """Block colours of y, u, v: (rows + 2, columns + 2) uint8 each, one block of margin."""
        level = self._held(raster.level, bucket)
        colours = np.zeros((3, *level.shape), np.float32)
        windows = list(raster.rects) if len(raster.rects) <= _FEW else []
        for e in np.flatnonzero(np.bincount(level[raster.hidden])).tolist():
            blocks = raster.hidden & (level == e)
            where = bounds(blocks, 1 << e)
            assert where is not None
            grid = self._grids.get(e)
            if grid is None:
                grid = self._grids[e] = CellGrid(*self._shape, e, self._table)
            grid.sample(planes, any_in_cell(blocks, e), bucket, windows)
            part = smooth(*grid.shown(bucket, faded), e, where)
            np.copyto(colours[:, *where], part, where=blocks[where])
        return _with_margin(colours, raster.hidden)

    def _held(self, level: Levels, bucket: int) -> Levels:
        """Cells do not shrink within a hold and the next one: no flicker between two sizes,
        and no finer sample beside a coarse one."""
        now, before = self._claims or (np.zeros_like(level), np.zeros_like(level))
        if bucket != self._bucket:
            now, before, self._bucket = np.zeros_like(level), now, bucket
        now = np.maximum(now, level)
        self._claims = now, before
        return np.maximum(now, before)


def _with_margin(colours: FloatArray, hidden: BoolArray) -> list[Plane]:
    """(3, rows, columns) colours of hidden blocks -> per channel (rows + 2, columns + 2) uint8.

    A block that is not hidden gets the mean of its hidden neighbours, so that nothing of it is
    mixed in where colours run from block to block.
    """
    import cv2

    rows, columns = hidden.shape
    lattice = np.zeros((3, rows + 2, columns + 2), np.uint8)
    where = bounds(hidden, 1)
    if where is None:
        return [lattice[0], lattice[1], lattice[2]]
    colours, hidden = colours[:, *where], hidden[where]
    around = np.zeros((4, hidden.shape[0] + 2, hidden.shape[1] + 2), np.float32)
    around[3, 1:-1, 1:-1] = hidden
    np.multiply(colours, hidden, out=around[:3, 1:-1, 1:-1])
    for index, layer in enumerate(around):
        around[index] = cv2.blur(layer, (3, 3), borderType=cv2.BORDER_CONSTANT)
    mean = around[:3] / np.maximum(around[3], 1e-6)
    np.copyto(mean[:, 1:-1, 1:-1], colours, where=hidden)
    # Weighted means of 0..255 stay in range but for rounding, which may not wrap around.
    whole = np.clip(mean + np.float32(0.5), 0, 255).astype(np.uint8)
    top, left = where[0].start, where[1].start
    lattice[:, top : top + whole.shape[1], left : left + whole.shape[2]] = whole
    return [lattice[0], lattice[1], lattice[2]]


def _paint(planes: Planes, lattice: list[Plane], raster: Raster) -> None:
    """Rectangles that are few and small are enlarged each for itself, others all at once."""
    where = bounds(raster.hidden, 1)
    if where is None:
        return
    top, left, bottom, right = where[0].start, where[1].start, where[0].stop, where[1].stop
    most = (bottom - top) * (right - left)
    at_once = len(raster.rects) > _FEW or 2 * np.count_nonzero(raster.hidden) > most
    for index, plane in enumerate(planes):
        block = BLOCK >> (index > 0)
        if at_once:
            whole = _enlarged(lattice[index], (top, left, bottom, right), block)
        for rect in raster.rects:
            target = plane[painting.pixels(rect, block)]
            height, width = target.shape
            if at_once:
                y, x = (rect[0] - top) * block, (rect[1] - left) * block
                target[:] = whole[y : y + height, x : x + width]
            else:
                target[:] = _enlarged(lattice[index], rect, block)[:height, :width]


def _enlarged(lattice: Plane, rect: Rect, block: int) -> Plane:
    """The pixels of the blocks of `rect`, linear between the centres of blocks."""
    import cv2

    top, left, bottom, right = rect
    window = lattice[top : bottom + 2, left : right + 2]
    size = (window.shape[1] * block, window.shape[0] * block)
    large = np.asarray(cv2.resize(window, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return large[block:-block, block:-block]
