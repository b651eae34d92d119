"""The motion net: on a fixed camera, whatever differs from the learned background.

A single running Gaussian per pixel (Wren et al., "Pfinder", PAMI 1997) on a small picture, in
luma and chroma, with two speeds: background follows the light within seconds, foreground is
absorbed only over minutes, so that a person who stands still stays in the net. The start is the
per-pixel median of the first frames, which the look-back buffer holds back anyway.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from redact.config import MotionOptions
from redact.detectors.movers import movers
from redact.structures import BoolArray, Detections, Frame, IntArray

Small = npt.NDArray[np.float32]  # (3, h, w): luma, u, v of the small picture
Levels = npt.NDArray[np.uint8]  # the same, as it came


_LIGHT_SECONDS = 4.0  # background follows the light this fast
_WEAK, _STRONG = 3.0, 6.0  # thresholds in standard deviations
_WEAK_LEVELS, _STRONG_LEVELS = 9.0, 20.0  # and at least this many grey levels
_SETTLE = 1.0  # seconds without global change before a relearned background is trusted
_LESSONS = 20  # pictures at most from which a background is relearned


class MotionNet:
    """Implements `protocols.MotionDetector`; one per stream.

    delay: frames at the start that are looked at together to learn the first background.
    """

    def __init__(self, options: MotionOptions | None = None, delay: int = 20) -> None:
        self._options = options or MotionOptions()
        self.delay = delay
        self.reset()

    def reset(self) -> None:
        """Forget the background, as after a cut."""
        self._waiting: deque[tuple[Frame, Levels]] = deque()
        self._mean: Small | None = None
        self._var: Small | None = None
        self._time = 0.0
        self._unsure_until = -np.inf
        self._settling: list[Levels] = []
        self._trusted: Small | None = None  # background before a global change
        self._moving: BoolArray | None = None  # and what stood before it

    def remember(self, frames: Iterable[Frame]) -> None:
        """Learn from frames that came before the first one pushed, if there are any. What is
        known then is what it would be had the stream begun with them; they need not be dense."""
        for frame in frames:
            self.push(frame)
        self.flush()

    def push(self, frame: Frame) -> list[Detections | None]:
        """See `protocols.MotionDetector`. Frames must all have one size."""
        small = _shrink(frame, self._options.width)
        if self._mean is not None:
            return [self._look(frame, small)]
        self._waiting.append((frame, small))
        return self._start() if len(self._waiting) > self.delay else []

    def flush(self) -> list[Detections | None]:
        return self._start() if self._waiting else []

    def _start(self) -> list[Detections | None]:
        pictures = np.stack([small for _, small in self._waiting])
        self._learn(pictures)
        self._time = float(self._waiting[0][0].time)
        waiting, self._waiting = self._waiting, deque()
        return [self._look(frame, small) for frame, small in waiting]

    def _learn(self, pictures: npt.NDArray[np.uint8]) -> None:
        """pictures: (n, 3, h, w)."""
        doubled = 2 * pictures.astype(np.uint16)
        middle = doubled_median(pictures.astype(np.uint16))
        away = np.maximum(doubled, middle) - np.minimum(doubled, middle)
        self._mean = np.multiply(middle, 0.5, dtype=np.float32)
        spread = doubled_median(away).astype(np.float32) / 4 * np.float32(1.4826)
        self._var = np.square(np.maximum(spread, np.float32(1.5))).astype(np.float32)

    def _look(self, frame: Frame, small: Levels) -> Detections | None:
        now = float(frame.time)
        step, self._time = max(now - self._time, 0.0), now
        change, square, weak = self._compared(small)
        if np.count_nonzero(weak) > self._options.global_change * weak.size:
            if not self._settling:
                self._trusted = self._mean
            self._unsure_until, self._settling = now + _SETTLE, [small]
            self._learn(small[None])
            return None
        if now < self._unsure_until:
            self._settling.append(small)
            return None
        if self._settling:
            self._relearn()
            change, square, weak = self._compared(small)
        self._moving = weak
        strong = self._strong(square, weak)
        self._update(change, square, weak, step)
        return movers(weak, strong, frame.width, frame.height)

    def _compared(self, small: Levels) -> tuple[Small, Small, BoolArray]:
        """(3, h, w) difference from the background; its square, without what the exposure does;
        (h, w) where it is weak."""
        assert self._mean is not None
        change: Small = np.subtract(small, self._mean, dtype=np.float32)
        # The camera's own exposure steps move all pixels alike; people do not.
        square = np.empty_like(change)
        np.subtract(change[0], np.median(change[0, ::4, ::4]), out=square[0])
        square[1:] = change[1:]
        np.square(square, out=square)
        assert self._var is not None
        weak = _beyond(square, self._var, _WEAK, _WEAK_LEVELS)
        return change, square, weak

    def _strong(self, square: Small, weak: BoolArray) -> IntArray:
        """(k,) positions in the flat picture where it differs strongly, which is weakly as well."""
        assert self._var is not None
        where = np.flatnonzero(weak)
        near, var = square.reshape(3, -1)[:, where], self._var.reshape(3, -1)[:, where]
        return where[_beyond(near, var, _STRONG, _STRONG_LEVELS)]

    def _relearn(self) -> None:
        """A new background after a global change: without who walked about since, nor who stood
        there before, whose place gets the old background in the new light."""
        every = -(-len(self._settling) // _LESSONS)
        self._learn(np.stack(self._settling[::every]))
        self._settling = []
        assert self._mean is not None
        if self._trusted is None or self._moving is None or self._moving.all():
            return
        for channel in range(3):
            old, new = self._trusted[channel], self._mean[channel]
            x, y = old[~self._moving], new[~self._moving]
            gain = float(((x - x.mean()) * (y - y.mean())).sum()) / max(float(x.var()) * x.size, 1)
            new[self._moving] = y.mean() + gain * (old[self._moving] - x.mean())

    def _update(self, change: Small, square: Small, moving: BoolArray, step: float) -> None:
        """Takes both arrays apart."""
        assert self._mean is not None
        assert self._var is not None
        fast = np.float32(1 - np.exp(-step / _LIGHT_SECONDS))
        slow = np.float32(1 - np.exp(-step / max(self._options.memory, 1e-3)))
        where = np.flatnonzero(moving)
        mean, flat = self._mean.reshape(3, -1), change.reshape(3, -1)
        absorbed = mean[:, where] + slow * flat[:, where]
        change *= fast
        self._mean += change
        mean[:, where] = absorbed
        square -= self._var
        square *= fast
        # The spread is learned from the background alone: what stands there is no noise of it.
        square.reshape(3, -1)[:, where] = 0
        self._var += square
        _raise_to(1.0, self._var)


def doubled_median(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """(n, ...) -> (...) twice the median over the first axis, exactly.

    Sorts no further than the middle, all places at once: a bubble sort over whole pictures is many
    times as fast as one sort for each pixel.
    """
    planes, spare = list(values.copy()), np.empty_like(values[0])
    n = len(planes)
    for top in range(n - 1, (n - 1) // 2 - 1, -1):
        for k in range(top):
            np.minimum(planes[k], planes[k + 1], out=spare)
            np.maximum(planes[k], planes[k + 1], out=planes[k + 1])
            planes[k], spare = spare, planes[k]
    return np.asarray(planes[(n - 1) // 2] + planes[n // 2], np.uint16)


def _raise_to(least: float, values: Small) -> None:
    """In place. NumPy's own is several times as slow where one side is a single number."""
    import cv2

    if values.flags.c_contiguous and values.size:
        flat = values.reshape(len(values), -1)
        cv2.max(flat, least, flat)  # type: ignore[call-overload] # a stub without numbers
    else:
        np.maximum(values, np.float32(least), out=values)


def _shrink(frame: Frame, width: int) -> Levels:
    """(3, h, w) uint8 picture at most `width` wide, without aliasing, straight from the
    planes."""
    from redact.detectors.letterbox import shrink

    w = min(frame.width, width)
    h = max(1, round(frame.height * w / frame.width))
    small: Levels = np.empty((3, h, w), np.uint8)
    for channel, plane in enumerate((frame.y, frame.u, frame.v)):
        small[channel] = shrink(plane, w, h)
    return small


def _beyond(
    square: npt.NDArray[np.float32], var: npt.NDArray[np.float32], sigmas: float, levels: float
) -> BoolArray:
    """(3, ...) squared differences and variances -> (...) where any channel differs by so many
    deviations and by so many grey levels."""
    limit = var * np.float32(sigmas**2)
    _raise_to(levels**2, limit)
    beyond: BoolArray = square > limit
    anywhere: BoolArray = beyond[0] | beyond[1] | beyond[2]
    return anywhere
