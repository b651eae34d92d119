"""Between two looks nothing is lost and nobody gains a clearance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redact.structures import Label, Tracks
from redact.trackers import between, resting

_boxes = st.tuples(*(st.floats(-50, 400, width=32) for _ in range(2)),
                   *(st.floats(1, 200, width=32) for _ in range(2)))  # fmt: skip
_gaps = st.floats(0.01, 3)


def tracks(rows: dict[int, tuple[float, float, float, float]], coasting: bool = False) -> Tracks:
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in rows.values()], np.float32)
    n = len(rows)
    return Tracks(
        boxes.reshape(n, 4),
        np.full(n, 0.9, np.float32),
        np.full(n, Label.PERSON, np.uint8),
        np.array(list(rows), np.int64),
        np.full(n, coasting),
        np.zeros((n, 2), np.float32),
    )


@given(st.dictionaries(st.integers(1, 6), _boxes), st.dictionaries(st.integers(1, 6), _boxes),
       _gaps, _gaps, st.booleans(), st.booleans())  # fmt: skip
def test_whoever_was_there_is_there_and_is_seen_only_if_seen_on_both_sides(
    first: dict[int, tuple[float, float, float, float]],
    last: dict[int, tuple[float, float, float, float]],
    since: float,
    until: float,
    first_coasts: bool,
    last_coasts: bool,
) -> None:
    before, after = tracks(first, first_coasts), tracks(last, last_coasts)
    found = between(before, after, since, until)
    new = [track for track in last if track not in first]
    assert found.track_id.tolist() == [*first, *new]
    for row, track in enumerate(new, start=len(first)):
        box = after.xyxy[list(last).index(track)]
        assert found.coasting[row], "nobody is cleared by what is only known from later"
        assert (found.xyxy[row, :2] <= box[:2]).all()
        assert (found.xyxy[row, 2:] >= box[2:]).all()
    for row, track in enumerate(first):
        seen = track in last and not first_coasts and not last_coasts
        assert bool(found.coasting[row]) == (not seen)
        ends = [before.xyxy[row]]
        if track in last:
            ends.append(after.xyxy[list(last).index(track)])
        low, high = np.min(ends, axis=0), np.max(ends, axis=0)
        if seen:  # no edge leaves the way between its two places
            assert (found.xyxy[row] >= low - 0.01).all()
            assert (found.xyxy[row] <= high + 0.01).all()
        else:  # covers all the places known
            assert (found.xyxy[row, :2] <= low[:2]).all()
            assert (found.xyxy[row, 2:] >= high[2:]).all()


def test_a_walker_is_where_the_time_says() -> None:
    found = between(tracks({1: (0, 0, 10, 30)}), tracks({1: (40, 8, 10, 30)}), 0.1, 0.3)
    np.testing.assert_allclose(found.xyxy[0], (10, 2, 20, 32))


@pytest.mark.parametrize(("since", "until"), [(0, 1), (1, 0), (-1, 1), (float("nan"), 1)])
def test_only_a_frame_between_two_looks_is_between_them(since: float, until: float) -> None:
    with pytest.raises(ValueError, match="between two looks"):
        between(Tracks.empty(), Tracks.empty(), since, until)


@given(st.dictionaries(st.integers(1, 6), _boxes, min_size=1), st.data())
def test_they_rest_while_all_are_where_they_were(
    rows: dict[int, tuple[float, float, float, float]], data: st.DataObject
) -> None:
    before = tracks(rows)
    assert resting(before, tracks(dict(reversed(rows.items()))))
    assert not resting(before, tracks(rows, coasting=True))
    one = data.draw(st.sampled_from(list(rows)))
    x, y, w, h = rows[one]
    assert not resting(before, tracks({**rows, one: (x + 0.2 * h + 0.1, y, w, h)}))
    assert not resting(before, tracks({k: v for k, v in rows.items() if k != one}))
    assert not resting(tracks({k: v for k, v in rows.items() if k != one}), before)
