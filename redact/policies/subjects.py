"""Who is in a frame, as a window of frames around it knows: seen, missed in between, or not
found yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redact.drift import CLOCK, drifted
from redact.structures import FloatArray, IntArray, Label, Tracks

BRIEF = 0.2  # seconds that a subject is looked back for, beyond the time it was observed
_SURE = 0.35  # score from which on a person is certainly there
_PROOFS = 2  # sure boxes after which a person is looked back for over the whole window
_STEADY = 0.3  # seconds after which a new track's velocity is taken as known


def subjects_at(
    window: Sequence[Tracks], times: Sequence[float], at: int, brief: float = BRIEF
) -> Tracks:
    """Tracks of frame `at`, with gaps filled from both ends, and with the subjects that later
    frames of the window find first, carried back to frame `at`.

    brief: seconds that every subject is carried back for, beyond the time it was observed.

    Boxes are joined, never averaged: each result covers every place that the subject may have.
    """
    seen = _Sights.of(window, times)
    filled = _fill_gaps(window[at], seen, at)
    early = [_carried_back(seen, row, at, brief) for row in seen.first_after(at)]
    return Tracks.concatenate([filled, *(e for e in early if e is not None)])


@dataclass(frozen=True, slots=True, eq=False)
class _Sights:
    """All tracks of a window in one table, in the order of time.

    frame: (n,) the frame that each row belongs to. times: of the frames, seconds.
    """

    rows: Tracks
    frame: IntArray
    times: Sequence[float]

    @classmethod
    def of(cls, window: Sequence[Tracks], times: Sequence[float]) -> _Sights:
        frame = np.repeat(np.arange(len(window)), [len(tracks) for tracks in window])
        return cls(Tracks.concatenate(window), frame, times)

    def first_after(self, at: int) -> list[int]:
        """The first rows of the subjects that no frame up to `at` knows."""
        _, first = np.unique(self.rows.track_id, return_index=True)
        new: list[int] = np.sort(first[self.frame[first] > at]).tolist()
        return new

    def of_one(self, track_id: int) -> IntArray:
        """The rows in which a subject was found, not only followed."""
        return np.flatnonzero((self.rows.track_id == track_id) & ~self.rows.coasting)


def _carried_back(seen: _Sights, row: int, at: int, brief: float) -> Tracks | None:
    """The subject that is first known in `row`, as it may have been in frame `at`."""
    one, times = seen.rows.select(np.array([row])), seen.times
    first = times[seen.frame[row]]
    gap, observed, velocity = first - times[at], first, one.velocity[0]
    sights = seen.of_one(int(one.track_id[0]))
    if len(sights):
        observed = times[seen.frame[sights[-1]]]
        early = [r for r in sights if times[seen.frame[r]] - first <= _STEADY + CLOCK]
        velocity = seen.rows.velocity[early[-1]] if early else velocity
    # Nobody appears from nowhere: whoever is surely there was there before, too.
    sure = int((seen.rows.score[sights] >= _SURE).sum())
    certain = one.label[0] == Label.PERSON and sure >= _PROOFS
    if gap > brief + observed - first + CLOCK and not certain:
        return None
    # Looked at seldom, a subject seen once may have come from anywhere.
    runs = Label(int(one.label[0])) if len(sights) < 2 and brief > BRIEF else None
    joined = drifted(one.xyxy[0], velocity, -gap, runs)
    return Tracks(
        joined[None], one.score, one.label, one.track_id, np.array([True]), velocity[None]
    )


def _fill_gaps(now: Tracks, seen: _Sights, at: int) -> Tracks:
    """Where a coasting subject is found again, join the straight line between both ends."""
    if not now.coasting.any():
        return now
    boxes, times = now.xyxy.copy(), seen.times
    for i in np.flatnonzero(now.coasting):
        sights = seen.of_one(int(now.track_id[i]))
        until = int(np.searchsorted(seen.frame[sights], at))
        if until in (0, len(sights)):  # not found again, or never before
            continue
        before, after = sights[until - 1], sights[until]
        since, to = times[seen.frame[before]], times[seen.frame[after]]
        share = (times[at] - since) / max(to - since, 1e-6)
        start, end = seen.rows.xyxy[before], seen.rows.xyxy[after]
        boxes[i] = _join(boxes[i], start + np.float32(share) * (end - start))
    return Tracks(boxes, now.score, now.label, now.track_id, now.coasting, now.velocity)


def _join(a: FloatArray, b: FloatArray) -> FloatArray:
    low, high = np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])
    return np.concatenate([low, high]).astype(np.float32)
