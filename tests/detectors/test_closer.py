"""Closer looks: who comes, who goes, and what must never happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redact.detectors.closer import (
    DOUBT,
    FLOOR,
    FOUND,
    CloserLooks,
    part_of,
    window_around,
)
from redact.detectors.letterbox import cut_out, letterbox
from redact.geometry import Zone
from redact.policies import PropertyPolicy
from redact.structures import Colour, Detections, Frame, Label, StreamInfo
from tests.detectors.pictures import flat

WIDTH, HEIGHT = 1280, 720
LAWN = Zone.of([[[0.0, 0.7], [1.0, 0.7], [1.0, 1.0], [0.0, 1.0]]])
INFO = StreamInfo(WIDTH, HEIGHT)
beyond = partial(PropertyPolicy(LAWN).beyond, INFO)
FAR = (600.0, 300.0, 620.0, 350.0)
ON_LAWN = (600.0, 600.0, 640.0, 700.0)


class Seeing:
    """A detector that sees `people` wherever it is shown them: it answers by the place of the
    picture it is given, which the marker in its first samples tells."""

    labels = frozenset({Label.PERSON, Label.FACE})

    def __init__(self, *people: tuple[tuple[float, float, float, float], float, Label]) -> None:
        self.people = people
        self.looks = 0

    def keener(self, floor: float) -> Seeing:
        assert floor == FLOOR
        return self

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        self.looks += len(frames)
        return [self._in(frame) for frame in frames]

    def _in(self, frame: Frame) -> Detections:
        left, top = int(frame.u[0, 0]) * 8, int(frame.v[0, 0]) * 8
        seen = Detections.empty()
        for box, score, label in self.people:
            there = np.array([box], np.float32) - np.array([left, top] * 2, np.float32)
            inside = (there[0, :2] < (frame.width, frame.height)).all() and (there[0, 2:] > 0).all()
            if inside:
                seen = Detections.concatenate([seen, Detections.of(there, score, label)])
        return seen


def marked(time: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Frame:
    """A frame whose chroma tells where each of its samples is, in steps of 8 pixels."""
    frame = flat(width, height)
    rows, columns = frame.u.shape
    u = np.tile((np.arange(columns) // 4).astype(np.uint8), (rows, 1))
    v = np.tile((np.arange(rows) // 4).astype(np.uint8)[:, None], (1, columns))
    return replace(frame, u=u, v=v, pts=time)


def person(box: tuple[float, float, float, float], score: float) -> Detections:
    return Detections.of([box], score, Label.PERSON)


def refine(
    detector: Seeing, found: Detections, *, still: bool = True, settled: bool = True
) -> Detections:
    return CloserLooks(detector, beyond).refined(marked(), found, still=still, settled=settled)


def test_a_doubtful_tree_goes() -> None:
    assert not len(refine(Seeing(), person(FAR, 0.2)))


@pytest.mark.parametrize(
    ("seen", "score"), [(Label.PERSON, FLOOR), (Label.PERSON, 0.9), (Label.FACE, 0.3)]
)
def test_somebody_of_whom_the_closer_look_sees_anything_stays(seen: Label, score: float) -> None:
    left, top, right, bottom = FAR
    shifted = left + 4, top + 4, right + 4, bottom + 4
    assert len(refine(Seeing((shifted, score, seen)), person(FAR, 0.2))) == 1


def test_nobody_goes_while_anything_moves_or_the_background_is_young() -> None:
    found = person(FAR, 0.2)
    assert len(refine(Seeing(), found, still=False)) == 1
    assert len(refine(Seeing(), found, settled=False)) == 1


def test_who_is_sure_is_not_looked_at_again() -> None:
    closer = CloserLooks(Seeing(), beyond)
    assert len(closer.refined(marked(), person(FAR, DOUBT), still=True, settled=True)) == 1


def test_a_doubtful_body_with_a_face_stays() -> None:
    face = Detections.of([(606, 302, 612, 310)], 0.5, Label.FACE)
    assert len(refine(Seeing(), Detections.concatenate([person(FAR, 0.2), face]))) == 2


def test_where_much_is_doubtful_all_of_it_stays() -> None:
    boxes = [(100.0 * k, 300.0, 100.0 * k + 20, 350.0) for k in range(5)]
    found = Detections.of(boxes, 0.2, Label.PERSON)
    assert len(refine(Seeing(), found)) == 5


def test_somebody_too_large_for_a_closer_look_stays() -> None:
    assert len(refine(Seeing(), person((100, 10, 500, 700), 0.2))) == 1


def test_somebody_at_the_edge_of_an_odd_frame_is_found() -> None:
    width = 1366
    edge = (1340.0, 300.0, 1366.0, 350.0)
    wide = partial(PropertyPolicy(LAWN).beyond, StreamInfo(width, 768))
    closer = CloserLooks(Seeing((edge, 0.9, Label.PERSON)), wide)
    found = [
        len(closer.refined(marked(t, width, 768), Detections.empty(), still=True, settled=False))
        for t in range(0, 10_000, 500)
    ]
    assert found[-1] == 1


def test_a_small_picture_gets_no_closer_look() -> None:
    detector, frame = Seeing(), flat(640, 480)
    found = CloserLooks(detector, beyond).refined(
        frame, person((10, 10, 30, 60), 0.2), still=True, settled=True
    )
    assert len(found) == 1
    assert detector.looks == 0


def through(
    closer: CloserLooks, times: Sequence[int], still: Callable[[int], bool] = lambda _: True
) -> list[int]:
    """How many are found at each time (ms), where the whole picture tells of nobody."""
    return [
        len(closer.refined(marked(t), Detections.empty(), still=still(t), settled=False))
        for t in times
    ]


def test_somebody_far_is_found_within_a_round_of_looks_and_stays_found() -> None:
    counts = through(CloserLooks(Seeing((FAR, FOUND, Label.PERSON)), beyond), range(0, 30_000, 500))
    assert max(counts[:9]) == 1
    assert set(counts[9:]) == {1}


def test_somebody_far_stays_found_while_others_move_and_is_forgotten_at_last() -> None:
    closer = CloserLooks(Seeing((FAR, 0.9, Label.PERSON)), beyond)
    counts = through(closer, range(0, 30_000, 500), still=lambda t: t < 10_000)
    assert set(counts[9:35]) == {1}
    assert set(counts[37:]) == {0}


def test_whom_the_whole_picture_shows_is_not_remembered() -> None:
    """They would be hidden for seconds after they had left."""
    closer = CloserLooks(Seeing((FAR, 0.9, Label.PERSON)), beyond)
    for time in range(0, 10_000, 500):
        closer.refined(marked(time), person(FAR, 0.5), still=True, settled=True)
    gone = closer.refined(marked(10_500), Detections.empty(), still=False, settled=False)
    assert not len(gone)


@pytest.mark.parametrize("bottom", [HEIGHT - 1.0, HEIGHT + 30.0])
def test_a_resident_cut_by_the_frame_is_never_added(bottom: float) -> None:
    """Where they left, nobody may be shown in their place."""
    cut = (600.0, 620.0, 640.0, bottom)
    closer = CloserLooks(Seeing((cut, 0.9, Label.PERSON)), beyond)
    assert set(through(closer, range(0, 10_000, 500))) == {0}


def test_when_the_clock_goes_back_all_begins_anew() -> None:
    detector = Seeing((FAR, 0.9, Label.PERSON))
    closer = CloserLooks(detector, beyond)
    assert through(closer, range(3_600_000, 3_605_000, 500))[-1] == 1
    detector.people, looks = (), detector.looks
    assert set(through(closer, range(0, 5_000, 500))) == {0}
    assert detector.looks == looks + 9


@given(st.integers(1, 2000), st.integers(1, 2000))
def test_any_size_can_be_looked_at(width: int, height: int) -> None:
    class Blind(Seeing):
        def _in(self, frame: Frame) -> Detections:
            assert min(frame.width, frame.height) >= 32
            return Detections.empty()

    closer = CloserLooks(Blind(), lambda found: np.zeros(len(found), np.bool_))
    frame = Frame(*(np.zeros(s, np.uint8) for s in _planes(width, height)), 0, Fraction(1, 1000))
    doubtful = person((0, 0, width / 8, height / 8), 0.2)
    closer.refined(frame, doubtful, still=True, settled=True)


def _planes(width: int, height: int) -> list[tuple[int, int]]:
    chroma = (height + 1) // 2, (width + 1) // 2
    return [(height, width), chroma, chroma]


def test_who_left_unseen_is_forgotten_after_three_looks_at_the_part() -> None:
    detector = Seeing((FAR, 0.9, Label.PERSON))
    closer = CloserLooks(detector, beyond)
    assert through(closer, range(0, 5_000, 500))[-1] == 1
    detector.people = ()
    counts = through(closer, range(5_000, 60_000, 500))
    assert set(counts[:36]) == {1}
    assert set(counts[54:]) == {0}


def test_parts_are_looked_at_quickly_once_and_then_at_leisure() -> None:
    detector = Seeing()
    closer = CloserLooks(detector, beyond)
    through(closer, range(0, 4_500, 500))
    assert detector.looks == 9
    through(closer, range(4_500, 14_500, 500))
    assert detector.looks == 19
    through(closer, [14_500, 15_000], still=lambda _: False)
    through(closer, range(15_500, 20_000, 500))
    assert detector.looks == 28


@pytest.mark.parametrize(("box", "score"), [(ON_LAWN, 0.9), (FAR, FOUND - 0.01)])
def test_nobody_on_the_property_and_nobody_unsure_is_added(
    box: tuple[float, float, float, float], score: float
) -> None:
    closer = CloserLooks(Seeing((box, score, Label.PERSON)), beyond)
    assert set(through(closer, range(0, 10_000, 500))) == {0}


def test_somebody_whom_the_whole_picture_tells_of_is_not_found_twice() -> None:
    closer = CloserLooks(Seeing((FAR, 0.9, Label.PERSON)), beyond)
    for time in range(0, 10_000, 500):
        found = closer.refined(marked(time), person(FAR, 0.5), still=True, settled=True)
        assert len(found) == 1


def test_a_detector_that_cannot_be_keener_gets_no_closer_looks() -> None:
    class Plain:
        labels = frozenset({Label.PERSON})

        def detect(self, frames: Sequence[Frame]) -> list[Detections]:
            return [Detections.empty() for _ in frames]

    assert CloserLooks.of(Plain(), beyond) is None
    assert CloserLooks.of(Seeing(), beyond) is not None


sizes = st.tuples(st.integers(64, 4096), st.integers(64, 4096))


@given(sizes, st.floats(-0.2, 1.2), st.floats(-0.2, 1.2), st.floats(0.001, 0.6))
def test_a_window_lies_in_the_frame_around_its_box(
    size: tuple[int, int], x: float, y: float, share: float
) -> None:
    width, height = size
    box = np.array([x * width, y * height, (x + share) * width, (y + share) * height], np.float32)
    window = window_around(box, width, height)
    if window is None:
        return
    left, top, right, bottom = window
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert left % 2 == top % 2 == 0
    assert 1.4 * (right - left) <= width
    visible = np.clip(box, 0, [width, height] * 2)
    if (visible[2:] > visible[:2]).all():  # of even corners one pixel may be lost
        assert (visible[:2] >= (left - 2, top - 2)).all()
        assert (visible[2:] <= (right + 2, bottom + 2)).all()


@given(sizes, st.data())
def test_anybody_up_to_a_quarter_of_the_frame_is_whole_in_a_part(
    size: tuple[int, int], data: st.DataObject
) -> None:
    width, height = size
    parts = [part_of(index, width, height) for index in range(9)]
    if parts[0] is None:
        assert parts == [None] * 9
        return
    least = [p for p in parts if p is not None]
    assert min(p[0] for p in least) == min(p[1] for p in least) == 0
    assert max(p[2] for p in least) >= width - 2
    assert max(p[3] for p in least) >= height - 2
    wide, tall = width // 4 - 4, height // 4 - 4
    x = data.draw(st.integers(0, width - wide - 2))
    y = data.draw(st.integers(0, height - tall - 2))
    assert any(
        a <= x and b <= y and x + wide <= right and y + tall <= bottom
        for a, b, right, bottom in least
    )


def test_a_part_has_the_colours_of_the_whole() -> None:
    """Also where nothing tells the matrix, which then follows the size of the picture."""
    frame = flat(1280, 720, colour=Colour())
    part = cut_out(frame, (100, 50, 740, 410))
    assert (part.width, part.height) == (640, 360)
    whole, _ = letterbox(frame, 360, 640)
    piece, _ = letterbox(part, 360, 640)
    assert np.array_equal(whole[0, 0], piece[0, 0])


def test_a_part_is_the_picture_there() -> None:
    frame = marked()
    part = cut_out(frame, (100, 50, 741, 411))
    assert np.array_equal(part.y, frame.y[50:411, 100:741])
    assert np.array_equal(part.u, frame.u[25:206, 50:371])
    assert np.array_equal(part.v, frame.v[25:206, 50:371])
