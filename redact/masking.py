"""From decisions to shapes: what exactly is covered in one frame.

Boxes are joined over a short window, grown by a share of their size and by speed. Margins and
unexplained motion give way to shown people; the detected box of a hidden person does not, unless
all that speaks against that person is doubt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from redact.expected import expected
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
_AROUND = 0.5  # seconds over which sights tell how large a face is
_CLOCK = 1e-6  # seconds: clocks that round differently must not make other masks
_LAG = 0.06  # seconds of movement added on every side
_KEEP = 0.05  # growth of the box of a shown person
_SLIVER = 4.0  # pixels: thinner rests of a box are not worth the whole block they would take
_BLOCK = 8  # pixels: effects hide whole blocks of this size
_COARSE = 16  # pixels: shapes grow to this grid, but not over somebody who surely is shown
_FIRM = 0.15  # depth on the property from which on a shown person surely is, share of the height
_HEAD = (0.5, 0.25)  # share of a box's width and height that its head takes, with the neck
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
    if not (decision.whole_outside or decision.hide.any()):
        # Nothing is drawn, but `erase` may not learn who is there as what was behind them.
        return Mask(keep=_grown(subjects.xyxy[_rows_shown(decision)], _KEEP))
    shown = _Shown.of(decision, zone, info, thorough)
    joined = _joined_over_time(subjects, window, times, at)
    unbound = decision.reason == int(Reason.UNBOUND_FACE)
    # A lost face is hidden with its body, if that is hidden; else it needs a shape of its own.
    alone = unbound | (decision.reason == int(Reason.ANY_FACE))
    with_body = (subjects.label == int(Label.FACE)) & subjects.coasting & ~alone
    rows = (decision.hide & ~with_body).nonzero()[0]
    hidden = subjects.select(rows)
    size = joined[rows, 2:] - joined[rows, :2]
    bodiless = unbound[rows]
    lost = bodiless & hidden.coasting  # no larger a body because the face was not seen for a while
    if lost.any():
        size[lost] = _sizes(hidden.select(lost), window, times, at)
    shapes = _shapes(hidden, joined[rows], size, bodiless, grow, info)
    pieces = _pieces(hidden, decision.reason[rows], shapes, shown, zone, info)
    missed = hidden.coasting & (hidden.label == int(Label.PERSON))
    if missed.any() and len(shown.bodies) and shown.may_cover:  # they may give way too much
        seen = subjects.select(shown.rows[shown.seen])
        there = expected(hidden.select(missed), seen, window, times, at)
        side = (there[:, 2:] - there[:, :2]).min(axis=1, keepdims=True)
        pieces = np.concatenate([pieces, *_firm(np.concatenate([there, side], axis=1), shown)])
    return Mask(
        pieces[:, :4],
        pieces[:, 4],
        outside=zone if decision.whole_outside else None,
        keep=shown.keep,
    )


def _pieces(
    hidden: Tracks,
    reason: npt.NDArray[np.uint8],
    shapes: FloatArray,
    shown: _Shown,
    zone: Zone,
    info: StreamInfo,
) -> FloatArray:
    """(k, 5) what is covered for the subjects that are hidden, whose boxes with margins and
    shortest sides are `shapes` (n, 5)."""
    motion, beyond = hidden.label == int(Label.MOTION), reason == int(Reason.MOTION_BEYOND)
    seen = ~motion & ~hidden.coasting
    # Such a face gives way to no body: it is on one that is shown.
    stays = ~motion & (reason == int(Reason.ANY_FACE))
    whole, side = _to_grid(shapes), shapes[:, 4:]
    cut = [_beyond(shape, zone, info) for shape in shapes[beyond]]
    pieces = [
        whole[stays],
        _without_all(np.concatenate([whole[motion & ~beyond], *cut]), shown.spared),
        _without_all(whole[seen & ~stays], shown.spared[np.tile(shown.seen, 2)]),
    ]
    lost = (~motion & ~seen & ~stays).nonzero()[0]
    covering = shown.covering(whole[lost], hidden.xyxy[lost, 3])
    pieces += [
        _without_all(whole[[i]], shown.bodies[by]) if by.any() else whole[[i]]
        for i, by in zip(lost, covering, strict=True)
    ]
    detected, unsure = np.concatenate([hidden.xyxy, side], axis=1), reason == int(Reason.UNPROVEN)
    # What all sights put on the property, only too unsurely, is mostly a second box around the
    # person shown there, or one around two: it hides what that person does not account for.
    doubtful = detected[seen & unsure]
    pieces += [_without_all(box, shown.firmly) for box in (doubtful, _to_grid(doubtful))]
    # Else what was detected in this frame gives way to nobody, only what it is rounded by.
    pieces += _firm(detected[seen & ~unsure], shown)
    return np.concatenate(pieces)


def _firm(boxes: FloatArray, shown: _Shown) -> list[FloatArray]:
    """Boxes and sides (n, 5) that give way to nobody, and what they are rounded by."""
    return [boxes, _without_all(_to_grid(boxes), shown.firmly)]


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """The people who are shown in this frame.

    rows: (k,) theirs among the subjects. keep: (k, 4) their boxes, a little grown. bodies: (k, 4)
    the boxes, to the nearest blocks. spared: (2k, 4) their heads, then what is below, with every
    block that these touch, since effects hide whole blocks; unexplained motion leaves them alone,
    and the margins and the past and future places of others those who were seen. seen: (k,) bool,
    in this frame. firm: (k,) bool, far from the outline and seen. foot: (k,) lower edges.
    may_cover: whether they may be why somebody was lost.
    """

    rows: IntArray
    keep: FloatArray
    bodies: FloatArray
    spared: FloatArray
    seen: BoolArray
    firm: BoolArray
    foot: FloatArray
    may_cover: bool

    @classmethod
    def of(cls, decision: Decision, zone: Zone, info: StreamInfo, may_cover: bool) -> _Shown:
        rows = _rows_shown(decision)
        boxes, seen = decision.tracks.xyxy[rows], ~decision.tracks.coasting[rows]
        foot = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)
        depth = zone.depth(foot, info.width, info.height)
        firm = depth >= _FIRM * (boxes[:, 3] - boxes[:, 1])
        size = np.where(firm, _BLOCK, _COARSE).astype(np.float32)[:, None]
        bodies = np.round(boxes / size) * size
        keep, spared = _grown(boxes, _KEEP), _heads_and_bodies(boxes, size)
        return cls(rows, keep, bodies, spared, seen, firm & seen, boxes[:, 3], may_cover)

    @property
    def firmly(self) -> FloatArray:
        """(j, 4) blocks of people who surely are shown."""
        blocks: FloatArray = self.bodies[self.firm]
        return blocks

    def covering(self, places: FloatArray, feet: FloatArray) -> BoolArray:
        """(l, k) bool: who of them is in a place (l, 4 or more) of one who was not found in this
        frame, and, by the feet (l,), nearer to the camera: theirs are the pixels there, and
        probably the reason for the loss. Of a detector that often takes two for one that cannot be
        said."""
        nearer = self.seen & (self.foot > feet[:, None]) & self.may_cover
        return nearer & _meet(places, self.bodies)


def _heads_and_bodies(boxes: FloatArray, block: FloatArray) -> FloatArray:
    """(2k, 4) the heads of people (k, 4), then what is below, in whole blocks of (k, 1) pixels.
    What is beside a head is not theirs: passers-by behind them show there."""
    left, top, right, bottom = boxes.T
    aside, neck = (right - left) * (1 - _HEAD[0]) / 2, top + (bottom - top) * _HEAD[1]
    head = np.stack([left + aside, top, right - aside, neck], axis=1) / block
    body = np.stack([left, neck, right, bottom], axis=1) / block
    parts = np.concatenate([head, body])
    parts[:, :2], parts[:, 2:] = np.floor(parts[:, :2]), np.ceil(parts[:, 2:])
    parts[len(boxes) :, 1] = parts[: len(boxes), 3]  # one begins where the other ends
    blocks: FloatArray = (parts * np.tile(block, (2, 1))).astype(np.float32)
    return blocks


def _rows_shown(decision: Decision) -> IntArray:
    people = decision.tracks.label == int(Label.PERSON)
    rows: IntArray = (people & (decision.reason == int(Reason.ON_PROPERTY))).nonzero()[0]
    return rows


def _to_grid(boxes: FloatArray) -> FloatArray:
    """(n, 4 or more) boxes grown to whole coarse blocks; further columns stay."""
    low, high = np.floor(boxes[:, :2] / _COARSE), np.ceil(boxes[:, 2:4] / _COARSE)
    grid = np.concatenate([low, high], axis=1).astype(np.float32) * np.float32(_COARSE)
    return np.concatenate([grid, boxes[:, 4:]], axis=1)


def _without_all(pieces: FloatArray, holes: FloatArray) -> FloatArray:
    """(n, 5) boxes and sides less (m, 4) holes -> (k, 5)."""
    if not (len(pieces) and len(holes)):
        return pieces
    # What no piece meets now, no rest of it will.
    for hole in holes[_meet(pieces, holes).any(axis=0)]:
        low, high = np.maximum(pieces[:, :2], hole[:2]), np.minimum(pieces[:, 2:4], hole[2:])
        cut = (low[:, 0] < high[:, 0]) & (low[:, 1] < high[:, 1])
        if cut.any():
            rests = _without(pieces[cut], low[cut], high[cut])
            pieces = np.concatenate([pieces[~cut], rests])
    return pieces


def _meet(a: FloatArray, b: FloatArray) -> BoolArray:
    """(n, m) bool: which of boxes (n, 4 or more) and (m, 4) have an area in common. One edge by
    the other, each column on its own, as there are few boxes."""
    x1, y1, x2, y2 = a.T[:4, :, None]
    left, top, right, bottom = b.T
    meet: BoolArray = np.maximum(x1, left) < np.minimum(x2, right)
    meet &= np.maximum(y1, top) < np.minimum(y2, bottom)
    return meet


def _grown(boxes: FloatArray, share: float) -> FloatArray:
    pad = (boxes[:, 2:] - boxes[:, :2]) * np.float32(share)
    grown: FloatArray = np.concatenate([boxes[:, :2] - pad, boxes[:, 2:] + pad], axis=1)
    return grown


def _joined_over_time(
    subjects: Tracks, window: Sequence[Tracks], times: Sequence[float], at: int
) -> FloatArray:
    """(n, 4) union of each subject's boxes within `_UNION` seconds."""
    joined, now = subjects.xyxy.copy(), times[at]
    around = [window[k] for k, t in enumerate(times) if abs(t - now) <= _UNION + _CLOCK and k != at]
    for tracks in around:
        here, there = (subjects.track_id[:, None] == tracks.track_id).nonzero()
        was, other = joined[here], tracks.xyxy[there]
        joined[here, :2] = np.minimum(was[:, :2], other[:, :2])
        joined[here, 2:] = np.maximum(was[:, 2:], other[:, 2:])
    return joined


