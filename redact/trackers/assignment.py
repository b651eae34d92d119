"""Which detection continues which track."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from redact.structures import FloatArray


def buffered(xyxy: FloatArray, share: float) -> FloatArray:
    """Boxes (n, 4) grown on every side by `share` of their width and height."""
    pad = (xyxy[:, 2:] - xyxy[:, :2]) * np.float32(share)
    return np.concatenate([xyxy[:, :2] - pad, xyxy[:, 2:] + pad], axis=1)


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of boxes (n, 4) and (m, 4) -> (n, m) float32."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    area_a = np.clip(a[:, 2:] - a[:, :2], 0, None).prod(-1)
    area_b = np.clip(b[:, 2:] - b[:, :2], 0, None).prod(-1)
    union = area_a[:, None] + area_b[None] - common
    result: FloatArray = (common / np.maximum(union, 1e-6)).astype(np.float32)
    return result


def greedy_match(score: FloatArray, at_least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of a score matrix, best first, each row and column once.

    Greedy instead of Hungarian: a wrong pair costs privacy nothing, because clearance is never
    taken from an identity alone.
    """
    pairs: list[tuple[int, int]] = []
    rows, columns = np.nonzero(score >= at_least)
    order: npt.NDArray[np.int64] = np.argsort(-score[rows, columns], kind="stable")
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    for k in order:
        r, c = int(rows[k]), int(columns[k])
        if r not in used_rows and c not in used_columns:
            used_rows.add(r)
            used_columns.add(c)
            pairs.append((r, c))
    return pairs
