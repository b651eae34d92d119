"""Two subjects that are one person: a second box around somebody, followed as a subject of its own.

Detectors answer now and then with two boxes for one body, and suppression lets both pass where they
differ enough. One of the two is soon lost, or takes over and is then looked back for, and hides, as
a stranger would, all that is around the person whom the other one shows.
"""

from __future__ import annotations

import numpy as np

from redact.policies.sights import Sights
from redact.structures import BoolArray, FloatArray, IntArray

_TOGETHER = 0.4
"""Intersection over union that two boxes of one person have at least. People side by side have
less: their boxes are as far apart as their shoulders are wide."""


_SURE = 0.35  # least score of a box that is no mere second one
_PROOFS = 2  # frames with such a box beside the other one's: then they are two people


def doubles(seen: Sights, lost: IntArray, found: IntArray) -> BoolArray:
    """(l,) bool: the subjects `lost` (l,) of which one of `found` (f,), both track ids, is the
    other half: in every frame of the window in which both were found, and there is one, their
    boxes were together. Whoever came from elsewhere or goes on alone was apart at least once; and
    whoever surely was seen beside the other, however near, is somebody else."""
    none = np.zeros(len(lost), np.bool_)
    if not len(lost) or not len(found):
        return none
    own, score = _paths(lost, seen)
    one, other = own[:, None], _paths(found, seen)[0][None]
    low, high = np.maximum(one[..., :2], other[..., :2]), np.minimum(one[..., 2:], other[..., 2:])
    size = np.maximum(high - low, 0)
    common = size[..., 0] * size[..., 1]
    joint = _area(one) + _area(other) - common
    both = np.isfinite(joint)
    apart = both & (common < _TOGETHER * joint)
    two = (both & (score >= _SURE)[:, None]).sum(axis=-1) >= _PROOFS
    result: BoolArray = (both.any(axis=-1) & ~apart.any(axis=-1) & ~two).any(axis=1)
    return result


def _paths(ids: IntArray, seen: Sights) -> tuple[FloatArray, FloatArray]:
    """(n, frames, 4) the boxes of n subjects and (n, frames) their scores, NaN where they were not
    found."""
    boxes = np.full((len(ids), seen.frames, 4), np.nan, np.float32)
    scores = np.full((len(ids), seen.frames), np.nan, np.float32)
    who, row = ((ids[:, None] == seen.rows.track_id) & ~seen.rows.coasting).nonzero()
    boxes[who, seen.frame[row]] = seen.rows.xyxy[row]
    scores[who, seen.frame[row]] = seen.rows.score[row]
    return boxes, scores


def _area(boxes: FloatArray) -> FloatArray:
    area: FloatArray = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return area
