"""Closer looks at a picture in which nothing moves.

There the motion net tells nothing, and all depends on one look at the whole picture, in which far
people are a few pixels. What does not move leaves time to look at parts of it at twice the size
(coarse to fine: Gao et al., "Dynamic Zoom-in Network", CVPR 2018):

- at one part in turn, for people beyond the property whom the whole picture did not tell of;
- around whoever was found only doubtfully. A low threshold finds people whom the network hardly
  sees, and with them trees and bins. Seen closer, people become sure and most of the others vanish:
  of 327 labelled people in clips of 720 pixels and more who got less than `DOUBT` at first, none
  got less than `FLOOR` then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import product

import numpy as np

from redact.detectors.letterbox import Window, cut_out
from redact.detectors.suppression import overlaps
from redact.protocols import Detector
from redact.structures import BoolArray, Detections, FloatArray, Frame, Label

DOUBT = 0.35
"""Score from which on nobody is doubted."""

FLOOR = 0.05
"""Least score of the closer look that leaves somebody in doubt, who then is hidden."""

FOUND = 0.25
"""Least score of those whom only a closer look tells of."""

NARROWEST = 480
"""Pixels across a part, at least: a smaller one shows nothing that the whole picture did not."""

_PARTS = list(product((0.0, 0.5, 1.0), repeat=2))
"""Where parts of half the size lie, from top to bottom and from left to right: anybody up to a
quarter of the frame's size is whole in one."""

_CLOSER = 1.5  # a part must be that many times as narrow as the frame to be worth a look
_FLATTEST = 32  # pixels of height
_ROOM = 1.5  # times the box that must fit into a part
_MOST = 4  # boxes in doubt in one frame: more are no reason to spend more time, and all are hidden
_PART = 0.3  # share of the smaller of two boxes that lies in the other where both are of one person
_SAME = 0.3  # intersection over union from which on two boxes are of one person
_EDGE = 2.0  # pixels: a box that ends this near to the edge of a part is cut by it
_EVERY, _AGAIN = 0.25, 1.0  # seconds from one part to the next, at least; and once all were seen
_ROUNDS = 3  # looks at a part for which somebody is remembered: noise makes scores rise and fall
_HELD = 8.0  # seconds for which somebody is remembered while others move
_JUMP = 1.0  # seconds that the clock goes back: another scene


@dataclass(slots=True)
class _Part:
    """What the last looks at a part told. found: people beyond the property, in frame pixels, the
    latest first; at: seconds, of the latest."""

    found: deque[Detections] = field(default_factory=partial(deque, maxlen=_ROUNDS))
    at: float = -np.inf


class CloserLooks:
    """Implements `protocols.Closer`; state of one stream.

    detector: finds people from `FLOOR` on. beyond: (n,) bool, who of those found is hidden for
    where they stand; only they are added, so that no closer look speaks for showing anybody.
    """

    def __init__(self, detector: Detector, beyond: Callable[[Detections], BoolArray]) -> None:
        self._detector = detector
        self._beyond = beyond
        self.reset()

    @classmethod
    def of(
        cls, detector: Detector, beyond: Callable[[Detections], BoolArray]
    ) -> CloserLooks | None:
        """By the same models; None for a detector that cannot tell of less sure people."""
        keener = getattr(detector, "keener", None)
        keen = None if keener is None else keener(FLOOR)
        return None if keen is None else cls(keen, beyond)

    def reset(self) -> None:
        """Forget the stream."""
        self._parts = [_Part() for _ in _PARTS]
        self._next = 0
        self._since = 0  # parts looked at since something moved
        self._time = self._still_at = -np.inf

    def refined(self, frame: Frame, found: Detections, *, still: bool, settled: bool) -> Detections:
        """See `protocols.Closer`. Raises what the detector raises."""
        now = float(frame.time)
        if now < self._time - _JUMP:
            self.reset()
        self._time = now
        if still and settled:
            found = self._confirmed(frame, found)
        people = found.xyxy[found.label == Label.PERSON]
        if still:
            self._still_at = now
            wait = _EVERY if self._since < len(_PARTS) else _AGAIN
            if now - self._parts[self._next - 1].at >= wait:
                self._search(frame, people, now)
        else:
            self._since = 0
            if now - self._still_at > _HELD:
                self._parts = [_Part() for _ in _PARTS]
        for seen in (seen for part in self._parts for seen in part.found if len(seen)):
            new = seen.select(np.flatnonzero(_apart(seen.xyxy, people)))
            found = Detections.concatenate([found, new])
            people = np.concatenate([people, new.xyxy])
        return found

    def _confirmed(self, frame: Frame, found: Detections) -> Detections:
        """Without those people less sure than `DOUBT` of whom a closer look sees nothing, not even
        a face."""
        doubtful = np.flatnonzero((found.label == Label.PERSON) & (found.score < DOUBT))
        if not 0 < len(doubtful) <= _MOST:
            return found
        gone = [row for row in doubtful.tolist() if self._nobody(frame, found, found.xyxy[row])]
        return found.select(np.setdiff1d(np.arange(len(found)), gone)) if gone else found

    def _nobody(self, frame: Frame, found: Detections, box: FloatArray) -> bool:
        """Whether a closer look at a box (4,) surely shows nobody there."""
        if _any_touches(found.xyxy[found.label == Label.FACE], box):
            return False
        window = window_around(box, frame.width, frame.height)
        if window is None:
            return False
        seen = self._look(frame, window)
        told = (seen.label == Label.FACE) | (seen.score >= FLOOR)
        return not _any_touches(seen.xyxy[told], box)

    def _search(self, frame: Frame, people: FloatArray, now: float) -> None:
        """Look at the next part for people beyond the property who are none of `people` (n, 4)."""
        window = part_of(self._next, frame.width, frame.height)
        if window is None:
            return
        seen = self._look(frame, window)
        wanted = (seen.label == Label.PERSON) & (seen.score >= FOUND)
        wanted &= ~_cut(seen.xyxy, window, frame) & _apart(seen.xyxy, people)
        seen = seen.select(np.flatnonzero(wanted))
        part = self._parts[self._next]
        part.found.appendleft(seen.select(np.flatnonzero(self._beyond(seen))))
        part.at = now
        self._next, self._since = (self._next + 1) % len(_PARTS), self._since + 1

    def _look(self, frame: Frame, window: Window) -> Detections:
        """What a part of a frame shows, in pixels of the frame."""
        (seen,) = self._detector.detect([cut_out(frame, window)])
        corner = np.array(window[:2] * 2, np.float32)
        return Detections(seen.xyxy + corner, seen.score, seen.label)


