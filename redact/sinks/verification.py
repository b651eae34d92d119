"""Read the finished file back before anybody else sees it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from redact.errors import SinkError
from redact.readback import ReadBack, Reader, read_back
from redact.storage import Place, medium

_AUDIO_SLACK = Fraction(1, 10)  # seconds: containers trim an encoder's padding


@dataclass(frozen=True, slots=True)
class Written:
    """What was handed to the muxer. times: presentation times in ticks of time_base, rising.
    last: duration of the last frame in ticks, None where it was not told. width, height: coded."""

    times: array[int]
    time_base: Fraction
    last: int | None
    width: int
    height: int
    audio_end: Fraction | None  # seconds; None without audio


def in_process(path: Place) -> ReadBack:
    """A `Reader` of what was coded here. Raises av.error.FFmpegError, OSError."""
    return read_back(medium(path))


def verify(path: Place, written: Written, tick: Fraction, reader: Reader = in_process) -> None:
    """Raise SinkError unless every frame is there at its own time and key frames decode.

    tick: seconds to which the container rounds times; 0 when it keeps them exactly. reader: what
    reads the file.
    """
    found = reader(path)
    if found.videos != 1 or found.streams != 1 + (written.audio_end is not None):
        raise _failed(f"it holds {found.streams} streams")
    if found.untimed:
        raise _failed("a frame lost its time")
    if found.damaged:
        raise _failed("a key frame is damaged")
    if not found.key_frames or found.decoded != found.key_frames:
        raise _failed(f"{found.decoded} of {found.key_frames} key frames decode")
    if found.size != (written.width, written.height):
        width, height = found.size or (0, 0)
        raise _failed(f"its frames decode to {width}x{height}" if width else "its size changes")
    _compare(sorted(found.times), found.time_base, written, tick)
    if tick:
        _check_whole(found.whole, written, tick)
    else:
        _check_duration(found.duration, written)
    if written.audio_end is not None and found.audio_end < written.audio_end - _AUDIO_SLACK:
        raise _failed(
            f"audio ends at {float(found.audio_end):.3f} s instead of "
            f"{float(written.audio_end):.3f} s"
        )


def _compare(times: list[int], time_base: Fraction, written: Written, tick: Fraction) -> None:
    if len(times) != len(written.times):
        raise _failed(f"{len(written.times)} frames were written, {len(times)} are in it")
    scale = written.time_base / time_base
    slack = tick / 2 / time_base
    for index, (seen, told) in enumerate(zip(times, written.times, strict=True)):
        if abs(seen - told * scale) > slack:
            raise _failed(
                f"frame {index} is at {float(seen * time_base):.6f} s instead of "
                f"{float(told * written.time_base):.6f} s"
            )


def _check_whole(end: Fraction, written: Written, tick: Fraction) -> None:
    """Matroska notes one end for the whole file: no earlier than that of the video."""
    told = (written.times[-1] + (written.last or 0)) * written.time_base
    if end < told - 2 * tick:
        raise _failed(f"it ends at {float(end):.6f} s instead of {float(told):.6f} s")


def _check_duration(duration: Fraction, written: Written) -> None:
    """mp4 notes the stream's own duration, counted in decoding order: exact where frames are
    evenly spaced, else off by as much as a few gaps differ."""
    shown = written.times[-1] - written.times[0]
    if written.last is None:
        if duration < shown * written.time_base:
            raise _failed(f"it lasts {float(duration):.6f} s, less than its frames take")
        return
    told = (shown + written.last) * written.time_base
    gaps = np.append(np.diff(np.frombuffer(written.times, np.int64)), written.last)
    slack = 4 * int(gaps.max() - gaps.min()) * written.time_base
    if abs(duration - told) > slack:
        raise _failed(f"it lasts {float(duration):.6f} s instead of {float(told):.6f} s")


def _failed(what: str) -> SinkError:
    return SinkError(f"does not verify: {what}; nothing was published")
