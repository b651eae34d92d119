"""A scene in which nothing moves: looked at closer, and only then."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from redact.build import load_detector, make_redactor
from redact.config import Config, DetectorOptions, MotionOptions, load_zone
from redact.errors import ModelError, StageError
from redact.geometry import Zone
from redact.redactor import Redactor
from redact.sources import PyAVSource
from redact.structures import Detections, Frame, Label, RedactedFrame
from redact.testing import Planes, ScriptedDetector, SyntheticSource

SAMPLES = Path(__file__).parents[2] / "samples"
WIDTH, HEIGHT = 160, 96
LAWN = Zone.of([[[0.0, 0.6], [1.0, 0.6], [1.0, 1.0], [0.0, 1.0]]])
TREE = (40.0, 8.0, 56.0, 48.0)


class Keen(ScriptedDetector):
    def keener(self, _floor: float) -> Keen:
        return self


class Told:
    """A closer look that notes what it was told of each frame, and takes all back that is calm."""

    def __init__(self) -> None:
        self.still: dict[int, bool] = {}
        self.settled: dict[int, bool] = {}
        self.resets = 0

    def refined(self, frame: Frame, found: Detections, *, still: bool, settled: bool) -> Detections:
        self.still[frame.index], self.settled[frame.index] = still, settled
        return Detections.empty() if still and settled else found

    def reset(self) -> None:
        self.resets += 1


def scene(index: int, planes: Planes) -> None:
    """Somebody walks through from frame 40 to 59; in frame 80 the light changes."""
    lit = (np.arange(WIDTH) % 3 - 1) * 60 if index >= 80 else 0
    planes[0][:] = 100 + (np.arange(WIDTH) % 8) * 8 + lit
    if 40 <= index < 60:
        planes[0][50:80, (index - 40) * 6 : (index - 40) * 6 + 12] = 30


def redactor_of(source: SyntheticSource, closer: Told, settled: float = 2.0) -> Redactor:
    config = Config(
        zone=LAWN,
        look_back=6,
        detector=DetectorOptions(still_interval=0.2, closer=False),
        motion=MotionOptions(warmup=0.0, warmup_alone=settled),
    )
    redactor = make_redactor(
        source.info,
        config,
        ScriptedDetector(lambda _: Detections.of([TREE], 0.2, Label.PERSON)),
    )
    redactor._closer = closer
    return redactor


def through(redactor: Redactor, source: SyntheticSource) -> list[RedactedFrame]:
    return [out for frame in source for out in redactor.push(frame)] + redactor.flush()


def test_only_what_is_known_to_be_still_is_called_so() -> None:
    source, closer = SyntheticSource(140, WIDTH, HEIGHT, rate=10, draw=scene), Told()
    out = through(redactor_of(source, closer), source)
    assert len(out) == 140
    still = {index for index, told in closer.still.items() if told}
    settled = {index for index, told in closer.settled.items() if told}
    assert still
    assert not still & set(range(6))  # the background is not known yet
    assert not still & set(range(40, 60))  # somebody walks
    assert not still & set(range(80, 90))  # the light has changed
    assert min(settled) >= 20
    assert not settled & set(range(80, 100))  # a background of a second ago is not settled
    assert any(index > 112 for index in settled)
    assert closer.resets == 1


def test_after_a_gap_a_background_is_new() -> None:
    times = [100 * k + (60_000 if k >= 40 else 0) for k in range(80)]
    source, closer = SyntheticSource(80, WIDTH, HEIGHT, times=times), Told()
    through(redactor_of(source, closer), source)
    settled = {index for index, told in closer.settled.items() if told}
    assert settled & set(range(20, 40))
    assert not settled & set(range(40, 60))
    assert settled & set(range(61, 80))


def test_a_damaged_picture_is_not_looked_at_closer() -> None:
    damaged = set(range(0, 80, 2))
    source, closer = SyntheticSource(80, WIDTH, HEIGHT, rate=10, corrupt=damaged), Told()
    through(redactor_of(source, closer), source)
    assert not {index for index, told in closer.still.items() if told} & damaged


def test_what_is_taken_back_is_not_hidden_and_all_else_is() -> None:
    source, closer = SyntheticSource(38, WIDTH, HEIGHT, rate=10, draw=scene), Told()
    hidden = [frame.hidden > 0 for frame in through(redactor_of(source, closer), source)]
    assert all(hidden[:20])
    assert not any(hidden[37:])


def test_a_failing_closer_look_fails_the_frame() -> None:
    def answer(frame: Frame) -> Detections | Exception:
        failed = ModelError("the model answered with NaN")
        return failed if frame.width < 1280 else Detections.empty()

    source = SyntheticSource(40, 1280, 720, rate=10)
    config = Config(zone=LAWN, look_back=6, motion=MotionOptions(warmup_alone=1.0))
    redactor = make_redactor(source.info, config, Keen(answer))
    with pytest.raises(StageError, match="NaN"):
        through(redactor, source)


@pytest.mark.parametrize("closer", [False, True])
def test_closer_looks_find_more_of_those_who_stand_still_from_the_start(closer: bool) -> None:
    """The sample stopped at one frame: nobody moves, so only looks tell of anybody. A child beside
    a resident is found in parts of the picture (0.65 and more), not at all in the whole."""
    config = Config(
        zone=load_zone(SAMPLES / "driveway.zone.json"), detector=DetectorOptions(closer=closer)
    )
    source = PyAVSource(SAMPLES / "driveway.mp4")
    frame = next(f for f in source if f.index == 152)
    source.close()
    detector = load_detector(config)
    redactor = make_redactor(source.info, config, detector)
    out: list[RedactedFrame] = []
    for index in range(125):
        now = replace(frame, pts=index * 2, time_base=Fraction(1, 15), index=index, coded=None)
        out += redactor.push(now)
    last = out[-1]
    redactor.flush()
    x1, y1, x2, y2 = 592, 260, 614, 346
    changed = (last.y[y1:y2, x1:x2] != frame.y[y1:y2, x1:x2]).mean()
    assert (changed > 0.5) == closer
