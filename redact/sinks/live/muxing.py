"""Copies of coded packets into a container of their own."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet

from redact.sinks.live import Coded, CodedStream

TICK = Fraction(1, 90_000)


class Muxer:
    """One container with a video stream and, where there is any, sound; its times start at zero.
    Raises what PyAV raises."""

    def __init__(
        self,
        target: str,
        form: str,
        stream: CodedStream,
        options: dict[str, str],
        timeout: float | None = None,
    ) -> None:
        self._output: OutputContainer = av.open(
            target, "w", format=form, container_options=options, timeout=timeout
        )
        self._stream = self._output.add_stream_from_template(stream.template)
        self._stream.time_base = TICK
        self._sound = (
            None if stream.sound is None else self._output.add_stream_from_template(stream.sound)
        )
        self._start: int | None = None

    def seconds_at(self, packet: Coded) -> float:
        """How long after the first packet this one comes."""
        return 0.0 if self._start is None else float((packet.pts - self._start) * TICK)

    def write(self, packet: Coded) -> None:
        if packet.sound and (self._sound is None or packet.dts < (self._start or packet.dts + 1)):
            return  # sound from before the first picture
        self._start = packet.dts if self._start is None else self._start
        copy: Packet[av.stream.Stream] = Packet(packet.data)
        copy.pts, copy.dts = packet.pts - self._start, packet.dts - self._start
        copy.duration, copy.time_base = packet.duration, TICK
        copy.is_keyframe = packet.key or packet.sound
        copy.stream = self._sound if packet.sound and self._sound else self._stream
        self._output.mux(copy)

    def close(self) -> None:
        """Write what is owed. Raises what PyAV raises."""
        self._output.close()

    def drop(self) -> None:
        with suppress(av.error.FFmpegError, OSError, ValueError):
            self._output.close()