def _sizes(lost: Tracks, window: Sequence[Tracks], times: Sequence[float], at: int) -> FloatArray:
    """(n, 2) the largest width and height that subjects who are not found in this frame had around
    the moment when they were found next to it: a last sight is often cut by what then hides them.
    """
    sizes: FloatArray = lost.xyxy[:, 2:] - lost.xyxy[:, :2]
    rows = Tracks.concatenate(window)
    when = np.repeat(times, [len(tracks) for tracks in window])
    ids, found, when = (part[~rows.coasting] for part in (rows.track_id, rows.xyxy, when))
    for i, track_id in enumerate(lost.track_id):
        mine = (ids == track_id).nonzero()[0]
        if len(mine):
            nearest = when[mine[np.abs(when[mine] - times[at]).argmin()]]
            around = found[mine[np.abs(when[mine] - nearest) <= _AROUND + _CLOCK]]
            sizes[i] = (around[:, 2:] - around[:, :2]).max(axis=0)
    return sizes


def _shapes(
    hidden: Tracks,
    boxes: FloatArray,
    size: FloatArray,
    unbound: BoolArray,
    grow: float,
    info: StreamInfo,
) -> FloatArray:
    """(n, 5) the boxes to cover, and the shortest sides of the people that they belong to.

    boxes: (n, 4) of the subjects over time. size: (n, 2) of which margins are shares. unbound: (n,)
    bool, faces without a body.
    """
    face, motion = hidden.label == int(Label.FACE), hidden.label == int(Label.MOTION)
    side = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    side[face] *= 2
    side[motion] = np.maximum(side[motion], np.float32(_SMALLEST_SHARE * info.height))
    extra = np.where(face, _FACE_GROW, np.where(motion, _MOTION_GROW, 0.0))
    margin = (grow + extra).astype(np.float32)[:, None].repeat(4, axis=1)  # left, up, right, down
    margin[unbound] = _FACE_TO_BODY
    lag = np.abs(hidden.velocity) * np.float32(_LAG)
    pad = np.concatenate([size, size], axis=1) * margin + np.concatenate([lag, lag], axis=1)
    return np.concatenate(
        [boxes[:, :2] - pad[:, :2], boxes[:, 2:] + pad[:, 2:], side[:, None]], axis=1
    )


