"""One stream through the fixed order: every frame once, in order; failures hide or stop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.build import make_redactor
from redact.config import Config, EffectOptions, MotionOptions
from redact.effects import make_effect
from redact.errors import ModelError, StageError
from redact.geometry import Zone
from redact.policies import PropertyPolicy
from redact.redactor import OnFailure, Redactor
from redact.structures import (
    Decision,
    Detections,
    Frame,
    Label,
    Mask,
    RedactedFrame,
    StreamInfo,
    Tracks,
)
from redact.testing import Planes, ScriptedDetector, SyntheticSource
from redact.trackers import BufferedIoUTracker

WIDTH, HEIGHT = 160, 96
LAWN = Zone.of([[[0.0, 0.6], [1.0, 0.6], [1.0, 1.0], [0.0, 1.0]]])  # from y = 57.6 down
STRANGER = (40.0, 8.0, 56.0, 48.0)
RESIDENT = (100.0, 40.0, 116.0, 80.0)
FILL = EffectOptions(kind="fill", colour=(16, 128, 128))
STILL = MotionOptions(enabled=False)


def draw(_: int, planes: Planes) -> None:
    """Somewhere in the picture that no effect leaves as it is."""
    planes[0][:] = 100 + (np.arange(WIDTH) % 8)[None] * 12


def source_of(frames: int, **options: object) -> SyntheticSource:
    return SyntheticSource(frames, WIDTH, HEIGHT, draw=draw, **options)  # type: ignore[arg-type]


def found(*boxes: tuple[float, float, float, float], score: float = 0.9) -> Detections:
    return Detections.of(list(boxes), score, Label.PERSON)


def redactor_of(
    source: SyntheticSource,
    detector: ScriptedDetector | None = None,
    *,
    look_back: int = 5,
    motion: MotionOptions = STILL,
    on_failure: OnFailure = "raise",
    zone: Zone = LAWN,
) -> Redactor:
    config = Config(zone=zone, look_back=look_back, motion=motion, effect=FILL)
    return make_redactor(source.info, config, detector, on_failure=on_failure)


def through(redactor: Redactor, frames: Sequence[Frame] | SyntheticSource) -> list[RedactedFrame]:
    out: list[RedactedFrame] = []
    for frame in frames:
        out += redactor.push(frame)
    return out + redactor.flush()


def share_hidden(
    source: SyntheticSource,
    frame: RedactedFrame,
    box: tuple[float, float, float, float] = (0, 0, WIDTH, HEIGHT),
) -> float:
    """Share of the pixels of a box that are not those of the original."""
    x1, y1, x2, y2 = (int(v) for v in box)
    part = np.s_[y1:y2, x1:x2]
    return float((frame.y[part] != source.frame(frame.index).y[part]).mean())


def whole(source: SyntheticSource, frame: RedactedFrame) -> bool:
    """Whether nothing of the picture is left."""
    return share_hidden(source, frame) == 1 and frame.hidden > 0


# -- every frame once -----------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 14), st.integers(0, 8), st.booleans())
def test_every_frame_comes_out_once_and_in_order(frames: int, look_back: int, net: bool) -> None:
    source = SyntheticSource(frames, 32, 32)
    redactor = redactor_of(
        source, ScriptedDetector({}), look_back=look_back, motion=MotionOptions(enabled=net)
    )
    out: list[RedactedFrame] = []
    for pushed, frame in enumerate(source, start=1):
        out += redactor.push(frame)
        assert len(out) == max(0, pushed - redactor.delay)
        assert len(redactor.last_decisions) == (pushed > redactor.delay)
    rest = redactor.flush()
    assert len(redactor.last_decisions) == len(rest)
    out += rest
    assert [f.index for f in out] == list(range(frames))
    assert [f.pts for f in out] == [f.pts for f in source]


def test_where_nobody_is_the_planes_pass_untouched() -> None:
    source = source_of(8)
    for frame in through(redactor_of(source, ScriptedDetector({})), source):
        assert share_hidden(source, frame) == 0
        assert frame.hidden == 0


def test_after_a_flush_the_redactor_is_as_new() -> None:
    source = source_of(12)
    script = {k: found(STRANGER) for k in range(6)} | {k: found(RESIDENT) for k in range(12)}
    redactor = redactor_of(source, ScriptedDetector(script), motion=MotionOptions())
    first, ids = through(redactor, source), _ids(redactor)
    second = through(redactor, source)
    assert ids == _ids(redactor)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.y, b.y)
        assert (a.index, a.hidden) == (b.index, b.hidden)


def _ids(redactor: Redactor) -> list[list[int]]:
    return [d.tracks.track_id.tolist() for d in redactor.last_decisions]


def test_a_frame_of_another_size_is_refused() -> None:
    source = source_of(3)
    redactor = redactor_of(source, ScriptedDetector({}))
    with pytest.raises(ValueError, match="frame 0 is 32x32, the stream is 160x96"):
        redactor.push(SyntheticSource(1, 32, 32).frame(0))


def test_a_redactor_without_anything_that_looks_is_refused() -> None:
    info = StreamInfo(WIDTH, HEIGHT)
    parts = {"policy": PropertyPolicy(LAWN), "effect": make_effect(FILL)}
    with pytest.raises(ValueError, match="needs a detector"):
        Redactor(info, LAWN, tracker=BufferedIoUTracker(), **parts)  # type: ignore[arg-type]


# -- who is hidden --------------------------------------------------------------------------


def test_a_stranger_is_hidden_and_a_resident_is_not() -> None:
    source = source_of(20)
    script = {k: found(STRANGER, RESIDENT) for k in range(20)}
    for frame in through(redactor_of(source, ScriptedDetector(script)), source):
        assert share_hidden(source, frame, STRANGER) == 1
        assert share_hidden(source, frame, RESIDENT) == 0


def test_someone_found_first_in_a_later_frame_is_hidden_in_the_frames_before() -> None:
    source = source_of(20)
    script = {k: found(STRANGER) for k in range(10, 20)}
    out = through(redactor_of(source, ScriptedDetector(script), look_back=4), source)
    hides = [share_hidden(source, f, STRANGER) == 1 for f in out]
    assert not any(hides[:6]), "frames that had left before anyone was found"
    assert all(hides[8:]), "at least half of the look-back"


def test_a_stranger_missed_in_some_frames_is_hidden_in_them_too() -> None:
    source = source_of(20)
    script = {k: found(STRANGER) for k in range(20) if k % 5 not in (2, 3)}
    for frame in through(redactor_of(source, ScriptedDetector(script)), source):
        assert share_hidden(source, frame, STRANGER) == 1


def test_a_stranger_seen_in_one_frame_alone_is_hidden_in_it() -> None:
    source = source_of(20)
    detector = ScriptedDetector({9: found(STRANGER, score=0.13)})
    out = through(redactor_of(source, detector, look_back=0), source)
    assert share_hidden(source, out[9], STRANGER) == 1


def test_without_a_look_back_nobody_is_shown_unproven() -> None:
    source = source_of(10)
    detector = ScriptedDetector({k: found(RESIDENT) for k in range(10)})
    out = through(redactor_of(source, detector, look_back=0), source)
    assert share_hidden(source, out[0], RESIDENT) == 1
    assert share_hidden(source, out[-1], RESIDENT) == 0


def test_without_a_property_everyone_is_hidden() -> None:
    source = source_of(10)
    detector = ScriptedDetector({k: found(RESIDENT) for k in range(10)})
    for frame in through(redactor_of(source, detector, zone=Zone.nothing()), source):
        assert share_hidden(source, frame, RESIDENT) == 1


def test_while_the_background_is_unknown_everything_beyond_the_property_is_hidden() -> None:
    def moved(index: int, planes: Planes) -> None:
        planes[0][:] = np.roll(np.arange(HEIGHT * WIDTH) % 251, 7919 * (index >= 15)).reshape(
            HEIGHT, WIDTH
        )

    source = SyntheticSource(30, WIDTH, HEIGHT, draw=moved)
    redactor = redactor_of(source, ScriptedDetector({}), motion=MotionOptions(global_change=0.2))
    out = through(redactor, source)
    street = (0, 0, WIDTH, 48)
    assert share_hidden(source, out[10], street) == 0
    assert share_hidden(source, out[15], street) > 0.9
    assert share_hidden(source, out[15], (0, 64, WIDTH, HEIGHT)) == 0


def test_with_the_motion_net_alone_the_outside_is_hidden_until_it_is_warm() -> None:
    source = source_of(40)
    out = through(redactor_of(source, motion=MotionOptions(warmup_alone=2.0)), source)
    street = [share_hidden(source, f, (0, 0, WIDTH, 48)) for f in out]
    assert street[:20] == [1] * 20
    assert street[25:] == [0] * 15


# -- failures -------------------------------------------------------------------------------


def _not_finite(_: Frame) -> Detections:
    return Detections.of([[0, 0, np.nan, 4]], 0.9, Label.PERSON)


class TwoForOne(ScriptedDetector):
    """Answers more often than asked."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        answers = super().detect(frames)
        return answers * 2 if frames[0].index == 7 else answers


