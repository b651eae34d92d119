"""YOLO heads whose graph ends with the final boxes: YOLOv10 and end-to-end YOLO26 exports.

One output [1, K, 6]: left, top, right, bottom in network pixels, score, class; best K, rows
of score 0 fill the rest (Wang et al., "YOLOv10", NeurIPS 2024). Nothing to suppress, but a
rare double of the one-to-one head costs nothing to remove.
"""

from __future__ import annotations

import numpy as np

from redact.detectors.families.base import (
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
    """One output [1, K, 6]; its classes are known only where the file names them."""
    if len(signature.shapes) != 1 or len(signature.shapes[0]) != 3:
        return None
    if signature.shapes[0][2] != 6 or signature.shapes[0][1] not in (100, 300, 1000):
        return None
    return Guess(labels_of(signature, 0))


def decode(outputs: Outputs, size: Size, wanted: Wanted) -> Detections:
    """[1, K, 6] float -> boxes in network pixels."""
    del size
    ok = len(outputs) == 1 and outputs[0].ndim == 3 and outputs[0].shape[::2] == (1, 6)
    expect(ok, outputs, "[1, K, 6]")
    table = np.asarray(outputs[0][0], np.float32)
    check_scores(table[:, 4])
    hit = (table[:, 5].round() == wanted.classes[:, None]) & (table[:, 4] >= wanted.floors[:, None])
    row, column = np.nonzero(hit)
    return finish(table[column, :4], table[column, 4], wanted.labels[row], wanted.suppression)
