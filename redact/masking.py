"""From decisions to shapes: what exactly is covered in one frame.

Boxes are joined over a short window, grown by a share of their size and by speed; unexplained
motion gives way to the boxes of shown people, hidden people do not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from redact.geometry import Zone
from redact.structures import Decision, FloatArray, IntArray, Label, Mask, StreamInfo, Tracks

_UNION = 0.12  # seconds before and after over which a subject's boxes are joined
_LAG = 0.06  # seconds of movement added on every side
_KEEP = 0.1  # growth of the box of a shown person
_MOTION_GROW = 0.25  # a moving region rarely holds the whole subject
_FACE_TO_BODY = (1.0, 0.6, 1.0, 2.0)  # growth left, up, right, down of a face without a body
_SMALLEST_SHARE = 0.06  # shortest side assumed for unknown movers, share of the frame height


def mask_of(
    info: StreamInfo,
    decision: Decision,
    window: Sequence[Tracks],
    times: Sequence[float],
    at: int,
    zone: Zone,
    grow: float,
) -> Mask:
    """The mask of frame `at` of the window. Shapes in pixels, not clipped to the frame.

    grow: margin around a hidden box on every side, share of its size.
    """
    if decision.whole_frame:
        return Mask(whole=True)
    subjects, hide = decision.tracks, decision.hide
    shown = np.flatnonzero((subjects.label == Label.PERSON) & ~hide)
    keep = _grown(subjects.xyxy[shown], _KEEP)
    joined = _joined_over_time(subjects, window, times, at)
    boxes, sides = [], []
    for i in np.flatnonzero(hide):
        size = joined[i, 2:] - joined[i, :2]
        lag = np.abs(subjects.velocity[i]) * np.float32(_LAG)
        box, side = _shape(joined[i], Label(subjects.label[i]), lag, grow, info)
        pieces = [box]
        for kept in _in_front(subjects, i, shown, keep):
            pieces = [p for piece in pieces for p in _without(piece, kept)]
        boxes += pieces
        sides += [side if side > 0 else float(size.min())] * len(pieces)
    return Mask(
        np.stack(boxes) if boxes else np.zeros((0, 4), np.float32),
        np.array(sides, np.float32),
        outside=zone if decision.whole_outside else None,
        keep=keep,
    )


def _in_front(subjects: Tracks, i: int, shown: IntArray, keep: FloatArray) -> FloatArray:
    """(k, 4) boxes of shown people whose pixels subject `i` leaves alone.

    Unexplained motion gives way to all of them. A person beyond the property gives way only
    where nothing was found of them in this frame and a shown person stands nearer, with a lower
    foot: then that person's are the pixels, and probably the reason for the loss.
    """
    if subjects.label[i] == Label.MOTION:
        return keep
    if not subjects.coasting[i]:
        return keep[:0]
    nearer = subjects.xyxy[shown, 3] > subjects.xyxy[i, 3]
    return subjects.xyxy[shown[nearer & ~subjects.coasting[shown]]]


def _grown(boxes: FloatArray, share: float) -> FloatArray:
    pad = (boxes[:, 2:] - boxes[:, :2]) * np.float32(share)
    return np.concatenate([boxes[:, :2] - pad, boxes[:, 2:] + pad], axis=1)


def _joined_over_time(
    subjects: Tracks, window: Sequence[Tracks], times: Sequence[float], at: int
) -> FloatArray:
    """(n, 4) union of each subject's boxes within `_UNION` seconds."""
    joined = subjects.xyxy.copy()
    for k, t in enumerate(times):
        if k == at or abs(t - times[at]) > _UNION:
            continue
        here, there = np.nonzero(subjects.track_id[:, None] == window[k].track_id[None])
        joined[here, :2] = np.minimum(joined[here, :2], window[k].xyxy[there, :2])
        joined[here, 2:] = np.maximum(joined[here, 2:], window[k].xyxy[there, 2:])
    return joined


def _shape(
    box: FloatArray, label: Label, lag: FloatArray, grow: float, info: StreamInfo
) -> tuple[FloatArray, float]:
    """The box to cover and the shortest side of the person it belongs to."""
    size = box[2:] - box[:2]
    shortest = float(size.min())
    if label == Label.FACE:
        pad = np.concatenate([size, size]) * np.array(_FACE_TO_BODY, np.float32)
        shortest *= 2.0
    else:
        share = grow + (_MOTION_GROW if label == Label.MOTION else 0.0)
        pad = np.concatenate([size, size]) * np.float32(share)
    if label == Label.MOTION:
        shortest = max(shortest, _SMALLEST_SHARE * info.height)
    pad += np.concatenate([lag, lag])
    return np.concatenate([box[:2] - pad[:2], box[2:] + pad[2:]]).astype(np.float32), shortest


def _without(box: FloatArray, hole: FloatArray) -> list[FloatArray]:
    """`box` less `hole`, as up to four boxes."""
    x1, y1, x2, y2 = box
    hx1, hy1, hx2, hy2 = (
        np.maximum(hole[:2], box[:2]).tolist() + np.minimum(hole[2:], box[2:]).tolist()
    )
    if hx1 >= hx2 or hy1 >= hy2:
        return [box]
    parts = [(x1, y1, x2, hy1), (x1, hy2, x2, y2), (x1, hy1, hx1, hy2), (hx2, hy1, x2, hy2)]
    return [np.array(p, np.float32) for p in parts if p[2] > p[0] and p[3] > p[1]]
