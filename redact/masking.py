"""From decisions to shapes: what exactly is covered in one frame.

Boxes are joined over a short window, grown by a share of their size and by speed. Margins and
unexplained motion give way to shown people; the detected box of a hidden person does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from redact.geometry import Zone
from redact.structures import (
    BoolArray,
    Decision,
    FloatArray,
    IntArray,
    Label,
    Mask,
    Reason,
    StreamInfo,
    Tracks,
)

_UNION = 0.12  # seconds before and after over which a subject's boxes are joined
_CLOCK = 1e-6  # seconds: clocks that round differently must not make other masks
_LAG = 0.06  # seconds of movement added on every side
_KEEP = 0.05  # growth of the box of a shown person
_SLIVER = 4.0  # pixels: thinner rests of a box are not worth the whole block they would take
_BLOCK = 8  # pixels: effects hide whole blocks of this size
_COARSE = 16  # pixels: shapes grow to this grid, but not over somebody who surely is shown
_FIRM = 0.15  # depth on the property from which on a shown person surely is, share of the height
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
    *,
    thorough: bool = True,
) -> Mask:
    """The mask of frame `at` of the window. Shapes in pixels, not clipped to the frame.

    grow: margin around a hidden box on every side, share of its size. thorough: whether the
    detector finds practically everyone (`config.Trust`).
    """
    if decision.whole_frame:
        return Mask(whole=True)
    subjects = decision.tracks
    shown = _Shown.of(decision, zone, info, thorough)
    joined = _joined_over_time(subjects, window, times, at)
    unbound = decision.reason == Reason.UNBOUND_FACE
    # A lost face is hidden with its body, if that is hidden; else it needs a shape of its own.
    alone = unbound | (decision.reason == Reason.ANY_FACE)
    with_body = (subjects.label == Label.FACE) & subjects.coasting & ~alone
    boxes: list[FloatArray] = []
    sides: list[float] = []
    for i in np.flatnonzero(decision.hide & ~with_body).tolist():
        label = Label(int(subjects.label[i]))
        lag = np.abs(subjects.velocity[i]) * np.float32(_LAG)
        box, side = _shape(joined[i], label, lag, _margin(label, bool(unbound[i]), grow), info)
        pieces = _pieces(i, box, decision, shown, zone, info)
        boxes.append(pieces)
        sides += [side] * len(pieces)
    return Mask(
        np.concatenate(boxes) if boxes else np.zeros((0, 4), np.float32),
        np.array(sides, np.float32),
        outside=zone if decision.whole_outside else None,
        keep=shown.keep,
    )


def _pieces(
    i: int, box: FloatArray, decision: Decision, shown: _Shown, zone: Zone, info: StreamInfo
) -> FloatArray:
    """(k, 4) what is covered for subject `i`, whose box with margins is `box`."""
    subjects, reason = decision.tracks, decision.reason[i]
    pieces = _beyond(box, zone, info) if reason == Reason.MOTION_BEYOND else _to_grid(box)[None]
    if reason != Reason.ANY_FACE:  # such a face gives way to no body: it is on one that is shown
        pieces = _without_all(pieces, shown.before(subjects, i))
    if subjects.label[i] != Label.MOTION and not subjects.coasting[i]:
        # What was detected in this frame gives way to nobody, only what it is rounded by.
        detected = subjects.xyxy[i]
        rounded = _without_all(_to_grid(detected)[None], shown.in_front(detected))
        pieces = np.concatenate([pieces, detected[None], rounded])
    return pieces


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """The people who are shown in this frame.

    rows: (k,) positions among the subjects. keep: (k, 4) their boxes, a little grown.
    bodies: (k, 4) the boxes, to the nearest blocks. spared: (k, 4) the boxes with every block that
    they touch, since effects hide whole blocks. firm: (k,) bool, far from the outline and seen.
    covering: whether they may be why somebody was lost, whose box then gives way to theirs.
    """

    rows: IntArray
    keep: FloatArray
    bodies: FloatArray
    spared: FloatArray
    firm: BoolArray
    covering: bool

    @classmethod
    def of(cls, decision: Decision, zone: Zone, info: StreamInfo, covering: bool) -> _Shown:
        people = decision.tracks.label == Label.PERSON
        rows = np.flatnonzero(people & (decision.reason == Reason.ON_PROPERTY))
        boxes = decision.tracks.xyxy[rows]
        foot = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)
        depth = zone.depth(foot, info.width, info.height)
        firm = depth >= _FIRM * (boxes[:, 3] - boxes[:, 1])
        size = np.where(firm, _BLOCK, _COARSE).astype(np.float32)[:, None]
        near = boxes / size
        spared = np.concatenate([np.floor(near[:, :2]), np.ceil(near[:, 2:])], axis=1)
        firm &= ~decision.tracks.coasting[rows]
        bodies = np.round(near) * size
        return cls(rows, _grown(boxes, _KEEP), bodies, spared * size, firm, covering)

    def in_front(self, box: FloatArray) -> FloatArray:
        """(j, 4) blocks of people who surely are shown and stand nearer to the camera."""
        nearer: FloatArray = self.bodies[self.firm & (self.bodies[:, 3] > box[3])]
        return nearer

    def before(self, subjects: Tracks, i: int) -> FloatArray:
        """(j, 4) places that subject `i` leaves alone with all that is not its own detected
        box: its margins, its past and future places, and unexplained motion.

        A person who was not found in this frame gives way to people nearer to the camera,
        whose foot is lower: theirs are the pixels there, and probably the reason for the loss.
        Of a detector that often takes two for one that cannot be said.
        """
        if subjects.label[i] == Label.MOTION:
            return self.spared
        seen = ~subjects.coasting[self.rows]
        if not subjects.coasting[i]:
            return self.spared[seen]
        if not self.covering:
            return self.bodies[:0]
        nearer: BoolArray = seen & (subjects.xyxy[self.rows, 3] > subjects.xyxy[i, 3])
        in_front: FloatArray = self.bodies[nearer]
        return in_front


def _to_grid(box: FloatArray) -> FloatArray:
    low, high = np.floor(box[:2] / _COARSE), np.ceil(box[2:] / _COARSE)
    return np.concatenate([low, high]).astype(np.float32) * np.float32(_COARSE)


def _without_all(pieces: FloatArray, holes: FloatArray) -> FloatArray:
    """(n, 4) boxes less (m, 4) holes -> (k, 4)."""
    for hole in holes:
        low, high = np.maximum(pieces[:, :2], hole[:2]), np.minimum(pieces[:, 2:], hole[2:])
        cut = (low < high).all(axis=1)
        if cut.any():
            rests = [_without(piece, hole) for piece in pieces[cut]]
            pieces = np.concatenate([pieces[~cut], *rests])
    return pieces


def _grown(boxes: FloatArray, share: float) -> FloatArray:
    pad = (boxes[:, 2:] - boxes[:, :2]) * np.float32(share)
    grown: FloatArray = np.concatenate([boxes[:, :2] - pad, boxes[:, 2:] + pad], axis=1)
    return grown


def _joined_over_time(
    subjects: Tracks, window: Sequence[Tracks], times: Sequence[float], at: int
) -> FloatArray:
    """(n, 4) union of each subject's boxes within `_UNION` seconds."""
    joined = subjects.xyxy.copy()
    for k, t in enumerate(times):
        if k == at or abs(t - times[at]) > _UNION + _CLOCK:
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


