"""People who surely were seen stay shown while their score dips, if they walk on as before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import BEYOND, LAWN, ON, Box, decide, hidden, row

from redact.config import PolicyOptions
from redact.policies import PropertyPolicy
from redact.policies.steadiness import agreeing
from redact.structures import Tracks

UNSURE = 0.2


def _at(x: float, y: float = 220.0, tall: float = 100.0) -> Box:
    """Someone whose feet are at x, y."""
    return (x - 20, y - tall, x + 20, y)


def _walk(dip: range, frames: int = 21, y: float = 220.0) -> list[Tracks]:
    """Over the lawn at 40 pixels a second; unsure in the frames of `dip`."""
    return [row(_at(150 + 4 * k, y), score=UNSURE if k in dip else 0.9) for k in range(frames)]


def test_someone_who_walks_on_is_shown_while_the_score_dips() -> None:
    window = _walk(range(7, 14))
    assert not hidden(decide(window, at=10))


@pytest.mark.parametrize("dip", [range(10, 21), range(11)])
def test_a_dip_with_nothing_sure_before_or_after_it_shows_nobody(dip: range) -> None:
    window = [row(ON, score=UNSURE if k in dip else 0.9) for k in range(21)]
    assert hidden(decide(window, at=15 if 15 in dip else 5))


def test_too_few_sure_boxes_around_show_nobody() -> None:
    window = _walk(range(21))
    for k in (4, 16):
        window[k] = row(_at(150 + 4 * k))
    assert hidden(decide(window, at=10))


@pytest.mark.parametrize("other", [_at(190, tall=125), _at(190, tall=75), _at(215), _at(190, 240)])
def test_an_unsure_box_that_leaves_the_line_is_not_theirs(other: Box) -> None:
    window = _walk(range(7, 14))
    window[10] = row(other, score=UNSURE)
    assert hidden(decide(window, at=10))


def test_feet_near_the_outline_need_sure_boxes() -> None:
    assert hidden(decide(_walk(range(7, 14), y=260), at=10))  # the lawn ends at 270


@pytest.mark.parametrize("score", [UNSURE, 0.9])
def test_one_box_beyond_the_property_in_the_second_around_ends_it(score: float) -> None:
    window = _walk(range(7, 14))
    window[1] = row(BEYOND, score=score)
    assert hidden(decide(window, at=10))


def test_one_whose_id_was_taken_over_at_the_outline_is_hidden() -> None:
    """The id jumps from a resident to a passer-by seen unsurely, and back."""
    window = _walk(range(7, 14))
    for k in range(7, 14):
        window[k] = row(_at(150 + 4 * k, 140), score=UNSURE)
    for at in range(7, 14):
        assert hidden(decide(window, at=at))


def test_a_margin_holds_for_unsure_boxes_too() -> None:
    policy = PropertyPolicy(LAWN, PolicyOptions(margin=0.6))
    assert hidden(decide(_walk(range(7, 14)), at=10, policy=policy))


# -- whatever is found ----------------------------------------------------------------------

_STANCES = st.lists(
    st.tuples(
        st.floats(0, 400), st.floats(0, 300), st.floats(10, 200), st.booleans(), st.floats(0.01, 1)
    ),
    max_size=12,
)


@given(_STANCES)
def test_what_agrees_lies_between_sure_boxes_and_near_their_line(
    stances: list[tuple[float, float, float, bool, float]],
) -> None:
    boxes = np.array([_at(x, y, tall) for x, y, tall, _, _ in stances], np.float32).reshape(-1, 4)
    when = np.cumsum([gap for *_, gap in stances])
    sure = np.array([s for *_, s, _ in stances], bool)
    for i in np.flatnonzero(agreeing(boxes, when, sure)):
        assert sure.sum() >= 4
        before = [k for k in np.flatnonzero(sure) if k <= i]
        after = [k for k in np.flatnonzero(sure) if k >= i]
        assert before
        assert after
        a, b = before[-1], after[0]
        share = (when[i] - when[a]) / (when[b] - when[a]) if a != b else 0.0
        line = boxes[a] + share * (boxes[b] - boxes[a])
        tall = line[3] - line[1]
        assert np.abs(boxes[i] - line)[3] <= 0.1 * tall + 1e-2
        assert abs((boxes[i, 3] - boxes[i, 1]) - tall) <= 0.1 * tall + 1e-2


@given(
    st.floats(-100, 100),
    st.floats(-30, 30),
    st.floats(20, 150),
    st.lists(st.floats(-0.04, 0.04), min_size=12, max_size=12),
)
def test_a_steady_walk_agrees_with_itself(
    vx: float, vy: float, tall: float, noise: list[float]
) -> None:
    when = np.arange(12) / 10
    boxes = np.array(
        [
            _at(200 + vx * t, 200 + vy * t + n * tall, tall)
            for t, n in zip(when, noise, strict=True)
        ],
        np.float32,
    )
    sure = np.zeros(12, bool)
    sure[[0, 1, 10, 11]] = True
    assert agreeing(boxes, when, sure)[2:10].all()


def test_a_clock_that_goes_back_proves_nothing() -> None:
    boxes = np.array([_at(200)] * 9, np.float32)
    when = np.array([0, 0.1, 0.2, 0.3, 0.2, 0.5, 0.6, 0.7, 0.8])
    sure = np.array([True] * 4 + [False] + [True] * 4)
    assert not agreeing(boxes, when, sure).any()
    assert agreeing(boxes, np.arange(9) / 10, sure)[4]
