"""Default deny: a subject is shown only on consistent evidence that it stands on the property.

The test is the ground contact (bottom centre of the unclipped box) against the exact polygons.
Evidence is read over a window around the frame, in both directions of time, and one piece of
evidence against showing outweighs any number for it: hysteresis that favours hiding, without
any state. An identity carries no clearance, the window's boxes do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from redact.config import DetectorOptions, PolicyOptions
from redact.geometry import Zone
from redact.policies.doubles import doubles
from redact.policies.overlap import cover, is_face_of
from redact.policies.sights import Sights
from redact.policies.steadiness import agreeing
from redact.policies.subjects import subjects_at
from redact.policies.verdict import PROOFS, Reasons, verdicts
from redact.structures import (
    BoolArray,
    Decision,
    Detections,
    FloatArray,
    Label,
    Reason,
    StreamInfo,
    Tracks,
)

_Evidence = tuple[Reasons, BoolArray]

_EDGE = 2.0  # pixels: a box that ends this near to a frame edge is cut by it
_PART = 0.75  # share of a box within a person's from which on it is a part of that person
_COASTED = 0.05  # share of a person's height by which a coasting part may reach higher
_STEADY = 1.0  # seconds around a frame over which a person is followed through unsure boxes
_DEEP = 0.15  # share of a person's height that such feet must be within the outline
_LOST = 1.5  # seconds of sights that speak against someone who is lost: as long as people coast
_SURE = 0.35  # least score of these sights
_EVEN = 1e-3  # seconds: sights before and after that are as near as that both count, whatever
# the rounding of a clock makes of it


class PropertyPolicy:
    """Implements `protocols.Policy`. Pure: the same window gives the same decision. (What the boxes
    of the last window are evidence of is only kept to save work.)

    Motion that no shown person explains is hidden beyond the property even where it touches the
    ground on the property: nothing tells one mover from two that overlap.

    thorough: whether the detector finds practically everyone (`config.Trust`).
    """

    def __init__(
        self,
        zone: Zone,
        options: PolicyOptions | None = None,
        detector: DetectorOptions | None = None,
        *,
        thorough: bool = True,
    ) -> None:
        self._zone = zone
        self._thorough = thorough
        self._options = options or PolicyOptions()
        detector = detector or DetectorOptions()
        self._show_score = detector.show_score
        self._kept: dict[int, tuple[StreamInfo, Tracks, _Evidence]] = {}

    def decide(
        self, info: StreamInfo, window: Sequence[Tracks], times: Sequence[float], at: int
    ) -> Decision:
        """See `protocols.Policy`. Subjects include those found only later (look-back)."""
        seen = Sights.of(window, times)
        subjects = subjects_at(window[at], seen, at, times[at])
        whole_outside = self._options.outside == "all"
        if not len(subjects):
            return Decision(subjects, np.zeros(0, np.uint8), whole_outside=whole_outside)
        known = self._known(info, window)
        reason, best = self._contacts(subjects, seen, known, times, at)
        people = subjects.label == int(Label.PERSON)
        self._explain_parts(subjects, reason, people, best)
        self._explain_doubles(subjects, reason, people, seen)
        shown = people & (reason == int(Reason.ON_PROPERTY))
        self._explain_motion(subjects, reason, shown)
        self._bind_faces(subjects, reason, people)
        return Decision(subjects, reason, whole_outside=whole_outside)

    def beyond(self, info: StreamInfo, found: Detections) -> BoolArray:
        """(n,) bool: the boxes that, each alone, hide somebody for where they stand."""
        reason, _ = self._evidence(info, found)
        return np.asarray((reason >= Reason.OUTSIDE) & (reason != Reason.UNPROVEN), np.bool_)

    # -- ground contact -------------------------------------------------------------------

    def _known(self, info: StreamInfo, window: Sequence[Tracks]) -> _Evidence:
        """The evidence of all rows of a window. That of a frame's tracks is kept as long as they
        are in the window, which moves on by one frame at a time."""
        kept, now = self._kept, {}
        for tracks in window:
            had = kept.get(id(tracks))
            if had is None or had[0] is not info:
                had = info, tracks, self._evidence(info, tracks)
            now[id(tracks)] = had  # holds the tracks, so that no others get their id
        self._kept = now
        each = [now[id(tracks)][2] for tracks in window if len(tracks)]
        reasons, deep = map(np.concatenate, zip(*each, strict=True))
        return reasons, deep

    def _evidence(self, info: StreamInfo, tracks: Tracks | Detections) -> _Evidence:
        """(n,) `Reason` that each box alone gives: ON_PROPERTY, OUTSIDE, FOOT_UNKNOWN or, for
        a box on the property that is not sure enough to show anyone, UNPROVEN. And (n,) bool,
        whether its foot is well within the outline."""
        box = tracks.xyxy.astype(np.float64)
        w, h = float(info.width), float(info.height)
        foot = np.stack([(box[:, 0] + box[:, 2]) / 2, box[:, 3]], axis=1)
        tall = box[:, 3] - box[:, 1]
        cut_below = box[:, 3] >= h - _EDGE
        deep = self._zone.depth(foot, w, h)
        depth, cut = deep, cut_below.nonzero()[0]
        if len(cut):
            foot[cut, 1] = h
            depth = deep.copy()
            depth[cut] = self._zone.depth(foot[cut], w, h)
        on = depth >= self._options.margin * tall
        reason = np.full(len(box), Reason.OUTSIDE, np.uint8)
        reason[on] = Reason.ON_PROPERTY
        reason[on & (tracks.score < self._show_score)] = Reason.UNPROVEN
        for beside, x in ((box[:, 0] <= _EDGE, 0.0), (box[:, 2] >= w - _EDGE, w)):
            rows = (beside & (reason < int(Reason.OUTSIDE))).nonzero()[0]
            if len(rows):
                # The true centre lies towards or beyond the edge: the owner must own it up to it.
                at_edge = np.stack([np.full(len(rows), x), foot[rows, 1]], axis=1)
                reason[rows[~self._zone.contains(at_edge / (w, h))]] = Reason.FOOT_UNKNOWN
        reason[cut_below & (reason == int(Reason.OUTSIDE))] = Reason.FOOT_UNKNOWN
        return reason, deep >= _DEEP * tall

    def _contacts(
        self, subjects: Tracks, seen: Sights, known: _Evidence, times: Sequence[float], at: int
    ) -> tuple[Reasons, FloatArray]:
        """The worst evidence that each subject gives within `proof` seconds of the frame, and
        its best score there."""
        # Rows of the subjects, found and not only followed; `of` tells whose each is.
        order = np.argsort(subjects.track_id)
        place = np.searchsorted(subjects.track_id[order], seen.rows.track_id)
        of = order[np.minimum(place, len(order) - 1)]
        mine = (subjects.track_id[of] == seen.rows.track_id) & ~seen.rows.coasting
        rows = mine.nonzero()[0]
        of, score, when = of[rows], seen.rows.score[rows], seen.time[rows] - times[at]
        evidence, deep = known[0][rows], known[1][rows]
        away = np.abs(when)
        near = away <= self._reach(times, at)
        for lost in (np.bincount(of[near], minlength=len(subjects)) == 0).nonzero()[0]:
            sights = (of == lost).nonzero()[0]
            if len(sights):  # lost for longer than that: its last place counts, or its next one
                near[sights[away[sights] <= away[sights].min() + _EVEN]] = True
        # An unsure box counts in its own frame, but does not outvote sure ones around it.
        sure = near & ((score >= self._show_score) | (away < 1e-6))
        proven = np.bincount(of[sure], minlength=len(subjects)) >= PROOFS
        counted = np.where(proven[of], sure, near)
        best = np.zeros(len(subjects), np.float32)
        np.maximum.at(best, of[near], score[near])
        reason = verdicts(evidence[counted], of[counted], subjects.coasting)
        if self._thorough:
            # Whoever merged with a resident's box before they were lost got no clearance by that.
            # (Other detectors exchange people too often to know whose sights those were.)
            told = subjects.coasting[of] & (away <= _LOST) & (score >= _SURE)
            against = evidence[told] == int(Reason.OUTSIDE)
            mixed = np.bincount(of[told][against], minlength=len(subjects)) > 0
            reason[mixed & (reason == int(Reason.LOST_ON_PROPERTY))] = Reason.OUTSIDE
        unsure = (reason == int(Reason.UNPROVEN)) & (subjects.label == int(Label.PERSON))
        for i in (unsure & ~subjects.coasting).nonzero()[0]:
            own = ((of == i) & (away <= _STEADY)).nonzero()[0]
            boxes = seen.rows.xyxy[rows[own]]
            if self._steady(boxes, (evidence[own], deep[own]), when[own], near[own]):
                reason[i] = Reason.ON_PROPERTY
        return reason, best

    def _steady(
        self,
        boxes: FloatArray,
        known: _Evidence,
        when: npt.NDArray[np.float64],
        near: BoolArray,
    ) -> bool:
        """Whether someone seen on the property, but not surely, walks on as they did when they
        surely were, and well within it: the place of the feet is then known all the same.

        boxes: (n, 4) of one subject, none of them coasting. known: their evidence. when: (n,)
        seconds from the frame. near: (n,) bool, those that count in it.
        """
        found, deep = known
        sure = found == int(Reason.ON_PROPERTY)
        if not (sure | (found == int(Reason.UNPROVEN))).all():
            return False
        proof = sure | (agreeing(boxes, when, sure) & deep)
        here = np.abs(when) < 1e-6
        return bool(proof[here].any() and (proof & near).sum() >= PROOFS)

    def _reach(self, times: Sequence[float], at: int) -> float:
        """Seconds around the frame from which evidence counts: at least the next frames."""
        beside = [abs(times[k] - times[at]) for k in (at - 1, at + 1) if 0 <= k < len(times)]
        return max([self._options.proof, *beside]) + 1e-6

    # -- what is explained by a person ----------------------------------------------------

    def _explain_parts(
        self, subjects: Tracks, reason: Reasons, people: BoolArray, best: FloatArray
    ) -> None:
        """An unsure box within the box of a surer person who is seen and shown is a part of
        that person, unless it reaches higher: then someone stands behind. Of a detector that is
        not thorough it may be all that was found of someone behind, unless it ends on the property.

        best: (n,) the best score of each subject in the frames around.
        """
        shown = (people & (reason == int(Reason.ON_PROPERTY)) & ~subjects.coasting).nonzero()[0]
        beyond = (
            (reason >= int(Reason.OUTSIDE)) if self._thorough else (reason == int(Reason.UNPROVEN))
        )
        parts = (people & beyond & (best < self._show_score)).nonzero()[0]
        box, body = subjects.xyxy[parts], subjects.xyxy[shown]
        # A coasting box has grown since it was seen.
        coasting = subjects.coasting[parts]
        slack = np.where(coasting, _COASTED, 0.0)[:, None] * (body[:, 3] - body[:, 1])[None]
        explained = (
            (cover(box, body, grow=0.05) >= np.where(coasting, _PART / 1.25, _PART)[:, None])
            & (best[parts][:, None] < best[shown][None])
            & (box[:, None, 1] + slack >= body[None, :, 1])
        ).any(axis=1)
        if self._thorough:
            # On the property but too unsure to show anyone: often one box around two people.
            together = cover(box, body, grow=0.05).sum(axis=1) >= _PART
            explained |= together & (reason[parts] == int(Reason.UNPROVEN))
        reason[parts[explained]] = Reason.OF_SHOWN_PERSON

    def _explain_doubles(
        self, subjects: Tracks, reason: Reasons, people: BoolArray, seen: Sights
    ) -> None:
        """Whoever is not found in this frame and was, where found, never apart from somebody who
        is found and shown, is that person. Not so beside somebody who is hidden: people who walk
        together beyond the property are often taken for one."""
        shown = people & (reason == int(Reason.ON_PROPERTY)) & ~subjects.coasting
        lost = (people & (reason >= int(Reason.OUTSIDE)) & subjects.coasting).nonzero()[0]
        one = doubles(seen, subjects.track_id[lost], subjects.track_id[shown])
        if not one.any():
            return
        # A box around two is no double of the one, while something of the other is found in it.
        found = subjects.xyxy[people & (reason >= int(Reason.OUTSIDE)) & ~subjects.coasting]
        centre, box = (found[:, :2] + found[:, 2:]) / 2, subjects.xyxy[lost][:, None]
        within = ((centre > box[..., :2]) & (centre < box[..., 2:])).all(axis=-1)
        reason[lost[one & ~np.any(within, axis=1)]] = Reason.OF_SHOWN_PERSON

    def _explain_motion(self, subjects: Tracks, reason: Reasons, shown: BoolArray) -> None:
        motion = subjects.label == int(Label.MOTION)
        covered = cover(subjects.xyxy[motion], subjects.xyxy[shown], grow=0.2)
        found = reason[motion]
        found[found >= int(Reason.OUTSIDE)] = Reason.MOTION
        found[(covered >= 0.8).any(axis=1)] = Reason.OF_SHOWN_PERSON
        found[found == int(Reason.ON_PROPERTY)] = Reason.MOTION_BEYOND
        reason[motion] = found

    def _bind_faces(self, subjects: Tracks, reason: Reasons, people: BoolArray) -> None:
        faces = (subjects.label == int(Label.FACE)).nonzero()[0]
        bodies = people.nonzero()[0]
        within, bound = is_face_of(subjects.xyxy[faces], subjects.xyxy[bodies])
        # Where a lost body or one found only later may be, a face may be anyone's.
        bound &= reason[bodies] == int(Reason.ON_PROPERTY)
        for row, face in enumerate(faces):
            worst = reason[bodies[within[row]]].max(initial=Reason.ON_PROPERTY)
            if self._options.faces == "all" and within[row].any():
                reason[face] = Reason.ANY_FACE
            elif worst >= int(Reason.OUTSIDE):
                reason[face] = worst
            else:  # a face at someone's knees is another one's
                shown = bound[row].any()
                reason[face] = Reason.OF_SHOWN_PERSON if shown else Reason.UNBOUND_FACE
