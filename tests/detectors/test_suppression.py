"""Non-maximum suppression against the definition, box by box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from redact.detectors.suppression import Suppression, overlaps, suppress
from redact.structures import Detections, Label


def iou(a, b) -> float:  # type: ignore[no-untyped-def]
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = lambda c: (c[2] - c[0]) * (c[3] - c[1])  # noqa: E731
    return float(w * h / max(area(a) + area(b) - w * h, 1e-9))


def people(boxes: list[list[float]], score: list[float]) -> Detections:
    label = np.full(len(score), Label.PERSON, np.uint8)
    return Detections(np.array(boxes, np.float32), np.array(score, np.float32), label)


def brute_force(found: Detections, overlap: float) -> set[int]:
    kept: list[int] = []
    for i in sorted(range(len(found)), key=lambda i: (-found.score[i], i)):
        rivals = [k for k in kept if found.label[k] == found.label[i]]
        if all(iou(found.xyxy[k], found.xyxy[i]) <= overlap for k in rivals):
            kept.append(i)
    return set(kept)


@st.composite
def detections(draw: st.DrawFn) -> Detections:
    n = draw(st.integers(0, 25) | st.integers(120, 200))
    whole = st.integers(0, 40 + n)  # whole numbers: no rounding differs at the threshold
    corner = draw(arrays(np.float32, (n, 2), elements=whole))
    size = draw(arrays(np.float32, (n, 2), elements=st.integers(1, 30)))
    score = draw(arrays(np.float32, (n,), elements=st.integers(0, 100))) / 100
    label = draw(arrays(np.uint8, (n,), elements=st.integers(0, 1)))
    return Detections(np.hstack([corner, corner + size]), score, label)


@given(detections(), st.sampled_from([0.303, 0.511, 0.653, 0.901]))
@settings(deadline=None)
def test_suppression_keeps_what_the_definition_keeps(found: Detections, overlap: float) -> None:
    kept = suppress(found, Suppression(overlap=overlap))
    expected = found.select(np.array(sorted(brute_force(found, overlap)), np.intp))
    assert sorted(map(tuple, rows(kept))) == sorted(map(tuple, rows(expected)))


def rows(found: Detections) -> list[list[float]]:
    return np.column_stack([found.xyxy, found.score, found.label]).tolist()  # type: ignore[no-any-return]


@given(detections())
@settings(deadline=None)
def test_what_is_dropped_is_covered_by_what_is_kept(found: Detections) -> None:
    kept = suppress(found)
    for box, label in zip(found.xyxy, found.label, strict=True):
        same = kept.xyxy[kept.label == label]
        assert max((iou(box, other) for other in same), default=0) > 0.65 or any(
            (box == other).all() for other in same
        )


def test_a_face_never_suppresses_its_person() -> None:
    box = [[0, 0, 10, 10]]
    both = Detections.concatenate(
        [Detections.of(box, 0.5, Label.PERSON), Detections.of(box, 0.9, Label.FACE)]
    )
    assert len(suppress(both)) == 2


@given(detections(), st.sampled_from([0.303, 0.511, 0.704, 0.901]))
@settings(deadline=None)
def test_a_box_that_is_kept_is_the_mean_of_those_that_agree_with_it(
    found: Detections, vote: float
) -> None:
    kept = suppress(found, Suppression(vote=vote))
    sure = suppress(found)
    assert kept.score.tolist() == sure.score.tolist()
    for box, before, label in zip(kept.xyxy, sure.xyxy, sure.label, strict=True):
        rows = found.label == label
        agree = [iou(before, other) >= vote for other in found.xyxy[rows]]
        voters, weight = found.xyxy[rows][agree], found.score[rows][agree]
        if weight.sum() > 0:
            mean = np.average(voters, axis=0, weights=weight)
            np.testing.assert_allclose(box, mean, rtol=1e-3, atol=1e-2)


def test_two_sights_of_one_person_become_one_box_between_them() -> None:
    sights = people([[0, 0, 40, 100], [0, 0, 40, 124], [2, 0, 43, 110]], [0.6, 0.2, 0.4])
    assert len(suppress(sights)) == 1
    one = suppress(sights, Suppression(vote=0.7, repeat=0.5))
    np.testing.assert_allclose(one.xyxy, [[2 / 3, 0, 41, 107.333]], atol=1e-3)
    apart = people([[0, 0, 40, 100], [60, 0, 100, 100]], [0.6, 0.5])
    assert len(suppress(apart, Suppression(vote=0.7, repeat=0.5))) == 2


def test_a_repeat_that_reaches_higher_may_be_somebody_behind_and_stays() -> None:
    how = Suppression(vote=0.9, repeat=0.5)
    lower = people([[0, 20, 40, 120], [0, 45, 40, 130]], [0.6, 0.5])
    higher = people([[0, 20, 40, 120], [0, 0, 40, 85]], [0.6, 0.5])
    assert [len(suppress(pair, how)) for pair in (lower, higher)] == [1, 2]
    much_the_same = people([[0, 20, 40, 120], [0, 0, 40, 115]], [0.6, 0.5])
    assert len(suppress(much_the_same, how)) == 1  # by `overlap`


def test_overlap_of_boxes_without_area_is_zero() -> None:
    point = np.zeros((1, 4), np.float32)
    assert overlaps(point, point) == pytest.approx(0)
