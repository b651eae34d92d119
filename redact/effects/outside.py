"""Which blocks lie beyond the property: fails closed at its outline."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from redact.geometry import Points, Zone
from redact.structures import BoolArray, FloatArray

BLOCK = 8
"""Side of a block in luma pixels."""

_TOUCH = 1e-3  # pixels by which an outline must enter a block to cut it
_AT_ONCE = 64  # blocks whose pixels are tested together, to bound memory


def outside_blocks(zone: Zone, keep: FloatArray, height: int, width: int) -> BoolArray:
    """(rows, columns) bool: blocks not wholly on the property and not wholly in a `keep` box.

    keep: (m, 4) xyxy pixels; a box that makes no sense keeps nothing.
    """
    hidden = _beyond(zone, height, width).copy()
    for x1, y1, x2, y2 in np.asarray(keep, dtype=np.float64).reshape(-1, 4).tolist():
        if x1 < x2 and y1 < y2:
            hidden[_wholly(y1, y2, height), _wholly(x1, x2, width)] = False
    return hidden


def _wholly(first: float, last: float, size: int) -> slice:
    """Blocks wholly between two pixel positions; the frame's last block may be cut short."""
    first, last = min(max(first, 0.0), float(size)), min(max(last, 0.0), float(size))
    stop = -(-size // BLOCK) if last >= size else int(last // BLOCK)
    return slice(int(-(-first // BLOCK)), stop)


@lru_cache(maxsize=16)
def _beyond(zone: Zone, height: int, width: int) -> BoolArray:
    """(rows, columns) bool, read-only: blocks in which a pixel lies beyond the property.

    A block that no outline cuts is tested at its centre, one that is cut is beyond; but where
    there are many polygons they may share an edge, so it counts if the corners of all its
    pixels are on the property. (cv2.fillPoly would paint up to a pixel too much, at the frame's
    edge beyond repair.) Zones compare by identity, so a cached one stays valid.
    """
    tops, bottoms = _edges(height)
    lefts, rights = _edges(width)
    y, x = np.meshgrid((tops + bottoms) / 2, (lefts + rights) / 2, indexing="ij")
    size = np.array([width, height], dtype=np.float64)
    on = zone.contains(np.stack([x, y], axis=-1).reshape(-1, 2) / size).reshape(x.shape)
    for hole in zone.holes:
        on &= ~_cut(hole * size, (tops, bottoms), (lefts, rights))
    cut = np.zeros_like(on)
    for polygon in zone.polygons:
        cut |= _cut(polygon * size, (tops, bottoms), (lefts, rights))
    if len(zone.polygons) == 1:
        on &= ~cut
    doubtful = np.argwhere(cut & on)
    for start in range(0, len(doubtful), _AT_ONCE):
        r, c = doubtful[start : start + _AT_ONCE].T
        ys = np.minimum(tops[r, None] + np.arange(BLOCK + 1), bottoms[r, None]) / height
        xs = np.minimum(lefts[c, None] + np.arange(BLOCK + 1), rights[c, None]) / width
        ys, xs = np.broadcast_arrays(ys[:, :, None], xs[:, None, :])
        corners = np.stack([xs, ys], axis=-1)
        on[r, c] = zone.contains(corners.reshape(-1, 2)).reshape(len(r), -1).all(axis=1)
    beyond: BoolArray = ~on
    beyond.flags.writeable = False
    return beyond


_Spans = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def _edges(size: int) -> _Spans:
    """Where the blocks along one axis start and end, in pixels."""
    start = np.arange(0, size, BLOCK, dtype=np.float64)
    return start, np.minimum(start + BLOCK, size)


def _cut(ring: Points, rows: _Spans, columns: _Spans) -> BoolArray:
    """(rows, columns) bool: blocks that the outline `ring` (pixels) enters.

    Clips every edge to every row and column of blocks, after Liang and Barsky, "A new concept
    and method for line clipping", ACM Transactions on Graphics, 1984.
    """
    cut = np.zeros((len(rows[0]), len(columns[0])), np.bool_)
    for p, q in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        enter_x, leave_x = _within(p[0], q[0], columns)
        enter_y, leave_y = _within(p[1], q[1], rows)
        enter = np.maximum(enter_y[:, None], enter_x[None])
        cut |= enter <= np.minimum(leave_y[:, None], leave_x[None])
    return cut


def _within(p: float, q: float, spans: _Spans) -> _Spans:
    """Shares 0..1 of the way from p to q at which each span is entered and left."""
    low, high = spans[0] + _TOUCH, spans[1] - _TOUCH
    if abs(q - p) < _TOUCH**2:
        inside = (low <= p) & (p <= high)
        return np.where(inside, 0.0, np.inf), np.where(inside, 1.0, -np.inf)
    a, b = (low - p) / (q - p), (high - p) / (q - p)
    return np.maximum(np.minimum(a, b), 0.0), np.minimum(np.maximum(a, b), 1.0)
