"""An opaque, content-free colour: the strongest effect."""

from __future__ import annotations

import numpy as np

from redact.config import EffectOptions
from redact.effects import planes as painting
from redact.effects.planes import Planes
from redact.effects.raster import rasterise
from redact.structures import Frame, Mask, RedactedFrame, redacted


class FillEffect:
    """`EffectOptions.colour` (Y, U, V) over every hidden block. Keeps nothing of a frame."""

    def __init__(self, options: EffectOptions) -> None:
        self._options = options
        self._picture: Planes | None = None

    def reset(self) -> None:
        """Nothing of the stream is remembered."""

    def apply(self, frame: Frame, mask: Mask) -> RedactedFrame:
        """Hide what `mask` covers. Never raises on odd masks: they hide more, not less."""
        raster = rasterise(mask, frame.height, frame.width, self._options.cells)
        if not raster.shapes:
            return redacted(frame, None, 0)
        if self._picture is None or self._picture[0].shape != frame.y.shape:
            self._picture = plain(frame.height, frame.width, self._options.colour)
        planes = painting.canvas(frame)
        painting.cover(planes, self._picture, raster)
        return redacted(frame, planes, raster.shapes)


def plain(height: int, width: int, colour: tuple[int, int, int]) -> Planes:
    """Planes of one colour (Y, U, V, clipped to 0..255)."""
    picture = painting.blank(height, width)
    for plane, value in zip(picture, colour, strict=True):
        plane[:] = np.clip(value, 0, 255)
    return picture
