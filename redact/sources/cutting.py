"""A span of a recording, in its own packets: nothing is decoded, nothing is encoded."""

from __future__ import annotations

from typing import BinaryIO

import av
import av.error
from av.container import InputContainer, OutputContainer

from redact.errors import ConfigError, SinkError, SourceError


def cut(
    source: BinaryIO, target: BinaryIO, name: str, form: str, start: float, end: float | None
) -> tuple[float, float]:
    """Copy picture and sound from the key frame at or before `start` up to `end` (seconds from
    the beginning). name: how messages call it. form: FFmpeg's name of the container to write.
    Returns the seconds really written.

    Raises ConfigError, SourceError, SinkError.
    """
    try:
        with av.open(source, "r", metadata_errors="replace") as original:
            if not original.streams.video:
                raise SourceError(f"{name}: the original has no video to cut; leave out --from")
            with av.open(target, "w", format=form) as part:
                return _copy(original, part, start, end)
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise SinkError(
            f"{name}: the original cannot be cut ({error}); unseal it whole, without --from and "
            "--to"
        ) from error


def _copy(
    original: InputContainer, part: OutputContainer, start: float, end: float | None
) -> tuple[float, float]:
    video = original.streams.video[0]
    sound = original.streams.audio[:1]
    base = (original.start_time or 0) / av.time_base
    copies = {s.index: part.add_stream_from_template(s) for s in (video, *sound)}
    original.seek(round((base + start) * av.time_base), backward=True)
    begin: float | None = None
    last = 0.0
    for packet in original.demux(video, *sound):
        if packet.dts is None or packet.pts is None or packet.time_base is None:
            continue
        time = float(packet.pts * packet.time_base)
        is_video = packet.stream.index == video.index
        if begin is None:
            if not is_video or not packet.is_keyframe:
                continue
            begin = float(packet.dts * packet.time_base)
        if end is not None and float(packet.dts * packet.time_base) >= base + end:
            if is_video:
                break
            continue
        shift = round(begin / packet.time_base)
        if packet.dts < shift:
            continue
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = copies[packet.stream.index]
        part.mux(packet)
        last = max(last, time - base) if is_video else last
    if begin is None:
        raise ConfigError("the original ends before --from; choose an earlier time")
    return max(0.0, begin - base), last
