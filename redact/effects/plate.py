"""A clean plate: what the scene looks like without people, learned from open blocks.

Only blocks teach that were open (not hidden, not next to a hidden block, not under the box of
a shown person) and still for `_SETTLED` seconds. A masked pixel never reaches the plate, not
even through the test of stillness: that reads open blocks alone. Somebody who was never
masked and stood still is scene, as far as this file can know.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from redact.effects.cells import area_means
from redact.effects.outside import BLOCK
from redact.effects.planes import Planes, pixel_mask
from redact.structures import BoolArray

_STRIPES = 8  # a frame teaches every eighth row of the picture's stripes: bounded, even cost
_SETTLED = 1.0  # seconds for which a block must have been open and still before it teaches
_STILL = 4  # most change of a block's mean luma between two looks, in grey levels
_MEMORY = 10.0  # seconds: time constant of the running mean
_LESSONS = 3  # looks after which a block of the plate is used

_Floats = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]


class Plate:
    """The plate of one stream and frame size: y, u, v float32 of the planes' shapes.

    lessons: (rows, columns) int32, how often each block has been learned.
    """

    def __init__(self, planes: Planes, rows: int, columns: int) -> None:
        y, u, v = (np.zeros(plane.shape, np.float32) for plane in planes)
        self._planes: _Floats = (y, u, v)
        self.lessons = np.zeros((rows, columns), np.int32)
        self._mean = np.zeros((rows, columns), np.int16)
        self._closed = np.full(
            (rows, columns), np.inf
        )  # last time closed or moving; inf: never seen
        self._looked = np.full(_STRIPES, -np.inf)  # when each stripe was looked at last
        self._next = 0

    @property
    def known(self) -> BoolArray:
        """(rows, columns) bool: blocks whose background has been learned well enough."""
        return np.asarray(self.lessons >= _LESSONS, np.bool_)

    @property
    def planes(self) -> _Floats:
        return self._planes

    def learn(self, planes: Planes, closed: BoolArray, time: float) -> None:
        """Look at one stripe of the original.

        closed: (rows, columns) bool, blocks that must not teach now. time: seconds.
        """
        self._closed[closed] = time
        rows = len(closed)
        stripe, self._next = self._next, (self._next + 1) % _STRIPES
        top, bottom = rows * stripe // _STRIPES, rows * (stripe + 1) // _STRIPES
        elapsed = time - self._looked[stripe]
        self._looked[stripe] = time
        if elapsed < 0:  # the clock was set back
            self._closed[:] = time
        if top == bottom or elapsed <= 0:
            return
        span = slice(top, bottom)
        ready = self._ready(planes, closed, time, span)
        fresh = ready & (self.lessons[span] == 0)
        self._teach(planes, fresh, span, 1.0)
        self._teach(planes, ready & ~fresh, span, 1.0 - math.exp(-elapsed / _MEMORY))
        self.lessons[span] += ready

    def _ready(self, planes: Planes, closed: BoolArray, time: float, span: slice) -> BoolArray:
        """Open blocks of the stripe that have been open and still for long enough."""
        luma = planes[0][span.start * BLOCK : span.stop * BLOCK]
        mean, since = area_means(luma, BLOCK).astype(np.int16), self._closed[span]
        moved = np.abs(mean - self._mean[span]) > _STILL
        since[moved | np.isinf(since)] = time
        open_ = ~closed[span]
        # A hidden block leaves no trace, not even its mean: it counts as moved when it opens.
        self._mean[span] = np.where(open_, mean, -256)
        return np.asarray(open_ & (time - since >= _SETTLED), np.bool_)

    def _teach(self, planes: Planes, blocks: BoolArray, span: slice, weight: float) -> None:
        import cv2

        if not blocks.any():
            return
        for index, (plate, plane) in enumerate(zip(self._planes, planes, strict=True)):
            block = BLOCK >> (index > 0)
            part = slice(span.start * block, min(span.stop * block, len(plane)))
            source, height = plane[part], len(plane[part])
            mask = np.ascontiguousarray(pixel_mask(blocks, block)[:height, : plane.shape[1]])
            cv2.accumulateWeighted(source, plate[part], weight, mask)
