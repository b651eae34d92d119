"""What a run would do with the property as it is drawn now: the real redactor, over the clip.

A pass starts anew whenever the outline changes, and the last one is given up. What a detector
found in a frame does not depend on the outline and is kept.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from redact.config import Config, Trust
from redact.errors import RedactError
from redact.geometry import Zone
from redact.protocols import Detector
from redact.structures import Decision, Detections, Frame, Label, Reason, RedactedFrame, StreamInfo
from redact.web.clip import Clip
from redact.web.pictures import jpeg_of
from redact.web.words import LABELS, REASONS

_WAIT = 20.0  # seconds for a frame of a pass
_LONG_SIDE = 960  # pixels of a preview's picture
_EDGE = 0.004  # share of the picture within which a box ends at its edge


class Remembered:
    """A `Detector` that is asked once for each frame of one clip."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._known: dict[int, Detections] = {}
        self.labels = detector.labels
        self.trust = getattr(detector, "trust", Trust())  # what `make_redactor` goes by

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        for frame in frames:
            if frame.index not in self._known:
                (self._known[frame.index],) = self._detector.detect([frame])
        return [self._known[frame.index] for frame in frames]


@dataclass(slots=True)
class _Seen:
    """One frame of a pass: what was decided, and the picture after hiding."""

    told: dict[str, Any]
    jpeg: bytes


@dataclass(slots=True, eq=False)
class Pass:
    """One run over the clip with one outline. Its thread fills it; pages read it."""

    revision: int
    zone: Zone
    stop: threading.Event = field(default_factory=threading.Event)
    done: bool = False
    error: str = ""
    seen: list[_Seen] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    shown: set[int] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)
    cut: Counter[str] = field(default_factory=Counter)


