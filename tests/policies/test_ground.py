"""Who is hidden: default deny, by ground contact, over a window in both directions of time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import (
    BEYOND,
    FAR,
    INFO,
    LAWN,
    ON,
    TO_EDGES,
    Box,
    always,
    decide,
    frame,
    hidden,
    reason_of,
    row,
    times_of,
)

from redact.config import DetectorOptions, PolicyOptions
from redact.geometry import Zone
from redact.policies import PropertyPolicy
from redact.protocols import Policy
from redact.structures import Label, Reason, Tracks

NOBODY = Tracks.empty()
SURE = DetectorOptions().show_score


def test_it_keeps_the_contract_of_a_policy() -> None:
    assert isinstance(PropertyPolicy(LAWN), Policy)


# -- the ground contact ---------------------------------------------------------------------


def test_someone_who_stands_on_the_property_is_shown() -> None:
    assert reason_of(decide(always(row(ON)))) == Reason.ON_PROPERTY


def test_someone_whose_foot_is_beyond_it_is_hidden() -> None:
    assert reason_of(decide(always(row(BEYOND)))) == Reason.OUTSIDE


def test_a_chest_that_overlaps_the_lawn_does_not_make_a_passer_by_inside() -> None:
    nearer = (180.0, 200.0, 240.0, 290.0)  # before the lawn: the box covers it, the foot does not
    assert hidden(decide(always(row(nearer))))


def test_a_head_above_the_fence_line_does_not_make_a_visitor_outside() -> None:
    assert not hidden(decide(always(row((180.0, 60.0, 220.0, 160.0)))))


def test_a_box_that_overlaps_the_lawn_with_everything_but_the_middle_of_its_foot_is_hidden() -> (
    None
):
    assert hidden(decide(always(row((30.0, 160.0, 120.0, 240.0)))))  # foot at x = 75


def test_the_foot_is_read_from_the_unclipped_box() -> None:
    leaving = (-80.0, 100.0, 60.0, 220.0)  # clipped, its foot would be at x = 30; it is at -10
    wide = Zone.of([[[0.0, 0.5], [0.9, 0.5], [0.9, 0.9], [0.0, 0.9]]])
    policy = PropertyPolicy(wide)
    assert hidden(decide(always(row(leaving)), policy=policy))


def test_without_a_property_everyone_is_hidden() -> None:
    assert hidden(decide(always(row(ON)), zone=Zone.nothing()))


def test_in_a_hole_of_the_property_everyone_is_hidden() -> None:
    road = Zone.of([LAWN.polygons[0]], [[[0.4, 0.6], [0.6, 0.6], [0.6, 0.8], [0.4, 0.8]]])
    assert hidden(decide(always(row(ON)), zone=road))


def test_a_margin_hides_those_near_the_outline() -> None:
    near = always(row((180.0, 60.0, 220.0, 160.0)))
    policy = PropertyPolicy(LAWN, PolicyOptions(margin=0.2))
    assert hidden(decide(near, policy=policy))
    assert not hidden(decide(near))


@pytest.mark.parametrize(
    ("edge", "box"),
    [
        ("left", (0.0, 120.0, 60.0, 220.0)),
        ("right", (340.0, 120.0, 400.0, 220.0)),
        ("bottom", (180.0, 200.0, 220.0, 300.0)),
    ],
)
def test_whoever_is_cut_by_a_frame_edge_is_shown_only_where_the_property_reaches_it(
    edge: str, box: Box
) -> None:
    assert hidden(decide(always(row(box)))), edge
    short = Zone.of([[[0.03, 0.5], [0.97, 0.5], [0.97, 0.97], [0.03, 0.97]]])
    assert hidden(decide(always(row(box)), zone=short)), edge
    assert not hidden(decide(always(row(box)), zone=TO_EDGES)), edge


# -- evidence over time ---------------------------------------------------------------------


def test_someone_seen_only_once_is_hidden_even_on_the_property() -> None:
    window = [NOBODY] * 5 + [row(ON)] + [NOBODY] * 5
    assert reason_of(decide(window)) == Reason.UNPROVEN


def test_nobody_who_is_seen_for_the_first_time_in_the_last_frame_of_the_window_is_shown() -> None:
    assert hidden(decide([NOBODY] * 5 + [row(ON)], at=5))


def test_a_box_that_is_not_sure_shows_nobody() -> None:
    assert hidden(decide(always(row(ON, score=0.15))))


def test_evidence_of_another_id_counts_for_nothing() -> None:
    window = [*always(row(ON, 1), frames=5), frame(row(ON, 2)), *always(row(ON, 3), frames=5)]
    assert hidden(decide(window), 2)


@pytest.mark.parametrize("offset", [-1, 1])
def test_one_sure_box_beyond_the_property_in_the_next_frames_hides(offset: int) -> None:
    window = always(row(ON))
    window[5 + offset] = row(BEYOND)
    assert hidden(decide(window))


def test_a_swapped_id_inherits_no_clearance() -> None:
    """The id of someone cleared jumps to a passer-by: hidden from the first frame on."""
    window = [row(ON)] * 10 + [row(FAR)] * 10
    policy = PropertyPolicy(LAWN)
    for at in range(10, 20):
        assert hidden(decide(window, at, policy))
    assert hidden(decide(window, 9, policy))


def test_a_reborn_id_inherits_no_clearance() -> None:
    window = [row(ON)] * 10 + [NOBODY] * 10 + [row(BEYOND)] * 5
    assert hidden(decide(window, 20))


def test_someone_who_leaves_the_property_is_hidden_from_before_the_outline_on() -> None:
    window = [row((180.0, 120.0 - 4 * k, 220.0, 220.0 - 4 * k)) for k in range(30)]
    policy = PropertyPolicy(LAWN)
    hides = [hidden(decide(window, at, policy)) for at in range(len(window))]
    crossed = next(k for k in range(30) if 220.0 - 4 * k < 150.0)
    assert hides == sorted(hides)
    assert all(hides[crossed - 1 :])
    assert not hides[5]


def test_the_same_window_gives_the_same_decision() -> None:
    rows = [
        row(ON, 1),
        row(BEYOND, 2),
        row(FAR, 3, label=Label.FACE),
        row((90.0, 160.0, 110.0, 200.0), 4, label=Label.MOTION),
    ]
    policy = PropertyPolicy(LAWN)
    first = decide(always(*rows), policy=policy)
    decide(always(row(FAR, 9)), policy=policy)
    second = decide(always(*rows), policy=policy)
    assert first.reason.tolist() == second.reason.tolist()
    np.testing.assert_array_equal(first.tracks.xyxy, second.tracks.xyxy)


# -- look-back and gaps ---------------------------------------------------------------------


def test_a_passer_by_found_first_later_is_hidden_in_the_frames_before() -> None:
    window = [NOBODY] * 5 + [row(BEYOND)] * 6
    decision = decide(window, at=3)
    assert hidden(decision)
    assert decision.tracks.coasting.all()


def test_the_box_that_is_carried_back_covers_where_the_walker_came_from() -> None:
    speed = 40.0
    boxes = [(100 + speed * k / 10, 20.0, 130 + speed * k / 10, 100.0) for k in range(16)]
    window = [NOBODY if k < 8 else row(b, velocity=(speed, 0.0)) for k, b in enumerate(boxes)]
    box = decide(window, at=5).tracks.xyxy[0]
    assert box[0] <= boxes[5][0]
    assert box[2] >= boxes[5][2]


def test_someone_surely_seen_is_looked_back_for_over_the_whole_window() -> None:
    window = [NOBODY] * 19 + [row(BEYOND)] * 2
    assert hidden(decide(window, at=0))


def test_someone_doubtful_is_looked_back_for_only_briefly() -> None:
    window = [NOBODY] * 19 + [row(BEYOND, score=0.2)] * 2
    assert len(decide(window, at=0).tracks) == 0


def test_someone_seen_once_is_not_looked_back_for_over_seconds() -> None:
    window = [NOBODY] * 30 + [row(BEYOND)] + [NOBODY] * 5
    assert len(decide(window, at=0).tracks) == 0


@pytest.mark.parametrize(("score", "there"), [(0.5, False), (0.7, True)])
def test_a_face_that_never_was_sure_is_looked_back_for_only_briefly(
    score: float, there: bool
) -> None:
    window = [NOBODY] * 6 + [row(FAR, label=Label.FACE, score=score)] * 8
    assert bool(len(decide(window, at=0).tracks)) is there
    assert len(decide(window, at=5).tracks) == 1


def test_whoever_left_before_is_not_brought_back() -> None:
    window = [row(BEYOND)] * 5 + [NOBODY] * 6
    assert len(decide(window, at=8).tracks) == 0


def test_a_gap_is_filled_from_both_ends() -> None:
    lost = row((180.0, 20.0, 220.0, 120.0), coasting=True)
    there = (230.0, 20.0, 270.0, 120.0)
    window = [row(BEYOND), row(BEYOND), lost, row(there), row(there)]
    box = decide(window, at=2).tracks.xyxy[0]
    middle = (BEYOND[0] + there[0]) / 2
    assert box[0] <= BEYOND[0]
    assert box[2] >= middle + 40


def test_a_passer_by_who_is_lost_stays_hidden() -> None:
    window = [row(BEYOND)] * 6 + [row(BEYOND, coasting=True)] * 5
    assert hidden(decide(window, at=8))


@pytest.mark.parametrize("thorough", [True, False])
def test_whoever_merged_with_a_resident_before_being_lost_got_no_clearance(thorough: bool) -> None:
    window = [row(BEYOND)] * 4 + [row(ON)] * 3 + [row(ON, coasting=True)] * 6
    policy = PropertyPolicy(LAWN, thorough=thorough)
    assert hidden(decide(window, at=10, policy=policy)) is thorough


def test_a_resident_who_is_lost_stays_shown() -> None:
    window = [row(ON)] * 7 + [row(ON, coasting=True)] * 6
    assert not hidden(decide(window, at=10))


# -- faces ----------------------------------------------------------------------------------

FACE_ON = (192.0, 124.0, 208.0, 144.0)
FACE_BEYOND = (192.0, 24.0, 208.0, 44.0)


def test_the_face_of_someone_shown_is_shown() -> None:
    decision = decide(always(row(ON, 1), row(FACE_ON, 2, label=Label.FACE)))
    assert reason_of(decision, 2) == Reason.OF_SHOWN_PERSON


def test_the_face_of_someone_hidden_is_hidden() -> None:
    decision = decide(always(row(BEYOND, 1), row(FACE_BEYOND, 2, label=Label.FACE)))
    assert hidden(decision, 2)


def test_a_face_at_the_knees_of_someone_shown_is_not_theirs() -> None:
    low = (192.0, ON[3] - 24, 208.0, ON[3] - 4)
    decision = decide(always(row(ON, 1), row(low, 2, label=Label.FACE)))
    assert reason_of(decision, 1) == Reason.ON_PROPERTY
    assert reason_of(decision, 2) == Reason.UNBOUND_FACE


def test_a_face_is_not_shown_for_someone_who_appears_there_only_later() -> None:
    face = (192.0, ON[1] + 4, 208.0, ON[1] + 24)
    window = [row(face, 5, label=Label.FACE)] * 19 + [row(ON, 1)] * 2
    assert reason_of(decide(window, at=0), 5) == Reason.UNBOUND_FACE


def test_a_face_is_not_shown_for_someone_who_was_there_before() -> None:
    face = row((192.0, ON[1] + 4, 208.0, ON[1] + 24), 5, label=Label.FACE)
    lost = frame(row(ON, 1, coasting=True), face)
    window = [row(ON, 1)] * 6 + [lost] * 10
    assert reason_of(decide(window, at=14), 5) == Reason.UNBOUND_FACE


def test_a_face_without_a_body_is_hidden_also_above_the_property() -> None:
    for place in (FACE_ON, FACE_BEYOND):
        decision = decide(always(row(place, 2, label=Label.FACE)))
        assert reason_of(decision, 2) == Reason.UNBOUND_FACE


def test_a_face_in_two_bodies_follows_the_one_that_is_hidden() -> None:
    behind = (180.0, 30.0, 220.0, 140.0)
    rows = row(ON, 1), row(behind, 2), row((192.0, 126.0, 208.0, 136.0), 3, label=Label.FACE)
    assert hidden(decide(always(*rows)), 3)


def test_all_faces_can_be_hidden() -> None:
    policy = PropertyPolicy(LAWN, PolicyOptions(faces="all"))
    decision = decide(always(row(ON, 1), row(FACE_ON, 2, label=Label.FACE)), policy=policy)
    assert not hidden(decision, 1)
    assert reason_of(decision, 2) == Reason.ANY_FACE


# -- motion ---------------------------------------------------------------------------------


def test_motion_beyond_the_property_is_hidden() -> None:
    assert reason_of(decide(always(row(FAR, label=Label.MOTION)))) == Reason.MOTION


def test_motion_of_someone_shown_is_shown() -> None:
    moving = (182.0, 90.0, 218.0, 140.0)  # arms and head: its own foot is beyond the lawn
    decision = decide(always(row(ON, 1), row(moving, 2, label=Label.MOTION)))
    assert reason_of(decision, 2) == Reason.OF_SHOWN_PERSON


def test_motion_that_only_touches_someone_shown_is_hidden() -> None:
    moving = (210.0, 40.0, 300.0, 140.0)
    decision = decide(always(row(ON, 1), row(moving, 2, label=Label.MOTION)))
    assert hidden(decision, 2)


def test_motion_of_someone_hidden_is_hidden() -> None:
    decision = decide(always(row(BEYOND, 1), row(BEYOND, 2, label=Label.MOTION)))
    assert hidden(decision, 1)
    assert hidden(decision, 2)


def test_of_an_unexplained_mover_on_the_property_the_part_beyond_is_hidden() -> None:
    assert reason_of(decide(always(row(ON, label=Label.MOTION)))) == Reason.MOTION_BEYOND


def test_outside_all_hides_everything_beyond_the_property() -> None:
    policy = PropertyPolicy(LAWN, PolicyOptions(outside="all"))
    assert decide([NOBODY], policy=policy).whole_outside
    assert not decide([NOBODY]).whole_outside


# -- unsure parts ---------------------------------------------------------------------------


def test_an_unsure_box_within_someone_shown_is_a_part_of_them() -> None:
    chest = (185.0, 125.0, 215.0, 148.0)  # its own foot would be beyond the lawn
    decision = decide(always(row(ON, 1), row(chest, 2, score=0.15)))
    assert not hidden(decision, 2)


def test_an_unsure_box_of_a_detector_that_misses_many_may_be_all_of_someone_behind() -> None:
    chest = (185.0, 125.0, 215.0, 148.0)
    policy = PropertyPolicy(LAWN, thorough=False)
    assert hidden(decide(always(row(ON, 1), row(chest, 2, score=0.15)), policy=policy), 2)


def test_a_sure_box_within_someone_shown_is_someone_else() -> None:
    chest = (185.0, 125.0, 215.0, 148.0)
    assert hidden(decide(always(row(ON, 1), row(chest, 2))), 2)


def test_an_unsure_box_that_reaches_above_someone_shown_is_someone_behind() -> None:
    behind = (185.0, 80.0, 215.0, 148.0)
    assert hidden(decide(always(row(ON, 1), row(behind, 2, score=0.15))), 2)


def test_an_unsure_box_within_someone_hidden_is_hidden() -> None:
    chest = (185.0, 30.0, 215.0, 60.0)
    assert hidden(decide(always(row(BEYOND, 1), row(chest, 2, score=0.15))), 2)


# -- whatever is found ----------------------------------------------------------------------


@st.composite
def _tracks(draw: st.DrawFn) -> Tracks:
    ids = draw(st.lists(st.integers(1, 6), max_size=5, unique=True))
    rows = []
    for track_id in ids:
        x, y = draw(st.floats(-40, 400, width=32)), draw(st.floats(-40, 300, width=32))
        w, h = draw(st.floats(2, 120, width=32)), draw(st.floats(2, 200, width=32))
        # As from the tracker, an id has one label.
        label = (Label.PERSON, Label.PERSON, Label.PERSON, Label.FACE, Label.MOTION)[track_id % 5]
        score = draw(st.floats(0, 1, width=32))
        coasting = draw(st.booleans())
        rows.append(
            row((x, y, x + w, y + h), track_id, label=label, score=score, coasting=coasting)
        )
    return frame(*rows)


def _foot_on(tracks: Tracks) -> np.ndarray:
    """Slow oracle: bottom centre on the lawn, which reaches no frame edge."""
    foot = np.stack([tracks.xyxy[:, [0, 2]].mean(1) / INFO.width, tracks.xyxy[:, 3] / INFO.height])
    return np.asarray(LAWN.contains(foot.T))


@settings(max_examples=150, deadline=None)
@given(st.lists(_tracks(), min_size=1, max_size=7), st.data())
def test_whose_own_foot_is_beyond_the_property_is_hidden_in_that_frame(
    window: list[Tracks], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(window) - 1))
    policy = PropertyPolicy(LAWN)
    decision = policy.decide(INFO, window, times_of(window), at)
    now = decision.tracks
    seen = (now.label == Label.PERSON) & ~now.coasting
    outside = seen & ~_foot_on(now)
    shown = outside & ~decision.hide
    # The one exception: an unsure part of a surer person who is shown.
    for i in np.flatnonzero(shown):
        assert decision.reason[i] == Reason.OF_SHOWN_PERSON
        assert now.score[i] < SURE
        surer = seen & (decision.reason == Reason.ON_PROPERTY)
        assert surer.any()


@settings(max_examples=100, deadline=None)
@given(st.lists(_tracks(), min_size=1, max_size=7), st.data())
def test_every_subject_of_the_frame_is_decided_on_and_no_box_is_altered(
    window: list[Tracks], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(window) - 1))
    decision = PropertyPolicy(LAWN).decide(INFO, window, times_of(window), at)
    assert len(set(decision.tracks.track_id.tolist())) == len(decision.tracks)
    for track_id, box, coasting in zip(
        window[at].track_id, window[at].xyxy, window[at].coasting, strict=True
    ):
        mine = np.flatnonzero(decision.tracks.track_id == track_id)
        assert len(mine) == 1
        decided = decision.tracks.xyxy[mine[0]]
        if coasting:  # joined with what is known from both ends
            assert (decided[:2] <= box[:2]).all()
            assert (decided[2:] >= box[2:]).all()
        else:
            np.testing.assert_array_equal(decided, box)


@settings(max_examples=80, deadline=None)
@given(st.lists(_tracks(), min_size=1, max_size=7), st.data())
def test_showing_needs_sure_boxes_on_the_property(
    window: list[Tracks], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(window) - 1))
    decision = PropertyPolicy(LAWN).decide(INFO, window, times_of(window), at)
    for track_id in decision.tracks.track_id[decision.reason == Reason.ON_PROPERTY]:
        proofs = 0
        for tracks in window:
            mine = (tracks.track_id == track_id) & ~tracks.coasting
            proofs += int((mine & _foot_on(tracks)).sum())
        assert proofs >= 2


@settings(max_examples=60, deadline=None)
@given(st.lists(_tracks(), min_size=1, max_size=6), st.data())
def test_one_more_person_on_the_property_clears_nobody_sure_beyond_it(
    window: list[Tracks], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(window) - 1))
    alone = PropertyPolicy(LAWN).decide(INFO, window, times_of(window), at)
    joined = [Tracks.concatenate([t, row(ON, 99)]) for t in window]
    together = PropertyPolicy(LAWN).decide(INFO, joined, times_of(window), at)
    sure = (alone.tracks.label == Label.PERSON) & (alone.tracks.score >= SURE)
    sure &= ~alone.tracks.coasting
    for track_id in alone.tracks.track_id[alone.hide & sure]:
        assert hidden(together, int(track_id))
