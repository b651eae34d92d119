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
    """Unite boxes that belong to one upright mover: one above the other with a small gap."""
    parts = list(boxes)
    joined = True
    while joined:
        joined = False
        for i in range(len(parts)):
            for j in range(i + 1, len(parts)):
                if _one_mover(parts[i], parts[j]):
                    low = np.minimum(parts[i][:2], parts[j][:2])
                    high = np.maximum(parts[i][2:], parts[j][2:])
                    parts[i] = np.concatenate([low, high])
                    del parts[j]
                    joined = True
                    break
            if joined:
                break
    return np.stack(parts).astype(np.float32) if parts else boxes


def _one_mover(a: FloatArray, b: FloatArray) -> bool:
    across = min(a[2], b[2]) - max(a[0], b[0])
    if across < 0.5 * min(a[2] - a[0], b[2] - b[0]):
        return False
    gap = max(a[1], b[1]) - min(a[3], b[3])
    tall = max(a[3], b[3]) - min(a[1], b[1])
    wide = max(a[2], b[2]) - min(a[0], b[0])
    return bool(gap <= max(2.0, 0.25 * tall) and tall <= 4.5 * wide)
