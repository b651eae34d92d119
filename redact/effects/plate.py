"""A clean plate: what the scene looks like without people, learned from open blocks.

Only blocks teach that were open (not hidden, not next to a hidden block, not under the box of
a shown person) and still for `_SETTLED` seconds. A masked pixel never reaches the plate, not
even through the test of stillness: that reads open blocks alone. Somebody who was never
masked and stood still is scene, as far as this file can know.
"""

from __future__ import annotations

import math

import numpy as np

from redact.effects.cells import area_means
from redact.effects.outside import BLOCK
from redact.effects.planes import Planes, copy_blocks, pixel_mask
from redact.structures import BoolArray, Plane

_STRIPES = 8  # a frame teaches every eighth row of the picture's stripes: bounded, even cost
_SETTLED = 1.0  # seconds for which a block must have been open and still before it teaches
_STILL = 4  # most change of a block's mean luma between two looks, in grey levels
_MEMORY = 10.0  # seconds: time constant of the running mean
_UNSEEN = -256  # mean luma of a block that is hidden: any picture counts as moved against it
_LESSONS = 3  # looks after which a block of the plate is used


class Plate:
    """The plate of one stream and frame size.

    picture: uint8 planes y, u, v: the background where it is known, what was given elsewhere.
    lessons: (rows, columns) int32, how often each block has been learned; it is known after
    `_LESSONS`.
    """

    def __init__(self, picture: Planes) -> None:
        height, width = picture[0].shape
        shape = -(-height // BLOCK), -(-width // BLOCK)
        self.picture = picture
        self.lessons = np.zeros(shape, np.int32)
        self._means = tuple(np.zeros(plane.shape, np.float32) for plane in picture)
        self._mean = np.full(shape, _UNSEEN, np.int16)
        self._closed = np.zeros(shape)  # seconds: when a block was last closed or moving
        self._looked = np.full(_STRIPES, -np.inf)  # seconds: when at each stripe
        self._next = 0

    @property
    def known(self) -> BoolArray:
        """(rows, columns) bool: blocks whose background has been learned well enough."""
        return np.asarray(self.lessons >= _LESSONS, np.bool_)

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
        slowly = 1.0 - math.exp(-elapsed / _MEMORY)
        self.lessons[span] += ready
        for channel, plane in enumerate(planes):
            self._teach(channel, plane, span, ((fresh, 1.0), (ready & ~fresh, slowly)))

    def _ready(self, planes: Planes, closed: BoolArray, time: float, span: slice) -> BoolArray:
        """Open blocks of the stripe that have been open and still for long enough."""
        luma = planes[0][span.start * BLOCK : span.stop * BLOCK]
        mean, since = area_means(luma, BLOCK).astype(np.int16), self._closed[span]
        since[np.abs(mean - self._mean[span]) > _STILL] = time
        open_ = ~closed[span]
        # A hidden block leaves no trace, not even its mean: it counts as moved when it opens.
        self._mean[span] = np.where(open_, mean, _UNSEEN)
        return np.asarray(open_ & (time - since >= _SETTLED), np.bool_)

    def _teach(
        self, channel: int, plane: Plane, span: slice, lessons: tuple[tuple[BoolArray, float], ...]
    ) -> None:
        """Mix blocks of one stripe of a plane into the plate: (which, how strongly)."""
        import cv2

        block = BLOCK >> (channel > 0)
        part = slice(span.start * block, span.stop * block)
        source, mean, picture = plane[part], self._means[channel][part], self.picture[channel][part]
        height, width = source.shape
        for blocks, weight in lessons:
            if blocks.any():
                mask = pixel_mask(blocks, block)[:height, :width]
                cv2.accumulateWeighted(source, mean, weight, mask)
        known = lessons[0][0] | lessons[1][0]
        known = known & (self.lessons[span] >= _LESSONS)
        # Means of 0..255 stay in that range, so this only rounds.
        copy_blocks(picture, np.asarray(cv2.convertScaleAbs(mean), np.uint8), known, block)
