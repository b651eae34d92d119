"""Non-maximum suppression: one box per thing.

Greedy suppression as in Viola & Jones (2001) and every detector since, per label. The default
overlap is high: two boxes where one would do hide a little more, one box where two people
stand may show one of them. A detector whose boxes scatter gets a mean of them that is nearer to the
truth than the surest one (box voting: Gidaris & Komodakis, ICCV 2015).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from redact.config import Section, Share
from redact.structures import Detections, FloatArray

_BLOCK = 64
HIGHER = 0.08  # of a box's height


class Suppression(Section, frozen=True):
    """How the boxes of one model become one per thing; all are intersections over union.

    overlap: a surer box drops those that it overlaps by more; 1 keeps all. vote: from there on, all
    boxes of the label count in the mean, weighted by score, that each kept box becomes; 1: boxes
    stay as they are. repeat: of these means, a surer one drops those that it overlaps by more.
    """

    overlap: Share = 0.65
    vote: Share = 1.0
    repeat: Share = 1.0


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


def voted(
    xyxy: FloatArray, score: FloatArray, kept: npt.NDArray[np.intp], vote: float
) -> FloatArray:
    """(k, 4) for each kept box the mean of all boxes (n, 4) that it overlaps by `vote` or more,
    itself among them, weighted by their scores (n,)."""
    means = np.empty((len(kept), 4), np.float32)
    for first in range(0, len(kept), _BLOCK):
        rows = kept[first : first + _BLOCK]
        weight = np.where(overlaps(xyxy[rows], xyxy) >= vote, score, np.float32(0))
        weight[np.arange(len(rows)), rows] = np.maximum(score[rows], 1e-6)  # also without area
        means[first : first + _BLOCK] = weight @ xyxy / weight.sum(axis=1, keepdims=True)
    return means


def distinct(xyxy: FloatArray, how: Suppression) -> npt.NDArray[np.intp]:
    """Positions of the means (n, 4), surest first, that repeat no surer one."""
    top, tall = xyxy[:, 1], xyxy[:, 3] - xyxy[:, 1]
    gone = np.zeros(len(xyxy), np.bool_)
    for first in range(0, len(xyxy), _BLOCK):
        some = slice(first, first + _BLOCK)
        behind = top < (top[some] - HIGHER * tall[some])[:, None]
        least = np.where(behind, max(how.overlap, how.repeat), how.repeat)
        repeats = overlaps(xyxy[some], xyxy) > least
        for row, repeated in enumerate(repeats, first):
            if not gone[row]:
                gone[row + 1 :] |= repeated[row + 1 :]
    return np.flatnonzero(~gone)


def suppress(found: Detections, how: Suppression | None = None) -> Detections:
    """One box per thing, surest first per label."""
    how = how or Suppression()
    if len(found) < 2:
        return found
    boxes, kept = found.xyxy.copy(), []
    for label in np.unique(found.label):
        rows = np.flatnonzero(found.label == label)
        xyxy, score = found.xyxy[rows], found.score[rows]
        best = keep_best(xyxy, score, how.overlap)
        if how.vote < 1:
            means = voted(xyxy, score, best, how.vote)
            boxes[rows[best]] = means
            best = best[distinct(means, how)]
        kept.append(rows[best])
    return replace(found, xyxy=boxes).select(np.concatenate(kept))
