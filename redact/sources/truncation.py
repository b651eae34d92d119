"""What a container promises about its video, and whether that much came.

A file cut short mostly decodes without any error: a fragmented mp4 just ends early. So the
promise is read before, counted against after, and a clearly shorter stream is a SourceError.
Only exact promises count: durations that FFmpeg estimates (MPEG-TS, raw streams) are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from redact.errors import SourceError
from redact.storage import Place

_CLOCK = re.compile(r"^(\d+):(\d\d):(\d\d(?:\.\d+)?)$")
ADVICE = "copy it again from the camera, or remux it with another tool to accept the loss"
_SLACK = Fraction(1, 2)  # seconds by which the promise of a whole file may be missed


@dataclass(frozen=True, slots=True)
class Promise:
    """Read from the container's header, before the first frame.

    packets: exact number of coded pictures in the index. end: seconds at which the video
    ends. whole_end: seconds at which the longest stream ends, used where `end` is unknown.
    frame_rate: None when variable. frames, duration: what `StreamInfo` reports. left_out: coded
    pictures that an edit list of the file takes out.
    """

    packets: int | None = None
    end: Fraction | None = None
    whole_end: Fraction | None = None
    frame_rate: Fraction | None = None
    frames: int | None = None
    duration: Fraction | None = None
    left_out: int = 0


@dataclass(slots=True)
class Arrived:
    """What came. Times in seconds. gap: the longest between two frames; last: the last frame's.
    watched: each single picture was accounted for."""

    packets: int = 0
    frames: int = 0
    watched: bool = False
    end: Fraction = Fraction(0)
    whole_end: Fraction = Fraction(0)
    gap: Fraction = Fraction(0)
    last: Fraction | None = None

    def note(self, time: Fraction, duration: Fraction) -> None:
        """One more frame, in order."""
        self.frames += 1
        if self.last is not None:
            self.gap = max(self.gap, time - self.last)
        self.last = time
        self.end = max(self.end, time + duration)
        self.whole_end = max(self.whole_end, self.end)


def frame_rate_of(stream: VideoStream) -> Fraction | None:
    """The constant frame rate, or None when it varies or is not known."""
    average, base = stream.average_rate, stream.base_rate
    if not average or not base or not 0 < base <= 1000:
        return None
    return base if abs(average / base - 1) < Fraction(1, 200) else None


def _tagged_end(stream: VideoStream) -> Fraction | None:
    """Matroska writers note each track's own end as a DURATION tag."""
    match = _CLOCK.match(stream.metadata.get("DURATION", ""))
    if not match:
        return None
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)


def _blocks_of(
    container: InputContainer, stream: VideoStream, blocks: Mapping[int, int]
) -> int | None:
    """FFmpeg has a stream for each track that it knows, in their order, and one for each
    attachment; None where these are not as many."""
    attached = Disposition.attached_pic
    tracks = [
        s for s in container.streams if s.type != "attachment" and not s.disposition & attached
    ]
    if len(tracks) != len(blocks):
        return None
    each = zip(tracks, blocks.values(), strict=True)
    return next((count for track, count in each if track.index == stream.index), None)


def promise_of(
    container: InputContainer, stream: VideoStream, blocks: Mapping[int, int]
) -> Promise:
    """What an open file promises for `stream`. blocks: pictures of each Matroska track."""
    names = set(container.format.name.split(","))
    rate = frame_rate_of(stream)
    time_base = stream.time_base or Fraction(1)
    start = (stream.start_time or 0) * time_base
    duration = stream.duration * time_base if stream.duration else None
    whole = Fraction(container.duration, 1_000_000) if container.duration else None
    frames, alone = stream.frames or None, len(container.streams) == 1
    if "mp4" in names:
        end = start + duration if duration else None
        shown = sum(not entry.is_discard for entry in stream.index_entries) if frames else None
        listed, left_out = len(stream.index_entries) or None, (frames or 0) - (shown or 0)
        return Promise(listed, end, None, rate, shown, duration, left_out)
    if "matroska" in names:
        end = _tagged_end(stream)
        told = end - start if end else (whole if alone else None)
        end = end or (whole if alone else None)
        listed = _blocks_of(container, stream, blocks)
        return Promise(listed or None, end, whole if end is None else None, rate, None, told)
    if "avi" in names and duration:
        entries = list(stream.index_entries)
        listed = sum(entry.size > 0 for entry in entries)
        # The header counts pictures that repeat the one before as well: entries without a size.
        listed = max(listed, (frames or 0) - (len(entries) - listed)) if entries else 0
        return Promise(listed or None, start + duration, None, rate, frames, duration)
    if "flv" in names:
        return Promise(None, whole if alone else None, whole, rate, None, duration)
    return Promise(frame_rate=rate, duration=duration)


def check_promise(path: Place, promise: Promise, came: Arrived) -> None:
    """Raise SourceError when clearly less came than was promised."""
    if promise.packets is not None and came.packets < promise.packets:
        raise SourceError(
            f"{path}: was cut short: promises {promise.packets} frames but holds "
            f"{came.packets}; {ADVICE}"
        )
    _check_frames(path, promise, came)
    # The last duration is a guess in many files; a gap where a frame was lost is no measure of it.
    slack = (min(came.gap, 1 / promise.frame_rate) if promise.frame_rate else came.gap) * 3 / 2
    for told, seen in (
        (promise.end, came.end + slack),
        (promise.whole_end, came.whole_end + max(slack, _SLACK)),
    ):
        if told is not None and seen < told:
            raise SourceError(
                f"{path}: was cut short: promises to end at {float(told):.2f} s but ends at "
                f"{float(came.end):.2f} s; {ADVICE}"
            )


def _check_frames(path: Place, promise: Promise, came: Arrived) -> None:
    """For streams whose single pictures are not watched: an index counts frames, or fields."""
    if came.watched or promise.packets is None or promise.frames is None:
        return
    if came.frames < promise.frames and came.frames != (promise.frames + 1) // 2:
        raise SourceError(
            f"{path}: {promise.frames - came.frames} of {promise.frames} frames cannot be "
            f"decoded; {ADVICE}"
        )
