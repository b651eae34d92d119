"""Subjects in frames that no detector looked at, from the looks before and after.

Nothing new is claimed: whoever was seen in both looks was on the way between them, whoever was
seen in one of them may be anywhere near, and is covered there.
"""

from __future__ import annotations

import numpy as np

from redact.structures import FloatArray, Tracks

GROWTH = 0.35
"""Share of the size that a box grows by in a second without a sight of it, on each side."""


def drifted(box: FloatArray, velocity: FloatArray, gap: float) -> FloatArray:
    """(4,) everywhere a subject may be `gap` seconds after (or, negative, before) it was at
    `box`: where its velocity (2,) leads, grown with the time, and where it was."""
    reach = np.clip(gap, -1.0, 1.0)
    moved = box + np.tile(velocity * np.float32(reach), 2)
    pad = (box[2:] - box[:2]) * np.float32(GROWTH * abs(reach))
    low = np.minimum(moved[:2] - pad, box[:2])
    high = np.maximum(moved[2:] + pad, box[2:])
    return np.concatenate([low, high]).astype(np.float32)


def between(before: Tracks, after: Tracks, since: float, until: float) -> Tracks:
    """Tracks of a frame `since` seconds after the look `before` and `until` seconds before the
    look `after`.

    Seen in both: on the straight line between, with the lower score. Lost or ended at the later
    one: coasting. First seen there: left to the look-back. Raises ValueError unless since and
    until are positive.
    """
    if not (since > 0 and until > 0):
        raise ValueError("a frame between two looks lies after the one and before the other")
    share = np.float32(since / (since + until))
    later = {int(track): row for row, track in enumerate(after.track_id)}
    boxes, scores = before.xyxy.copy(), before.score.copy()
    coasting, velocity = before.coasting.copy(), before.velocity.copy()
    for row, track in enumerate(before.track_id.tolist()):
        there = later.get(track)
        if there is None:
            boxes[row] = drifted(before.xyxy[row], before.velocity[row], since)
            coasting[row] = True
        elif coasting[row] or after.coasting[there]:
            boxes[row, :2] = np.minimum(before.xyxy[row, :2], after.xyxy[there, :2])
            boxes[row, 2:] = np.maximum(before.xyxy[row, 2:], after.xyxy[there, 2:])
            coasting[row] = True
        else:
            boxes[row] += share * (after.xyxy[there] - before.xyxy[row])
            scores[row] = min(before.score[row], after.score[there])
            velocity[row] = after.velocity[there]
    return Tracks(boxes, scores, before.label, before.track_id, coasting, velocity)
