"""The learned background in place of people: nothing of them is left."""

from __future__ import annotations

import numpy as np

from redact.config import EffectOptions
from redact.effects import planes as painting
from redact.effects.fill import plain
from redact.effects.plate import Plate
from redact.effects.raster import Raster, rasterise, touched
from redact.structures import BoolArray, Frame, Mask, RedactedFrame, redacted


class EraseEffect:
    """Hidden blocks show the clean plate where it is known, `EffectOptions.colour` elsewhere.

    State of one stream: the plate, float32 and uint8 for every sample of a frame.
    """

    def __init__(self, options: EffectOptions) -> None:
        self._options = options
        self.reset()

    def reset(self) -> None:
        """Forget the background, as after a cut or a move of the camera."""
        self._plate: Plate | None = None

    def apply(self, frame: Frame, mask: Mask) -> RedactedFrame:
        """Hide what `mask` covers. Never raises on odd masks: they hide more, not less."""
        raster = rasterise(mask, frame.height, frame.width, self._options.cells)
        plate = self._plate
        if plate is None or plate.picture[0].shape != frame.y.shape:
            plate = Plate(plain(frame.height, frame.width, self._options.colour))
            self._plate = plate
        if not frame.corrupt:
            closed = _closed(raster, mask, frame.height, frame.width)
            plate.learn((frame.y, frame.u, frame.v), closed, float(frame.time))
        if not raster.shapes:
            return redacted(frame, None, 0)
        planes = painting.canvas(frame)
        painting.cover(planes, plate.picture, raster)
        return redacted(frame, planes, raster.shapes)


def _closed(raster: Raster, mask: Mask, height: int, width: int) -> BoolArray:
    """(rows, columns) bool: hidden blocks, their neighbours, and the boxes of shown people."""
    import cv2

    grown = np.asarray(cv2.dilate(raster.hidden.view(np.uint8), np.ones((3, 3), np.uint8)))
    return np.asarray((grown > 0) | touched(mask.keep, height, width), np.bool_)
