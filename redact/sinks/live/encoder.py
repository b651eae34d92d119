"""LiveEncoder: redacted frames to packets, without delay, with key frames at a steady pace."""

from __future__ import annotations

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import PictureType
from av.video.stream import VideoStream

from redact.config import OutputOptions
from redact.errors import SinkError
from redact.sinks.containers import CONTAINERS
from redact.sinks.encoding import add_video
from redact.sinks.errors import writing
from redact.sinks.live import Coded, CodedStream, Nowhere
from redact.sinks.pictures import Pictures
from redact.structures import RedactedFrame, StreamInfo

_TICKS = 90_000


class LiveEncoder:
    """Encodes frames of one size. key_seconds: between key frames. sound: the stream that goes
    with them. Raises SinkError."""

    def __init__(
        self,
        info: StreamInfo,
        first: RedactedFrame,
        options: OutputOptions,
        name: str,
        *,
        generation: int,
        key_seconds: float,
        sound: AudioStream | None = None,
    ) -> None:
        self._name = name
        self._pictures = Pictures(info, first)
        self._key_ticks = round(key_seconds * _TICKS)
        self._key_at: int | None = None
        self._last = -1
        with writing(name):
            self._output: OutputContainer = av.open(Nowhere(), "w", format="matroska")
            self._stream: VideoStream = add_video(
                self._output, CONTAINERS[".mkv"], options, info, self._pictures
            )
            context = self._stream.codec_context
            context.max_b_frames = 0
            context.options = dict(context.options) | {
                "tune": "zerolatency",
                "forced-idr": "1",
                "g": "600",
            }
            self._output.start_encoding()
        self.stream = CodedStream(
            generation, self._stream, self._pictures.width, self._pictures.height, sound
        )

    def encode(self, frame: RedactedFrame) -> list[Coded]:
        """Packets of this frame. Frames must follow each other in time."""
        if not isinstance(frame, RedactedFrame):
            raise SinkError(f"{self._name}: only redacted frames are written")
        with writing(f"{self._name}: frame {frame.index}"):
            picture = self._pictures(frame)
            picture.pts, picture.time_base = frame.pts, frame.time_base
            if self._key_at is None or frame.pts - self._key_at >= self._key_ticks:
                picture.pict_type, self._key_at = PictureType.I, frame.pts
            step = frame.pts - self._last if self._last >= 0 else _TICKS // 25
            self._last = frame.pts
            return [self._coded(packet, step) for packet in self._stream.encode(picture)]

    def flush(self) -> list[Coded]:
        with writing(self._name):
            return [self._coded(packet, _TICKS // 25) for packet in self._stream.encode(None)]

    def _coded(self, packet: Packet[VideoStream], step: int) -> Coded:
        pts = packet.pts or 0
        dts = pts if packet.dts is None else packet.dts
        return Coded(bytes(packet), pts, dts, step, packet.is_keyframe)
