"""Pictures for a page: JPEG in memory, never anywhere else."""

from __future__ import annotations

import cv2
import numpy as np

from redact.structures import Frame, Plane, RedactedFrame

_QUALITY = 82


def jpeg_of(frame: Frame | RedactedFrame, long_side: int = 1280) -> bytes:
    """The displayed picture, scaled down to at most `long_side` pixels."""
    scale = min(1.0, long_side / max(frame.width, frame.height))
    width = max(2, round(frame.width * scale / 2) * 2)
    height = max(2, round(frame.height * scale / 2) * 2)
    planes = (
        _sized(frame.y, width, height),
        _sized(frame.u, width // 2, height // 2),
        _sized(frame.v, width // 2, height // 2),
    )
    i420 = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(height * 3 // 2, width)
    picture = cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420)
    done, content = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ValueError("the picture cannot be encoded")
    return bytes(content)


def _sized(plane: Plane, width: int, height: int) -> Plane:
    if plane.shape == (height, width):
        return np.ascontiguousarray(plane)
    whole = np.ascontiguousarray(plane)
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