def _beyond(box: FloatArray, zone: Zone, info: StreamInfo) -> FloatArray:
    """(k, 4) the blocks of a box that are not wholly on the property, as runs of one block's
    height."""
    out = _outside(zone, info.width, info.height)
    left, top = np.clip(np.floor(box[:2] / _COARSE), 0, None).astype(int).tolist()
    right, bottom = np.clip(np.ceil(box[2:] / _COARSE), 0, None).astype(int).tolist()
    out = out[top:bottom, left:right]
    edges = np.diff(np.pad(out, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    (rows, first), last = np.nonzero(edges == 1), np.nonzero(edges == -1)[1]
    runs = np.stack([first + left, rows + top, last + left, rows + top + 1], axis=1)
    return runs.astype(np.float32) * np.float32(_COARSE)


@lru_cache(maxsize=16)
def _outside(zone: Zone, width: int, height: int) -> BoolArray:
    """(rows, columns) bool, read-only: the blocks of a frame that are not wholly on the
    property. Zones compare by identity, so a cached one stays valid."""
    columns, rows = np.arange(-(-width // _COARSE) + 1), np.arange(-(-height // _COARSE) + 1)
    x, y = np.meshgrid(columns * _COARSE / width, rows * _COARSE / height)
    corners = np.stack([np.clip(x, 0, 1), np.clip(y, 0, 1)], axis=-1)
    inside = zone.contains(corners.reshape(-1, 2)).reshape(x.shape)
    out: BoolArray = ~(inside[:-1, :-1] & inside[:-1, 1:] & inside[1:, :-1] & inside[1:, 1:])
    out.flags.writeable = False
    return out


def _without(box: FloatArray, hole: FloatArray) -> FloatArray:
    """`box` less a `hole` that lies in it somewhere, as up to four boxes (k, 4)."""
    x1, y1, x2, y2 = box
    hx1, hy1, hx2, hy2 = (
        np.maximum(hole[:2], box[:2]).tolist() + np.minimum(hole[2:], box[2:]).tolist()
    )
    parts = np.array(
        [(x1, y1, x2, hy1), (x1, hy2, x2, y2), (x1, hy1, hx1, hy2), (hx2, hy1, x2, hy2)],
        np.float32,
    )
    thick: BoolArray = (parts[:, 2:] - parts[:, :2] > _SLIVER).all(axis=1)
    return parts[thick]