def _beyond(shape: FloatArray, zone: Zone, info: StreamInfo) -> FloatArray:
    """(k, 5) the blocks of a box (and its side) that are not wholly on the property, as runs of
    one block's height."""
    out = _outside(zone, info.width, info.height)
    size = out.shape[::-1]  # whole numbers end far below what a box may say
    x1, y1, x2, y2 = (edge / _COARSE for edge in shape[:4].tolist())
    left, top = (max(0, min(math.floor(v), n)) for v, n in zip((x1, y1), size, strict=True))
    right, bottom = (max(0, min(math.ceil(v), n)) for v, n in zip((x2, y2), size, strict=True))
    out = out[top:bottom, left:right]
    padded = np.zeros((out.shape[0], out.shape[1] + 2), np.bool_)
    padded[:, 1:-1] = out
    before, after = padded[:, :-1], padded[:, 1:]
    (rows, first), last = (before < after).nonzero(), (before > after).nonzero()[1]
    runs = np.empty((len(rows), 5), np.float32)
    for k, edge in enumerate((first + left, rows + top, last + left, rows + (top + 1))):
        runs[:, k] = edge
    runs[:, :4] *= np.float32(_COARSE)
    runs[:, 4] = shape[4]
    return runs


@lru_cache(maxsize=16)
def _outside(zone: Zone, width: int, height: int) -> BoolArray:
    """(rows, columns) bool, read-only: the blocks of a frame that are not wholly on the
    property. Zones compare by identity, so a cached one stays valid."""
    columns, rows = np.arange(-(-width // _COARSE) + 1), np.arange(-(-height // _COARSE) + 1)
    x, y = np.meshgrid(columns * _COARSE / width, rows * _COARSE / height)
    corners = np.stack([np.clip(x, 0, 1), np.clip(y, 0, 1)], axis=-1)
    inside = zone.contains(corners.reshape(-1, 2)).reshape(x.shape)
    corner = [inside[:-1, :-1], inside[:-1, 1:], inside[1:, :-1], inside[1:, 1:]]
    out = np.asarray(~np.logical_and.reduce(corner), np.bool_)
    out.flags.writeable = False
    return out


def _without(pieces: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Boxes and their sides (n, 5), each less what lies between `low` and `high` (n, 2) in it: up
    to four each, (k, 5)."""
    parts = pieces[:, None].repeat(4, axis=1)  # above, below, to the left, to the right
    parts[:, 0, 3] = parts[:, 2, 1] = parts[:, 3, 1] = low[:, 1]
    parts[:, 1, 1] = parts[:, 2, 3] = parts[:, 3, 3] = high[:, 1]
    parts[:, 2, 2] = low[:, 0]
    parts[:, 3, 0] = high[:, 0]
    wide, tall = parts[..., 2] - parts[..., 0], parts[..., 3] - parts[..., 1]
    rests: FloatArray = parts[(wide > _SLIVER) & (tall > _SLIVER)]
    return rests
