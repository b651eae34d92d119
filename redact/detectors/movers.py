"""From pixels that differ from the background to movers: regions that belong together."""

from __future__ import annotations

import numpy as np

from redact.structures import BoolArray, Detections, FloatArray, IntArray, Label

_MIN_PIXELS = 6  # smaller specks are noise
_SEEDS = 2  # and those with fewer strong pixels


def movers(weak: BoolArray, strong: IntArray, width: int, height: int) -> Detections:
    """Join foreground pixels into movers; boxes in frame pixels. weak: (h, w); strong: (k,)
    positions in the flat picture."""
    import cv2

    if len(strong) < _SEEDS:
        return Detections.empty()
    h, w = weak.shape
    mask = cv2.morphologyEx(weak.view(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8))
    count, regions, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        mask,
        8,
        cv2.CV_32S,
        cv2.CCL_BBDT,  # the default is three times as slow here
    )
    if count <= 1:
        return Detections.empty()
    seeds = np.bincount(regions.reshape(-1)[strong], minlength=count)
    good = (stats[:, cv2.CC_STAT_AREA] >= _MIN_PIXELS) & (seeds >= _SEEDS)
    good[0] = False
    x, y = stats[good, cv2.CC_STAT_LEFT], stats[good, cv2.CC_STAT_TOP]
    boxes = np.stack(
        [x, y, x + stats[good, cv2.CC_STAT_WIDTH], y + stats[good, cv2.CC_STAT_HEIGHT]], axis=1
    ).astype(np.float32)
    boxes = _join(boxes)
    return Detections.of(
        boxes * np.array([width / w, height / h] * 2, np.float32), 1.0, Label.MOTION
    )


def _join(boxes: FloatArray) -> FloatArray:
    """Unite boxes that belong to one upright mover: one above the other with a small gap. The first
    pair of boxes that do first, until none do: in rain there are a thousand."""
    parts, i = boxes.copy(), 0
    while i + 1 < len(parts):
        others = np.flatnonzero(_one_mover(parts, parts[i]))
        later = others[others > i]
        if not len(later):
            i += 1
            continue
        j = int(later[0])
        parts[i, :2] = np.minimum(parts[i, :2], parts[j, :2])
        parts[i, 2:] = np.maximum(parts[i, 2:], parts[j, 2:])
        parts = np.delete(parts, j, axis=0)
        # Of those before, which had none, one may have this one now.
        before = np.flatnonzero(_one_mover(parts[:i], parts[i]))
        i = int(before[0]) if len(before) else i
    return parts


def _one_mover(boxes: FloatArray, one: FloatArray) -> BoolArray:
    """(n,) bool: whether each of the boxes (n, 4) is of the same mover as that one (4,)."""
    low, high = np.minimum(boxes, one), np.maximum(boxes, one)
    narrow = np.minimum(boxes[:, 2] - boxes[:, 0], one[2] - one[0])
    across = low[:, 2] - high[:, 0]
    gap = high[:, 1] - low[:, 3]
    wide, tall = high[:, 2] - low[:, 0], high[:, 3] - low[:, 1]
    near = gap <= np.maximum(np.float32(2.0), np.float32(0.25) * tall)
    same: BoolArray = (across >= 0.5 * narrow) & near & (tall <= 4.5 * wide)
    return same
