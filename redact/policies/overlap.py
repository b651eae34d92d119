"""How boxes lie in each other: parts in bodies, faces on them."""

from __future__ import annotations

import numpy as np

from redact.structures import BoolArray, FloatArray

_FACE_DOWN = 0.6  # share of a body from its top within which its face lies


def cover(boxes: FloatArray, by: FloatArray, grow: float) -> FloatArray:
    """(n, m) share of each box's area that lies in each of `by`, grown by a share of its size."""
    pad = (by[:, 2:] - by[:, :2]) * np.float32(grow)
    low = np.maximum(boxes[:, None, :2], (by[:, :2] - pad)[None])
    high = np.minimum(boxes[:, None, 2:], (by[:, 2:] + pad)[None])
    area = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(-1), 1e-6)
    share: FloatArray = np.clip(high - low, 0, None).prod(-1) / area[:, None]
    return share


def is_face_of(faces: FloatArray, bodies: FloatArray) -> tuple[BoolArray, BoolArray]:
    """(n, m) twice: the face's centre lies in the body's box or just above it; and where a face
    of that body would be."""
    centre = (faces[:, None, :2] + faces[:, None, 2:]) / 2
    size = np.maximum(bodies[None, :, 2:] - bodies[None, :, :2], 1e-6)
    place = (centre - bodies[None, :, :2]) / size
    within: BoolArray = ((place > (-0.05, -0.1)) & (place < (1.05, 1.0))).all(axis=-1)
    return within, within & (place[..., 1] < _FACE_DOWN)
