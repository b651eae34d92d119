"""DEIM, DEIMv2, D-FINE and RT-DETR exports: labels, boxes and scores of Q queries.

Outputs [1, Q] labels, [1, Q, 4] boxes and [1, Q] scores; a second input `orig_target_sizes`
(width, height) sets the scale of the boxes, and this package gives it the network's own size
(Zhao et al., "DETRs Beat YOLOs on Real-time Object Detection", CVPR 2024; Huang et al.,
"DEIM", CVPR 2025). The picture is RGB/255, stretched. One box per thing by training.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from redact.detectors.families.base import (
    COCO_PERSON,
    Guess,
    Outputs,
    Signature,
    Size,
    Wanted,
    check_scores,
    expect,
    finish,
    labels_of,
)
from redact.structures import Detections


def guess(signature: Signature) -> Guess | None:
    """Two outputs [1, Q], one [1, Q, 4], and an input for the size."""
    if "orig_target_sizes" not in signature.inputs or len(signature.shapes) != 3:
        return None
    flat = [s for s in signature.shapes if len(s) == 2]
    boxes = [s for s in signature.shapes if len(s) == 3 and s[2] == 4]
    if len(flat) != 2 or len(boxes) != 1:
        return None
    labels = labels_of(signature, 80) if signature.names else COCO_PERSON
    return Guess(labels, pad=None)


def decode(outputs: Outputs, size: Size, wanted: Wanted) -> Detections:
    """labels [1, Q] integer, boxes [1, Q, 4] float, scores [1, Q] float, in any order."""
    del size
    labels = [o for o in outputs if o.ndim == 2 and np.issubdtype(o.dtype, np.integer)]
    scores = [o for o in outputs if o.ndim == 2 and np.issubdtype(o.dtype, np.floating)]
    boxes = [o for o in outputs if o.ndim == 3 and o.shape[2] == 4]
    ok = [len(labels), len(scores), len(boxes)] == [1, 1, 1]
    ok = ok and labels[0].shape == scores[0].shape == boxes[0].shape[:2] and len(labels[0]) == 1
    expect(ok, outputs, "integer [1, Q], float [1, Q] and float [1, Q, 4]")
    score: npt.NDArray[np.float32] = np.asarray(scores[0][0], np.float32)
    check_scores(score)
    hit = (labels[0][0] == wanted.classes[:, None]) & (score >= wanted.floors[:, None])
    row, column = np.nonzero(hit)
    xyxy = np.asarray(boxes[0][0][column], np.float32)
    return finish(xyxy, score[column], wanted.labels[row], wanted.suppression)
