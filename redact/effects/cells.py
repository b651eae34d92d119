"""The colours of cells: means over whole cells of the original, quantised, held in time.

What leaves this file bounds what the output can tell of a hidden person. Per hold, each cell
gives 3 x log2(levels) bits, once: 9 bits at 8 levels. Displayed cells never overlap (see
`Raster.level`), so N cells give at most 3 N log2(levels) bits per hold, whatever the output's
smoothness suggests; all that is drawn is a function of these numbers. At most 4 cells lie
across a person's shortest side, and a head is about half as wide as the shoulders: it lies in
at most 3 x 3 cells, mostly 2 x 2, together with what is around it.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np

from redact.effects.outside import BLOCK
from redact.effects.planes import Planes
from redact.effects.raster import Rect
from redact.structures import BoolArray, FloatArray, Plane

_NEVER = np.iinfo(np.int64).min
_FINE = 3  # log2 of the rows of blocks that are smoothed together: no more than are wanted
_WORTH = 1 << 15  # pixels in a row of cells from which on summing them line by line is faster


Window = tuple[slice, slice]
"""Rows and columns of blocks."""


class Clock:
    """Numbers the holds of a stream: buckets of time `hold` seconds wide, exact, monotonic."""

    def __init__(self, hold: float) -> None:
        self._hold = Fraction(hold).limit_denominator(1_000_000)
        self._bucket = _NEVER

    def tick(self, time: Fraction) -> tuple[int, float]:
        """The bucket of `time` (seconds) and how far new colours have faded in, 0..1 .

        Colours fade in over the first half of a hold. Without a hold the bucket goes up by one
        with every call. Time that runs backwards gives no new samples: the last bucket goes on.
        """
        if self._hold == 0:
            self._bucket = max(self._bucket, 0) + 1
            return self._bucket, 1.0
        bucket, rest = divmod(time, self._hold)
        if bucket < self._bucket:
            return self._bucket, 1.0
        self._bucket = int(bucket)
        return self._bucket, min(1.0, float(2 * rest / self._hold))


class CellGrid:
    """All cells of one size over a frame.

    table: of `quantiser`. value: (3, rows, columns) uint8 quantised means of y, u, v. bucket:
    (rows, columns) int64, the hold in which a cell was last sampled. before: as `value`, of the
    hold before that one, or `value` itself.
    """

    def __init__(self, height: int, width: int, level: int, table: Plane) -> None:
        self.level = level
        self._side = BLOCK << level
        self._table = table
        rows, columns = -(-height // self._side), -(-width // self._side)
        self.value = np.zeros((3, rows, columns), np.uint8)
        self.before = np.zeros((3, rows, columns), np.uint8)
        self.bucket = np.full((rows, columns), _NEVER, np.int64)
        self._kept: tuple[int, Window, FloatArray] | None = None

    def shown(self, bucket: int, faded: float) -> tuple[FloatArray, FloatArray]:
        """Colours (3, rows, columns) and weights (rows, columns) at a moment of a hold.

        Colours go from those of the hold before to the new ones; cells that have left the mask
        since fade out of their neighbours.
        """
        now, last = self.bucket == bucket, self.bucket == bucket - 1
        colours = self.value.astype(np.float32)
        if faded < 1:
            old = np.where(now, self.before, self.value)
            colours = old + (colours - old) * np.float32(faded)
        weight = now + last * np.float32(1 - faded)
        return colours.astype(np.float32), weight.astype(np.float32)

    def smoothed(self, bucket: int, faded: float, window: Window) -> FloatArray:
        """The cells of `shown` as colours of blocks: (3, height, width) of a window, see `smooth`.

        From when new colours have faded in until the next sample nothing changes: kept.
        """
        if faded < 1:
            return smooth(*self.shown(bucket, faded), self.level, window)
        kept = self._kept
        if kept is None or kept[0] != bucket or not _covers(kept[1], window):
            side = 1 << self.level
            rows, columns = (
                slice(span.start // side * side, -(-span.stop // side) * side) for span in window
            )
            blocks = smooth(*self.shown(bucket, faded), self.level, (rows, columns))
            self._kept = kept = bucket, (rows, columns), blocks
        rows, columns = (
            slice(span.start - whole.start, span.stop - whole.start)
            for span, whole in zip(window, kept[1], strict=True)
        )
        return kept[2][:, rows, columns]

    def sample(self, planes: Planes, wanted: BoolArray, bucket: int, windows: list[Rect]) -> None:
        """Sample the `wanted` (rows, columns) cells that have no value in `bucket` yet.

        planes: the original. windows: rectangles of blocks; where together they leave out a
        wanted cell, it is sampled all the same: they only save work.
        """
        missing = wanted & (self.bucket != bucket)
        if not missing.any():
            return
        self._kept = None
        rows, columns = missing.shape
        for top, left, bottom, right in windows:
            e, up = self.level, (1 << self.level) - 1
            self._fill(
                planes, missing, bucket, top >> e, left >> e, (bottom + up) >> e, (right + up) >> e
            )
        self._fill(planes, missing, bucket, 0, 0, rows, columns)

    def _fill(
        self,
        planes: Planes,
        missing: BoolArray,
        bucket: int,
        top: int,
        left: int,
        bottom: int,
        right: int,
    ) -> None:
        """Sample the missing cells of one window (in cells) and strike them out of `missing`."""
        within = bounds(missing[top:bottom, left:right])
        if within is None:
            return
        top, bottom = top + within[0].start, top + within[0].stop
        left, right = left + within[1].start, left + within[1].stop
        part = missing[top:bottom, left:right]
        where = (slice(top, bottom), slice(left, right))
        value, before, stamp = self.value[:, *where], self.before[:, *where], self.bucket[where]
        lately = part & (stamp == bucket - 1)
        np.copyto(before, value, where=lately)
        for channel, plane in enumerate(planes):
            side = self._side >> (channel > 0)
            mean = area_means(plane[top * side : bottom * side, left * side : right * side], side)
            np.copyto(value[channel], self._table[channel, mean], where=part)
        np.copyto(before, value, where=part & ~lately)
        np.copyto(stamp, bucket, where=part)
        part[:] = False


def area_means(region: Plane, side: int) -> Plane:
    """Means of side x side pixels, each rounded once from an exact sum; the last row and column
    of cells may be cut short. (h, w) uint8 -> (ceil(h / side), ceil(w / side)) uint8.
    """
    height, width = region.shape
    out = np.empty((-(-height // side), -(-width // side)), np.uint8)
    whole_rows, whole_columns = height // side, width // side
    # cv2.resize sums exactly only where both scales are whole numbers: cut cells apart.
    for rows, y in _pieces(height, side, whole_rows):
        for columns, x in _pieces(width, side, whole_columns):
            out[y, x] = _means(region[rows, columns], y.stop - y.start, x.stop - x.start)
    return out


def _means(region: Plane, rows: int, columns: int) -> Plane:
    """Means of a region that is a whole number of cells of one size, high and wide."""
    import cv2

    height, width = region.shape[0] // rows, region.shape[1] // columns
    # Of some lengths the inverse has no exact inverse: these scales are not whole to cv2.resize.
    whole = all(1 / (1 / length) == length for length in (height, width))
    if not whole or height * region.shape[1] < _WORTH:
        small = cv2.resize(region, (columns, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)
    # The same numbers, in a fraction of the time.
    sums = np.empty((rows, columns), np.int64)
    for row, total in enumerate(sums):
        band = region[row * height : (row + 1) * height]
        line = cv2.reduce(band, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
        line.reshape(columns, width).sum(axis=1, out=total)
    means = sums.astype(np.float32) * np.float32(1 / (height * width))
    return np.asarray(np.rint(means), np.uint8)


def _pieces(length: int, side: int, whole: int) -> list[tuple[slice, slice]]:
    """(pixels, cells) of the whole cells and of the last, cut one, where there are any."""
    pieces = []
    if whole:
        pieces.append((slice(0, whole * side), slice(0, whole)))
    if length > whole * side:
        pieces.append((slice(whole * side, length), slice(whole, whole + 1)))
    return pieces


def quantiser(levels: int) -> Plane:
    """(3, 256) uint8, for y, u and v: each value to that of its one of `levels` steps.

    Luma takes the middle of equal steps. Chroma has a step around 128, so that a picture without
    colour (infrared) gets none.
    """
    step, value = 256 / levels, np.arange(256)
    luma = (value // step + 0.5) * step
    index = np.clip(np.floor((value - 128) / step + 0.5), -(levels // 2), (levels - 1) // 2)
    chroma = 128 + index * step
    return np.stack([luma, chroma, chroma]).astype(np.uint8)


def bounds(blocks: BoolArray) -> Window | None:
    """The smallest window that holds all blocks that are set; None without any."""
    import cv2

    left, top, width, height = cv2.boundingRect(blocks.view(np.uint8))
    if not width:
        return None
    return slice(top, top + height), slice(left, left + width)


def _covers(whole: Window, part: Window) -> bool:
    """Whether all of `part` lies in `whole`."""
    return all(a.start <= b.start and b.stop <= a.stop for a, b in zip(whole, part, strict=True))


def smooth(
    colours: FloatArray,
    weight: FloatArray,
    level: int,
    window: Window,
) -> FloatArray:
    """Cell colours -> block colours, smooth over the borders of cells.

    colours: (3, rows, columns); weight: (rows, columns), 0 where a cell has no colour. window:
    of the blocks that are wanted. Returns (3, height, width) float32 of the window; meaningless in
    cells without colour. The kernel is the quadratic B-spline of the
    cell grid: a box filter of the cell's side, twice, over the weighted cells alone.
    """
    import cv2

    (top, bottom), (left, right) = ((span.start, span.stop) for span in window)
    # Nothing comes from farther away than the next cell; beyond the frame there is none.
    down, across = (-(-span.stop >> level) - (span.start >> level) + 2 for span in window)
    around = np.zeros((down, 4, across), np.float32)
    there = []
    for span, cells, size in zip(window, weight.shape, (down, across), strict=True):
        first = (span.start >> level) - 1
        low, high = max(first, 0), min(first + size, cells)
        there.append((slice(low - first, high - first), slice(low, high)))
    (to_rows, rows), (to_columns, columns) = there
    inner = around[to_rows, :, to_columns].swapaxes(0, 1)
    inner[3] = weight[rows, columns]
    np.multiply(colours[:, rows, columns], inner[3], out=inner[:3])
    # Each pass goes along the first axis, so that what NumPy does at once is long.
    height, width, within = bottom - top, right - left, (1 << level) - 1
    strips = _spread(around.reshape(down, -1), level, top & within, height)
    turned = strips.reshape(height, 4, across).transpose(2, 1, 0).reshape(across, -1)
    layers = _spread(turned, level, left & within, width).reshape(width, 4, height)
    smoothed = layers[:, :3] / np.maximum(layers[:, 3:], np.float32(1e-6))
    blocks = np.asarray(cv2.transpose(smoothed.reshape(width, -1)), np.float32)
    return blocks.reshape(3, height, width)


def _spread(cells: FloatArray, level: int, skip: int, count: int) -> FloatArray:
    """(n + 2, m) -> (count, m): rows of cells to rows of blocks, from block `skip` of the second
    row of cells on."""
    fine = min(level, _FINE)
    parts = np.arange(skip >> fine, -(-(skip + count) >> fine))
    row, part = np.divmod(parts, 1 << (level - fine))
    before, here, after = _kernel(level).reshape(3, -1, 1 << fine)[:, part, :, None]
    out = np.empty((len(parts), 1 << fine, cells.shape[1]), np.float32)
    share = np.empty_like(out)
    np.multiply(cells[row + 1, None], here, out=out)
    out += np.multiply(cells[row, None], before, out=share)
    out += np.multiply(cells[row + 2, None], after, out=share)
    start = skip - (int(parts[0]) << fine)
    return out.reshape(-1, cells.shape[1])[start : start + count]


@lru_cache(maxsize=16)
def _kernel(level: int) -> FloatArray:
    """(3, k) what the cell before, the own one and the one after weigh in each block of a cell."""
    k = 1 << level
    box = np.ones(k) / k
    spline = np.convolve(np.convolve(np.ones(k), box), box)  # from k - 1 blocks before the cell on
    parts = (
        np.append(spline[2 * k - 1 :], 0),
        spline[k - 1 : 2 * k - 1],
        np.append(0, spline[: k - 1]),
    )
    return np.stack(parts).astype(np.float32)
