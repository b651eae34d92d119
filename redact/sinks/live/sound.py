"""LiveSound: a camera's sound as one AAC stream without end, on the time line of its pictures.

It is always coded anew: so it stays one stream whatever the camera does, a change of codec or of
rate included, and nothing that may travel in a camera's bit stream passes.
"""

from __future__ import annotations

from collections import deque

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer

from redact.sinks.errors import writing
from redact.sinks.live import Coded, Nowhere
from redact.sinks.live.muxing import TICK

RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_SAMPLES = 1024  # in one AAC packet
_OFF = 0.1  # seconds by which sound may be off before samples are added or left out
_GAP = 10.0  # seconds of silence that are filled in; a longer gap stays one
_LAG = 1.0  # seconds by which sound may lag behind the pictures before silence takes its place
_MOST = 4096  # packets that wait for their pictures
Samples = npt.NDArray[np.float32]  # (channels, samples)


class LiveSound:
    """rate, channels: of the camera; other ones later on are converted. `take` and `fill` are for
    the thread that reads, `until` is for the one that hides. Raises SinkError."""

    def __init__(self, name: str, rate: int, channels: int) -> None:
        self._name = name
        self._rate = rate if rate in RATES else 48_000
        self._layout = "mono" if channels == 1 else "stereo"
        self._resampler: AudioResampler | None = None
        self._input: tuple[object, ...] | None = None
        self._began: int | None = None  # ticks at which sample 0 lies
        self._count = 0  # samples so far
        self._rest = np.zeros((1 if channels == 1 else 2, 0), np.float32)  # not coded yet
        self._times: deque[int] = deque()  # of what is in the encoder
        self._running = False
        self._packets: deque[Coded] = deque(maxlen=_MOST)
        with writing(name):
            self._output: OutputContainer = av.open(Nowhere(), "w", format="matroska")
            stream = self._output.add_stream("aac", rate=self._rate)
            assert isinstance(stream, AudioStream)
            stream.codec_context.layout = self._layout
            stream.codec_context.bit_rate = 64_000 * len(self._rest)
            self._output.start_encoding()
        self.stream: AudioStream = stream

    def take(self, frame: AudioFrame, pts: int) -> None:
        """pts: ticks of 1/90000 s, on the time line of the pictures."""
        kind = frame.format.name, frame.layout.name, frame.sample_rate
        with writing(f"{self._name}: sound"):
            if self._resampler is None or kind != self._input:
                self._resampler = AudioResampler("fltp", self._layout, self._rate)
                self._input = kind
            frame.pts = None  # samples are counted here
            parts = [part.to_ndarray() for part in self._resampler.resample(frame)]
            if parts:
                self._put(np.concatenate(parts, axis=1), pts)

    def fill(self, pts: int) -> None:
        """The pictures have come this far: what is missing before is silence."""
        if self._began is None:
            self._began = pts  # a camera that only announced sound is silent from here on
        missing = round((pts - self._began) * TICK * self._rate) - self._count
        if missing > _LAG * self._rate:
            with writing(f"{self._name}: sound"):
                self._put(np.zeros((len(self._rest), 1), np.float32), pts - round(_LAG / 2 / TICK))

    def until(self, pts: int) -> list[Coded]:
        """The packets that begin up to then."""
        packets = []
        while self._packets and self._packets[0].pts <= pts:
            packets.append(self._packets.popleft())
        return packets

    def _put(self, samples: Samples, pts: int) -> None:
        began = pts if self._began is None or not self._count else self._began
        off = round((pts - began) * TICK * self._rate) - self._count
        if off > _GAP * self._rate:
            began, off, self._count, self._rest = pts, 0, 0, self._rest[:, :0]
        if off > _OFF * self._rate:
            samples = np.concatenate([np.zeros((len(samples), off), np.float32), samples], axis=1)
        elif off < -_OFF * self._rate:  # a time that has been: what is left of it
            samples = samples[:, -off:]
        self._began = began
        self._count += samples.shape[1]
        self._rest = np.concatenate([self._rest, samples], axis=1)
        while self._rest.shape[1] >= _SAMPLES:
            part, self._rest = self._rest[:, :_SAMPLES], self._rest[:, _SAMPLES:]
            coded = self._count - self._rest.shape[1] - _SAMPLES
            self._times.append(began + self._ticks(coded))
            self._encode(np.ascontiguousarray(part))

    def _ticks(self, samples: int) -> int:
        return round(samples / (TICK * self._rate))

    def _encode(self, part: Samples) -> None:
        """Packets come late; the very first one is the encoder's run-in."""
        frame = AudioFrame.from_ndarray(part, format="fltp", layout=self._layout)
        frame.sample_rate = self._rate
        for packet in self.stream.encode(frame):
            if self._running:
                pts = self._times.popleft()
                duration = self._ticks(_SAMPLES)
                self._packets.append(Coded(bytes(packet), pts, pts, duration, False, sound=True))
            self._running = True
