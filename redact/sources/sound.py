"""The first sound of a file, decoded: one stream of samples at their times, gaps told."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import av
import av.error
import av.stream
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from redact.errors import SourceError
from redact.sound import Samples, SoundBlock, SoundInfo, info_for
from redact.sources.errors import reading
from redact.sources.opening import DEFAULT_MAX_PIXELS, open_container
from redact.storage import Place

LARGEST = 3072  # floats in a block: what the sandbox sends at once
_JITTER = 0.1  # seconds by which times may stray from what was counted
_LONG = 10.0  # seconds of nothing that are skipped, not filled
ADVICE = 'run it with audio = "drop"'


def open_sound(path: Place) -> tuple[InputContainer, AudioStream] | None:
    """The first sound of a file, nothing else of which will be read; None where there is none.
    Raises SourceError."""
    container = open_container(path, DEFAULT_MAX_PIXELS)
    try:
        streams = container.streams.audio
        if not streams:
            container.close()
            return None
        for other in container.streams:
            if other.index != streams[0].index:
                other.discard = av.stream.Discard.all
        if streams[0].codec_context is None:
            raise SourceError(f"{path}: the codec of its sound is not known; {ADVICE}")
        return container, streams[0]
    except BaseException:
        container.close()
        raise


class PyAVSound:
    """A `SoundSource`, to be read once. What cannot be decoded comes as silence, told so.

    Shorter gaps are filled; sound that steps back in time is left out. The samples have a rate and
    a layout that AAC has: those of the file, where they can be.
    """

    def __init__(self, path: Place, container: InputContainer, stream: AudioStream) -> None:
        self._path = path
        self._container = container
        self._stream = stream
        self._packets = container.demux(stream)
        self._lost = False  # something, since the frame before
        self._decoded = self._frames()
        first = next(self._decoded, None)
        if first is None:
            raise SourceError(f"{path}: its sound cannot be decoded; {ADVICE}")
        self._first: AudioFrame | None = first
        layout = first.layout
        self._info = info_for(first.sample_rate, layout.name, layout.nb_channels)
        self._resampler: AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None  # of what the resampler takes
        self._next: int | None = None  # where the next sample belongs

    @classmethod
    def of(cls, path: Place) -> Self | None:
        """None where the file has no sound. Raises SourceError."""
        opened = open_sound(path)
        if opened is None:
            return None
        try:
            return cls(path, *opened)
        except BaseException:
            opened[0].close()
            raise

    @property
    def info(self) -> SoundInfo:
        return self._info

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[SoundBlock]:
        assert self._first is not None
        frame: AudioFrame | None = self._first
        self._first = None
        while frame is not None:
            yield from self._placed(frame)
            frame = next(self._decoded, None)
        if self._next is not None and self._resampler is not None:
            for rest in self._resampled(None):
                yield from self._blocks(rest, True)
        if self._lost:
            yield from self._blocks(self._nothing(0), False)

    # -- from packets to frames -----------------------------------------------------------------

    def _frames(self) -> Iterator[AudioFrame]:
        while (packet := self._packet()) is not None:
            with reading(f"{self._path}: its sound", ADVICE):
                try:
                    frames = self._stream.decode(packet)
                except (av.error.FFmpegError, ValueError):
                    self._lost = True
                    continue
            yield from frames

    def _packet(self) -> Packet[AudioStream] | None:
        with reading(f"{self._path}: its sound", ADVICE):
            return next(self._packets, None)

    # -- from frames to blocks ------------------------------------------------------------------

    def _placed(self, frame: AudioFrame) -> Iterator[SoundBlock]:
        """The blocks of one frame, and of what is missing before it."""
        rate = self._info.rate
        expected = self._next
        at = expected or 0
        if frame.pts is not None and frame.time_base is not None:
            at = round(frame.pts * frame.time_base * rate)
        if expected is None:
            self._next = expected = at
        gap = at - expected
        whole = not (self._lost or frame.is_corrupt)
        if gap > _LONG * rate:
            self._next = at
        elif gap > (_JITTER * rate if whole else 0):
            yield from self._blocks(self._nothing(gap), False)
        elif self._lost:
            yield from self._blocks(self._nothing(0), False)
        self._lost = False
        late = -gap if gap < -_JITTER * rate else 0  # samples for whose time others came before
        with reading(f"{self._path}: its sound", ADVICE):
            parts = self._resampled(frame)
        for part in parts:
            cut = min(late, part.shape[1])
            late -= cut
            self._lost |= cut > 0
            yield from self._blocks(part[:, cut:], not frame.is_corrupt)

    def _resampled(self, frame: AudioFrame | None) -> list[Samples]:
        """(channels, n) each, with the rate and layout of `info`."""
        if frame is not None:
            shape = (frame.format.name, frame.layout.name, frame.sample_rate)
            if self._resampler is None or shape != self._shape:
                self._resampler = AudioResampler("fltp", self._info.layout, self._info.rate)
                self._shape = shape
            frame.pts = None
        assert self._resampler is not None
        made = self._resampler.resample(frame)
        return [np.asarray(part.to_ndarray(), np.float32) for part in made]

    def _nothing(self, count: int) -> Samples:
        return np.zeros((self._info.channels, count), np.float32)

    def _blocks(self, samples: Samples, heard: bool) -> Iterator[SoundBlock]:
        """What follows next, in blocks of a bounded size; at least one where nothing was heard."""
        size = LARGEST // self._info.channels
        for start in range(0, max(samples.shape[1], not heard), size):
            part = samples[:, start : start + size]
            assert self._next is not None
            block = SoundBlock(self._next, part if heard else np.zeros_like(part), heard)
            self._next = block.end
            yield block
