"""Non-maximum suppression: one box per thing.

Greedy suppression as in Viola & Jones (2001) and every detector since, per label. The default
overlap is high: two boxes where one would do hide a little more, one box where two people
stand may show one of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from redact.structures import Detections, FloatArray

DEFAULT_OVERLAP = 0.65
_BLOCK = 64


def overlaps(some: FloatArray, others: FloatArray) -> FloatArray:
    """Intersection over union of boxes (m, 4) with boxes (n, 4), both xyxy float32 -> (m, n)."""
    left, top, right, bottom = np.ascontiguousarray(some.T)[..., None]
    left_, top_, right_, bottom_ = np.ascontiguousarray(others.T)[:, None]
    width = np.minimum(right, right_) - np.maximum(left, left_)
    height = np.minimum(bottom, bottom_) - np.maximum(top, top_)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (right - left) * (bottom - top) + (right_ - left_) * (bottom_ - top_)
    return np.asarray(shared / np.maximum(areas - shared, 1e-9), np.float32)


def keep_best(xyxy: FloatArray, score: FloatArray, overlap: float) -> npt.NDArray[np.intp]:
    """Positions of the boxes that no surer box overlaps by more than `overlap`, surest first.

    xyxy: (n, 4) float32; score: (n,) float32. Equal scores keep their order. Overlaps are
    taken in blocks of rows: one row at a time is slow for many boxes, all at once is large.
    """
    left = np.argsort(-score, kind="stable")
    kept = []
    while len(left):
        block = left[:_BLOCK]
        repeats = overlaps(xyxy[block], xyxy[left]) > overlap
        gone = np.zeros(len(left), np.bool_)
        for row in range(len(block)):
            if not gone[row]:
                gone |= repeats[row]
                gone[row] = False  # a box repeats itself
        kept.append(block[~gone[: len(block)]])
        left = left[len(block) :][~gone[len(block) :]]
    return np.concatenate(kept) if kept else np.zeros(0, np.intp)


def suppress(found: Detections, overlap: float = DEFAULT_OVERLAP) -> Detections:
    """Drop the boxes that repeat a surer box of the same label; surest first per label."""
    if len(found) < 2:
        return found
    kept = []
    for label in np.unique(found.label):
        rows = np.flatnonzero(found.label == label)
        kept.append(rows[keep_best(found.xyxy[rows], found.score[rows], overlap)])
    return found.select(np.concatenate(kept))
