"""YOLO heads without objectness: v8, v9, v11, v12, 26, and their pose, face and mask offspring.

One output [1, 4 + C (+ extras), A] (Ultralytics' layout) or transposed [1, A, 4 + C]: centre,
size in network pixels, then C class scores after the sigmoid, then values that are not needed
here; a mask network's second output [1, 32, H, W] neither. Anchor-free decoding is inside the
graph (Jocher et al., Ultralytics YOLOv8, 2023; TOOD: Feng et al., ICCV 2021).
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
_MASKS = 32
_PERSON_WITH_17_POINTS = 4 + 1 + 17 * 3


def guess(signature: Signature) -> Guess | None:
    """An output with a row per box value and a column per grid cell."""
    tables = [shape for shape in signature.shapes if len(shape) == 3]
    masks = [shape for shape in signature.shapes if len(shape) == 4 and shape[1] == _MASKS]
    if len(tables) != 1 or len(tables) + len(masks) != len(signature.shapes):
        return None
    shape = tables[0]
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
    return Guess(labels_of(signature, values - 4 - _MASKS * len(masks)))


def _rows(outputs: Outputs, size: Size) -> FloatArray:
    """The only output as (4 + C, A), whichever way it lies."""
    tables = [o for o in outputs if o.ndim == 3]
    expect(len(tables) == 1 and len(tables[0]) == 1, outputs, "[1, 4 + C, A]")
    table = tables[0][0]
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
