"""Where a subject may be some time after, or before, it was seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from redact.structures import FloatArray, Label

GROWTH = 0.35
"""Share of the size that a box grows by in a second without a sight of it, on each side."""

CLOCK = 1e-6
"""Seconds: clocks that round differently must not make other decisions."""

_FASTEST = 1.25  # a person's heights per second: a run
_HEADS = 7  # a body's height in heads


def drifted(
    box: FloatArray,
    velocity: FloatArray,
    gap: float | npt.NDArray[np.float64],
    label: int | npt.NDArray[np.uint8] | None = None,
) -> FloatArray:
    """(..., 4) everywhere a subject may be `gap` (...) seconds after (or, negative, before) it was
    at `box` (..., 4): where its velocity (..., 2) leads, grown with the time, and where it was.

    label: (...) given, a velocity of zero counts as unknown, and the subject may have run.
    """
    reach = np.minimum(np.maximum(np.asarray(gap, np.float64), -1.0), 1.0)[..., None]
    step = velocity * reach.astype(np.float32)
    pad = (box[..., 2:] - box[..., :2]) * (GROWTH * np.abs(reach)).astype(np.float32)
    if label is not None:
        heads = np.where(np.equal(label, int(Label.FACE)), np.float32(_HEADS), np.float32(1))
        tall = (box[..., 3] - box[..., 1]) * heads
        run = (_FASTEST * np.abs(reach)).astype(np.float32) * tall[..., None]
        pad = pad + np.where(velocity.any(axis=-1, keepdims=True), np.float32(0), run)
    low = np.minimum(box[..., :2] + step - pad, box[..., :2])
    high = np.maximum(box[..., 2:] + step + pad, box[..., 2:])
    return np.concatenate([low, high], axis=-1).astype(np.float32, copy=False)
