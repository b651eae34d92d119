"""When something was hidden, from decisions alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from redact.spans import COASTING, Spans
from redact.structures import Decision, Label, Reason, Tracks

FPS = 10


def decision(*subjects: tuple[int, Label, Reason, bool]) -> Decision:
    """Each: identity, label, reason, whether it is not found in this frame."""
    n = len(subjects)
    ids, labels, reasons, coasting = zip(*subjects, strict=True) if n else ((), (), (), ())
    tracks = Tracks(
        np.tile(np.float32([0, 0, 8, 16]), (n, 1)),
        np.ones(n, np.float32),
        np.array(labels, np.uint8),
        np.array(ids, np.int64),
        np.array(coasting, bool),
        np.zeros((n, 2), np.float32),
    )
    return Decision(tracks, np.array(reasons, np.uint8))


def spans_of(decisions: Iterable[Decision]) -> dict[str, tuple[tuple[float, float], ...]]:
    spans = Spans()
    for index, one in enumerate(decisions):
        spans.add(index / FPS, one)
    return spans.result()


def person(identity: int, lost: bool) -> tuple[int, Label, Reason, bool]:
    return identity, Label.PERSON, Reason.OUTSIDE, lost


def test_a_person_who_is_not_found_for_long_is_told_of_from_when_they_were_lost() -> None:
    lost = range(10, 25)
    found = spans_of(decision(person(1, index in lost)) for index in range(40))
    assert found["coasting"] == ((1.0, 2.4),)
    assert found["outside"] == ((0.0, 3.9),)


def test_many_people_who_are_each_lost_for_a_moment_are_no_long_coasting() -> None:
    changing = (decision(person(index // 5, True)) for index in range(40))
    assert "coasting" not in spans_of(changing)


def test_someone_who_is_found_in_between_starts_anew() -> None:
    shorter = int(COASTING * FPS) - 1
    found = spans_of(decision(person(1, index % shorter != 0)) for index in range(60))
    assert "coasting" not in found


def test_motion_and_shown_people_that_coast_are_not_told_of() -> None:
    motion = 1, Label.MOTION, Reason.MOTION, True
    shown = 2, Label.PERSON, Reason.LOST_ON_PROPERTY, True
    assert set(spans_of(decision(motion, shown) for _ in range(40))) == {"motion"}