def _part_size(width: int, height: int) -> tuple[int, int] | None:
    """(width, height) of all parts of a frame: the network gets one more size of pictures at most.
    None where they would be no closer look."""
    wide = max(width // 2, NARROWEST)
    tall = round(wide * height / width)
    return (wide, tall) if wide * _CLOSER <= width and tall >= _FLATTEST else None


def part_of(index: int, width: int, height: int) -> Window | None:
    """One of the parts of a frame, but for a last odd row or column; None without any."""
    size = _part_size(width, height)
    if size is None:
        return None
    (wide, tall), (down, across) = size, _PARTS[index]
    left, top = round(across * (width - wide)) // 2 * 2, round(down * (height - tall)) // 2 * 2
    return left, top, left + wide, top + tall


def window_around(box: FloatArray, width: int, height: int) -> Window | None:
    """A window of a part's size around a box (4,), within the frame; None where the box has no room
    in it, or there are no parts."""
    size = _part_size(width, height)
    if size is None or not np.isfinite(box).all():
        return None
    (wide, tall), (left, top, right, bottom) = size, box.tolist()
    if _ROOM * (right - left) > wide or _ROOM * (bottom - top) > tall:
        return None
    x = min(max((left + right - wide) / 2, 0), width - wide)
    y = min(max((top + bottom - tall) / 2, 0), height - tall)
    x, y = int(x) // 2 * 2, int(y) // 2 * 2
    return x, y, x + wide, y + tall


def _cut(boxes: FloatArray, window: Window, frame: Frame) -> BoolArray:
    """(n,) bool: boxes (n, 4) that end at an edge of the window which is none of the frame: there
    is more of them in another part."""
    left, top, right, bottom = window
    cut = (left > 0) & (boxes[:, 0] <= left + _EDGE)
    cut |= (top > 0) & (boxes[:, 1] <= top + _EDGE)
    cut |= (right < frame.width - 1) & (boxes[:, 2] >= right - _EDGE)
    cut |= (bottom < frame.height - 1) & (boxes[:, 3] >= bottom - _EDGE)
    return np.asarray(cut, np.bool_)


def _apart(boxes: FloatArray, others: FloatArray) -> BoolArray:
    """(n,) bool: boxes (n, 4) that are of nobody among the others (m, 4)."""
    return np.asarray(~(overlaps(boxes, others) >= _SAME).any(axis=1), np.bool_)


def _any_touches(boxes: FloatArray, one: FloatArray) -> bool:
    """Whether a good part of one of the boxes (n, 4) lies in that one (4,), or the other way."""
    shared = np.minimum(boxes[:, 2:], one[2:]) - np.maximum(boxes[:, :2], one[:2])
    smaller = np.minimum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), np.prod(one[2:] - one[:2]))
    return bool((np.maximum(shared, 0).prod(axis=1) >= _PART * smaller).any())
