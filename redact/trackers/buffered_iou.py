"""A tracker whose misses add hiding and whose mistakes remove none.

Two rounds as in ByteTrack (Zhang et al., ECCV 2022): sure boxes first, then unsure ones. Boxes
are matched with a buffer as in C-BIoU (Yang et al., WACV 2023), because cameras at 5-10 frames
per second move a far person by more than their own width. Every detection starts a track at
once: a person seen for one frame is hidden in that frame. A lost track coasts on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from redact.config import TrackingOptions
from redact.drift import CLOCK, drifted
from redact.structures import Detections, FloatArray, Frame, Label, Tracks
from redact.trackers.assignment import buffered, greedy_match, iou

_SURE = 0.35
_MIN_IOU = 0.1
# Scores from which on a lost subject coasts; face models fire on texture, and bodies coast too.
_COASTS: dict[int, float] = {Label.PERSON: 0.35, Label.FACE: 0.6, Label.MOTION: 0.0}
_VELOCITY_MEMORY = 0.3  # seconds over which a velocity is averaged
_REACH = 1.0  # seconds for which a velocity is believed
_BRIEF = 0.2  # seconds that even a track seen once coasts on


@dataclass(slots=True, eq=False)
class _Track:
    track_id: int
    label: int
    box: FloatArray  # (4,) as last detected
    score: float
    born: float
    seen: float  # time of the last detection, seconds
    sure: float  # time of the last detection that was sure
    velocity: FloatArray = field(default_factory=lambda: np.zeros(2, np.float32))

    def matched(self, box: FloatArray, score: float, now: float) -> None:
        gap = max(now - self.seen, 1e-3)
        shift = ((box[:2] + box[2:]) - (self.box[:2] + self.box[2:])) / 2 / gap
        weight = min(1.0, gap / _VELOCITY_MEMORY) if self.seen > self.born else 1.0
        self.velocity = ((1 - weight) * self.velocity + weight * shift).astype(np.float32)
        self.box, self.score, self.seen = box, score, now
        if score >= _COASTS[self.label]:
            self.sure = now


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
        self._tracks: list[_Track] = []
        self._next_id = self._first_id

    def update(self, frame: Frame, detections: Detections) -> Tracks:
        """Match one frame's detections; frames must come in presentation order."""
        now = float(frame.time)
        free = set(range(len(detections)))
        fresh: set[int] = set()
        for label in Label:
            fresh |= self._match(label, detections, free, now)
        for i in sorted(free):
            self._start(detections, i, now)
            fresh.add(self._tracks[-1].track_id)
        self._tracks = [t for t in self._tracks if now <= self._until(t) + CLOCK]
        return self._snapshot(now, fresh)

    def _until(self, track: _Track) -> float:
        """How long a lost track coasts: for the time it was observed, and after that only as
        long as it is surely found now and then; a doubtful box must not hide for seconds."""
        coast = min(self._options.coast, _BRIEF + track.seen - track.born)
        return max(track.seen + min(_BRIEF, coast), track.sure + coast)

    def _match(self, label: Label, found: Detections, free: set[int], now: float) -> set[int]:
        tracks = [t for t in self._tracks if t.label == label]
        ours = (found.label == label).nonzero()[0].tolist() if len(found) else []
        fresh: set[int] = set()
        if not tracks or not ours:
            return fresh
        predicted, scores = _predicted(tracks, now), found.score.tolist()
        left = list(range(len(tracks)))
        rounds = ((_SURE, 0.0), (_SURE, self._options.buffer), (0.0, self._options.buffer))
        for at_least, buffer in rounds:
            mine = [i for i in ours if i in free and scores[i] >= at_least]
            if not left or not mine:
                continue
            score = iou(buffered(predicted[left], buffer), buffered(found.xyxy[mine], buffer))
            for r, c in greedy_match(score, _MIN_IOU):
                track, i = tracks[left[r]], mine[c]
                track.matched(found.xyxy[i], scores[i], now)
                fresh.add(track.track_id)
                free.discard(i)
            left = [k for k in left if tracks[k].track_id not in fresh]
        return fresh

    def _start(self, found: Detections, i: int, now: float) -> None:
        box, label = found.xyxy[i], int(found.label[i])
        score = float(found.score[i])
        sure = now if score >= _COASTS[label] else -np.inf
        self._tracks.append(_Track(self._next_id, label, box, score, now, now, sure))
        self._next_id += 1

    def _snapshot(self, now: float, fresh: set[int]) -> Tracks:
        tracks = self._tracks
        if not tracks:
            return Tracks.empty()
        coasting = np.array([t.track_id not in fresh for t in tracks])
        boxes, velocity = np.array([t.box for t in tracks]), np.array([t.velocity for t in tracks])
        if coasting.any():
            # Grown with the time since they were seen, joined with the last place: they may have
            # stopped.
            gap = np.array([now - t.seen for t in tracks])[coasting]
            boxes[coasting] = drifted(boxes[coasting], velocity[coasting], gap)
        return Tracks(
            boxes,
            np.array([t.score for t in tracks], np.float32),
            np.array([t.label for t in tracks], np.uint8),
            np.array([t.track_id for t in tracks], np.int64),
            coasting,
            velocity,
        )


def _predicted(tracks: list[_Track], now: float) -> FloatArray:
    """(n, 4) where the boxes should be now: constant velocity for `_REACH` seconds, then still."""
    boxes, velocity = np.array([t.box for t in tracks]), np.array([t.velocity for t in tracks])
    gap = np.array([min(now - t.seen, _REACH) for t in tracks], np.float32)[:, None]
    moved: FloatArray = boxes + np.concatenate([velocity * gap, velocity * gap], axis=1)
    return moved
