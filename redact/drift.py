"""Where a subject may be some time after, or before, it was seen."""

from __future__ import annotations

import numpy as np

from redact.structures import FloatArray, Label

GROWTH = 0.35
"""Share of the size that a box grows by in a second without a sight of it, on each side."""

CLOCK = 1e-6
"""Seconds: clocks that round differently must not make other decisions."""

_FASTEST = 1.25  # a person's heights per second: a run
_HEADS = 7  # a body's height in heads


def drifted(
    box: FloatArray, velocity: FloatArray, gap: float, label: Label | None = None
) -> FloatArray:
    """(4,) everywhere a subject may be `gap` seconds after (or, negative, before) it was at
    `box`: where its velocity (2,) leads, grown with the time, and where it was.

    label: given, a velocity of zero counts as unknown, and the subject may have run.
    """
    reach = np.clip(gap, -1.0, 1.0)
    moved = box + np.tile(velocity * np.float32(reach), 2)
    pad = (box[2:] - box[:2]) * np.float32(GROWTH * abs(reach))
    if label is not None and not velocity.any():
        tall = (box[3] - box[1]) * (_HEADS if label == Label.FACE else 1)
        pad = pad + np.float32(_FASTEST * abs(reach)) * tall
    low = np.minimum(moved[:2] - pad, box[:2])
    high = np.maximum(moved[2:] + pad, box[2:])
    return np.concatenate([low, high]).astype(np.float32)
