"""YOLOv5 (and v7): one output [1, A, 5 + C], centre, size, objectness, C class scores.

All values are decoded and past the sigmoid inside the graph; a box's score is objectness times
class score (Redmon & Farhadi, YOLOv3, 2018; Jocher, YOLOv5, 2020). Three anchors per cell.
"""

from __future__ import annotations

import numpy as np

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
    labels_of,
    pick_classes,
)
from redact.structures import Detections

_STRIDES = ((8, 16, 32), (8, 16, 32, 64))
_ANCHORS = 3


def guess(signature: Signature) -> Guess | None:
    """One output with three rows per grid cell."""
    if len(signature.shapes) != 1 or len(signature.shapes[0]) != 3:
        return None
    _, boxes, values = signature.shapes[0]
    if boxes not in [_ANCHORS * signature.cells(s) for s in _STRIDES]:
        return None
    return None if values is None or values < 6 else Guess(labels_of(signature, values - 5))


def decode(outputs: Outputs, size: Size, wanted: Wanted) -> Detections:
    """[1, A, 5 + C] float -> boxes in network pixels."""
    ok = len(outputs) == 1 and outputs[0].ndim == 3 and len(outputs[0]) == 1
    expect(ok and outputs[0].shape[2] >= 6, outputs, "[1, A, 5 + C]")
    counts = [_ANCHORS * Signature(size, ()).cells(s) for s in _STRIDES]
    expect(outputs[0].shape[1] in counts, outputs, f"[1, A, 5 + C] with A in {counts}")
    columns = np.asarray(outputs[0][0].T, np.float32)
    check_scores(columns[4])
    scores = columns[4] * pick_classes(columns[5:], wanted, outputs)
    return gather(scores, wanted, lambda at: centre_boxes(*columns[:4, at]))
