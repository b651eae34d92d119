"""What is covered: every hidden box wholly; motion gives way to shown people, people do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import BEYOND, FAR, INFO, LAWN, ON, Box, frame, row, times_of

from redact.geometry import Zone
from redact.masking import mask_of
from redact.structures import Decision, Label, Mask, Reason, Tracks

SHOWN = Reason.ON_PROPERTY
GROW = 0.1


def mask_for(
    subjects: Tracks,
    reasons: list[Reason],
    window: list[Tracks] | None = None,
    at: int = 0,
    zone: Zone = LAWN,
    rate: float = 10,
    grow: float = GROW,
    thorough: bool = True,
    **flags: bool,
) -> Mask:
    window = window or [subjects]
    decision = Decision(subjects, np.array(reasons, np.uint8), **flags)
    return mask_of(
        INFO, decision, window, times_of(window, rate), at, zone, grow, thorough=thorough
    )


def covered(mask: Mask) -> np.ndarray:
    """(height, width) bool: pixels whose middle lies in a box of the mask."""
    y, x = np.mgrid[: INFO.height, : INFO.width] + 0.5
    out = np.zeros((INFO.height, INFO.width), np.bool_)
    for x1, y1, x2, y2 in mask.boxes.tolist():
        out |= (x >= x1) & (x < x2) & (y >= y1) & (y < y2)
    return out


def share_covered(mask: Mask, box: Box | np.ndarray) -> float:
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    part = covered(mask)[max(0, y1) : max(0, y2), max(0, x1) : max(0, x2)]
    return float(part.mean()) if part.size else 1.0


def covers_figure(mask: Mask, box: Box) -> bool:
    """Whether anything of a person's head, or of what is below it, is covered."""
    x1, y1, x2, y2 = box
    wide, tall = x2 - x1, y2 - y1
    head = (x1 + 0.25 * wide, y1, x2 - 0.25 * wide, y1 + 0.25 * tall)
    body = (x1, y1 + 0.25 * tall + 8, x2, y2)  # the block with the shoulders counts as head
    return share_covered(mask, head) > 0 or share_covered(mask, body) > 0


def test_nothing_hidden_is_an_empty_mask() -> None:
    assert mask_for(row(ON), [SHOWN]).empty
    assert mask_for(Tracks.empty(), []).empty


def test_whoever_is_shown_is_kept_also_where_nobody_is_hidden() -> None:
    """`erase` learns what is behind people: nobody may stand there meanwhile."""
    shown, passer_by = row(ON), row(FAR, 2)
    alone = mask_for(shown, [SHOWN])
    beside = mask_for(frame(shown, passer_by), [SHOWN, Reason.OUTSIDE])
    assert alone.empty
    np.testing.assert_array_equal(alone.keep, beside.keep)


def test_a_hidden_person_is_covered_with_a_margin_on_every_side() -> None:
    box = mask_for(row(BEYOND), [Reason.OUTSIDE]).boxes
    assert (box[:, :2].min(axis=0) < BEYOND[:2]).all()
    assert (box[:, 2:].max(axis=0) > BEYOND[2:]).all()


def test_the_margin_grows_with_speed() -> None:
    still = mask_for(row(BEYOND), [Reason.OUTSIDE]).boxes
    fast = mask_for(row(BEYOND, velocity=(200, 0)), [Reason.OUTSIDE]).boxes
    assert fast[:, 0].min() < still[:, 0].min()
    assert fast[:, 2].max() > still[:, 2].max()


def test_boxes_of_the_frames_around_are_joined() -> None:
    boxes = [(180.0 + 5 * k, 20.0, 220.0 + 5 * k, 120.0) for k in range(5)]
    window = [row(b) for b in boxes]
    mask = mask_for(window[2], [Reason.OUTSIDE], window, at=2, grow=0.0, rate=25)
    assert mask.boxes[:, 0].min() <= boxes[1][0]
    assert mask.boxes[:, 2].max() >= boxes[3][2]


def test_the_whole_frame_wins_over_everything() -> None:
    assert mask_for(row(ON), [SHOWN], whole_frame=True).whole