class OneBuffer(ScriptedDetector):
    """Answers in the same memory each time, as what wraps a library in C may do."""

    boxes = np.zeros((8, 4), np.float32)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        (found,) = super().detect(frames)
        self.boxes[:] = 0
        self.boxes[: len(found)] = found.xyxy
        return [Detections(self.boxes[: len(found)], found.score, found.label)]


def test_answers_are_remembered_when_a_detector_reuses_their_memory() -> None:
    """Who was lost stays hidden where they were, not where the next one was found."""
    source = source_of(16)
    script = {k: found(STRANGER) if k < 8 else found(RESIDENT) for k in range(16)}
    for frame in through(redactor_of(source, OneBuffer(script)), source):
        if frame.index < 12:
            assert share_hidden(source, frame, STRANGER) == 1


class NoneForOne(ScriptedDetector):
    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        return [] if frames[0].index == 7 else super().detect(frames)


FAILING = {
    "raises": ScriptedDetector({7: ModelError("the model gave up")}),
    "foreign error": ScriptedDetector({7: ZeroDivisionError("odd")}),
    "not finite": ScriptedDetector(lambda f: _not_finite(f) if f.index == 7 else found(RESIDENT)),
    "not a Detections": ScriptedDetector({7: "people"}),  # type: ignore[dict-item]
    "too many answers": TwoForOne({}),
    "no answer": NoneForOne({}),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_detector_that_fails_stops_the_run_and_the_frame_is_named(name: str) -> None:
    source = source_of(12)
    with pytest.raises(StageError, match=r"^frame 7: ") as caught:
        through(redactor_of(source, FAILING[name]), source)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize("look_back", [0, 3])
def test_a_live_stream_hides_the_frame_whole_on_which_a_detector_fails(
    name: str, look_back: int
) -> None:
    source = source_of(12)
    redactor = redactor_of(source, FAILING[name], look_back=look_back, on_failure="hide")
    out = through(redactor, source)
    assert [f.index for f in out] == list(range(12))
    assert [whole(source, f) for f in out] == [k == 7 for k in range(12)]


def test_corrupt_frames_are_hidden_whole_whatever_was_found() -> None:
    source = source_of(12, corrupt={3, 4, 11})
    detector = ScriptedDetector({k: found(RESIDENT) for k in range(12)})
    out = through(redactor_of(source, detector), source)
    assert [f.index for f in out if whole(source, f)] == [3, 4, 11]


class FailingPolicy:
    """Fails on the frame at 0.7 s."""

    def decide(
        self, _: StreamInfo, window: Sequence[Tracks], times: Sequence[float], at: int
    ) -> Decision:
        if times[at] == 0.7:
            raise ArithmeticError("odd")
        return Decision(window[at], np.zeros(len(window[at]), np.uint8))


class FailingEffect:
    """Fails on frame 7."""

    def __init__(self) -> None:
        self._effect = make_effect(FILL)

    def apply(self, frame: Frame, mask: Mask) -> RedactedFrame:
        if frame.index == 7:
            raise ArithmeticError("odd")
        return self._effect.apply(frame, mask)

    def reset(self) -> None:
        self._effect.reset()


class FailingTracker(BufferedIoUTracker):
    """Fails on frame 7."""

    def update(self, frame: Frame, detections: Detections) -> Tracks:
        if frame.index == 7:
            raise ArithmeticError("odd")
        return super().update(frame, detections)


class FailingNet:
    """A motion net that fails on frame 7, and otherwise sees nothing."""

    delay = 0

    def __init__(self, fails: bool = True) -> None:
        self._fails = fails

    def push(self, frame: Frame) -> list[Detections | None]:
        if self._fails and frame.index == 7:
            raise ArithmeticError("odd")
        return [Detections.empty()]

    def flush(self) -> list[Detections | None]:
        return []

    def reset(self) -> None:
        pass


def _with(part: str, on_failure: OnFailure) -> Redactor:
    parts: dict[str, object] = {
        "policy": PropertyPolicy(LAWN),
        "effect": make_effect(FILL),
        "tracker": BufferedIoUTracker(),
        "motion": None,
        "motion_tracker": BufferedIoUTracker(first_id=1 << 40),
    }
    failing = {
        "policy": FailingPolicy(),
        "effect": FailingEffect(),
        "tracker": FailingTracker(),
        "motion": FailingNet(),
        "motion_tracker": FailingTracker(),
    }
    parts[part] = failing[part]
    if part == "motion_tracker":
        parts["motion"] = FailingNet(fails=False)
    return Redactor(
        source_of(1).info,
        LAWN,
        detector=ScriptedDetector({}),
        look_back=3,
        on_failure=on_failure,
        **parts,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("part", ["policy", "effect", "tracker", "motion", "motion_tracker"])
def test_any_stage_that_fails_stops_the_run_and_is_named(part: str) -> None:
    said = part.replace("_", " ")
    with pytest.raises(StageError, match=f"^frame 7: {said}: ArithmeticError: odd"):
        through(_with(part, "raise"), source_of(12))


@pytest.mark.parametrize("part", ["policy", "tracker", "motion", "motion_tracker"])
def test_a_live_stream_hides_the_frame_whole_on_which_any_stage_fails(part: str) -> None:
    source = source_of(12)
    out = through(_with(part, "hide"), source)
    assert [f.index for f in out if whole(source, f)] == [7]
    assert len(out) == 12


@pytest.mark.parametrize("on_failure", ["raise", "hide"])
def test_shapes_that_cannot_be_made_hide_the_frame_or_stop_the_run(
    on_failure: OnFailure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object, **__: object) -> Mask:
        raise ArithmeticError("odd")

    source = source_of(12)
    redactor = redactor_of(source, ScriptedDetector({}), on_failure=on_failure)
    monkeypatch.setattr("redact.redactor.mask_of", odd)
    if on_failure == "raise":
        with pytest.raises(StageError, match=r"^frame 0: mask: ArithmeticError: odd"):
            through(redactor, source)
    else:
        assert all(whole(source, f) for f in through(redactor, source))


def test_a_frame_that_no_effect_could_hide_never_comes_out_not_even_live() -> None:
    source, redactor = source_of(12), _with("effect", "hide")
    out: list[int] = []
    for frame in list(source)[: 7 + redactor.delay]:
        out += [f.index for f in redactor.push(frame)]
    with pytest.raises(StageError, match="frame 7: effect"):
        redactor.push(source.frame(7 + redactor.delay))
    assert out == list(range(7))


class SilentNet(FailingNet):
    """A motion net that never answers."""

    def push(self, frame: Frame) -> list[Detections | None]:
        del frame
        return []


def test_a_motion_net_that_owes_an_answer_hides_the_outside() -> None:
    source = source_of(10)
    redactor = Redactor(
        source.info,
        LAWN,
        policy=PropertyPolicy(LAWN),
        effect=make_effect(FILL),
        tracker=BufferedIoUTracker(),
        detector=ScriptedDetector({}),
        motion=SilentNet(),
        motion_tracker=BufferedIoUTracker(first_id=1 << 40),
        look_back=3,
    )
    for frame in through(redactor, source):
        assert share_hidden(source, frame, (0, 0, WIDTH, 48)) == 1


def test_someone_out_of_memory_is_told_even_live() -> None:
    source = source_of(12)
    detector = ScriptedDetector({7: MemoryError()})
    with pytest.raises(MemoryError):
        through(redactor_of(source, detector, on_failure="hide"), source)


class ChattyNet(FailingNet):
    """A motion net that answers twice, so that its answers slip ahead of their frames."""

    def push(self, frame: Frame) -> list[Detections | None]:
        del frame
        return [Detections.empty(), Detections.empty()]


def test_a_motion_net_that_answers_for_frames_that_do_not_wait_stops_the_run() -> None:
    source = source_of(3)
    redactor = Redactor(
        source.info,
        LAWN,
        policy=PropertyPolicy(LAWN),
        effect=make_effect(FILL),
        tracker=BufferedIoUTracker(),
        motion=ChattyNet(),
        motion_tracker=BufferedIoUTracker(first_id=1 << 40),
        look_back=2,
    )
    with pytest.raises(StageError, match=r"frame 0: motion: .*2 answers for 1"):
        through(redactor, source)
