"""Read the finished file back before anybody else sees it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Stream
from av.video.stream import VideoStream

from redact.errors import SinkError

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


def verify(path: Path, written: Written, tick: Fraction) -> None:
    """Raise SinkError unless every frame is there at its own time and key frames decode.

    tick: seconds to which the container rounds times; 0 when it keeps them exactly. All
    packets are read, key frames alone are decoded: a few percent of what encoding costs.
    """
    times: list[int] = []
    key_frames = decoded = 0
    audio_end = Fraction(-1)
    with av.open(f"file:{path}", "r", container_options={"protocol_whitelist": "file"}) as file:
        video = file.streams.video[0]
        streams: list[Stream] = list(file.streams)
        if len(file.streams.video) != 1 or len(streams) != 1 + (written.audio_end is not None):
            raise _failed(f"it holds {len(streams)} streams")
        for packet in file.demux(streams):
            if not packet.size:
                continue
            if not isinstance(packet.stream, VideoStream):
                end = ((packet.pts or 0) + (packet.duration or 0)) * packet.time_base
                audio_end = max(audio_end, end)
                continue
            if packet.pts is None:
                raise _failed("a frame lost its time")
            times.append(packet.pts)
            if packet.is_keyframe:
                key_frames += 1
                decoded += _decode(video, packet, written)
        decoded += _decode(video, None, written)
        if not key_frames or decoded != key_frames:
            raise _failed(f"{decoded} of {key_frames} key frames decode")
        assert video.time_base is not None
        _compare(sorted(times), video.time_base, written, tick)
        duration = (video.duration or 0) * video.time_base
        whole = Fraction(file.duration or 0, 1_000_000)
    if tick:
        _check_whole(whole, written, tick)
    else:
        _check_duration(duration, written)
    if written.audio_end is not None and audio_end < written.audio_end - _AUDIO_SLACK:
        raise _failed(
            f"audio ends at {float(audio_end):.3f} s instead of {float(written.audio_end):.3f} s"
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


def _decode(video: VideoStream, packet: av.Packet[Stream] | None, written: Written) -> int:
    """How many sound pictures come out. `None` flushes the decoder."""
    pictures = video.codec_context.decode(packet)
    for picture in pictures:
        if (picture.width, picture.height) != (written.width, written.height):
            raise _failed(f"a frame decodes to {picture.width}x{picture.height}")
        if picture.is_corrupt:
            raise _failed("a key frame is damaged")
    return len(pictures)


def _failed(what: str) -> SinkError:
    return SinkError(f"does not verify: {what}; nothing was published")
