"""A tracker whose misses add hiding and whose mistakes remove none.

Two rounds as in ByteTrack (Zhang et al., ECCV 2022): sure boxes first, then unsure ones. Boxes
are matched with a buffer as in C-BIoU (Yang et al., WACV 2023), because cameras at 5-10 frames
per second move a far person by more than their own width. Every detection starts a track at
once: a person seen for one frame is hidden in that frame. A lost track coasts on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from redact.config import TrackingOptions
from redact.drift import CLOCK, drifted
from redact.structures import BoolArray, Detections, FloatArray, Frame, IntArray, Label, Tracks
from redact.trackers.assignment import buffered, greedy_match, iou

_SURE = 0.35
_MIN_IOU = 0.1
# Scores from which on a lost subject coasts; face models fire on texture, and bodies coast too.
_COASTS: dict[int, float] = {Label.PERSON: 0.35, Label.FACE: 0.6, Label.MOTION: 0.0}
_COASTS_OF = np.array([_COASTS[label] for label in sorted(_COASTS)])
_VELOCITY_MEMORY = 0.3  # seconds over which a velocity is averaged
_REACH = 1.0  # seconds for which a velocity is believed
_BRIEF = 0.2  # seconds that even a track seen once coasts on

_Seconds = npt.NDArray[np.float64]


@dataclass(slots=True, eq=False)
class _Followed:
    """All tracks that are followed, in the order in which they began.

    track_id: (n,). label: (n,) uint8. box: (n, 4) as last detected. score: (n,) float32. velocity:
    (n, 2). born: (n,) time of the first detection, seconds. seen: (n,) of the last one. sure: (n,)
    of the last one that was sure.
    """

    track_id: IntArray
    label: npt.NDArray[np.uint8]
    box: FloatArray
    score: FloatArray
    velocity: FloatArray
    born: _Seconds
    seen: _Seconds
    sure: _Seconds

    @classmethod
    def starting(cls, found: Detections, first_id: int, now: float) -> _Followed:
        n = len(found)
        ids, born = np.arange(first_id, first_id + n, dtype=np.int64), np.full(n, now)
        sure = np.where(_coasts(found), now, -np.inf)
        box, velocity = found.xyxy.copy(), np.zeros((n, 2), np.float32)
        return cls(ids, found.label, box, found.score.copy(), velocity, born, born.copy(), sure)

    def __len__(self) -> int:
        return len(self.track_id)

    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        return (
            *(self.track_id, self.label, self.box, self.score),
            *(self.velocity, self.born, self.seen, self.sure),
        )

    def joined(self, others: _Followed) -> _Followed:
        both = zip(self.columns(), others.columns(), strict=True)
        return _Followed(*map(np.concatenate, both))

    def select(self, index: BoolArray) -> _Followed:
        return _Followed(*(column[index] for column in self.columns()))

    def predicted(self, now: float) -> FloatArray:
        """(n, 4) where they should be: constant velocity for `_REACH` seconds, then still."""
        gap = np.minimum(now - self.seen, _REACH).astype(np.float32)[:, None]
        step = self.velocity * gap
        moved: FloatArray = self.box + np.concatenate([step, step], axis=1)
        return moved

    def see(self, rows: IntArray, found: Detections, now: float) -> None:
        """Those in `rows` (k,) are found (k) again."""
        box, was, seen = found.xyxy, self.box[rows], self.seen[rows]
        gap = np.maximum(now - seen, 1e-3)
        shift = (box[:, :2] + box[:, 2:]) - (was[:, :2] + was[:, 2:])
        shift = shift / 2 / gap.astype(np.float32)[:, None]
        weight = np.minimum(1.0, gap / _VELOCITY_MEMORY)
        weight[seen <= self.born[rows]] = 1.0
        new, old = weight.astype(np.float32)[:, None], (1 - weight).astype(np.float32)[:, None]
        self.velocity[rows] = old * self.velocity[rows] + new * shift
        self.box[rows], self.score[rows], self.seen[rows] = box, found.score, now
        self.sure[rows[_coasts(found)]] = now

    def until(self, longest: float) -> _Seconds:
        """(n,) how long those who are lost coast, at most `longest` seconds: for the time they were
        observed, and after that only as long as they are surely found now and then; a doubtful box
        must not hide for seconds."""
        coast = np.minimum(longest, _BRIEF + self.seen - self.born)
        return np.maximum(self.seen + np.minimum(_BRIEF, coast), self.sure + coast)


class BufferedIoUTracker:
    """State of one stream. Implements `protocols.Tracker`.

    first_id: track ids count up from here, so that two trackers of one stream do not meet.
    """

    def __init__(self, options: TrackingOptions | None = None, first_id: int = 1) -> None:
        self._options = options or TrackingOptions()
        self._first_id = first_id
        self.reset()

    def reset(self) -> None:
        """Forget everything, also clearance: ids start anew but are used by no one else."""
        self._tracks = _Followed.starting(Detections.empty(), self._first_id, 0.0)
        self._next_id = self._first_id

    def update(self, frame: Frame, detections: Detections) -> Tracks:
        """Match one frame's detections; frames must come in presentation order."""
        tracks, now = self._tracks, float(frame.time)
        if not len(tracks) and not len(detections):
            return Tracks.empty()
        rows, ours = self._match(detections, now)
        free = np.ones(len(detections), np.bool_)
        fresh = np.zeros(len(tracks), np.bool_)
        if len(rows):
            tracks.see(rows, detections.select(ours), now)
            free[ours], fresh[rows] = False, True
        if free.any():
            new = _Followed.starting(detections.select(free), self._next_id, now)
            tracks, self._next_id = tracks.joined(new), self._next_id + len(new)
            fresh = np.concatenate([fresh, np.ones(len(new), np.bool_)])
        stays = now <= tracks.until(self._options.coast) + CLOCK
        if not stays.all():
            tracks, fresh = tracks.select(stays), fresh[stays]
        self._tracks = tracks
        return _snapshot(tracks, ~fresh, now)

    def _match(self, found: Detections, now: float) -> tuple[IntArray, IntArray]:
        """(k,) rows of tracks, and (k,) of the detections that continue them."""
        tracks, pairs = self._tracks, list[tuple[int, int]]()
        if not len(tracks) or not len(found):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        predicted, scores = tracks.predicted(now), found.score.tolist()
        rounds = ((_SURE, 0.0), (_SURE, self._options.buffer), (0.0, self._options.buffer))
        for label in set(found.label.tolist()):
            left = (tracks.label == label).nonzero()[0].tolist()
            free = (found.label == label).nonzero()[0].tolist()
            for at_least, buffer in rounds:
                mine = [i for i in free if scores[i] >= at_least]
                if not left or not mine:
                    continue
                score = iou(buffered(predicted[left], buffer), buffered(found.xyxy[mine], buffer))
                matched = [(left[r], mine[c]) for r, c in greedy_match(score, _MIN_IOU)]
                pairs += matched
                gone, taken = {row for row, _ in matched}, {i for _, i in matched}
                left = [row for row in left if row not in gone]
                free = [i for i in free if i not in taken]
        rows, ours = np.array(pairs, np.int64).reshape(-1, 2).T
        return rows, ours


def _coasts(found: Detections) -> BoolArray:
    """(n,) bool: sure enough to coast."""
    enough: BoolArray = found.score.astype(np.float64) >= _COASTS_OF[found.label]
    return enough


def _snapshot(tracks: _Followed, coasting: BoolArray, now: float) -> Tracks:
    """What a frame at `now` holds. Those that coast (n,) are grown with the time since they were
    seen, and joined with their last place: they may have stopped."""
    boxes, velocity = tracks.box.copy(), tracks.velocity.copy()
    if coasting.any():
        gap = now - tracks.seen[coasting]
        boxes[coasting] = drifted(boxes[coasting], velocity[coasting], gap)
    ids, label = tracks.track_id.copy(), tracks.label.copy()
    return Tracks(boxes, tracks.score.copy(), label, ids, coasting, velocity)
