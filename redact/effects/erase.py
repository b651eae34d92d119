"""The learned background in place of people: nothing of them is left."""

from __future__ import annotations

import numpy as np

from redact.config import EffectOptions
from redact.effects import planes as painting
from redact.effects.fill import plain
from redact.effects.outside import BLOCK
from redact.effects.planes import Planes
from redact.effects.plate import Plate
from redact.effects.raster import Raster, Rect, rasterise, touched
from redact.structures import BoolArray, Frame, Mask, RedactedFrame, redacted


class EraseEffect:
    """Hidden blocks show the clean plate where it is known, a plain colour elsewhere.

    State of one stream. Costs one full plane of float32 each for y, u and v.
    """

    def __init__(self, options: EffectOptions) -> None:
        self._options = options
        self.reset()

    def reset(self) -> None:
        """Forget the background, as after a cut or a move of the camera."""
        self._plate: Plate | None = None
        self._colour: Planes | None = None

    def apply(self, frame: Frame, mask: Mask) -> RedactedFrame:
        """Hide what `mask` covers. Never raises on odd masks: they hide more, not less."""
        raster = rasterise(mask, frame.height, frame.width, self._options.cells)
        original = (frame.y, frame.u, frame.v)
        if self._colour is None or self._colour[0].shape != frame.y.shape:
            self._colour = plain(frame.height, frame.width, self._options.colour)
            self._plate = Plate(original, *raster.hidden.shape)
        assert self._plate is not None
        if not frame.corrupt:
            closed = _closed(raster, mask, frame.height, frame.width)
            self._plate.learn(original, closed, float(frame.time))
        if not raster.shapes:
            return redacted(frame, None, 0)
        planes = painting.copy(frame)
        self._cover(planes, raster)
        return redacted(frame, planes, raster.shapes)

    def _cover(self, planes: Planes, raster: Raster) -> None:
        assert self._plate is not None
        known = self._plate.known
        if raster.scattered:
            self._paint(planes, (0, 0, *known.shape), known, raster.hidden)
            return
        for rect in raster.rects:
            top, left, bottom, right = rect
            self._paint(planes, rect, known[top:bottom, left:right], None)

    def _paint(
        self, planes: Planes, rect: Rect, known: BoolArray, hidden: BoolArray | None
    ) -> None:
        """Paint the blocks of `rect`, or those of them that are `hidden`."""
        import cv2

        assert self._plate is not None
        assert self._colour is not None
        for index, plane in enumerate(planes):
            block = BLOCK >> (index > 0)
            where = painting.pixels(rect, block)
            target, picture = plane[where], self._colour[index][where]
            if known.any():
                # Values are 0..255 already, so this only rounds.
                learned = np.asarray(
                    cv2.convertScaleAbs(self._plate.planes[index][where]), np.uint8
                )
                picture = painting.chosen(learned, picture, known, block)
            if hidden is None:
                target[:] = picture
            else:
                painting.copy_blocks(target, picture, hidden, block)


def _closed(raster: Raster, mask: Mask, height: int, width: int) -> BoolArray:
    """(rows, columns) bool: hidden blocks, their neighbours, and the boxes of shown people."""
    import cv2

    grown = np.asarray(cv2.dilate(raster.hidden.view(np.uint8), np.ones((3, 3), np.uint8)))
    return np.asarray((grown > 0) | touched(mask.keep, height, width), np.bool_)
