"""Hide more by hand: a rectangle over a span of time, painted into a finished output.

The source is the output itself, through the same pipeline: what was hidden in it stays hidden,
as nothing else is at hand.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from redact.batch.record import content_of, read_record, write_record
from redact.build import open_file, run
from redact.config import (
    Config,
    EffectOptions,
    MotionOptions,
    OutputOptions,
    TrackingOptions,
)
from redact.errors import ConfigError, SinkError
from redact.geometry import Zone
from redact.sinks.partial import partial_name
from redact.structures import Detections, Frame, Label

Codec = Literal["h264", "h265"]

_CRF = 18  # the output is encoded a second time


class Mark(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """start, end: seconds. box: left, top, right, bottom in shares of the picture."""

    start: float
    end: float
    box: tuple[float, float, float, float]

    def check(self) -> None:
        """Raises ConfigError."""
        left, top, right, bottom = self.box
        values = np.array([self.start, self.end, *self.box])
        if not (np.isfinite(values).all() and 0 <= self.start <= self.end):
            raise ConfigError(f"the span {self.start:g}..{self.end:g} s is empty or backwards")
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ConfigError("the rectangle is empty or beyond the picture (shares from 0 to 1)")


class Hand:
    """A `Detector` that finds someone wherever the owner said so."""

    labels = frozenset({Label.PERSON})

    def __init__(self, mark: Mark) -> None:
        self._mark = mark
        self.found = 0  # frames

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Frame) -> Detections:
        if not self._mark.start <= float(frame.time) <= self._mark.end:
            return Detections.empty()
        self.found += 1
        size = np.array([frame.width, frame.height] * 2, np.float32)
        return Detections.of(np.array([self._mark.box], np.float32) * size, 1.0, Label.PERSON)


def hide_by_hand(output: Path, mark: Mark) -> None:
    """Replace a finished output by one with more hidden; its report says so.

    Raises ConfigError for a mark that hides nothing, SinkError for an output that is not what
    its report says, and whatever a run raises; the output is then as it was.
    """
    mark.check()
    record = read_record(output)
    before = content_of(output, threading.Event(), SinkError)
    made = None if record is None else record.get("output")
    if record is None or not isinstance(made, dict) or made.get("sha256") != before.sha256:
        raise SinkError(f"{output}: is not what its report says; run it again from the original")
    hand = Hand(mark)
    info, codec = _about(output)
    if float(mark.start) > info:
        raise ConfigError(f"the span begins at {mark.start:g} s, the clip ends at {info:.2f} s")
    config = Config(
        zone=Zone.nothing(),
        look_back=0,
        motion=MotionOptions(enabled=False),
        tracking=TrackingOptions(coast=0.0),
        effect=EffectOptions(kind="fill", grow=0.0),
        output=OutputOptions(codec=codec, crf=_CRF, audio="keep"),
    )
    # A sink never writes over its input: a hidden name first, then one rename.
    beside = output.with_name(partial_name(output))
    try:
        run(output, beside, config, detector=hand)
        if not hand.found:
            raise ConfigError("no frame lies in that span; make it longer")
        after = content_of(beside, threading.Event(), SinkError)
        if content_of(output, threading.Event(), SinkError) != before:
            raise SinkError(f"{output}: changed meanwhile; look at it again")
        beside.replace(output)
    except OSError as error:
        raise SinkError(f"{output}: cannot be replaced: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
    record["output"] = {"name": output.name, "bytes": after.bytes, "sha256": after.sha256}
    record.setdefault("by_hand", []).append(msgspec.to_builtins(mark))
    record.setdefault("spans", {}).setdefault("by_hand", []).append([mark.start, mark.end])
    write_record(output, record)


def _about(output: Path) -> tuple[float, Codec]:
    """Seconds that the clip lasts, and the codec it is kept in. Raises SourceError."""
    with closing(open_file(output)) as source:
        info = source.info
        last = 0.0 if info.duration is not None else max(float(f.time) for f in source)
    length = float(info.duration) if info.duration is not None else last
    return length, "h265" if info.codec in ("hevc", "h265") else "h264"
