"""Pipeline: source + redactor + sink, each in a thread of its own, with bounded queues.

Decoding, analysis and encoding overlap; memory is bounded by the queues and the look-back. The
first error of any stage stops all of them, is raised with its own traceback, and the sink
discards what it wrote.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from typing import Any

from redact.errors import RedactError, StageError
from redact.protocols import Observer, Sink, Source
from redact.redactor import Redactor
from redact.spans import Spans
from redact.structures import Decision, Frame, Label, Reason, RedactedFrame, Report

_DEPTH = 2  # frames in a queue: enough to overlap, few enough for memory
_TICK = 0.1  # seconds between looks at the stop flag


class Stopped(RedactError):  # noqa: N818 - asked for, not an error of anything
    """The run was stopped from outside; nothing was published."""

    exit_code = 130


class Pipeline:
    """Runs one stream once.

    The sink is entered and left here: it publishes after the last frame, and discards on any
    error. stop() may be called from any thread. wanted: told the time of each frame, in ticks;
    those that it refuses are neither written nor counted.
    """

    def __init__(
        self,
        source: Source,
        redactor: Redactor,
        sink: Sink,
        observer: Observer | None = None,
        stop: threading.Event | None = None,
        wanted: Callable[[int], bool] | None = None,
    ) -> None:
        self._source = source
        self._redactor = redactor
        self._sink = sink
        self._observer = observer
        self._stop = stop or threading.Event()
        self._halt = threading.Event()  # set by the first error
        self._errors: list[BaseException] = []
        self._wanted = wanted
        self._tally = _Tally()

    def stop(self) -> None:
        """Ask for an early end; `run` then raises Stopped and publishes nothing."""
        self._stop.set()

    def run(self) -> Report:
        """Run to the end. Raises the first error of any stage, or Stopped."""
        began = time.perf_counter()
        decoded: Queue[Frame | None] = Queue(_DEPTH)
        finished: Queue[RedactedFrame | None] = Queue(_DEPTH)
        with self._sink:
            self._sink.open(self._source.info)
            if self._observer is not None:
                self._observer.on_start(self._source.info)
            threads = [
                self._thread("decode", lambda: self._decode(decoded)),
                self._thread("analyse", lambda: self._analyse(decoded, finished)),
            ]
            try:
                self._write(finished)
            except BaseException as error:  # noqa: BLE001 - re-raised below, threads joined
                self._errors.append(error)
                self._halt.set()
            for thread in threads:
                thread.join()
            if self._errors:
                raise self._errors[0]
        self._tally.seconds["total"] = time.perf_counter() - began
        return self._tally.report()

    # -- the three threads ------------------------------------------------------------------

    def _decode(self, out: Queue[Frame | None]) -> None:
        frames = iter(self._source)
        while True:
            with self._tally.timed("decode"):
                frame = next(frames, None)
            self._tally.decoded += frame is not None
            self._put(out, frame)
            if frame is None:
                return
            del frame

    def _analyse(self, frames: Queue[Frame | None], out: Queue[RedactedFrame | None]) -> None:
        while (frame := self._get(frames)) is not None:
            with self._tally.timed("analyse"):
                finished = self._redactor.push(frame)
            self._hand_on(finished, out)
            del frame, finished
        with self._tally.timed("analyse"):
            finished = self._redactor.flush()
        self._hand_on(finished, out)
        self._put(out, None)

    def _hand_on(self, finished: list[RedactedFrame], out: Queue[RedactedFrame | None]) -> None:
        for frame, decision in zip(finished, self._redactor.last_decisions, strict=True):
            if self._wanted is not None and not self._wanted(frame.pts):
                self._tally.left_out += 1  # only there for what it tells of its neighbours
                continue
            self._tally.count(frame, decision)
            if self._observer is not None:
                self._observer.on_frame(frame, decision)
            self._put(out, frame)

    def _write(self, frames: Queue[RedactedFrame | None]) -> None:
        while (frame := self._get(frames)) is not None:
            with self._tally.timed("encode"):
                self._sink.write(frame)
            self._tally.written += 1
            del frame
        if self._tally.written + self._tally.left_out != self._tally.decoded:
            raise StageError(
                f"{self._tally.decoded} frames came in and {self._tally.written} went out"
            )

    # -- plumbing -----------------------------------------------------------------------------

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def body() -> None:
            try:
                work()
            except _HaltError:
                pass
            except BaseException as error:  # noqa: BLE001 - re-raised by run()
                self._errors.append(error)
                self._halt.set()

        thread = threading.Thread(target=body, name=f"redact-{name}", daemon=True)
        thread.start()
        return thread

    def _check(self) -> None:
        if self._halt.is_set():
            raise _HaltError
        if self._stop.is_set():
            raise Stopped("stopped before the end; nothing was written")

    def _put(self, queue: Queue[Any], item: object) -> None:
        while True:
            self._check()
            try:
                return queue.put(item, timeout=_TICK)
            except Full:
                continue

    def _get(self, queue: Queue[Any]) -> Any:
        while True:
            self._check()
            try:
                return queue.get(timeout=_TICK)
            except Empty:
                continue


class _HaltError(Exception):
    """Another stage failed first."""


class _Tally:
    """What the report says. Each number is written by one thread only."""

    def __init__(self) -> None:
        self.decoded = self.left_out = self.written = 0
        self.seconds: dict[str, float] = {}
        self._frames: Counter[str] = Counter()
        self._reasons: Counter[int] = Counter()
        self._spans = Spans()
        self._hidden: set[int] = set()
        self._shown: set[int] = set()

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    def count(self, frame: RedactedFrame, decision: Decision) -> None:
        self._frames["all"] += 1
        self._frames["hiding"] += frame.hidden > 0
        self._frames["whole"] += decision.whole_frame
        self._frames["outside"] += decision.whole_outside
        self._reasons.update(decision.reason.tolist())
        self._spans.add(float(frame.time), decision)
        people = decision.tracks.label == Label.PERSON
        ids = decision.tracks.track_id
        self._hidden.update(ids[people & decision.hide].tolist())
        self._shown.update(ids[people & ~decision.hide].tolist())

    def report(self) -> Report:
        return Report(
            frames=self._frames["all"],
            frames_with_hiding=self._frames["hiding"],
            frames_hidden_whole=self._frames["whole"],
            frames_outside_hidden_whole=self._frames["outside"],
            people_hidden=len(self._hidden),
            people_shown=len(self._shown - self._hidden),
            reasons={Reason(k).name.lower(): n for k, n in sorted(self._reasons.items())},
            spans=self._spans.result(),
            seconds={name: round(value, 4) for name, value in self.seconds.items()},
        )
