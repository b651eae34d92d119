"""Who is in a frame, as a window of frames around it knows: seen, missed in between, or not
found yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from redact.drift import CLOCK, drifted
from redact.structures import FloatArray, Label, Tracks

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
    now = window[at]
    later = [(k, window[k]) for k in range(at + 1, len(window))]
    filled = _fill_gaps(now, later, window, times, at)
    known = set(now.track_id.tolist())
    for k in range(at):
        known.update(window[k].track_id.tolist())
    early = [
        _carried_back(t, k, i, window, times, at, brief) for k, t, i in _first_seen(later, known)
    ]
    return Tracks.concatenate([filled, *(e for e in early if e is not None)])


def _first_seen(
    later: Sequence[tuple[int, Tracks]], known: set[int]
) -> list[tuple[int, Tracks, int]]:
    """(frame, tracks, row) of the first appearance of every subject not known before."""
    out: list[tuple[int, Tracks, int]] = []
    seen = set(known)
    for k, tracks in later:
        for i, track_id in enumerate(tracks.track_id.tolist()):
            if track_id not in seen:
                seen.add(track_id)
                out.append((k, tracks, i))
    return out


def _carried_back(
    tracks: Tracks,
    k: int,
    i: int,
    window: Sequence[Tracks],
    times: Sequence[float],
    at: int,
    brief: float,
) -> Tracks | None:
    track_id, gap = tracks.track_id[i], times[k] - times[at]
    observed, velocity, sure, sights = times[k], tracks.velocity[i], 0, 0
    for j in range(k, len(window)):
        row = np.flatnonzero((window[j].track_id == track_id) & ~window[j].coasting)
        if len(row):
            observed = times[j]
            sights += 1
            sure += int(window[j].score[row[0]] >= _SURE)
            if times[j] - times[k] <= _STEADY + CLOCK:
                velocity = window[j].velocity[row[0]]
    # Nobody appears from nowhere: whoever is surely there was there before, too.
    certain = tracks.label[i] == Label.PERSON and sure >= _PROOFS
    if gap > brief + observed - times[k] + CLOCK and not certain:
        return None
    box = tracks.xyxy[i]
    # Looked at seldom, a subject seen once may have come from anywhere.
    runs = Label(int(tracks.label[i])) if sights < 2 and brief > BRIEF else None
    joined = drifted(box, velocity, -gap, runs)
    one = tracks.select(np.array([i]))
    return Tracks(
        joined[None], one.score, one.label, one.track_id, np.array([True]), velocity[None]
    )


def _fill_gaps(
    now: Tracks,
    later: Sequence[tuple[int, Tracks]],
    window: Sequence[Tracks],
    times: Sequence[float],
    at: int,
) -> Tracks:
    """Where a coasting subject is found again, join the straight line between both ends."""
    if not now.coasting.any():
        return now
    boxes = now.xyxy.copy()
    for i in np.flatnonzero(now.coasting):
        after = _seen(now.track_id[i], later)
        before = _seen(now.track_id[i], [(k, window[k]) for k in range(at - 1, -1, -1)])
        if after is None or before is None:
            continue
        share = (times[at] - times[before[0]]) / max(times[after[0]] - times[before[0]], 1e-6)
        between = before[1] + np.float32(share) * (after[1] - before[1])
        boxes[i] = _join(boxes[i], between)
    return Tracks(boxes, now.score, now.label, now.track_id, now.coasting, now.velocity)


def _seen(track_id: int, frames: Sequence[tuple[int, Tracks]]) -> tuple[int, FloatArray] | None:
    for k, tracks in frames:
        row = np.flatnonzero((tracks.track_id == track_id) & ~tracks.coasting)
        if len(row):
            return k, tracks.xyxy[row[0]]
    return None


def _join(a: FloatArray, b: FloatArray) -> FloatArray:
    low, high = np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])
    return np.concatenate([low, high]).astype(np.float32)
