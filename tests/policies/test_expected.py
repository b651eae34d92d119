"""Somebody lost beside a person who is shown stays hidden where they must be."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import INFO, LAWN, ON, Box, frame, row, times_of

from redact.expected import expected
from redact.masking import mask_of
from redact.structures import Decision, Reason, Tracks

CHILD = (100.0, 60.0, 130.0, 140.0)  # walks right, behind ON
RATE = 10


def moved(box: Box, by: float) -> Box:
    return box[0] + by, box[1], box[2] + by, box[3]


def walk(sights: list[int], frames: int, speed: float = 100.0, score: float = 0.9) -> list[Tracks]:
    """A resident who stands, and a child who walks by: found in `sights` alone."""
    out = []
    for k in range(frames):
        found = k in sights
        box = moved(CHILD, speed * k / RATE)
        lost = moved(CHILD, speed * max((s for s in sights if s <= k), default=sights[0]) / RATE)
        child = row(box if found else lost, 2, coasting=not found, velocity=(speed, 0), score=score)
        out.append(frame(row(ON, 1), child))
    return out


def where(window: list[Tracks], at: int) -> np.ndarray:
    tracks = window[at]
    lost = tracks.select(tracks.coasting)
    shown = tracks.select(tracks.track_id == 1)
    return expected(lost, shown, window, times_of(window, RATE), at)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 11), min_size=1), st.floats(-200, 200, width=32))
def test_whoever_walks_on_evenly_is_expected_where_they_are(sights: set[int], speed: float) -> None:
    window = walk(sorted(sights), 12, speed)
    for at in set(range(12)) - sights:
        boxes = where(window, at)
        if at + 3 < min(sights):  # long before they came
            assert not len(boxes)
        elif min(abs(at - s) for s in sights) < RATE:
            np.testing.assert_allclose(boxes, [moved(CHILD, speed * at / RATE)], atol=0.01)


def test_someone_lost_behind_a_shown_person_is_hidden_where_they_must_be() -> None:
    window = walk([0, 1, 2, 3], 12)
    at = 9  # the child would be at 190..220, wholly within the box of ON
    decision = Decision(window[at], np.array([Reason.ON_PROPERTY, Reason.OUTSIDE], np.uint8))
    mask = mask_of(INFO, decision, window, times_of(window, RATE), at, LAWN, 0.1)
    child = np.array(moved(CHILD, 90))
    inside = (mask.boxes[:, :2] <= child[:2]).all(1) & (mask.boxes[:, 2:] >= child[2:]).all(1)
    assert inside.any()
    assert (mask.boxes[:, 3] < ON[3] - 40).all()  # the rest of the resident is shown


def test_unsure_boxes_are_expected_nowhere() -> None:
    assert not len(where(walk([0, 1, 2], 6, score=0.3), 4))


def test_the_second_box_around_a_person_ends_with_the_first_one() -> None:
    """A box without legs, then a whole one under another id: the same person."""
    cut, whole = (180.0, 120.0, 220.0, 180.0), ON
    window = []
    for k in range(8):
        upper = row(cut, 2, coasting=k > 3)
        window.append(frame(row(whole, 1), upper) if k >= 2 else frame(upper))
    assert not len(where(window, 6))
    apart = [tracks.select(tracks.track_id == 2) for tracks in window]
    other = row((150.0, 60.0, 190.0, 160.0), 1)  # began then too, but is another one
    both = [frame(other, t) if k >= 2 else t for k, t in enumerate(apart)]
    assert len(where(both, 6)) == 1


def test_someone_shown_who_was_there_long_before_is_not_the_lost_one() -> None:
    cut = (180.0, 120.0, 220.0, 180.0)
    window = [frame(row(ON, 1), row(cut, 2, coasting=k > 6)) for k in range(10)]
    assert len(where(window, 8)) == 1