def test_the_whole_outside_is_hidden_but_for_people_who_are_shown() -> None:
    rows = frame(row(ON, 1), row(BEYOND, 2))
    mask = mask_for(rows, [SHOWN, Reason.OUTSIDE], whole_outside=True)
    assert mask.outside is LAWN
    assert len(mask.keep) == 1
    assert (mask.keep[0, :2] <= ON[:2]).all()
    assert (mask.keep[0, 2:] >= ON[2:]).all()


def test_motion_gives_way_to_people_who_are_shown() -> None:
    around = (150.0, 90.0, 250.0, 240.0)
    rows = frame(row(ON, 1), row(around, 2, label=Label.MOTION))
    mask = mask_for(rows, [SHOWN, Reason.MOTION])
    assert not covers_figure(mask, ON)
    assert share_covered(mask, (150.0, 90.0, 160.0, 240.0)) == 1


def test_what_moves_beside_the_head_of_someone_who_is_shown_is_hidden() -> None:
    around = (150.0, 90.0, 250.0, 240.0)
    rows = frame(row(ON, 1), row(around, 2, label=Label.MOTION))
    mask = mask_for(rows, [SHOWN, Reason.MOTION])
    x1, y1, x2, _ = ON
    for beside in ((x1, y1, x1 + 4, y1 + 24), (x2 - 4, y1, x2, y1 + 24)):
        assert share_covered(mask, beside) == 1


def test_hidden_people_do_not_give_way() -> None:
    behind = (190.0, 100.0, 240.0, 200.0)
    mask = mask_for(frame(row(ON, 1), row(behind, 2)), [SHOWN, Reason.OUTSIDE])
    assert share_covered(mask, behind) == 1


def test_a_doubtful_box_on_the_property_hides_only_what_nobody_shown_accounts_for() -> None:
    both = (170.0, 80.0, 240.0, 222.0)  # around the one who is shown, and perhaps one behind
    mask = mask_for(frame(row(ON, 1), row(both, 2, score=0.2)), [SHOWN, Reason.UNPROVEN])
    assert not covers_figure(mask, ON)
    for part in ((172, 82, 238, 112), (228, 82, 238, 220)):
        assert share_covered(mask, part) == 1


def test_a_doubtful_box_does_not_give_way_to_someone_near_the_outline() -> None:
    near = (180.0, 60.0, 220.0, 160.0)
    both = (170.0, 50.0, 240.0, 165.0)
    mask = mask_for(frame(row(near, 1), row(both, 2, score=0.2)), [SHOWN, Reason.UNPROVEN])
    assert share_covered(mask, both) == 1


def test_a_doubtful_box_does_not_give_way_to_someone_who_is_lost() -> None:
    both = (170.0, 80.0, 240.0, 222.0)
    rows = frame(row(ON, 1, coasting=True), row(both, 2, score=0.2))
    assert share_covered(mask_for(rows, [SHOWN, Reason.UNPROVEN]), both) == 1


def test_margins_give_way_to_people_who_are_shown() -> None:
    beside = (230.0, 110.0, 270.0, 215.0)
    mask = mask_for(frame(row(ON, 1), row(beside, 2)), [SHOWN, Reason.OUTSIDE], grow=0.5)
    assert share_covered(mask, beside) == 1
    assert not covers_figure(mask, ON)


def test_someone_lost_gives_way_to_a_nearer_person_who_is_shown_but_not_beside_them() -> None:
    lost = row((170.0, 60.0, 230.0, 160.0), 2, coasting=True)
    mask = mask_for(frame(row(ON, 1), lost), [SHOWN, Reason.OUTSIDE])
    assert share_covered(mask, ON) < 0.2  # to the nearest blocks
    assert share_covered(mask, (172.0, 62.0, 228.0, 110.0)) == 1


def test_whoever_a_detector_lost_that_misses_many_gives_way_to_nobody() -> None:
    lost = (170.0, 60.0, 230.0, 160.0)
    rows = frame(row(ON, 1), row(lost, 2, coasting=True))
    assert share_covered(mask_for(rows, [SHOWN, Reason.OUTSIDE], thorough=False), lost) == 1


