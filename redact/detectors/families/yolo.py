"""YOLO heads without objectness: v8, v9, v11, v12, 26, and their pose and face offspring.

One output [1, 4 + C (+ extras), A] (Ultralytics' layout) or transposed [1, A, 4 + C]: centre,
size in network pixels, then C class scores after the sigmoid. Anchor-free decoding is inside
the graph (Jocher et al., Ultralytics YOLOv8, 2023; TOOD: Feng et al., ICCV 2021).
"""

from __future__ import annotations

import numpy as np

from redact.detectors.families.base import (
    ONLY_FACE,
    Guess,
    Outputs,
    Signature,
    Size,
    Wanted,
    centre_boxes,
    expect,
    gather,
    labels_of,
    pick_classes,
)
from redact.structures import Detections, FloatArray, Label

_STRIDES = ((8, 16, 32), (8, 16, 32, 64))
_FACE_WITH_5_POINTS = 4 + 1 + 5 * 3
_PERSON_WITH_17_POINTS = 4 + 1 + 17 * 3


def guess(signature: Signature) -> Guess | None:
    """One output with a row per box value and a column per grid cell."""
    if len(signature.shapes) != 1 or len(signature.shapes[0]) != 3:
        return None
    shape = signature.shapes[0]
    anchors = [signature.cells(strides) for strides in _STRIDES]
    if shape[2] in anchors and shape[1] is not None:
        values = shape[1]
    elif shape[1] in anchors and shape[2] is not None:
        values = shape[2]
        if values == 85 and not signature.names:  # 80 classes and objectness: YOLOX
            return None
        if signature.names and values == 5 + len(signature.names):
            return None
        if values == 80 + 32:  # NanoDet-Plus
            return None
    else:
        return None
    if values < 5:
        return None
    if not signature.names and values == _FACE_WITH_5_POINTS:
        return Guess(ONLY_FACE)
    if not signature.names and values == _PERSON_WITH_17_POINTS:
        return Guess({Label.PERSON: (0,)})
    return Guess(labels_of(signature, values - 4))


def _rows(outputs: Outputs, size: Size) -> FloatArray:
    """The only output as (4 + C, A), whichever way it lies."""
    ok = len(outputs) == 1 and outputs[0].ndim == 3 and len(outputs[0]) == 1
    expect(ok, outputs, "[1, 4 + C, A]")
    table = outputs[0][0]
    anchors = {Signature(size, ()).cells(strides) for strides in _STRIDES}
    if table.shape[1] in anchors:
        rows = table
    else:
        expect(table.shape[0] in anchors, outputs, f"[1, 4 + C, A] with A in {sorted(anchors)}")
        rows = table.T
    expect(rows.shape[0] >= 5, outputs, "[1, 4 + C, A] with C >= 1")
    return np.asarray(rows, np.float32)


def decode(outputs: Outputs, size: Size, wanted: Wanted) -> Detections:
    """[1, 4 + C, A] or [1, A, 4 + C] float -> boxes in network pixels."""
    rows = _rows(outputs, size)
    return gather(
        pick_classes(rows[4:], wanted, outputs), wanted, lambda at: centre_boxes(*rows[:4, at])
    )
