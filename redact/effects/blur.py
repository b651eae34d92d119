"""One mean colour per cell, quantised, held still in time, smoothed for the eye.

The smoothing is a function of the cells' colours alone: between two originals whose quantised
cell means agree, the output does not differ in one bit.
"""

from __future__ import annotations

import numpy as np

from redact.config import EffectOptions
from redact.effects import planes as painting
from redact.effects.cells import CellGrid, Clock, bounds, quantiser
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
        shown = (level + 1) * raster.hidden.view(np.uint8)  # 0 where nothing is hidden
        window = bounds(raster.hidden) or (slice(0, 0), slice(0, 0))
        hidden = raster.hidden[window]
        colours = np.zeros((3, *hidden.shape), np.float32)
        windows = list(raster.rects) if len(raster.rects) <= _FEW else []
        for e in range(int(shown.max())):
            blocks = shown == e + 1
            where = bounds(blocks) if blocks.any() else None
            if where is None:
                continue
            grid = self._grids.get(e)
            if grid is None:
                grid = self._grids[e] = CellGrid(*self._shape, e, self._table)
            grid.sample(planes, any_in_cell(blocks, e), bucket, windows)
            part = grid.smoothed(bucket, faded, where)
            rows, columns = (
                slice(span.start - whole.start, span.stop - whole.start)
                for span, whole in zip(where, window, strict=True)
            )
            np.copyto(colours[:, rows, columns], part, where=blocks[where])
        lattice = np.zeros((3, level.shape[0] + 2, level.shape[1] + 2), np.uint8)
        grown = _with_margin(colours, hidden)
        top, left = (span.start for span in window)
        lattice[:, top : top + grown.shape[1], left : left + grown.shape[2]] = grown
        return list(lattice)

    def _held(self, level: Levels, bucket: int) -> Levels:
        """Cells do not shrink within a hold and the next one: no flicker between two sizes,
        and no finer sample beside a coarse one."""
        now, before = self._claims or (np.zeros_like(level), np.zeros_like(level))
        if bucket != self._bucket:
            now, before, self._bucket = np.zeros_like(level), now, bucket
        now = np.maximum(now, level)
        self._claims = now, before
        return np.maximum(now, before)


def _with_margin(colours: FloatArray, hidden: BoolArray) -> FloatArray:
    """(3, rows, columns) colours of hidden blocks, 0 elsewhere -> (3, rows + 2, columns + 2), so
    that cutting off what follows the point rounds.

    A block that is not hidden gets the mean of its hidden neighbours, so that nothing of it is
    mixed in where colours run from block to block.
    """
    import cv2

    around = np.zeros((4, hidden.shape[0] + 2, hidden.shape[1] + 2), np.float32)
    around[:3, 1:-1, 1:-1] = colours
    around[3, 1:-1, 1:-1] = hidden
    # All layers as one picture: the frame of zeros of each keeps them apart.
    layers = around.reshape(-1, around.shape[2])
    layers = np.asarray(cv2.blur(layers, (3, 3), borderType=cv2.BORDER_CONSTANT), np.float32)
    blurred = layers.reshape(around.shape)
    mean = blurred[:3]
    mean /= np.maximum(blurred[3], np.float32(1e-6))
    np.copyto(mean[:, 1:-1, 1:-1], colours, where=hidden)
    mean += np.float32(0.5)
    # Weighted means of 0..255 stay in range but for rounding, which may not wrap around.
    np.minimum(mean, np.float32(255), out=mean)
    return mean


def _paint(planes: Planes, lattice: list[Plane], raster: Raster) -> None:
    """Rectangles that are few and small are enlarged each for itself, others all at once."""
    where = bounds(raster.hidden)
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
