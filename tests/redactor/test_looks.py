"""Looking seldom: the detector is spared, and nobody escapes between two looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.build import make_redactor
from redact.config import Config, DetectorOptions, EffectOptions, MotionOptions
from redact.errors import ModelError, StageError
from redact.geometry import Zone
from redact.looks import Looks
from redact.redactor import OnFailure, Redactor
from redact.structures import Detections, Frame, Label, RedactedFrame, Tracks
from redact.testing import Planes, ScriptedDetector, SyntheticSource

WIDTH, HEIGHT = 320, 192
LAWN = Zone.of([[[0.0, 0.6], [1.0, 0.6], [1.0, 1.0], [0.0, 1.0]]])
STILL = MotionOptions(enabled=False)


def scene(_: int, planes: Planes) -> None:
    planes[0][:] = 100 + (np.arange(WIDTH) % 8)[None] * 8


def walks(x: float, y: float) -> tuple[float, float, float, float]:
    return x, y, x + 20, y + 50


def redactor_of(
    source: SyntheticSource,
    detector: ScriptedDetector,
    interval: float,
    *,
    still: float = 0.0,
    look_back: int = 8,
    motion: MotionOptions = STILL,
    on_failure: OnFailure = "raise",
) -> Redactor:
    config = Config(
        zone=LAWN,
        look_back=look_back,
        motion=motion,
        effect=EffectOptions(kind="fill", colour=(16, 128, 128)),
        detector=DetectorOptions(interval=interval, still_interval=still),
    )
    return make_redactor(source.info, config, detector, on_failure=on_failure)


def through(redactor: Redactor, source: SyntheticSource) -> list[RedactedFrame]:
    return [out for frame in source for out in redactor.push(frame)] + redactor.flush()


def hidden(frame: RedactedFrame, box: tuple[float, float, float, float]) -> float:
    x1, y1, x2, y2 = (int(v) for v in box)
    part = frame.y[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    return float((part == 16).mean()) if part.size else 1.0


@settings(max_examples=600, deadline=None)
@given(
    st.floats(0, 0.5),
    st.integers(0, 10),
    st.floats(-60, 60),
    st.integers(0, 12),
    st.integers(13, 30),
    st.integers(5, 30),
)
def test_a_stranger_who_walks_steadily_is_hidden_in_every_frame_however_seldom_one_looks(
    interval: float, look_back: int, speed: float, first: int, last: int, rate: int
) -> None:
    """Found whenever looked at, from `first` to `last`; hidden in all of those frames."""
    source = SyntheticSource(34, WIDTH, HEIGHT, rate=rate, draw=scene)

    def place(index: int) -> tuple[float, float, float, float]:
        return walks(150 + speed * (index - 15) / rate, 20)

    def answer(frame: Frame) -> Detections:
        if not first <= frame.index <= last:
            return Detections.empty()
        return Detections.of([place(frame.index)], 0.9, Label.PERSON)

    detector = ScriptedDetector(answer)
    out = through(redactor_of(source, detector, interval, look_back=look_back), source)
    assert [f.index for f in out] == list(range(34))
    looks = [k for k in detector.seen if first <= k <= last]
    if looks:  # else nothing told of them: that is the motion net's part
        assert all(hidden(out[k], place(k)) == 1 for k in range(first, last + 1))


def test_the_detector_is_asked_at_the_interval_and_at_the_last_frame() -> None:
    source = SyntheticSource(15, WIDTH, HEIGHT, rate=10, draw=scene)
    detector = ScriptedDetector({})
    through(redactor_of(source, detector, 0.4), source)
    assert detector.seen == [0, 4, 8, 12, 14]


def test_at_most_half_of_the_look_back_waits_for_a_look() -> None:
    source = SyntheticSource(20, WIDTH, HEIGHT, rate=10, draw=scene)
    detector = ScriptedDetector({})
    through(redactor_of(source, detector, 100.0, look_back=8), source)
    assert np.diff(detector.seen).max() <= 5


def test_someone_on_the_property_stays_visible_between_two_looks() -> None:
    source = SyntheticSource(30, WIDTH, HEIGHT, rate=15, draw=scene)

    def answer(frame: Frame) -> Detections:
        return Detections.of([walks(20 + 4 * frame.index, 100)], 0.9, Label.PERSON)

    out = through(redactor_of(source, ScriptedDetector(answer), 0.2), source)
    assert all(hidden(out[k], walks(20 + 4 * k, 100)) == 0 for k in range(4, 26))


def test_a_failed_look_hides_all_frames_that_relied_on_it() -> None:
    source = SyntheticSource(20, WIDTH, HEIGHT, rate=10, draw=scene)
    script = {8: ModelError("the model answered with NaN")}
    out = through(redactor_of(source, ScriptedDetector(script), 0.4, on_failure="hide"), source)
    covered = [hidden(f, (0, 0, WIDTH, HEIGHT)) == 1 for f in out]
    assert covered == [5 <= k <= 11 for k in range(20)], "up to a sound look on either side"
    with pytest.raises(StageError, match="frame 8: detector"):
        through(redactor_of(source, ScriptedDetector(script), 0.4), source)


@pytest.mark.parametrize("stage", ["detector", "tracker"])
def test_a_stranger_is_hidden_around_a_failed_look(stage: str) -> None:
    source = SyntheticSource(30, WIDTH, HEIGHT, rate=10, draw=scene)

    def answer(frame: Frame) -> Detections:
        if frame.index == 12 and stage == "detector":
            raise ModelError("out of order")
        return Detections.of([walks(60 + 3 * frame.index, 20)], 0.9, Label.PERSON)

    redactor = redactor_of(source, ScriptedDetector(answer), 0.4, on_failure="hide")
    if stage == "tracker":
        follow = redactor._tracker.update

        def fails(frame: Frame, found: Detections) -> Tracks:
            if frame.index == 12:
                raise ValueError("out of order")
            return follow(frame, found)

        redactor._tracker.update = fails  # type: ignore[method-assign]
    out = through(redactor, source)
    assert all(hidden(f, walks(60 + 3 * f.index, 20)) == 1 for f in out)


def test_a_clock_that_goes_back_is_looked_at_and_what_lay_between_is_hidden() -> None:
    times = [0, 100, 200, 300, 400, 50, 150, 250, 350]
    source = SyntheticSource(9, WIDTH, HEIGHT, times=times, draw=scene)
    detector = ScriptedDetector({})
    out = through(redactor_of(source, detector, 0.3), source)
    assert 5 in detector.seen
    assert hidden(out[4], (0, 0, WIDTH, HEIGHT)) == 1


def test_a_still_scene_costs_few_looks_and_whoever_stirs_is_looked_at_at_once() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(index, planes)
        if index >= 60:
            left = 4 * (index - 60)
            planes[0][20:70, left : left + 20] = 230

    source = SyntheticSource(80, WIDTH, HEIGHT, rate=10, draw=draw, noise=1.5)
    detector = ScriptedDetector({})
    motion = MotionOptions(warmup=0.0)
    redactor = redactor_of(source, detector, 0.1, still=0.8, look_back=20, motion=motion)
    through(redactor, source)
    quiet = [k for k in detector.seen if 25 <= k < 60]
    assert len(quiet) <= 6
    assert set(range(62, 80)) <= set(detector.seen)


@pytest.mark.parametrize("score", [0.15, 0.9])
def test_whoever_stands_still_costs_few_looks_and_is_hidden_in_every_frame(score: float) -> None:
    source = SyntheticSource(60, WIDTH, HEIGHT, rate=10, draw=scene, noise=1.5)

    def answer(frame: Frame) -> Detections:
        return Detections.of([walks(100 + frame.index % 3, 20)], score, Label.PERSON)

    detector = ScriptedDetector(answer)
    motion = MotionOptions(warmup=0.0)
    redactor = redactor_of(source, detector, 0.0, still=0.8, look_back=20, motion=motion)
    out = through(redactor, source)
    assert len([k for k in detector.seen if k >= 25]) <= 6
    assert all(hidden(f, walks(100 + f.index % 3, 20)) == 1 for f in out)


def test_whoever_walks_unnoticed_by_the_motion_net_is_looked_at_in_every_frame() -> None:
    source = SyntheticSource(60, WIDTH, HEIGHT, rate=10, draw=scene, noise=1.5)

    def place(index: int) -> tuple[float, float, float, float]:
        return walks(60 + 6 * max(index - 30, 0), 20)

    def answer(frame: Frame) -> Detections:
        return Detections.of([place(frame.index)], 0.9, Label.PERSON)

    detector = ScriptedDetector(answer)
    motion = MotionOptions(warmup=0.0)
    redactor = redactor_of(source, detector, 0.0, still=0.5, look_back=20, motion=motion)
    out = through(redactor, source)
    assert set(range(36, 60)) <= set(detector.seen)
    assert all(hidden(f, place(f.index)) == 1 for f in out)


def test_somebody_missing_at_a_look_spares_none() -> None:
    source = SyntheticSource(60, WIDTH, HEIGHT, rate=10, draw=scene, noise=1.5)

    def answer(frame: Frame) -> Detections:
        there = frame.index % 2 == 0
        return Detections.of([walks(100, 20)] if there else [], 0.9, Label.PERSON)

    detector = ScriptedDetector(answer)
    motion = MotionOptions(warmup=0.0)
    redactor = redactor_of(source, detector, 0.0, still=0.8, look_back=20, motion=motion)
    out = through(redactor, source)
    assert detector.seen == list(range(60))
    assert all(hidden(f, walks(100, 20)) == 1 for f in out)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0, 2), st.integers(0, 9))
def test_never_more_frames_wait_than_allowed(
    steps: list[float], interval: float, limit: int
) -> None:
    looks, now, waiting = Looks(interval, 10.0, limit), 0.0, 0
    for step in steps:
        now += step
        if looks.due(now, still=True, corrupt=step < 0.3):
            looks.looked(now, rest=True)
            waiting = 0
        else:
            waiting += 1
        assert waiting <= limit