def test_someone_lost_does_not_give_way_to_a_farther_person() -> None:
    lost = (170.0, 180.0, 230.0, 290.0)
    rows = frame(row(ON, 1), row(lost, 2, coasting=True))
    assert share_covered(mask_for(rows, [SHOWN, Reason.OUTSIDE]), lost) == 1


def test_what_a_detected_box_is_rounded_by_gives_way_to_anyone_who_surely_is_shown() -> None:
    nearer = (221.0, 130.0, 261.0, 236.0)  # reaches the block that holds the edge of ON
    mask = mask_for(frame(row(ON, 1), row(nearer, 2)), [SHOWN, Reason.OUTSIDE])
    assert share_covered(mask, nearer) == 1
    assert not covers_figure(mask, ON)


def test_a_face_that_is_lost_gets_no_larger_a_body() -> None:
    face = (100.0, 60.0, 112.0, 76.0)
    seen = row(face, label=Label.FACE)
    grown = row((90.0, 50.0, 122.0, 86.0), label=Label.FACE, coasting=True)
    mask = mask_for(grown, [Reason.UNBOUND_FACE], [seen, *[grown] * 9], at=9)
    assert share_covered(mask, (90.0 - 12, 50.0 - 9, 122.0 + 12, 86.0 + 32)) == 1
    assert mask.boxes[:, 3].max() <= 86 + 2 * 16 + 16  # to the next block


def test_a_face_that_was_cut_when_last_seen_still_has_its_whole_body() -> None:
    whole, cut = (100.0, 60.0, 124.0, 92.0), (100.0, 60.0, 112.0, 76.0)
    seen = [row(box, label=Label.FACE) for box in (whole, whole, cut)]
    lost = row((96.0, 56.0, 116.0, 80.0), label=Label.FACE, coasting=True)
    mask = mask_for(lost, [Reason.UNBOUND_FACE], [*seen, lost, lost], at=4)
    assert share_covered(mask, (96.0 - 24, 56.0 - 19, 116.0 + 24, 80.0 + 64)) == 1


def test_a_face_without_a_body_hides_the_body_too() -> None:
    face = (100.0, 60.0, 112.0, 76.0)
    mask = mask_for(row(face, label=Label.FACE), [Reason.UNBOUND_FACE])
    assert share_covered(mask, face) == 1
    assert mask.boxes[:, 3].max() >= 76 + 2 * 16


@pytest.mark.parametrize("coasting", [False, True])
def test_where_all_faces_are_hidden_a_lost_one_is_hidden_as_well_with_its_margin(
    coasting: bool,
) -> None:
    face = (192.0, 124.0, 208.0, 144.0)
    rows = frame(row(ON, 1), row(face, 2, label=Label.FACE, coasting=coasting))
    mask = mask_for(rows, [SHOWN, Reason.ANY_FACE])
    assert share_covered(mask, (189.0, 121.0, 211.0, 147.0)) == 1
    assert share_covered(mask, (180.0, 176.0, 220.0, 220.0)) == 0  # the body is shown


def test_a_face_counts_for_a_person_of_more_than_its_own_size() -> None:
    face = (100.0, 60.0, 112.0, 76.0)
    mask = mask_for(row(face, label=Label.FACE), [Reason.UNBOUND_FACE])
    assert mask.side.min() > 12


def test_of_an_unidentified_mover_on_the_property_only_the_part_beyond_is_hidden() -> None:
    mover = row((160.0, 90.0, 240.0, 230.0), label=Label.MOTION)
    mask = mask_for(mover, [Reason.MOTION_BEYOND])
    assert share_covered(mask, (160.0, 90.0, 240.0, 150.0)) == 1
    assert share_covered(mask, (160.0, 176.0, 240.0, 230.0)) == 0


def test_a_mover_without_end_is_hidden_wherever_the_property_is_not() -> None:
    everything_but_a_hole = Zone.of(
        [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]],
        [[[0.2, 0.2], [0.4, 0.2], [0.4, 0.4], [0.2, 0.4]]],
    )
    mover = row((-1e25, -1e25, 1e25, 200.0), label=Label.MOTION)
    mask = mask_for(mover, [Reason.MOTION_BEYOND], zone=everything_but_a_hole)
    assert share_covered(mask, (80.0, 60.0, 160.0, 120.0)) == 1


