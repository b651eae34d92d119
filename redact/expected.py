"""Where people who were lost must be, if they went on as they did.

Whoever the detector lost beside somebody who is shown is mostly behind them, and mostly not wholly:
one box is then found around two people. A lost person may be anywhere that `drifted` says, and
all of that cannot be hidden from somebody who is shown; where the last velocity leads can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from redact.structures import FloatArray, IntArray, Label, Tracks

_REACH = 1.0  # seconds for which a velocity is believed
_COMING = 0.3  # seconds before they are first found for which people are expected
_CLOCK = 1e-6  # seconds: clocks that round differently must not make other masks
_SURE = 0.35  # score that one of the sights has: unsure boxes are not expected anywhere
# One person may have two boxes, of which one ends. The other is about as large, with its upper edge
# at the same height, and began at about that time, as two boxes around one do not last.
_SAME = 0.4  # IoU
_TOP = 0.1  # of the height
_BEGAN = (-0.3, 0.4)  # seconds from the last sight of the lost one


def expected(
    lost: Tracks, shown: Tracks, window: Sequence[Tracks], times: Sequence[float], at: int
) -> FloatArray:
    """(k, 4) boxes of those of `lost` who must be somewhere in frame `at` of the window, in pixels.

    On the straight line between their sights, or led on by the last velocity. shown: people found
    in this frame who are shown; one of them may be who was lost, under another id, and that one is
    expected nowhere else.
    """
    rows = Tracks.concatenate(window)
    when = np.repeat(np.asarray(times, np.float64), [len(tracks.xyxy) for tracks in window])
    found = ((rows.label == int(Label.PERSON)) & ~rows.coasting).nonzero()[0]
    rows, when = rows.select(found), when[found]
    now = float(times[at])
    began = [_began(rows, when, int(track), now) for track in shown.track_id]
    boxes = []
    for track in lost.track_id:
        mine = (rows.track_id == track).nonzero()[0]
        if not len(mine) or rows.score[mine].max() < _SURE:
            continue
        box = _box(rows.select(mine), when[mine], now)
        if box is not None and not _taken_over(rows, when, mine, now, began):
            boxes.append(box)
    return np.array(boxes, np.float32).reshape(-1, 4)


def _box(sights: Tracks, when: FloatArray, now: float) -> FloatArray | None:
    """(4,) one person's box between, after or before their sights; None long before them."""
    later = int(np.searchsorted(when, now))
    if 0 < later < len(when):
        share = np.float32((now - when[later - 1]) / (when[later] - when[later - 1]))
        between: FloatArray = sights.xyxy[later - 1] * (1 - share) + sights.xyxy[later] * share
        return between
    if later:
        return _led(sights, later - 1, min(now - when[-1], _REACH))
    gap = when[0] - now
    # The first velocities of a track are guesses.
    settled = int(np.searchsorted(when, when[0] + _COMING, side="right")) - 1
    return _led(sights, 0, -gap, settled) if gap <= _COMING + _CLOCK else None


def _led(sights: Tracks, row: int, seconds: float, by: int | None = None) -> FloatArray:
    step = sights.velocity[row if by is None else by] * np.float32(seconds)
    box: FloatArray = sights.xyxy[row] + np.concatenate([step, step])
    return box


def _began(rows: Tracks, when: FloatArray, track: int, now: float) -> int | None:
    """The row of a track's first sight up to now."""
    mine = ((rows.track_id == track) & (when <= now)).nonzero()[0]
    return int(mine[0]) if len(mine) else None


def _taken_over(
    rows: Tracks, when: FloatArray, mine: IntArray, now: float, began: Sequence[int | None]
) -> bool:
    """Whether one who is shown is the person last seen before `now` in a row of `mine`."""
    before = mine[when[mine] < now]
    if not len(before):
        return False
    last = int(before[-1])
    for first in began:
        if (
            first is None
            or not _BEGAN[0] - _CLOCK <= when[first] - when[last] <= _BEGAN[1] + _CLOCK
        ):
            continue
        box, other = _led(rows, last, float(when[first] - when[last])), rows.xyxy[first]
        if _iou(box, other) >= _SAME and abs(box[1] - other[1]) <= _TOP * (other[3] - other[1]):
            return True
    return False


def _iou(a: FloatArray, b: FloatArray) -> float:
    """Intersection over union of two boxes (4,)."""
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    common = float(sides.prod())
    both = float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod())
    return common / max(both - common, 1e-6)
