"""LiveSound: the sound of a camera, decoded beside its pictures and put on their time line."""

from __future__ import annotations

from collections.abc import Callable

import av
import av.error
import av.logging
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from redact.sources.live_clock import LiveClock

SLOWEST = 4000
"""Samples per second that sound has at least. Whoever takes less for sound would, to play it, make
gigabytes of a few bytes."""

OnSound = Callable[[AudioFrame, int], None]  # decoded sound, ticks of the clock


class LiveSound:
    """stream: of the container, the first that can be decoded. clock: of the pictures."""

    def __init__(self, stream: AudioStream, clock: LiveClock, on_sound: OnSound) -> None:
        self.index = stream.index
        self._context = stream.codec_context
        self._context.thread_type = ThreadType.NONE  # threads would add a delay
        self._clock = clock
        self._on_sound = on_sound

    @classmethod
    def of(
        cls, container: InputContainer, clock: LiveClock, on_sound: OnSound | None
    ) -> LiveSound | None:
        """None without sound, or where nobody asks for it."""
        if on_sound is None:
            return None
        streams = (s for s in container.streams.audio if s.codec_context is not None)
        return next((cls(stream, clock, on_sound) for stream in streams), None)

    @property
    def format(self) -> tuple[int, int]:
        """Samples per second and channels."""
        return self._context.sample_rate, self._context.layout.nb_channels

    def take(self, packet: Packet[Stream]) -> None:
        """Decode sound. What cannot be decoded, or lies at no known time, is left out."""
        if packet.stream.index != self.index:
            return
        with av.logging.Capture(local=True):  # complaints are not of the pictures
            try:
                frames = self._context.decode(packet)
            except (av.error.FFmpegError, ValueError):
                return
        for frame in frames:
            if frame.sample_rate < SLOWEST:
                continue
            if frame.pts is not None and frame.time_base is not None:
                pts = self._clock.place(frame.pts * frame.time_base)
                if pts is not None:
                    self._on_sound(frame, pts)
