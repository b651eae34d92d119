"""YOLOX: one output [1, A, 5 + C] of raw offsets and sizes, objectness and class scores.

Centre = (offset + cell) x stride, size = exp(value) x stride, score = objectness x class
(Ge et al., "YOLOX: Exceeding YOLO Series in 2021"). The picture is BGR 0..255.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from redact.detectors.families.base import (
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
    labels_of,
    pick_classes,
)
from redact.structures import Detections, FloatArray

_STRIDES = (8, 16, 32)


def guess(signature: Signature) -> Guess | None:
    """One row per grid cell, and one value more than box and classes explain."""
    if len(signature.shapes) != 1 or len(signature.shapes[0]) != 3:
        return None
    _, boxes, values = signature.shapes[0]
    classes = len(signature.names) or 80
    if boxes != signature.cells(_STRIDES) or values != 5 + classes:
        return None
    return Guess(labels_of(signature, classes), colour="bgr", std=(1.0, 1.0, 1.0))


def decode(outputs: Outputs, size: Size, wanted: Wanted) -> Detections:
    """[1, A, 5 + C] float -> boxes in network pixels."""
    cells = Signature(size, ()).cells(_STRIDES)
    ok = len(outputs) == 1 and outputs[0].ndim == 3 and outputs[0].shape[:2] == (1, cells)
    expect(ok and outputs[0].shape[2] >= 6, outputs, f"[1, {cells}, 5 + C]")
    columns = np.asarray(outputs[0][0].T, np.float32)
    check_scores(columns[4])

    def boxes(at: npt.NDArray[np.intp]) -> FloatArray:
        cell, stride = grid(size, _STRIDES)
        x, y = (columns[:2, at] + cell[at].T) * stride[at]
        w, h = np.exp(np.minimum(columns[2:4, at], 20)) * stride[at]
        return centre_boxes(x, y, w, h)

    return gather(columns[4] * pick_classes(columns[5:], wanted, outputs), wanted, boxes)