@st.composite
def _scenes(draw: st.DrawFn) -> tuple[Tracks, list[Reason]]:
    rows, reasons = [], []
    for track_id in range(draw(st.integers(1, 5))):
        x, y = draw(st.floats(0, 380, width=32)), draw(st.floats(0, 280, width=32))
        w, h = draw(st.floats(4, 120, width=32)), draw(st.floats(4, 200, width=32))
        label = draw(st.sampled_from([Label.PERSON, Label.PERSON, Label.FACE, Label.MOTION]))
        speed = draw(st.floats(-300, 300, width=32))
        box = (x, y, x + w, y + h)
        rows.append(
            row(box, track_id, label=label, velocity=(speed, 0), coasting=draw(st.booleans()))
        )
        hides = Reason.MOTION if label == Label.MOTION else Reason.OUTSIDE
        reasons.append(draw(st.sampled_from([SHOWN, hides])))
    return frame(*rows), reasons


@settings(max_examples=100, deadline=None)
@given(_scenes())
def test_the_box_of_everyone_hidden_who_was_found_is_wholly_covered(
    scene: tuple[Tracks, list[Reason]],
) -> None:
    subjects, reasons = scene
    mask = mask_for(subjects, reasons)
    for box, label, coasting, reason in zip(
        subjects.xyxy, subjects.label, subjects.coasting, reasons, strict=True
    ):
        if reason.hides and label != Label.MOTION and not coasting:
            inside = (mask.boxes[:, :2] <= box[:2]).all(1) & (mask.boxes[:, 2:] >= box[2:]).all(1)
            assert inside.any()


@settings(max_examples=60, deadline=None)
@given(_scenes())
def test_a_doubtful_box_is_covered_but_for_people_who_are_shown(
    scene: tuple[Tracks, list[Reason]],
) -> None:
    subjects, reasons = scene
    people = subjects.label == Label.PERSON
    reasons = [
        Reason.UNPROVEN if r.hides and p else r for r, p in zip(reasons, people, strict=True)
    ]
    mask = mask_for(subjects, reasons)
    y, x = np.mgrid[: INFO.height, : INFO.width] + 0.5
    spared = np.zeros((INFO.height, INFO.width), np.bool_)
    for box, reason, person in zip(subjects.xyxy, reasons, people, strict=True):
        if person and reason == SHOWN:  # to whole blocks of 8 pixels, and no slivers of 4
            x1, y1, x2, y2 = box.tolist()
            spared |= (x > x1 - 9) & (x < x2 + 9) & (y > y1 - 9) & (y < y2 + 9)
    hides = covered(mask)
    for i in np.flatnonzero([r == Reason.UNPROVEN for r in reasons] & ~subjects.coasting):
        x1, y1, x2, y2 = subjects.xyxy[i].tolist()
        mine = (x > x1) & (x < x2) & (y > y1) & (y < y2)
        assert (hides | spared)[mine].all()


@settings(max_examples=60, deadline=None)
@given(_scenes())
def test_where_nobody_is_shown_everything_hidden_is_wholly_covered(
    scene: tuple[Tracks, list[Reason]],
) -> None:
    subjects, _ = scene
    motion = subjects.label == Label.MOTION
    lost_face = (subjects.label == Label.FACE) & subjects.coasting  # hidden with its body
    reasons = [Reason.MOTION if m else Reason.OUTSIDE for m in motion]
    mask = mask_for(subjects, reasons)
    for box in subjects.xyxy[~lost_face]:
        inside = (mask.boxes[:, :2] <= box[:2]).all(1) & (mask.boxes[:, 2:] >= box[2:]).all(1)
        assert inside.any()


@settings(max_examples=60, deadline=None)
@given(_scenes())
def test_every_shape_has_a_finite_box_and_a_positive_side(
    scene: tuple[Tracks, list[Reason]],
) -> None:
    mask = mask_for(*scene)
    assert len(mask.side) == len(mask.boxes)
    assert np.isfinite(mask.boxes).all()
    assert (mask.boxes[:, 2:] > mask.boxes[:, :2]).all()
    assert (mask.side > 0).all()
