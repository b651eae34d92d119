"""Looking beside the rest of the work: the same pictures, up to one frame later."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.build import make_redactor
from redact.config import Config, DetectorOptions, MotionOptions
from redact.errors import ModelError, StageError
from redact.geometry import Zone
from redact.looks import LookThread
from redact.redactor import OnFailure, Redactor
from redact.structures import Detections, Label, RedactedFrame
from redact.testing import Answer, Planes, ScriptedDetector, SyntheticSource

WIDTH, HEIGHT = 160, 96
LAWN = Zone.of([[[0.0, 0.6], [1.0, 0.6], [1.0, 1.0], [0.0, 1.0]]])
STRANGER = (40.0, 8.0, 56.0, 48.0)


class Later(Executor):
    """Runs what it is given only when the answer is asked for: as late as a thread may."""

    def __init__(self) -> None:
        self.waiting = 0

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        self.waiting += 1
        executor = self

        class Answers(Future[Any]):
            def result(self, timeout: float | None = None) -> Any:
                assert timeout is None
                executor.waiting -= 1
                return work(*given, **named)

        return Answers()


def walker(index: int, planes: Planes) -> None:
    planes[0][:] = 100 + (np.arange(WIDTH) % 8)[None] * 8
    planes[0][50:80, index * 3 : index * 3 + 12] = 30


def redactor_of(
    source: SyntheticSource,
    script: dict[int, Answer],
    ahead: Executor | None,
    *,
    look_back: int = 4,
    interval: float = 0.0,
    net: bool = True,
    on_failure: OnFailure = "raise",
) -> Redactor:
    config = Config(
        zone=LAWN,
        look_back=look_back,
        detector=DetectorOptions(interval=interval, still_interval=0.4),
        motion=MotionOptions(enabled=net),
    )
    detector = ScriptedDetector(script)
    return make_redactor(source.info, config, detector, on_failure=on_failure, ahead=ahead)


def through(redactor: Redactor, source: SyntheticSource) -> list[RedactedFrame]:
    return [out for frame in source for out in redactor.push(frame)] + redactor.flush()


def found(x: float, y: float, score: float) -> Detections:
    return Detections.of([(x, y, x + 12, y + 40)], score, Label.PERSON)


FOUND = st.builds(found, st.integers(-20, 160), st.integers(-20, 70), st.sampled_from((0.2, 0.9)))
BROKEN = st.just(ModelError("no answer"))


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(0, 24), FOUND | BROKEN, max_size=25),
    st.integers(0, 24),
    st.integers(0, 6),
    st.sampled_from((0.0, 0.2, 0.5)),
    st.booleans(),
)
def test_the_same_pictures_come_out(
    script: dict[int, Answer], frames: int, look_back: int, interval: float, net: bool
) -> None:
    source = SyntheticSource(frames, WIDTH, HEIGHT, draw=walker)
    options: dict[str, Any] = {"look_back": look_back, "interval": interval, "net": net}
    alone = through(redactor_of(source, script, None, on_failure="hide", **options), source)
    beside = through(redactor_of(source, script, Later(), on_failure="hide", **options), source)
    assert [f.index for f in beside] == list(range(frames))
    for one, other in zip(alone, beside, strict=True):
        assert one.hidden == other.hidden
        assert all(map(np.array_equal, (one.y, one.u, one.v), (other.y, other.u, other.v)))


@pytest.mark.parametrize(("rate", "look_back"), [(10, 3), (25, 2), (25, 6)])
@pytest.mark.parametrize("came", range(7, 16))
def test_the_same_pictures_come_out_where_somebody_comes_between_two_looks(
    came: int, rate: int, look_back: int
) -> None:
    """Two frames leave at once then: the first is decided on by no more frames than alone."""

    def scene(index: int, planes: Planes) -> None:
        planes[0][:] = 100 + (np.arange(WIDTH) % 8)[None] * 8
        left = 20 + 3 * (index - came)
        planes[0][8:48, left : left + 16 * (index >= came)] = 250

    source = SyntheticSource(24, WIDTH, HEIGHT, draw=scene, rate=rate)
    alone, beside = (
        through(redactor_of(source, {}, ahead, look_back=look_back, interval=0.2), source)
        for ahead in (None, Later())
    )
    assert [f.hidden for f in alone] == [f.hidden for f in beside]
    for one, other in zip(alone, beside, strict=True):
        assert all(map(np.array_equal, (one.y, one.u, one.v), (other.y, other.u, other.v)))


def test_a_look_is_waited_for_when_the_next_frame_is_there() -> None:
    source, ahead = SyntheticSource(20, WIDTH, HEIGHT, draw=walker), Later()
    redactor = redactor_of(source, {}, ahead, net=False)
    came = 0
    for pushed, frame in enumerate(source, start=1):
        came += len(redactor.push(frame))
        assert ahead.waiting == 1
        assert came == max(0, pushed - 1 - redactor.delay)
    assert came + len(redactor.flush()) == 20
    assert ahead.waiting == 0


def test_a_look_that_fails_stops_the_stream_with_its_own_frame() -> None:
    source = SyntheticSource(20, WIDTH, HEIGHT, draw=walker)
    with LookThread() as ahead:
        redactor = redactor_of(source, {7: ModelError("broken")}, ahead)
        with pytest.raises(StageError, match="frame 7: detector: broken"):
            through(redactor, source)


def test_the_last_look_may_fail_as_well() -> None:
    source = SyntheticSource(6, WIDTH, HEIGHT, draw=walker)
    with LookThread() as ahead:
        redactor = redactor_of(source, {5: ModelError("broken")}, ahead)
        for frame in source:
            redactor.push(frame)
        with pytest.raises(StageError, match="frame 5: detector: broken"):
            redactor.flush()


def test_the_redactor_is_as_new_after_a_flush() -> None:
    source = SyntheticSource(12, WIDTH, HEIGHT, draw=walker)
    script: dict[int, Answer] = {k: Detections.of([STRANGER], 0.9, Label.PERSON) for k in (3, 11)}
    with LookThread() as ahead:
        redactor = redactor_of(source, script, ahead)
        first, second = through(redactor, source), through(redactor, source)
    assert [f.hidden for f in first] == [f.hidden for f in second]


def test_a_look_that_cannot_begin_is_a_look_that_fails() -> None:
    source = SyntheticSource(8, WIDTH, HEIGHT, draw=walker)
    for kind in (LookThread, ThreadPoolExecutor):
        with kind() as over:
            pass
        with pytest.raises(StageError, match="frame 0: detector: RuntimeError"):
            through(redactor_of(source, {}, over), source)
        out = through(redactor_of(source, {}, over, on_failure="hide"), source)
        assert [f.hidden for f in out] == [1] * 8


def test_whatever_a_look_raises_is_raised_and_the_next_one_begins() -> None:
    with LookThread() as ahead:
        for error in (KeyboardInterrupt(), SystemExit(3), MemoryError()):
            with pytest.raises(type(error)) as raised:
                ahead.submit(_raise, error).result()
            assert raised.value is error
        waits = ahead.submit(max, 1, 2)
        assert ahead.submit(max, 3, 4).result() == 4
        assert waits.result() == 2


def _raise(error: BaseException) -> None:
    raise error


RUN_IN_A_THREAD = """
import threading
from redact import run
from redact.config import Config
from redact.geometry import Zone
from redact.testing import MemorySink, ScriptedDetector, SyntheticSource

over = threading.main_thread().join

class Slow(SyntheticSource):
    def __iter__(self):
        for frame in super().__iter__():
            if frame.index == 5:
                over()
            yield frame

def work():
    lawn = Zone.of([[[0.0, 0.6], [1.0, 0.6], [1.0, 1.0], [0.0, 1.0]]])
    config = Config(zone=lawn, look_back=4)
    print(run(Slow(30), MemorySink(), config, detector=ScriptedDetector({})).frames)

threading.Thread(target=work).start()
"""


def test_a_run_goes_on_after_the_main_thread_of_the_program_is_over() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN_IN_A_THREAD], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("30\n", 0), done.stderr


HANGS = """
from redact.looks import LookThread
import threading
LookThread().submit(threading.Event().wait)
"""


def test_a_look_that_hangs_does_not_hold_up_the_end_of_a_program() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], timeout=60)
    assert done.returncode == 0
