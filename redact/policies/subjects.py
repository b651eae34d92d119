"""Who is in a frame, as a window of frames around it knows: seen, missed in between, or not
found yet."""

from __future__ import annotations

import numpy as np

from redact.drift import CLOCK, drifted
from redact.policies.sights import Sights
from redact.structures import BoolArray, FloatArray, IntArray, Label, Tracks

_BRIEF = 0.2  # seconds that a subject is looked back for, beyond the time it was observed
_SURE = 0.35  # score from which on a person is certainly there
_SURE_FACE = 0.6  # the same for a face
_PROOFS = 2  # sure boxes after which a person is looked back for over the whole window
_STEADY = 0.3  # seconds after which a new track's velocity is taken as known


def subjects_at(tracks: Tracks, seen: Sights, at: int, now: float) -> Tracks:
    """The `tracks` of frame `at` of a window, `now` in seconds, with gaps filled from both ends,
    and with the subjects that later frames of the window find first, carried back to that frame.

    Boxes are joined, never averaged: each result covers every place that the subject may have.
    """
    if not len(seen.rows):
        return tracks
    return Tracks.concatenate([_fill_gaps(tracks, seen, at, now), _carried_back(seen, at, now)])


def _carried_back(seen: Sights, at: int, now: float) -> Tracks:
    """The subjects that no frame up to `at` knows, as they may have been there."""
    ids, later = seen.rows.track_id.tolist(), int(np.searchsorted(seen.frame, at, "right"))
    known = set(ids[:later])
    new = [row for row, track in enumerate(ids[later:], later) if track not in known]
    if not new:
        return Tracks.empty()
    rows, time = seen.rows.select(np.array(new)), seen.time[new]
    subject, first = _numbered(rows.track_id)
    found = ~rows.coasting
    sure = np.bincount(subject[found & (rows.score >= _SURE)], minlength=len(first))
    # As in the tracker, a face that never is sure may be texture.
    doubtful = (rows.label[first] == int(Label.FACE)) & (
        np.bincount(subject[found & (rows.score >= _SURE_FACE)], minlength=len(first)) == 0
    )
    observed = time[_last(found, subject, first)]
    begun = time[first]
    velocity = rows.velocity[
        _last(found & (time - begun[subject] <= _STEADY + CLOCK), subject, first)
    ]
    # Nobody appears from nowhere: whoever is surely there was there before, too.
    certain = (rows.label[first] == int(Label.PERSON)) & (sure >= _PROOFS)
    lately = begun - now <= _BRIEF + np.where(doubtful, 0, observed - begun) + CLOCK
    there = (certain | lately).nonzero()[0]
    one, velocity, gap = rows.select(first[there]), velocity[there], now - begun[there]
    boxes = drifted(one.xyxy, velocity, gap)
    coasting = np.ones(len(there), np.bool_)
    return Tracks(boxes, one.score, one.label, one.track_id, coasting, velocity)


def _numbered(ids: IntArray) -> tuple[IntArray, IntArray]:
    """(n,) the subjects of rows with these track ids (n,), counted up from 0 as they appear; and
    the first row of each."""
    number: dict[int, int] = {}
    subject = np.array([number.setdefault(track, len(number)) for track in ids.tolist()])
    first = np.empty(len(number), np.int64)
    first[subject[::-1]] = np.arange(len(ids))[::-1]  # the last one stays
    return subject, first


def _last(which: BoolArray, subject: IntArray, first: IntArray) -> IntArray:
    """(k,) for each subject the last of its rows that `which` picks, or its first."""
    last = first.copy()
    picked = which.nonzero()[0]
    last[subject[picked]] = picked  # rising: the last one stays
    return last


def _fill_gaps(tracks: Tracks, seen: Sights, at: int, now: float) -> Tracks:
    """Where a coasting subject is found again, join the straight line between both ends."""
    if not tracks.coasting.any():
        return tracks
    boxes = tracks.xyxy.copy()
    sights = (~seen.rows.coasting).nonzero()[0]
    ids, before = seen.rows.track_id[sights], seen.frame[sights] < at
    for i in tracks.coasting.nonzero()[0]:
        mine = ids == tracks.track_id[i]
        earlier, later = sights[mine & before], sights[mine & ~before]
        if not len(earlier) or not len(later):
            continue
        start, end = earlier[-1], later[0]
        since, until = float(seen.time[start]), float(seen.time[end])
        share = (now - since) / max(until - since, 1e-6)
        line = seen.rows.xyxy[start] + np.float32(share) * (
            seen.rows.xyxy[end] - seen.rows.xyxy[start]
        )
        boxes[i] = _join(boxes[i], line)
    return Tracks(
        boxes, tracks.score, tracks.label, tracks.track_id, tracks.coasting, tracks.velocity
    )


def _join(a: FloatArray, b: FloatArray) -> FloatArray:
    low, high = np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])
    return np.concatenate([low, high]).astype(np.float32)
