"""From decisions to shapes: what exactly is covered in one frame.

Boxes are joined over a short window, grown by a share of their size and by speed; unexplained
motion gives way to the boxes of shown people, hidden people do not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from redact.geometry import Zone
from redact.structures import Decision, FloatArray, IntArray, Label, Mask, Reason, StreamInfo, Tracks

_UNION = 0.12  # seconds before and after over which a subject's boxes are joined
_LAG = 0.06  # seconds of movement added on every side
_KEEP = 0.1  # growth of the box of a shown person
_MOTION_GROW = 0.25  # a moving region rarely holds the whole subject
_FACE_GROW = 0.2  # a face box holds neither hair nor ears
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
    on_property = decision.reason == Reason.ON_PROPERTY
    shown = np.flatnonzero((subjects.label == Label.PERSON) & on_property)
    keep = _grown(subjects.xyxy[shown], _KEEP)
    joined = _joined_over_time(subjects, window, times, at)
    boxes, sides = [], []
    unbound = decision.reason == Reason.UNBOUND_FACE
    faces = subjects.label == Label.FACE
    # A lost face is hidden with its body; only one without a body needs a shape of its own.
    for i in np.flatnonzero(hide & ~(faces & subjects.coasting & ~unbound)):
        lag = np.abs(subjects.velocity[i]) * np.float32(_LAG)
        label = Label(subjects.label[i])
        margin = _margin(label, bool(unbound[i]), grow)
        box, side = _shape(joined[i], label, lag, margin, info)
        firm, pieces = subjects.xyxy[i], [box]
        for kept in _in_front(subjects, i, shown, keep):
            pieces = [p for piece in pieces for p in _without(piece, kept)]
        if label != Label.MOTION and not subjects.coasting[i]:
            pieces.append(firm)
        boxes += pieces
        sides += [side] * len(pieces)
    return Mask(
        np.stack(boxes) if boxes else np.zeros((0, 4), np.float32),
        np.array(sides, np.float32),
        outside=zone if decision.whole_outside else None,
        keep=keep,
    )


def _in_front(subjects: Tracks, i: int, shown: IntArray, keep: FloatArray) -> FloatArray:
    """(k, 4) boxes of shown people before which subject `i` gives way with all that is not its
    own detected box: its margins, its past and future places, and unexplained motion.

    A person who was not found in this frame gives way to people nearer to the camera, whose
    foot is lower: theirs are the pixels there, and they are probably the reason for the loss.
    """
    seen = ~subjects.coasting[shown]
    if subjects.coasting[i] and subjects.label[i] != Label.MOTION:
        return keep[seen & (subjects.xyxy[shown, 3] > subjects.xyxy[i, 3])]
    return keep if subjects.label[i] == Label.MOTION else keep[seen]


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


def _margin(label: Label, unbound: bool, grow: float) -> FloatArray:
    """Growth left, up, right, down, in shares of the box."""
    if unbound:
        return np.array(_FACE_TO_BODY, np.float32)
    extra = {Label.FACE: _FACE_GROW, Label.MOTION: _MOTION_GROW}.get(label, 0.0)
    return np.full(4, grow + extra, np.float32)


def _shape(
    box: FloatArray, label: Label, lag: FloatArray, margin: FloatArray, info: StreamInfo
) -> tuple[FloatArray, float]:
    """The box to cover and the shortest side of the person it belongs to."""
    size = box[2:] - box[:2]
    shortest = float(size.min())
    if label == Label.FACE:
        shortest *= 2.0
    elif label == Label.MOTION:
        shortest = max(shortest, _SMALLEST_SHARE * info.height)
    pad = np.tile(size, 2) * margin + np.tile(lag, 2)
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
