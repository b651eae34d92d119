"""Non-maximum suppression against the definition, box by box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from redact.detectors.suppression import overlaps, suppress
from redact.structures import Detections, Label


def iou(a, b) -> float:  # type: ignore[no-untyped-def]
    w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = lambda c: (c[2] - c[0]) * (c[3] - c[1])  # noqa: E731
    return float(w * h / max(area(a) + area(b) - w * h, 1e-9))


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
    kept = suppress(found, overlap)
    expected = found.select(np.array(sorted(brute_force(found, overlap)), np.intp))
    assert sorted(map(tuple, rows(kept))) == sorted(map(tuple, rows(expected)))


def rows(found: Detections) -> list[list[float]]:
    return np.column_stack([found.xyxy, found.score, found.label]).tolist()  # type: ignore[no-any-return]


@given(detections())
@settings(deadline=None)
def test_what_is_dropped_is_covered_by_what_is_kept(found: Detections) -> None:
    kept = suppress(found, 0.65)
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
    assert len(suppress(both, 0.65)) == 2


def test_overlap_of_boxes_without_area_is_zero() -> None:
    point = np.zeros((1, 4), np.float32)
    assert overlaps(point, point) == pytest.approx(0)
