"""Redactor: one stream, the fixed order, the look-back. No thread of its own, no file, no clock.

A frame leaves only after `look_back` later frames have been analysed, so that a subject is
hidden before it is first found, and so that showing rests on evidence from both sides in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Literal, TypeVar

import numpy as np

from redact.columns import answered
from redact.errors import RedactError, StageError
from redact.geometry import Zone
from redact.looks import Looks
from redact.masking import mask_of
from redact.protocols import Closer, Detector, Effect, MotionDetector, Policy, Tracker
from redact.structures import Decision, Detections, Frame, Mask, RedactedFrame, StreamInfo, Tracks
from redact.trackers import between, resting

_PAST = 2.0  # seconds of tracks kept behind the frame that leaves: longer than tracks coast
_GAP = 2.0  # seconds without a frame after which a background counts as new
_MOST = 1000  # boxes in one frame; more are a fault, and would take minutes to follow
_T = TypeVar("_T")

OnFailure = Literal["raise", "hide"]


@dataclass(slots=True, eq=False)
class _Entry:
    """One frame on its way: what was found in it so far."""

    frame: Frame | None
    time: float
    found: Tracks | None = None  # None: neither looked at nor covered by two looks yet
    moving: Tracks | None = None  # None: the motion net has not answered yet
    unsure: bool = False  # the background is not known: hide the outside
    failed: bool = False  # a stage failed: hide the outside, or the frame
    _joined: tuple[Tracks | None, Tracks | None, Tracks] | None = None

    @property
    def tracks(self) -> Tracks:
        """All that was found here. A window is read once per frame, so the join is kept."""
        known = self._joined
        if known is None or known[0] is not self.found or known[1] is not self.moving:
            parts = [part for part in (self.found, self.moving) if part is not None]
            known = self._joined = self.found, self.moving, Tracks.concatenate(parts)
        return known[2]

    @property
    def still(self) -> bool:
        """Whether the motion net is sure that nothing moves here."""
        return self.moving is not None and not len(self.moving) and not self.unsure


class Redactor:
    """Frames in, redacted frames out, in order, `delay` frames later.

    Push every frame of the stream, then flush; both return lists, and every frame pushed comes
    out exactly once. Not thread-safe: one caller at a time.

    interval: seconds between two looks of the detector, 0 looks at every frame; still_interval:
    the same while nothing moves and everybody is at rest; frames between are covered by the looks
    around them. closer: looks closer while nothing moves; a background is settled for it that has
    been known for `settled` seconds. thorough: whether the detector finds practically everyone
    (`config.Trust`); where not, whoever it lost gives way to nobody.
    on_failure: "raise" a StageError when a stage fails (batch: the output is discarded), or "hide"
    the frame whole (live). ahead: runs each look of the detector beside the rest of the work, until
    the next frame comes; frames then leave up to a frame later than `delay`, as the same pictures.
    """

    def __init__(
        self,
        info: StreamInfo,
        zone: Zone,
        *,
        policy: Policy,
        effect: Effect,
        tracker: Tracker,
        detector: Detector | None = None,
        motion: MotionDetector | None = None,
        motion_tracker: Tracker | None = None,
        look_back: int = 20,
        interval: float = 0.0,
        still_interval: float = 0.0,
        closer: Closer | None = None,
        settled: float = 0.0,
        warmup: float = 0.0,
        grow: float = 0.1,
        thorough: bool = True,
        on_failure: OnFailure = "raise",
        ahead: Executor | None = None,
    ) -> None:
        if detector is None and motion is None:
            raise ValueError("a redactor needs a detector, a motion net, or both")
        if motion is not None and (motion_tracker is None or motion.delay > look_back):
            raise ValueError("motion needs a tracker of its own and a delay within the look-back")
        self.info = info
        self.delay = look_back
        self._zone = zone
        self._policy = policy
        self._effect = effect
        self._tracker = tracker
        self._detector = detector
        self._motion = motion
        self._motion_tracker = motion_tracker
        self._warmup = warmup
        self._grow = grow
        self._thorough = thorough
        self._on_failure = on_failure
        self._ahead = ahead
        self._intervals = (interval, still_interval)
        self._closer = closer
        self._settled = settled
        self.last_decisions: list[Decision] = []
        self._restart()

    def _restart(self) -> None:
        self._past: deque[_Entry] = deque()
        self._pending: deque[_Entry] = deque()
        self._began: float | None = None
        # Half of the look-back stays for what a look finds that was missed before.
        self._looks = Looks(*self._intervals, limit=self.delay // 2)
        self._known_since: float | None = None  # the background, without a break
        self._last: _Entry | None = None  # the last frame that was looked at
        self._looking: tuple[_Entry, Callable[[], Detections]] | None = None  # and its answer

    def push(self, frame: Frame) -> list[RedactedFrame]:
        """Take one frame (exclusively: its planes must not change until it came out again) and
        return those that are finished. Raises StageError, ValueError on a wrong size."""
        if (frame.width, frame.height) != (self.info.width, self.info.height):
            raise ValueError(
                f"frame {frame.index} is {frame.width}x{frame.height}, the stream is "
                f"{self.info.width}x{self.info.height}"
            )
        self._began = float(frame.time) if self._began is None else self._began
        entry = _Entry(frame, float(frame.time))
        before = next(reversed(self._pending or self._past), entry)
        if not 0 <= entry.time - before.time <= _GAP:
            self._known_since = None  # who came meanwhile may be taken for background
        self._pending.append(entry)
        if self._motion is not None:
            self._settle_motion(self._guard(entry, "motion", lambda: self._moved(frame), None))
        self._looked()
        if self._looks.due(entry.time, entry.still, frame.corrupt):
            self._look(entry)
        return self._leave(self.delay)

    def flush(self) -> list[RedactedFrame]:
        """The frames still held back; afterwards the redactor is as new."""
        if self._motion is not None and self._pending:
            last, flush = self._pending[-1], self._motion.flush
            self._settle_motion(self._guard(last, "motion", lambda: self._counted(flush()), None))
        self._looked()
        if self._pending and self._pending[-1].found is None:
            self._look(self._pending[-1])
            self._looked()
        out = self._leave(0)
        self._restart()
        for part in (
            self._tracker,
            self._motion,
            self._motion_tracker,
            self._effect,
            self._closer,
        ):
            if part is not None:
                part.reset()
        return out

    # -- analysis -------------------------------------------------------------------------

    def _guard(self, entry: _Entry, stage: str, work: Callable[[], _T], instead: _T) -> _T:
        """Run a stage; a failure is a StageError, or hides the frame where that was asked for."""
        try:
            return work()
        except MemoryError:
            raise
        except Exception as error:
            if self._on_failure == "raise":
                index = entry.frame.index if entry.frame is not None else -1
                kind = "" if isinstance(error, RedactError) else f"{type(error).__name__}: "
                raise StageError(f"frame {index}: {stage}: {kind}{error}") from error
            entry.failed = True
            return instead

    def _look(self, entry: _Entry) -> None:
        """Have the detector look at the newest frame."""
        frame, ahead = entry.frame, self._ahead
        assert frame is not None
        still = entry.still and not frame.corrupt
        answer = partial(self._detect, frame, still, still and self._is_settled(entry))
        if ahead is None:
            self._looking = entry, answer
            self._looked()
        else:
            begin = partial(_begun, ahead, answer)
            self._looking = entry, self._guard(entry, "detector", begin, Detections.empty)

    def _looked(self) -> None:
        """Take in what the last look found, and cover the frames since the one before."""
        if self._looking is None:
            return
        (entry, answer), self._looking = self._looking, None
        frame = entry.frame
        assert frame is not None
        found = self._guard(entry, "detector", answer, Detections.empty())
        follow = partial(answered, Tracks, self._tracker.update)
        entry.found = self._guard(entry, "tracker", lambda: follow(frame, found), Tracks.empty())
        for skipped in self._pending:
            if skipped is entry:
                break
            if skipped.found is None and self._last is not None:
                cover = partial(self._between, self._last, skipped, entry)
                skipped.found = self._guard(skipped, "tracker", cover, Tracks.empty())
        before = Tracks.empty() if self._last is None else self._last.found
        self._last = entry
        rest = before is not None and resting(before, entry.found)
        self._looks.looked(entry.time, rest and not entry.failed)

    def _between(self, last: _Entry, entry: _Entry, look: _Entry) -> Tracks:
        """What both looks say of a frame between them; nothing where one of them cannot be
        relied on: such a frame counts as failed."""
        assert last.found is not None
        assert look.found is not None
        since, until = entry.time - last.time, look.time - entry.time
        if last.failed or look.failed or not (since > 0 and until > 0):  # or the clock went back
            entry.failed = True
            return Tracks.empty()
        return between(last.found, look.found, since, until)

    def _is_settled(self, entry: _Entry) -> bool:
        since = self._known_since
        return since is not None and entry.time - since >= self._settled

    def _detect(self, frame: Frame, still: bool, settled: bool) -> Detections:
        if self._detector is None:
            return Detections.empty()
        answers = self._detector.detect([frame])
        if len(answers) != 1:
            raise ValueError(f"{len(answers)} answers for one frame")
        found = answered(Detections, lambda: answers[0])
        if len(found) > _MOST:
            raise ValueError(f"{len(found)} boxes in one frame cannot be trusted")
        if self._closer is not None:
            found = self._closer.refined(frame, found, still=still, settled=settled)
        return found

    def _moved(self, frame: Frame) -> list[Detections | None] | None:
        assert self._motion is not None
        return self._counted(self._motion.push(frame))

    def _counted(self, results: list[Detections | None]) -> list[Detections | None]:
        """More answers than frames that wait would belong to the wrong frames."""
        waiting = sum(e.moving is None for e in self._pending)
        if len(results) > waiting:
            raise ValueError(f"{len(results)} answers for {waiting} frames that wait for one")
        found = [None if r is None else answered(Detections, lambda r=r: r) for r in results]
        # So much motion is no one's: what moves there is not known.
        return [None if r is None or len(r) > _MOST else r for r in found]

    def _settle_motion(self, results: list[Detections | None] | None) -> None:
        """Give each motion result to the oldest frame that waits for one."""
        if results is None:  # the net failed: no frame that waits may rely on it
            for entry in self._pending:
                entry.failed |= entry.moving is None
                entry.moving = entry.moving or Tracks.empty()
            assert self._motion is not None
            self._motion.reset()
            self._known_since = None
            return
        waiting = (e for e in self._pending if e.moving is None)
        assert self._motion_tracker is not None
        for result, entry in zip(results, list(waiting), strict=False):
            entry.unsure = result is None
            if entry.unsure:
                self._known_since = None
            elif self._known_since is None:
                self._known_since = entry.time
            assert entry.frame is not None
            found = Detections.empty() if result is None else result
            track = partial(answered, Tracks, self._motion_tracker.update, entry.frame, found)
            entry.moving = self._guard(entry, "motion tracker", track, Tracks.empty())

    # -- leaving --------------------------------------------------------------------------

    def _leave(self, held: int) -> list[RedactedFrame]:
        out: list[RedactedFrame] = []
        self.last_decisions = []
        # A frame that is being looked at tells nothing yet: it does not count as seen.
        while len(self._pending) - (self._looking is not None) > held:
            out.append(self._hide())
        return out

    def _hide(self) -> RedactedFrame:
        """Decide on the oldest frame, hide, and let it go."""
        # One that waited for a look to end is decided on by no more frames than any other.
        window = [*self._past, *islice(self._pending, self.delay + 1)]
        at = len(self._past)
        entry = self._pending[0]
        tracks, times = [e.tracks for e in window], [e.time for e in window]
        whole = Decision(Tracks.empty(), np.zeros(0, np.uint8), whole_frame=True)
        decision = self._guard(
            entry,
            "policy",
            lambda: answered(Decision, self._policy.decide, self.info, tracks, times, at),
            whole,
        )
        frame = entry.frame
        assert frame is not None
        decision = Decision(
            decision.tracks,
            decision.reason,
            whole_outside=decision.whole_outside or self._outside_unknown(entry),
            whole_frame=decision.whole_frame
            or frame.corrupt
            or entry.failed
            or entry.found is None,
        )
        shapes = partial(
            mask_of,
            *(self.info, decision, tracks, times, at, self._zone, self._grow),
            thorough=self._thorough,
        )
        mask = self._guard(entry, "mask", shapes, Mask(whole=True))
        try:
            finished = self._effect.apply(frame, mask)
            if not isinstance(finished, RedactedFrame) or finished.pts != frame.pts:
                raise TypeError("the answer is not this frame, redacted")
        except Exception as error:
            raise StageError(
                f"frame {frame.index}: effect: {type(error).__name__}: {error}"
            ) from error
        self.last_decisions.append(decision)
        self._retire(entry)
        return finished

    def _outside_unknown(self, entry: _Entry) -> bool:
        assert self._began is not None
        waiting = self._motion is not None and entry.moving is None
        return entry.unsure or waiting or entry.time - self._began < self._warmup

    def _retire(self, entry: _Entry) -> None:
        """Keep the tracks of a frame that left as evidence for the next ones, not its pixels."""
        self._pending.popleft()
        entry.frame = None
        self._past.append(entry)
        while entry.time - self._past[0].time > _PAST:
            self._past.popleft()


def _begun(ahead: Executor, look: Callable[[], _T]) -> Callable[[], _T]:
    """Have the look done elsewhere; what is returned waits for its answer."""
    return ahead.submit(look).result
