"""Which detection continues which track."""

from __future__ import annotations

import numpy as np

from redact.structures import FloatArray


def buffered(xyxy: FloatArray, share: float) -> FloatArray:
    """Boxes (n, 4) grown on every side by `share` of their width and height."""
    pad = (xyxy[:, 2:] - xyxy[:, :2]) * np.float32(share)
    return np.concatenate([xyxy[:, :2] - pad, xyxy[:, 2:] + pad], axis=1)


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of boxes (n, 4) and (m, 4) -> (n, m) float32."""
    x1, y1, x2, y2 = a.T[:, :, None]
    left, top, right, bottom = b.T
    wide = np.maximum(np.minimum(x2, right) - np.maximum(x1, left), 0)
    common = wide * np.maximum(np.minimum(y2, bottom) - np.maximum(y1, top), 0)
    union = _area(a)[:, None] + _area(b) - common
    result: FloatArray = common / np.maximum(union, 1e-6)
    return result


def _area(boxes: FloatArray) -> FloatArray:
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    area: FloatArray = size[:, 0] * size[:, 1]
    return area


def greedy_match(score: FloatArray, at_least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of a score matrix, best first, each row and column once.

    Greedy instead of Hungarian: a wrong pair costs privacy nothing, because clearance is never
    taken from an identity alone.
    """
    pairs: list[tuple[int, int]] = []
    rows, columns = (score >= at_least).nonzero()
    order = (-score[rows, columns]).argsort(kind="stable")
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    for r, c in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if r not in used_rows and c not in used_columns:
            used_rows.add(r)
            used_columns.add(c)
            pairs.append((r, c))
    return pairs