class Preview:
    """Keeps one pass going over a clip. load: makes the detector, in the pass's thread, once."""

    def __init__(self, clip: Clip, config: Config, load: Callable[[], Detector | None]) -> None:
        self._clip = clip
        self._config = config
        self._load = load
        self._detector: Remembered | None = None
        self._loaded = False
        self._working = threading.Lock()  # one pass at a time
        self._changed = threading.Condition()
        self._pass: Pass | None = None
        self._count = 0

    def start(self, zone: Zone) -> int:
        """Give the last pass up and begin one with this outline; its revision."""
        with self._changed:
            if self._pass is not None:
                self._pass.stop.set()
            self._count += 1
            begun = self._pass = Pass(self._count, zone)
        threading.Thread(target=self._work, args=(begun,), daemon=True).start()
        return begun.revision

    def stop(self) -> None:
        with self._changed:
            if self._pass is not None:
                self._pass.stop.set()

    def at(self, revision: int, index: int) -> tuple[dict[str, Any], bytes] | None:
        """What is decided for a frame, waited for; None for an outline that is out of date or a
        frame that is not ready yet. Raises RedactError where the pass failed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._gone(revision) or self._ready(index) or self._ended(), _WAIT
            )
            if self._gone(revision) or self._pass is None:
                return None
            if self._ready(index):
                seen = self._pass.seen[index]
                return seen.told, seen.jpeg
            if self._pass.error:
                raise RedactError(self._pass.error)
            return None

    def summary(self, revision: int) -> dict[str, Any] | None:
        """Counts over the frames seen so far, and what they warn of."""
        with self._changed:
            if self._gone(revision) or self._pass is None:
                return None
            now = self._pass
            return {
                "frames": len(now.seen),
                "done": now.done,
                "error": now.error,
                "shown": len(now.shown - now.hidden),
                "hidden": len(now.hidden),
                "warnings": _warnings(now) if now.done else [],
            }

    def _gone(self, revision: int) -> bool:
        return self._pass is None or self._pass.revision != revision

    def _ready(self, index: int) -> bool:
        return self._pass is not None and index < len(self._pass.seen)

    def _ended(self) -> bool:
        return self._pass is not None and (self._pass.done or bool(self._pass.error))

    # -- the pass ---------------------------------------------------------------------------

    def _work(self, begun: Pass) -> None:
        from redact.batch.failures import describe

        with self._working:
            try:
                if not begun.stop.is_set():
                    self._run(begun)
            except Exception as error:  # noqa: BLE001 - told to the page
                with self._changed:
                    begun.error = describe(error)
                    self._changed.notify_all()

    def _run(self, begun: Pass) -> None:
        from redact.build import make_redactor

        if not self._loaded:
            detector = self._load()
            self._detector = Remembered(detector) if detector is not None else None
            self._loaded = True
        config = msgspec.structs.replace(self._config, zone=begun.zone)
        redactor = make_redactor(self._clip.info, config, self._detector)
        for frame in self._clip.frames(begun.stop):
            finished = redactor.push(frame)
            self._take(begun, finished, redactor.last_decisions)
        if begun.stop.is_set():
            return
        finished = redactor.flush()
        self._take(begun, finished, redactor.last_decisions)
        with self._changed:
            begun.done = True
            self._changed.notify_all()

    def _take(self, begun: Pass, finished: list[RedactedFrame], made: list[Decision]) -> None:
        for frame, decision in zip(finished, made, strict=True):
            told = describe_decision(self._clip.info, decision)
            seen = _Seen(told, jpeg_of(frame, _LONG_SIDE))
            with self._changed:
                _count(begun, decision, self._clip.info)
                begun.seen.append(seen)
                self._changed.notify_all()


def describe_decision(info: StreamInfo, decision: Decision) -> dict[str, Any]:
    """Subjects with box and ground contact in shares of the picture, and why in words."""
    tracks = decision.tracks
    size = np.array([info.width, info.height] * 2, np.float64)
    subjects = []
    for i in range(len(tracks)):
        left, top, right, bottom = (tracks.xyxy[i] / size).tolist()
        reason = Reason(int(decision.reason[i]))
        subjects.append(
            {
                "id": int(tracks.track_id[i]),
                "label": LABELS[Label(int(tracks.label[i]))],
                "box": [round(v, 5) for v in (left, top, right, bottom)],
                "foot": [round((left + right) / 2, 5), round(bottom, 5)],
                "hidden": reason.hides,
                "reason": reason.name.lower(),
                "words": REASONS[reason],
                "coasting": bool(tracks.coasting[i]),
            }
        )
    return {
        "subjects": subjects,
        "whole_outside": decision.whole_outside,
        "whole_frame": decision.whole_frame,
    }


def _count(begun: Pass, decision: Decision, info: StreamInfo) -> None:
    tracks = decision.tracks
    people = tracks.label == Label.PERSON
    begun.shown.update(tracks.track_id[people & ~decision.hide].tolist())
    begun.hidden.update(tracks.track_id[people & decision.hide].tolist())
    begun.reasons.update(Reason(int(r)).name.lower() for r in decision.reason)
    unknown = tracks.xyxy[decision.reason == Reason.FOOT_UNKNOWN]
    for left, _top, right, bottom in unknown.tolist():
        ends = {
            "left": left <= _EDGE * info.width,
            "right": right >= (1 - _EDGE) * info.width,
            "bottom": bottom >= (1 - _EDGE) * info.height,
        }
        begun.cut.update(name for name, at_edge in ends.items() if at_edge)


def _warnings(now: Pass) -> list[str]:
    said = []
    inside = ("on_property", "lost_on_property", "motion_beyond", "of_shown_person")
    if not any(now.reasons[name] for name in inside):
        said.append(
            "nobody is ever on the property in this part of the clip: is the outline where feet "
            "stand?"
        )
    for edge, frames in sorted(now.cut.items()):
        said.append(
            f"feet are cut off by the {edge} edge of the picture ({frames} times), so those "
            "people are hidden; draw to that edge only if the ground beyond it is yours as well"
        )
    return said
