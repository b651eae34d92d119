"""SCRFD faces: per stride 8, 16, 32 a score, four distances and five points, two anchors a cell.

Outputs [1, n, 1], [1, n, 4], [1, n, 10], with or without the leading 1, told apart by shape.
Distances are in strides from the cell's corner (Guo et al., "Sample and Computation
Redistribution for Efficient Face Detection", ICLR 2022). The picture is RGB (x - 127.5) / 128.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from redact.detectors.families.base import (
    ONLY_FACE,
    Guess,
    Outputs,
    Signature,
    Size,
    Wanted,
    expect,
    gather,
    grid,
)
from redact.structures import Detections, FloatArray

_STRIDES = (8, 16, 32)
_ANCHORS = 2


def guess(signature: Signature) -> Guess | None:
    """Three scores and three boxes, with or without three sets of points."""
    widths = sorted(shape[-1] or 0 for shape in signature.shapes)
    if widths not in ([1] * 3 + [4] * 3 + [10] * 3, [1] * 3 + [4] * 3):
        return None
    return Guess(ONLY_FACE, mean=(127.5,) * 3, std=(128.0,) * 3, pad=0)


def decode(outputs: Outputs, size: Size, wanted: Wanted) -> Detections:
    """Six or nine outputs [1, n, 1 | 4 | 10] float -> boxes in network pixels."""
    scores, distances = [], []
    for stride in _STRIDES:
        count = Signature(size, ()).cells([stride]) * _ANCHORS
        score = [o for o in outputs if o.shape in ((1, count, 1), (count, 1))]
        sides = [o for o in outputs if o.shape in ((1, count, 4), (count, 4))]
        ok = len(score) == 1 and len(sides) == 1
        expect(ok, outputs, f"[1, {count}, 1] and [1, {count}, 4] once each (stride {stride})")
        scores.append(score[0].ravel())
        distances.append(sides[0].reshape(-1, 4))
    scored = np.asarray(np.concatenate(scores)[None], np.float32)
    distance = np.concatenate(distances)

    def boxes(at: npt.NDArray[np.intp]) -> FloatArray:
        cell, stride = grid(size, _STRIDES, _ANCHORS)
        sides = distance[at]
        return np.hstack([cell[at] - sides[:, :2], cell[at] + sides[:, 2:]]) * stride[at, None]

    return gather(scored, wanted, boxes)
