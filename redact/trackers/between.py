"""Subjects in frames that no detector looked at, from the looks before and after.

Nothing new is claimed: whoever was seen in both looks was on the way between them, whoever was
seen in one of them may be anywhere near, and is covered there.
"""

from __future__ import annotations

import numpy as np

from redact.drift import drifted
from redact.structures import Label, Tracks

_JITTER = 0.1  # of its height, by which the box of one who stands still may differ


def between(before: Tracks, after: Tracks, since: float, until: float) -> Tracks:
    """Tracks of a frame `since` seconds after the look `before` and `until` seconds before the
    look `after`.

    Seen in both: on the straight line between, with the lower score. Lost or ended at the later
    one, or first seen there: coasting, wherever they may have been. Raises ValueError unless since
    and until are positive.
    """
    if not (since > 0 and until > 0):
        raise ValueError("a frame between two looks lies after the one and before the other")
    share = np.float32(since / (since + until))
    later = {int(track): row for row, track in enumerate(after.track_id)}
    boxes, scores = before.xyxy.copy(), before.score.copy()
    coasting, velocity = before.coasting.copy(), before.velocity.copy()
    for row, track in enumerate(before.track_id.tolist()):
        there = later.get(track)
        if there is None or coasting[row] or after.coasting[there]:
            label = Label(int(before.label[row]))
            box = drifted(before.xyxy[row], before.velocity[row], since, label)
            if there is not None:
                box[:2] = np.minimum(box[:2], after.xyxy[there, :2])
                box[2:] = np.maximum(box[2:], after.xyxy[there, 2:])
            boxes[row], coasting[row] = box, True
        else:
            boxes[row] += share * (after.xyxy[there] - before.xyxy[row])
            scores[row] = min(before.score[row], after.score[there])
            velocity[row] = after.velocity[there]
    known = Tracks(boxes, scores, before.label, before.track_id, coasting, velocity)
    new = after.select(~np.isin(after.track_id, before.track_id))
    came = drifted(new.xyxy, new.velocity, -until, new.label)
    unseen = np.ones(len(new), np.bool_)
    newly = Tracks(came, new.score, new.label, new.track_id, unseen, new.velocity)
    return Tracks.concatenate([known, newly])


def resting(before: Tracks, now: Tracks) -> bool:
    """Whether nobody came, went, was missed or moved from one look to the next."""
    if len(before) != len(now) or before.coasting.any() or now.coasting.any():
        return False
    a, b = (tracks.select(np.argsort(tracks.track_id)) for tracks in (before, now))
    tall = b.xyxy[:, 3] - b.xyxy[:, 1]
    moved = np.abs(a.xyxy - b.xyxy).max(axis=1, initial=0)
    return bool((a.track_id == b.track_id).all() and (moved <= _JITTER * tall).all())
