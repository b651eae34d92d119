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


def overlaps(box: FloatArray, boxes: FloatArray) -> FloatArray:
    """Intersection over union of one box (4,) with boxes (n, 4), both xyxy float32 -> (n,)."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    side = np.maximum(high - low, 0)
    shared = side[:, 0] * side[:, 1]
    own = (box[2] - box[0]) * (box[3] - box[1])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.asarray(shared / np.maximum(own + areas - shared, 1e-9), np.float32)


def keep_best(xyxy: FloatArray, score: FloatArray, overlap: float) -> npt.NDArray[np.intp]:
    """Positions of the boxes that no surer box overlaps by more than `overlap`, surest first.

    xyxy: (n, 4) float32; score: (n,) float32. Equal scores keep their order.
    """
    order = np.argsort(-score, kind="stable")
    kept: list[int] = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        order = order[overlaps(xyxy[best], xyxy[order]) <= overlap]
    return np.array(kept, np.intp)


def suppress(found: Detections, overlap: float = DEFAULT_OVERLAP) -> Detections:
    """Drop the boxes that repeat a surer box of the same label; surest first per label."""
    if len(found) < 2:
        return found
    kept = []
    for label in np.unique(found.label):
        rows = np.flatnonzero(found.label == label)
        kept.append(rows[keep_best(found.xyxy[rows], found.score[rows], overlap)])
    return found.select(np.concatenate(kept))
