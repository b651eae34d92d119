"""How boxes lie in each other: parts in bodies, faces on them."""

from __future__ import annotations

import numpy as np

from redact.structures import BoolArray, FloatArray

_FACE_DOWN = 0.6  # share of a body from its top within which its face lies


def cover(boxes: FloatArray, by: FloatArray, grow: float) -> FloatArray:
    """(n, m) share of each box's area that lies in each of `by`, grown by a share of its size."""
    pad = (by[:, 2:] - by[:, :2]) * np.float32(grow)
    (left, top), (right, bottom) = (by[:, :2] - pad).T, (by[:, 2:] + pad).T
    x1, y1, x2, y2 = boxes.T[:, :, None]
    wide = np.maximum(np.minimum(x2, right) - np.maximum(x1, left), 0)
    tall = np.maximum(np.minimum(y2, bottom) - np.maximum(y1, top), 0)
    share: FloatArray = wide * tall / np.maximum((x2 - x1) * (y2 - y1), 1e-6)
    return share


def is_face_of(faces: FloatArray, bodies: FloatArray) -> tuple[BoolArray, BoolArray]:
    """(n, m) twice: the face's centre lies in the body's box or just above it; and where a face
    of that body would be."""
    centre = (faces[:, None, :2] + faces[:, None, 2:]) / 2
    size = np.maximum(bodies[None, :, 2:] - bodies[None, :, :2], 1e-6)
    place = (centre - bodies[None, :, :2]) / size
    within: BoolArray = ((place > (-0.05, -0.1)) & (place < (1.05, 1.0))).all(axis=-1)
    return within, within & (place[..., 1] < _FACE_DOWN)
