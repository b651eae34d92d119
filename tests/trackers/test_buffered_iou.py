"""The tracker loses and alters nothing that was detected; identity is a guess that only adds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.config import TrackingOptions
from redact.protocols import Tracker
from redact.structures import Detections, Label, Tracks
from redact.testing import SyntheticSource
from redact.trackers import BufferedIoUTracker

WIDTH, HEIGHT = 320, 240
RATE = 10


def tracked(
    answers: Sequence[Detections],
    tracker: BufferedIoUTracker | None = None,
    times: Sequence[int] | None = None,
) -> list[Tracks]:
    source = SyntheticSource(len(answers), WIDTH, HEIGHT, rate=RATE, times=times)
    tracker = tracker or BufferedIoUTracker()
    return [tracker.update(f, a) for f, a in zip(source, answers, strict=True)]


def person(
    x: float, y: float = 100, w: float = 20, h: float = 60, score: float = 0.9
) -> Detections:
    return Detections.of([[x, y, x + w, y + h]], score, Label.PERSON)


def walker(frames: int, speed: float = 4) -> list[Detections]:
    return [person(20 + speed * i) for i in range(frames)]


def everything(*parts: Detections) -> Detections:
    return Detections.concatenate(parts)


NOBODY = Detections.empty()

_boxes = st.tuples(
    st.floats(-60, WIDTH, width=32),
    st.floats(-60, HEIGHT, width=32),
    st.floats(1, 150, width=32),
    st.floats(1, 200, width=32),
    st.floats(0, 1, width=32),
    st.sampled_from(list(Label)),
)


@st.composite
def detections(draw: st.DrawFn) -> Detections:
    rows = draw(st.lists(_boxes, max_size=6))
    parts = [Detections.of([[x, y, x + w, y + h]], s, la) for x, y, w, h, s, la in rows]
    return Detections.concatenate(parts)


@st.composite
def clips(draw: st.DrawFn) -> tuple[list[Detections], list[int]]:
    answers = draw(st.lists(detections(), min_size=1, max_size=8))
    n = len(answers)
    steps = draw(st.lists(st.integers(1, 1500), min_size=n, max_size=n))
    return answers, np.cumsum(steps).tolist()


def rows_of(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> list[tuple[float, ...]]:
    return sorted(
        (*b, s, la) for b, s, la in zip(boxes.tolist(), scores.tolist(), labels, strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(clips())
def test_every_detection_is_a_track_with_exactly_its_box_in_its_frame(
    clip: tuple[list[Detections], list[int]],
) -> None:
    answers, times = clip
    for answer, tracks in zip(answers, tracked(answers, times=times), strict=True):
        seen = tracks.select(~tracks.coasting)
        assert rows_of(seen.xyxy, seen.score, seen.label) == rows_of(
            answer.xyxy, answer.score, answer.label
        )


@settings(max_examples=40, deadline=None)
@given(clips())
def test_ids_are_unique_in_a_frame_keep_their_label_and_are_never_reused(
    clip: tuple[list[Detections], list[int]],
) -> None:
    answers, times = clip
    gone: set[int] = set()
    before: set[int] = set()
    labels: dict[int, int] = {}
    for tracks in tracked(answers, times=times):
        ids = tracks.track_id.tolist()
        assert len(set(ids)) == len(ids)
        gone |= before - set(ids)
        assert not gone & set(ids)
        before = set(ids)
        for track_id, label in zip(ids, tracks.label.tolist(), strict=True):
            assert labels.setdefault(track_id, label) == label


@settings(max_examples=60, deadline=None)
@given(clips())
def test_a_coasting_box_covers_the_last_place_seen(
    clip: tuple[list[Detections], list[int]],
) -> None:
    answers, times = clip
    last: dict[int, np.ndarray] = {}
    for tracks in tracked(answers, times=times):
        for track_id, box, coasting in zip(
            tracks.track_id.tolist(), tracks.xyxy, tracks.coasting, strict=True
        ):
            if coasting:
                was = last[track_id]
                assert (box[:2] <= was[:2]).all()
                assert (box[2:] >= was[2:]).all()
            else:
                last[track_id] = box


@settings(max_examples=40, deadline=None)
@given(clips())
def test_the_same_detections_give_the_same_tracks_after_a_reset(
    clip: tuple[list[Detections], list[int]],
) -> None:
    answers, times = clip
    tracker = BufferedIoUTracker()
    first = tracked(answers, tracker, times)
    tracker.reset()
    for a, b in zip(first, tracked(answers, tracker, times), strict=True):
        assert a.track_id.tolist() == b.track_id.tolist()
        np.testing.assert_array_equal(a.xyxy, b.xyxy)


def test_it_keeps_the_contract_of_a_tracker() -> None:
    assert isinstance(BufferedIoUTracker(), Tracker)


def test_a_walker_keeps_one_id() -> None:
    ids = {int(i) for tracks in tracked(walker(30)) for i in tracks.track_id}
    assert len(ids) == 1


def test_a_far_walker_who_moves_by_more_than_its_width_keeps_one_id() -> None:
    found = [person(20 + 7 * i, w=6, h=18) for i in range(20)]
    ids = {int(i) for tracks in tracked(found) for i in tracks.track_id}
    assert len(ids) == 1


def test_a_walker_missed_for_two_frames_keeps_its_id() -> None:
    found = walker(20)
    found[10] = found[11] = NOBODY
    tracks = tracked(found)
    assert {int(i) for t in tracks for i in t.track_id} == {1}
    assert [bool(t.coasting.any()) for t in tracks[9:13]] == [False, True, True, False]


def test_a_lost_track_coasts_and_then_ends() -> None:
    coast = 1.0
    tracker = BufferedIoUTracker(TrackingOptions(coast=coast))
    tracks = tracked([*walker(20), *[NOBODY] * 30], tracker)
    after = tracks[20:]
    lengths = [len(t) for t in after]
    assert lengths[:5] == [1] * 5
    assert lengths == sorted(lengths, reverse=True)
    assert all(t.coasting.all() for t in after)
    assert lengths[int(coast * RATE) + 2 :] == [0] * (28 - int(coast * RATE))


def test_a_coasting_box_follows_the_walker() -> None:
    tracks = tracked([*walker(20), NOBODY, NOBODY, NOBODY])
    for i, t in enumerate(tracks[20:], start=20):
        left, right = 20 + 4 * i, 40 + 4 * i
        assert t.xyxy[0, 0] <= left + 1
        assert t.xyxy[0, 2] >= right - 1


def test_a_jump_across_the_picture_gives_a_new_id_and_the_old_one_coasts() -> None:
    tracks = tracked([*walker(10), person(250, 20)])
    last = tracks[-1]
    assert last.coasting.tolist() == [True, False]
    assert last.track_id[0] != last.track_id[1]
    assert (last.xyxy[1] == person(250, 20).xyxy[0]).all()


def test_whoever_comes_after_a_track_has_ended_has_a_new_id() -> None:
    tracks = tracked([*walker(5), *[NOBODY] * 60, person(36)])
    assert not len(tracks[-2])
    assert tracks[-1].track_id.tolist() != tracks[0].track_id.tolist()


def test_a_face_never_continues_a_body() -> None:
    box = [[50, 50, 70, 90]]
    tracks = tracked([Detections.of(box, 0.9, Label.PERSON), Detections.of(box, 0.9, Label.FACE)])
    assert tracks[1].label[~tracks[1].coasting].tolist() == [Label.FACE]
    assert tracks[1].track_id[~tracks[1].coasting] != tracks[0].track_id


def test_sure_boxes_are_matched_before_unsure_ones() -> None:
    found = [person(100), everything(person(101, score=0.15), person(104))]
    tracks = tracked(found)
    kept = tracks[1].xyxy[tracks[1].track_id == tracks[0].track_id[0]]
    assert kept[0, 0] == 104


def test_two_trackers_of_one_stream_do_not_meet() -> None:
    a, b = BufferedIoUTracker(), BufferedIoUTracker(first_id=1 << 40)
    ids_a = {int(i) for t in tracked(walker(5), a) for i in t.track_id}
    ids_b = {int(i) for t in tracked(walker(5), b) for i in t.track_id}
    assert not ids_a & ids_b


def test_after_a_reset_nothing_coasts() -> None:
    tracker = BufferedIoUTracker()
    tracked(walker(20), tracker)
    tracker.reset()
    assert len(tracked([NOBODY], tracker)[0]) == 0


def test_velocity_is_in_pixels_per_second() -> None:
    tracks = tracked(walker(20, speed=5))
    assert tracks[-1].velocity[0] == pytest.approx([5 * RATE, 0], abs=0.5)


def test_uneven_times_do_not_change_the_velocity() -> None:
    times = [0, 100, 180, 320, 400, 560, 600]
    tracks = tracked([person(20 + 0.05 * t) for t in times], times=times)
    assert tracks[-1].velocity[0] == pytest.approx([50, 0], abs=0.5)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.floats(-9, 9, width=32), st.floats(0, 1, width=32)), max_size=8),
        min_size=2,
        max_size=4,
    )
)
def test_people_far_from_each_other_are_followed_as_each_would_be_alone(
    walks: list[list[tuple[float, float]]],
) -> None:
    """A walk: the place in each frame, from where it began, and the score; below 0.1 nothing."""
    frames = max(map(len, walks))
    found = [[NOBODY] * frames for _ in walks]
    for who, walk in enumerate(walks):
        for k, (step, score) in enumerate(walk):
            if score >= 0.1:
                found[who][k] = person(5000 * who + 4 * k + step, score=score)
    if not frames:
        return
    together = tracked([everything(*parts) for parts in zip(*found, strict=True)])
    alone = [tracked(answers) for answers in found]
    for k, tracks in enumerate(together):
        rows = sorted(_told(tracks))
        assert rows == sorted(told for one in alone for told in _told(one[k]))


def _told(tracks: Tracks) -> list[tuple[object, ...]]:
    """All of each row but its id."""
    columns = (tracks.xyxy, tracks.score[:, None], tracks.coasting[:, None], tracks.velocity)
    return [tuple(map(tuple, map(np.ndarray.tolist, row))) for row in zip(*columns, strict=True)]
