"""What a finished file holds, as it is read back before anybody else sees it.

All packets are read, key frames alone are decoded: a few percent of what encoding costs. A file
with pictures that were copied as somebody else coded them is read by a locked process
(`redact.sources.sandbox`), with this same code.

PyAV is imported at first use.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

    from redact.storage import Place


@dataclass(slots=True)
class ReadBack:
    """streams, videos: how many are in it. times: presentation times of all pictures in ticks of
    time_base, in the order of decoding. untimed: pictures without one. key_frames: how many came,
    decoded: how many of them gave a picture. size: width and height of those; None where there are
    none, or several sizes. damaged: the decoder found damage. audio_end, duration (of the video),
    whole (of the longest stream): seconds; audio_end -1 without sound."""

    streams: int = 0
    videos: int = 0
    times: array[int] = field(default_factory=lambda: array("q"))
    time_base: Fraction = Fraction(1)
    untimed: int = 0
    key_frames: int = 0
    decoded: int = 0
    size: tuple[int, int] | None = None
    damaged: bool = False
    audio_end: Fraction = Fraction(-1)
    duration: Fraction = Fraction(0)
    whole: Fraction = Fraction(0)


Reader: TypeAlias = "Callable[[Place], ReadBack]"


def read_back(source: Any, came: Callable[[ReadBack], None] = lambda _: None) -> ReadBack:
    """Read a file to its end. source: what PyAV opens (`redact.storage.medium`). came: called after
    each picture, and may empty `times`. Raises av.error.FFmpegError, OSError."""
    import av
    from av.video.stream import VideoStream

    with av.open(source, "r", container_options={"protocol_whitelist": "file"}) as file:
        found = ReadBack(len(file.streams), len(file.streams.video))
        if found.videos != 1:
            return found
        video = file.streams.video[0]
        found.time_base = video.time_base or Fraction(1)
        sizes: set[tuple[int, int]] = set()
        for packet in file.demux():
            if not packet.size:
                continue
            if not isinstance(packet.stream, VideoStream):
                end = ((packet.pts or 0) + (packet.duration or 0)) * packet.time_base
                found.audio_end = max(found.audio_end, end)
                continue
            if packet.pts is None:
                found.untimed += 1
            else:
                found.times.append(packet.pts)
            if packet.is_keyframe:
                found.key_frames += 1
                _decode(video, packet, found, sizes)
            came(found)
        _decode(video, None, found, sizes)
        found.size = sizes.pop() if len(sizes) == 1 else None
        found.duration = (video.duration or 0) * found.time_base
        found.whole = Fraction(file.duration or 0, 1_000_000)
    return found


def _decode(
    video: VideoStream,
    packet: Packet[Stream] | None,
    found: ReadBack,
    sizes: set[tuple[int, int]],
) -> None:
    """`None` flushes the decoder."""
    for picture in video.codec_context.decode(packet):
        found.decoded += 1
        found.damaged |= picture.is_corrupt
        sizes.add((picture.width, picture.height))
