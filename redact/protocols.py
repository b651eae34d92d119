"""The seams: what each room must offer. Protocols, not base classes, so that a camera maker's
own object fits without inheriting.

`Detector` keeps no state, so that many streams share one; `MotionDetector`, `Tracker` and
`Effect` belong to one stream. `Policy` is a pure function.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

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


@runtime_checkable
class Source(Protocol):
    """Frames in presentation order, upright, 8-bit 4:2:0. Raises SourceError."""

    @property
    def info(self) -> StreamInfo: ...
    def __iter__(self) -> Iterator[Frame]: ...
    def close(self) -> None: ...


@runtime_checkable
class Detector(Protocol):
    """Finds people or faces; one `Detections` per frame, in order. Raises ModelError.

    `labels`: what it looks for. Thread-safe: streams share it. One that has a
    `prepare(width, height)` is told the size of a stream beforehand, in a thread of its own; one
    that has a `keener(floor)`, which returns a detector that tells of people from that score on,
    is asked by it for closer looks.
    """

    @property
    def labels(self) -> frozenset[Label]: ...
    def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]: ...


class Closer(Protocol):
    """Looks closer while nothing moves; state of one stream.

    `refined` gets what a detector found in a frame, and returns that without what a closer look
    does not confirm, and with whom only closer looks told of. still: nothing moves in the frame.
    settled: and its background has been known for long.
    """

    def refined(
        self, frame: Frame, found: Detections, *, still: bool, settled: bool
    ) -> Detections: ...
    def reset(self) -> None: ...


@runtime_checkable
class MotionDetector(Protocol):
    """What moves on a fixed camera, learned from the stream itself.

    `push` returns the results that have become certain, oldest first, at most `delay` frames
    late; `flush` returns the rest. A result holds MOTION boxes, or None where the background
    is not known (start, camera moved, exposure jumped): then nothing is known to be still.
    """

    delay: int

    def push(self, frame: Frame) -> list[Detections | None]: ...
    def flush(self) -> list[Detections | None]: ...
    def reset(self) -> None: ...


@runtime_checkable
class Tracker(Protocol):
    """Gives boxes an identity over time."""

    def update(self, frame: Frame, detections: Detections) -> Tracks: ...
    def reset(self) -> None: ...


@runtime_checkable
class Policy(Protocol):
    """Decides who is hidden in frame `at` of a window of consecutive frames. Pure.

    window: the tracks of each frame; times: their presentation times in seconds.
    """

    def decide(
        self, info: StreamInfo, window: Sequence[Tracks], times: Sequence[float], at: int
    ) -> Decision: ...


@runtime_checkable
class Effect(Protocol):
    """Hides what the mask covers; the only maker of `RedactedFrame`."""

    def apply(self, frame: Frame, mask: Mask) -> RedactedFrame: ...
    def reset(self) -> None: ...


@runtime_checkable
class Sink(Protocol):
    """Stores or sends redacted frames. Nothing is visible before a clean exit.

    Leaving the `with` block without an error publishes; leaving it with one discards.
    """

    def open(self, info: StreamInfo) -> None: ...
    def write(self, frame: RedactedFrame) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class Observer(Protocol):
    """Told of progress, from the pipeline's own threads; must return at once."""

    def on_start(self, info: StreamInfo) -> None: ...
    def on_frame(self, frame: RedactedFrame, decision: Decision) -> None: ...
