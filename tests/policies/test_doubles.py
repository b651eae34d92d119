"""Two boxes around one person are one person; whoever was apart once is another one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scenes import ON, Box, decide, frame, hidden, row

from redact.policies.doubles import doubles
from redact.policies.sights import Sights
from redact.structures import Tracks


def _window(second: list[Box | None], score: float) -> list[Tracks]:
    """Somebody who stays, and a second subject where it was found."""
    return [
        Tracks.concatenate([row(ON, 1)] + ([] if box is None else [row(box, 2, score=score)]))
        for box in second
    ]


def _double(second: list[Box | None], score: float = 0.2) -> bool:
    window = _window(second, score)
    return bool(doubles(Sights.of(window, range(len(window))), np.array([2]), np.array([1]))[0])


def test_a_second_box_that_never_was_apart_is_the_same_person() -> None:
    part = (ON[0], ON[1], ON[2], ON[3] - 30)
    assert _double([None, part, part, None])


def test_whoever_surely_was_seen_beside_them_is_somebody_else() -> None:
    part = (ON[0], ON[1], ON[2], ON[3] - 30)
    assert not _double([None, part, part, None], score=0.8)


def test_a_stranger_half_behind_a_resident_stays_hidden_when_lost_for_two_frames() -> None:
    resident, stranger = (180.0, 60.0, 220.0, 158.0), (192.0, 52.0, 232.0, 146.0)
    window = [
        frame(row(resident, 1), row(stranger, 2, score=0.8, coasting=k in (10, 11)))
        for k in range(21)
    ]
    decision = decide(window, at=10)
    assert not hidden(decision, 1)
    assert hidden(decision, 2)


def test_whoever_never_was_found_beside_them_is_somebody_else() -> None:
    assert not _double([None, None])


@given(st.integers(0, 9), st.floats(25, 200))
def test_whoever_was_apart_in_a_single_frame_is_somebody_else(at: int, away: float) -> None:
    aside = (ON[0] + away, ON[1], ON[2] + away, ON[3])
    assert not _double([aside if k == at else ON for k in range(10)])
