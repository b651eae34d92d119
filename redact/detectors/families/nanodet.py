"""NanoDet-Plus: one output [1, A, C + 4 x 8], class scores and distance distributions.

Each side's distance is the mean of a softmax over 0..7, times the stride, from the cell's
corner (RangiLyu, NanoDet-Plus, 2021; distribution focal loss: Li et al., "Generalized Focal
Loss", NeurIPS 2020). The softmax is taken for the surviving boxes alone.
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
    expect,
    gather,
    grid,
    labels_of,
    pick_classes,
)
from redact.structures import Detections, FloatArray

_STRIDES = (8, 16, 32, 64)
_BINS = 8


def guess(signature: Signature) -> Guess | None:
    """One row per grid cell over four strides, 32 values beside the classes."""
    if len(signature.shapes) != 1 or len(signature.shapes[0]) != 3:
        return None
    _, boxes, values = signature.shapes[0]
    classes = len(signature.names) or 80
    if boxes != signature.cells(_STRIDES) or values != classes + 4 * _BINS:
        return None
    return Guess(
        labels_of(signature, classes),
        colour="bgr",
        mean=(103.53, 116.28, 123.675),
        std=(57.375, 57.12, 58.395),
        pad=0,
    )


def decode(outputs: Outputs, size: Size, wanted: Wanted) -> Detections:
    """[1, A, C + 32] float -> boxes in network pixels."""
    cells = Signature(size, ()).cells(_STRIDES)
    ok = len(outputs) == 1 and outputs[0].ndim == 3 and outputs[0].shape[:2] == (1, cells)
    expect(ok and outputs[0].shape[2] > 4 * _BINS, outputs, f"[1, {cells}, C + {4 * _BINS}]")
    table = np.asarray(outputs[0][0], np.float32)

    def boxes(at: npt.NDArray[np.intp]) -> FloatArray:
        cell, stride = grid(size, _STRIDES)
        logits = table[at, -4 * _BINS :].reshape(-1, 4, _BINS)
        weight = np.exp(logits - logits.max(axis=2, keepdims=True))
        bins = np.arange(_BINS, dtype=np.float32)
        distance = (weight @ bins) / weight.sum(axis=2) * stride[at, None]
        centre = cell[at] * stride[at, None]
        return np.hstack([centre - distance[:, :2], centre + distance[:, 2:]])

    return gather(pick_classes(table[:, : -4 * _BINS].T, wanted, outputs), wanted, boxes)
