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
from redact.structures import BoolArray, Detections, FloatArray, Frame, IntArray, Label

Small = npt.NDArray[np.float32]  # (3, h, w): luma, u, v of the small picture


_LIGHT_SECONDS = 4.0  # background follows the light this fast
_WEAK, _STRONG = 3.0, 6.0  # thresholds in standard deviations
_WEAK_LEVELS, _STRONG_LEVELS = 9.0, 20.0  # and at least this many grey levels
_SETTLE = 1.0  # seconds without global change before a relearned background is trusted
_LESSONS = 20  # pictures at most from which a background is relearned
_MIN_PIXELS = 6  # smaller specks are noise
_SEEDS = 2  # and those with fewer strong pixels


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
        self._waiting: deque[tuple[Frame, Small]] = deque()
        self._mean: Small | None = None
        self._var: Small | None = None
        self._time = 0.0
        self._unsure_until = -np.inf
        self._settling: list[Small] = []
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

    def _learn(self, pictures: npt.NDArray[np.float32]) -> None:
        self._mean = np.median(pictures, axis=0).astype(np.float32)
        spread = np.median(np.abs(pictures - self._mean), axis=0) * 1.4826
        self._var = np.maximum(spread, 1.5).astype(np.float32) ** 2

    def _look(self, frame: Frame, small: Small) -> Detections | None:
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
        return _movers(weak, strong, frame.width, frame.height)

    def _compared(self, small: Small) -> tuple[Small, Small, BoolArray]:
        """(3, h, w) difference from the background; its square, without what the exposure does;
        (h, w) where it is weak."""
        assert self._mean is not None
        change = small - self._mean
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
        fast = 1 - np.exp(-step / _LIGHT_SECONDS)
        slow = 1 - np.exp(-step / max(self._options.memory, 1e-3))
        rate = np.array([fast, slow], np.float32)[moving.view(np.uint8)]
        change *= rate
        self._mean += change
        # The spread is learned from the background alone: what stands there is no noise of it.
        rate[moving] = 0
        square -= self._var
        square *= rate
        self._var += square
        np.maximum(self._var, 1.0, out=self._var)


def _shrink(frame: Frame, width: int) -> Small:
    """(3, h, w) float32 picture at most `width` wide, without aliasing, straight from the
    planes."""
    from redact.detectors.letterbox import shrink

    w = min(frame.width, width)
    h = max(1, round(frame.height * w / frame.width))
    small: Small = np.empty((3, h, w), np.float32)
    for channel, plane in enumerate((frame.y, frame.u, frame.v)):
        small[channel] = shrink(plane, w, h)
    return small


def _beyond(
    square: npt.NDArray[np.float32], var: npt.NDArray[np.float32], sigmas: float, levels: float
) -> BoolArray:
    """(3, ...) squared differences and variances -> (...) where any channel differs by so many
    deviations and by so many grey levels."""
    limit = var * np.float32(sigmas**2)
    np.maximum(limit, np.float32(levels**2), out=limit)
    beyond: BoolArray = square > limit
    anywhere: BoolArray = beyond[0] | beyond[1] | beyond[2]
    return anywhere


def _movers(weak: BoolArray, strong: IntArray, width: int, height: int) -> Detections:
    """Join foreground pixels into movers; boxes in frame pixels. weak: (h, w); strong: (k,)
    positions in the flat picture."""
    import cv2

    if len(strong) < _SEEDS:
        return Detections.empty()
    h, w = weak.shape
    mask = cv2.morphologyEx(weak.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8))
    count, regions, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 1:
        return Detections.empty()
    seeds = np.bincount(regions.reshape(-1)[strong], minlength=count)
    good = (stats[:, cv2.CC_STAT_AREA] >= _MIN_PIXELS) & (seeds >= _SEEDS)
    good[0] = False
    x, y = stats[good, cv2.CC_STAT_LEFT], stats[good, cv2.CC_STAT_TOP]
    boxes = np.stack(
        [x, y, x + stats[good, cv2.CC_STAT_WIDTH], y + stats[good, cv2.CC_STAT_HEIGHT]], axis=1
    ).astype(np.float32)
    boxes = _join(boxes)
    return Detections.of(
        boxes * np.array([width / w, height / h] * 2, np.float32), 1.0, Label.MOTION
    )


def _join(boxes: FloatArray) -> FloatArray:
    """Unite boxes that belong to one upright mover: one above the other with a small gap."""
    parts = list(boxes)
    joined = True
    while joined:
        joined = False
        for i in range(len(parts)):
            for j in range(i + 1, len(parts)):
                if _one_mover(parts[i], parts[j]):
                    low = np.minimum(parts[i][:2], parts[j][:2])
                    high = np.maximum(parts[i][2:], parts[j][2:])
                    parts[i] = np.concatenate([low, high])
                    del parts[j]
                    joined = True
                    break
            if joined:
                break
    return np.stack(parts).astype(np.float32) if parts else boxes


def _one_mover(a: FloatArray, b: FloatArray) -> bool:
    across = min(a[2], b[2]) - max(a[0], b[0])
    if across < 0.5 * min(a[2] - a[0], b[2] - b[0]):
        return False
    gap = max(a[1], b[1]) - min(a[3], b[3])
    tall = max(a[3], b[3]) - min(a[1], b[1])
    wide = max(a[2], b[2]) - min(a[0], b[0])
    return bool(gap <= max(2.0, 0.25 * tall) and tall <= 4.5 * wide)
