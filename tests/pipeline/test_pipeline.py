"""Source, redactor and sink in threads: errors surface, nothing is published by halves, memory
is bounded, and no thread is left."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator, Sequence

import pytest

import redact
from redact.build import make_redactor
from redact.config import Config, EffectOptions, MotionOptions
from redact.errors import ModelError, SinkError, SourceError, StageError
from redact.geometry import Zone
from redact.pipeline import Pipeline, Stopped
from redact.protocols import Detector, Sink, Source
from redact.redactor import Redactor
from redact.structures import (
    Decision,
    Detections,
    Frame,
    Label,
    RedactedFrame,
    StreamInfo,
)
from redact.testing import MemorySink, ScriptedDetector, SyntheticSource

LAWN = Zone.of([[[0.0, 0.6], [1.0, 0.6], [1.0, 1.0], [0.0, 1.0]]])
LOOK_BACK = 5
CONFIG = Config(
    zone=LAWN,
    look_back=LOOK_BACK,
    motion=MotionOptions(enabled=False),
    effect=EffectOptions(kind="fill"),
)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def redactor_of(source: SyntheticSource, detector: ScriptedDetector | None = None) -> Redactor:
    return make_redactor(source.info, CONFIG, detector or ScriptedDetector({}))


def pipeline_of(
    source: SyntheticSource,
    sink: MemorySink,
    detector: ScriptedDetector | None = None,
    **options: object,
) -> Pipeline:
    return Pipeline(source, redactor_of(source, detector), sink, **options)  # type: ignore[arg-type]


class Watching:
    """An observer that notes what it is told; fails at `fails`."""

    def __init__(self, fails: int | None = None) -> None:
        self.started: list[StreamInfo] = []
        self.seen: list[int] = []
        self._fails = fails

    def on_start(self, info: StreamInfo) -> None:
        self.started.append(info)

    def on_frame(self, frame: RedactedFrame, decision: Decision) -> None:
        assert isinstance(decision, Decision)
        if frame.index == self._fails:
            raise LookupError("the observer gave up")
        self.seen.append(frame.index)


# -- to the end -----------------------------------------------------------------------------


def test_every_frame_arrives_in_order_with_its_own_time() -> None:
    times = [0, 40, 80, 200, 210, 300, 1000, 1040, 1041, 2000]
    source, sink, observer = SyntheticSource(10, times=times), MemorySink(), Watching()
    report = pipeline_of(source, sink, observer=observer).run()
    assert sink.published
    assert not sink.discarded
    assert [f.pts for f in sink.frames] == times
    assert observer.seen == list(range(10))
    assert observer.started == [source.info]
    assert report.frames == 10


def test_the_report_counts_people_and_reasons() -> None:
    stranger, resident = [8, 2, 20, 30], [60, 20, 72, 54]
    detector = ScriptedDetector(
        lambda _: Detections.of([stranger, resident], 0.9, Label.PERSON), {Label.PERSON}
    )
    report = pipeline_of(SyntheticSource(20), MemorySink(), detector).run()
    assert (report.frames, report.frames_with_hiding) == (20, 20)
    assert (report.people_hidden, report.people_shown) == (1, 1)
    assert report.reasons["outside"] == report.reasons["on_property"] == 20
    assert set(report.seconds) == {"decode", "analyse", "encode", "total"}


def test_the_fakes_work_as_the_readme_of_the_module_says() -> None:
    source, sink = SyntheticSource(6), MemorySink()
    assert isinstance(source, Source)
    assert isinstance(sink, Sink)
    assert isinstance(ScriptedDetector({}), Detector)
    report = redact.run(source, sink, CONFIG, detector=ScriptedDetector({}))
    assert report.frames == len(sink.frames) == 6
    assert not source.closed, "run() closes what it opened, not what it was given"


def test_an_empty_source_publishes_what_the_sink_makes_of_it() -> None:
    sink = MemorySink()
    assert pipeline_of(SyntheticSource(0), sink).run().frames == 0
    assert sink.published


# -- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 9, 39])
def test_an_error_of_the_source_is_raised_as_it_is_and_nothing_published(at: int) -> None:
    error = SourceError("the cable")
    sink = MemorySink()
    with pytest.raises(SourceError) as caught:
        pipeline_of(SyntheticSource(40, fails=(at, error)), sink).run()
    assert caught.value is error
    assert any(entry.name == "_decode" for entry in caught.traceback)
    assert sink.discarded
    assert not sink.published
    assert not sink.frames


@pytest.mark.parametrize("at", [0, 9, 39])
def test_an_error_of_the_detector_names_the_frame_and_nothing_is_published(at: int) -> None:
    sink = MemorySink()
    detector = ScriptedDetector({at: ModelError("odd output")})
    with pytest.raises(StageError, match=f"^frame {at}: detector: odd output"):
        pipeline_of(SyntheticSource(40), sink, detector).run()
    assert sink.discarded
    assert not sink.frames


@pytest.mark.parametrize("at", [0, 9, 39])
def test_an_error_of_the_sink_is_raised_as_it_is_and_nothing_published(at: int) -> None:
    error = SinkError("disk full")
    sink = MemorySink(fails=(at, error))
    with pytest.raises(SinkError) as caught:
        pipeline_of(SyntheticSource(40), sink).run()
    assert caught.value is error
    assert sink.discarded
    assert not sink.frames


def test_an_error_of_the_observer_is_raised_and_nothing_published() -> None:
    sink = MemorySink()
    with pytest.raises(LookupError, match="the observer gave up"):
        pipeline_of(SyntheticSource(40), sink, observer=Watching(fails=3)).run()
    assert sink.discarded


def test_a_sink_that_does_not_open_is_told_to_discard() -> None:
    class Closed(MemorySink):
        def open(self, info: StreamInfo) -> None:
            raise SinkError(f"no encoder for {info.width}x{info.height}")

    sink = Closed()
    with pytest.raises(SinkError, match="no encoder"):
        pipeline_of(SyntheticSource(4), sink).run()
    assert sink.discarded


def test_an_interrupt_in_the_callers_thread_stops_the_others() -> None:
    sink = MemorySink(fails=(3, KeyboardInterrupt()))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        pipeline_of(SyntheticSource(1000), sink).run()
    assert sink.discarded


def _losing(redactor: Redactor, index: int) -> Redactor:
    push = redactor.push

    def lossy(frame: Frame) -> list[RedactedFrame]:
        return push(frame) if frame.index != index else []

    def pushed(frame: Frame) -> list[RedactedFrame]:
        if frame.index == index:
            redactor.last_decisions = []
        return lossy(frame)

    redactor.push = pushed  # type: ignore[method-assign]
    return redactor


def test_a_frame_that_gets_lost_on_the_way_is_noticed_and_nothing_published() -> None:
    source, sink = SyntheticSource(20), MemorySink()
    with pytest.raises(StageError, match="20 frames came in and 19 went out"):
        Pipeline(source, _losing(redactor_of(source), 7), sink).run()
    assert sink.discarded


# -- stopping -------------------------------------------------------------------------------


class Endless(SyntheticSource):
    """A camera."""

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            yield Frame(*_planes(self), pts=100 * index, time_base=self.info.time_base, index=index)
            index += 1


def _planes(source: SyntheticSource) -> Sequence[object]:
    frame = source.frame(0)
    return frame.y, frame.u, frame.v  # type: ignore[return-value]


def test_stop_ends_an_endless_run_and_nothing_is_published() -> None:
    class StopsAtTen(Watching):
        def on_frame(self, frame: RedactedFrame, decision: Decision) -> None:
            super().on_frame(frame, decision)
            if frame.index == 10:
                pipeline.stop()

    sink = MemorySink()
    pipeline = pipeline_of(Endless(1), sink, observer=StopsAtTen())
    with pytest.raises(Stopped) as caught:
        pipeline.run()
    assert caught.value.exit_code == 130
    assert sink.discarded
    assert not sink.published


def test_stop_from_another_thread_ends_the_run_soon() -> None:
    sink, stop = MemorySink(), threading.Event()
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        pipeline_of(Endless(1, 16, 16), sink, stop=stop).run()
    timer.join()
    assert time.monotonic() - began < 5
    assert sink.discarded


def test_a_run_that_was_stopped_before_it_began_publishes_nothing() -> None:
    sink = MemorySink()
    pipeline = pipeline_of(SyntheticSource(20), sink)
    pipeline.stop()
    with pytest.raises(Stopped):
        pipeline.run()
    assert not sink.published


def test_an_error_wins_over_a_stop_that_follows_it() -> None:
    stop = threading.Event()

    class StopsToo(ScriptedDetector):
        def detect(self, frames: Sequence[Frame]) -> list[Detections]:
            try:
                return super().detect(frames)
            except ModelError:
                threading.Timer(0.05, stop.set).start()
                raise

    sink = MemorySink()
    detector = StopsToo({5: ModelError("first")})
    with pytest.raises(StageError, match="first"):
        pipeline_of(SyntheticSource(40), sink, detector, stop=stop).run()
    stop.wait(5)
    time.sleep(0.05)  # the timer's own thread ends


# -- memory ---------------------------------------------------------------------------------


class Counted(SyntheticSource):
    """Counts the frames that are alive."""

    def __init__(self, frames: int) -> None:
        super().__init__(frames, 32, 32)
        self.live: weakref.WeakSet[Plane] = weakref.WeakSet()
        self.most = 0

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.info.frame_count or 0):
            frame = self.frame(index)
            self.live.add(frame.owner)
            self.most = max(self.most, len(self.live))
            yield frame
            del frame

    def frame(self, index: int) -> Frame:
        made = super().frame(index)
        owner = Plane()
        return Frame(made.y, made.u, made.v, made.pts, made.time_base, index=index, owner=owner)


class Plane:
    """Stands for the decoder's memory of one frame."""


class Slow(MemorySink):
    """Takes its time and keeps nothing."""

    def write(self, frame: RedactedFrame) -> None:
        time.sleep(0.005)
        super().write(frame)
        self._held.clear()


def test_behind_a_slow_sink_only_the_queues_and_the_look_back_are_in_memory() -> None:
    source, sink = Counted(150), Slow()
    pipeline_of(source, sink).run()
    assert sink.written == 150
    assert source.most <= LOOK_BACK + 16
    assert len(source.live) <= 2
