"""Public fakes: a source that draws, a detector that follows a script, a sink in memory.

    source = SyntheticSource(frames=30, draw=square)
    detector = ScriptedDetector({3: Detections.of([[10, 8, 18, 40]], 0.9, Label.PERSON)})
    sink = MemorySink()
    redact.run(source, sink, config, detector=detector)
    sink.published, sink.frames

For tests of your own cameras, detectors and sinks, and of ours: no file, no weights, no thread.
They keep the contracts of `redact.protocols` to the letter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from types import TracebackType
from typing import Self

import numpy as np

from redact.structures import (
    Detections,
    Frame,
    Label,
    Plane,
    RedactedFrame,
    StreamInfo,
    chroma_shape,
)

Planes = tuple[Plane, Plane, Plane]
Draw = Callable[[int, Planes], None]
Answer = Detections | Exception
Script = Mapping[int, Answer] | Callable[[Frame], Answer]


def grey_planes(width: int, height: int, value: int = 120) -> Planes:
    """Writable planes of one grey."""
    chroma = chroma_shape(height, width)
    return (
        np.full((height, width), value, np.uint8),
        np.full(chroma, 128, np.uint8),
        np.full(chroma, 128, np.uint8),
    )


class SyntheticSource:
    """A `Source` of drawn frames, as often as it is iterated.

    frames: how many. draw: paints frame `index` onto grey planes, in place. times: the pts of
    each frame in milliseconds, where the even steps of `rate` frames per second are not meant.
    noise: standard deviation of grey levels, the same in every run. corrupt: frames that the
    decoder reports as damaged. fails: (index, error) raised instead of that frame.
    """

    def __init__(
        self,
        frames: int = 30,
        width: int = 96,
        height: int = 64,
        *,
        rate: int = 10,
        draw: Draw | None = None,
        times: Sequence[int] | None = None,
        noise: float = 0.0,
        corrupt: Collection[int] = (),
        fails: tuple[int, Exception] | None = None,
    ) -> None:
        if times is not None and len(times) != frames:
            raise ValueError(f"{len(times)} times for {frames} frames")
        self._times = [1000 * i // rate for i in range(frames)] if times is None else list(times)
        self._draw = draw
        self._noise = noise
        self._corrupt = frozenset(corrupt)
        self._fails = fails
        self.info = StreamInfo(
            width,
            height,
            time_base=Fraction(1, 1000),
            frame_rate=Fraction(rate) if times is None else None,
            name="synthetic",
            frame_count=frames,
        )
        self.closed = False

    def __iter__(self) -> Iterator[Frame]:
        for index in range(len(self._times)):
            if self._fails is not None and self._fails[0] == index:
                raise self._fails[1]
            yield self.frame(index)

    def frame(self, index: int) -> Frame:
        """One frame alone, made anew: read-only planes, as a decoder gives them."""
        planes = grey_planes(self.info.width, self.info.height)
        if self._draw is not None:
            self._draw(index, planes)
        if self._noise:
            grain = np.random.default_rng(index).normal(0, self._noise, planes[0].shape)
            planes[0][:] = np.clip(planes[0] + np.rint(grain), 0, 255).astype(np.uint8)
        for plane in planes:
            plane.flags.writeable = False
        return Frame(
            *planes,
            pts=self._times[index],
            time_base=self.info.time_base,
            index=index,
            corrupt=index in self._corrupt,
        )

    def close(self) -> None:
        self.closed = True


class ScriptedDetector:
    """A `Detector` that answers from a script: frame index -> Detections, or an error to raise.

    Frames that the script does not name hold nobody. script: may also be a function of the
    frame. seen: the indices asked for, in order.
    """

    def __init__(
        self, script: Script, labels: Collection[Label] = (Label.PERSON, Label.FACE)
    ) -> None:
        self._script = script
        self.labels = frozenset(labels)
        self.seen: list[int] = []
        self._lock = threading.Lock()

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        with self._lock:
            self.seen += [frame.index for frame in frames]
        return [self._answer(frame) for frame in frames]

    def _answer(self, frame: Frame) -> Detections:
        if isinstance(self._script, Mapping):
            answer = self._script.get(frame.index, Detections.empty())
        else:
            answer = self._script(frame)
        if isinstance(answer, Exception):
            raise answer
        return answer


class MemorySink:
    """A `Sink` that keeps the redacted frames.

    frames: empty until the `with` block ends without an error, as nothing is visible before.
    written: how many frames came. discarded: the block ended with an error.
    fails: (frame number, error) raised at that frame instead of keeping it.
    """

    def __init__(self, *, fails: tuple[int, Exception] | None = None) -> None:
        self.info: StreamInfo | None = None
        self.frames: list[RedactedFrame] = []
        self.written = 0
        self.published = False
        self.discarded = False
        self._fails = fails
        self._held: list[RedactedFrame] = []
        self._entered = False

    def __enter__(self) -> Self:
        self._entered = True
        return self

    def open(self, info: StreamInfo) -> None:
        if not self._entered or self.info is not None:
            raise RuntimeError("open() belongs once into the `with` block of a sink")
        self.info = info

    def write(self, frame: RedactedFrame) -> None:
        if not self._entered or self.info is None:
            raise RuntimeError("a sink is opened before it is written to")
        if not isinstance(frame, RedactedFrame):
            raise TypeError(f"a sink takes a RedactedFrame, not a {type(frame).__name__}")
        if (frame.width, frame.height) != (self.info.width, self.info.height):
            raise ValueError(f"{frame} is not of the size that was opened")
        if self._fails is not None and self._fails[0] == self.written:
            raise self._fails[1]
        self._held.append(frame)
        self.written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entered = False
        if error is None:
            self.frames, self.published = self._held, True
        else:
            self.discarded = True
        self._held = []
