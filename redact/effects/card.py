"""Blur and fill, painted on a device. What is hidden, and in which colours, is decided as without
one, by the same code: the device gets planes, a grid of hidden blocks and one colour per block.

So open pixels are exact and hidden ones a function of the cells' colours alone. `fill` is equal bit
for bit, `blur` within one grey level: colours between blocks are rounded once instead of in steps.
"""

from __future__ import annotations

import numpy as np

from redact.config import EffectOptions
from redact.devices.painting import Painter
from redact.effects.blur import BlurEffect
from redact.effects.outside import BLOCK
from redact.effects.planes import Planes
from redact.effects.raster import Raster, rasterise
from redact.structures import Frame, Mask, Plane, RedactedFrame, redacted


class CardBlurEffect(BlurEffect):
    """As `BlurEffect`; state of one stream. Raises ConfigError, MissingDependencyError."""

    def __init__(self, options: EffectOptions, device: str) -> None:
        super().__init__(options)
        self._painter = Painter(device, BLOCK)

    def _painted(self, frame: Frame, lattice: list[Plane], raster: Raster) -> Planes:
        return self._painter.paint((frame.y, frame.u, frame.v), lattice, raster.hidden)


class CardFillEffect:
    """As `FillEffect`. Raises ConfigError, MissingDependencyError."""

    def __init__(self, options: EffectOptions, device: str) -> None:
        self._options = options
        self._painter = Painter(device, BLOCK)

    def reset(self) -> None:
        """Nothing of the stream is remembered."""

    def apply(self, frame: Frame, mask: Mask) -> RedactedFrame:
        """Hide what `mask` covers. Never raises on odd masks: they hide more, not less."""
        raster = rasterise(mask, frame.height, frame.width, self._options.cells)
        if not raster.shapes:
            return redacted(frame, None, 0)
        rows, columns = raster.hidden.shape
        colours = np.clip(self._options.colour, 0, 255).astype(np.uint8)
        lattice = [np.full((rows + 2, columns + 2), colour, np.uint8) for colour in colours]
        planes = self._painter.paint((frame.y, frame.u, frame.v), lattice, raster.hidden)
        return redacted(frame, planes, raster.shapes)
