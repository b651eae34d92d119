"""Live outputs: redacted frames are encoded once, and the packets go to any number of outputs.

A `LiveOutput` is told of a stream, then of its packets, the first of which is a key frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True)
class CodedStream:
    """What holds for all packets of one encoder. generation: rises with every new one. sound:
    the stream of the packets of sound among them, None without any."""

    generation: int
    template: VideoStream
    width: int
    height: int
    sound: AudioStream | None = None


@dataclass(frozen=True, slots=True)
class Coded:
    """One encoded redacted picture, or a packet of sound. pts, dts, duration: ticks of 1/90000 s.
    key: a picture from which on a player can begin."""

    data: bytes
    pts: int
    dts: int
    duration: int
    key: bool
    sound: bool = False


class Nowhere:
    """An encoder needs a container for its parameters; no packet ever goes into it."""

    def write(self, data: bytes) -> int:
        return len(data)


class LiveOutput(Protocol):
    """Where packets go. All methods are called from one thread; they raise SinkError."""

    def start(self, stream: CodedStream) -> None: ...
    def write(self, packet: Coded) -> None: ...
    def event(self, name: str, active: bool) -> None: ...
    def finish(self) -> None: ...
    def abandon(self) -> None: ...
