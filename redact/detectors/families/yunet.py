"""YuNet faces: per stride 8, 16, 32 a class score, an objectness, a box and five points.

Outputs [1, n, 1] twice, [1, n, 4] and [1, n, 10] per stride, told apart by their shapes alone
(the two scores enter symmetrically). Score = sqrt(class x objectness), centre = (cell +
offset) x stride, size = exp(value) x stride (Wu, Peng & Yu, "YuNet: A Tiny Millisecond-level
Face Detector", Machine Intelligence Research 2023). The picture is BGR 0..255.
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
    centre_boxes,
    check_scores,
    expect,
    gather,
    grid,
)
from redact.structures import Detections, FloatArray

_STRIDES = (8, 16, 32)


def guess(signature: Signature) -> Guess | None:
    """Twelve outputs: six columns of scores, three of boxes, three of points."""
    widths = sorted(shape[-1] or 0 for shape in signature.shapes)
    if widths != [1] * 6 + [4] * 3 + [10] * 3:
        return None
    return Guess(ONLY_FACE, colour="bgr", std=(1.0, 1.0, 1.0), pad=0)


def decode(outputs: Outputs, size: Size, wanted: Wanted) -> Detections:
    """Nine or twelve outputs [1, n, 1 | 4 | 10] float -> boxes in network pixels."""
    scores, offsets = [], []
    for stride in _STRIDES:
        cells = Signature(size, ()).cells([stride])
        pair = [o for o in outputs if o.shape == (1, cells, 1)]
        box = [o for o in outputs if o.shape == (1, cells, 4)]
        ok = len(pair) == 2 and len(box) == 1
        expect(ok, outputs, f"[1, {cells}, 1] twice and [1, {cells}, 4] once (stride {stride})")
        check_scores(pair[0])
        check_scores(pair[1])
        scores.append(np.sqrt(np.clip(pair[0] * pair[1], 0, 1)).ravel())
        offsets.append(box[0][0])
    score, offset = np.concatenate(scores), np.concatenate(offsets)

    def boxes(at: npt.NDArray[np.intp]) -> FloatArray:
        cell, stride = grid(size, _STRIDES)
        x, y = ((offset[at, :2] + cell[at]) * stride[at, None]).T
        w, h = (np.exp(np.minimum(offset[at, 2:4], 20)) * stride[at, None]).T
        return centre_boxes(x, y, w, h)

    return gather(np.asarray(score[None], np.float32), wanted, boxes)
