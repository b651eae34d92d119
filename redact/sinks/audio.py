"""Audio beside the redacted video: the input's, packet by packet or made into AAC; or what was
muted, made into AAC. Nothing is read of a file here: `redact.sources` does that."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from typing import Protocol, Self, TypeAlias

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from redact.errors import SinkError, SourceError
from redact.sinks.containers import Container
from redact.sinks.errors import writing
from redact.sinks.framing import framed
from redact.sound import (
    CodedSource,
    KeptSound,
    MutedBlock,
    MutedSound,
    SoundBlock,
    SoundCoding,
    SoundSource,
)

ADVICE = 'write the video without it (audio = "drop")'
_LOUDEST = 8.0  # samples beyond are no sound, and an encoder may choke on them
Timed: TypeAlias = "tuple[Fraction, Packet[Stream]]"


class Closable(Protocol):
    def close(self) -> None: ...


class AudioFeed:
    """Muxes audio up to a given time, so that it interleaves and memory stays small.

    end: seconds at which the muxed audio ends so far. copied: its packets are as somebody else
    coded them. notes: what is to be said of it at
    the end.
    """

    def __init__(
        self,
        where: str,
        source: Closable,
        output: OutputContainer,
        timed: Iterator[Timed],
        *,
        copied: bool = False,
        notes: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._where = where
        self._source = source
        self._output = output
        self._timed = timed
        self._notes = notes
        self.copied = copied
        self.end: Fraction | None = None
        self._next: Timed | None = self._following()

    @classmethod
    def of(
        cls,
        muted: MutedSound | None,
        kept: KeptSound | None,
        name: str,
        output: OutputContainer,
        container: Container,
        shift: Fraction,
    ) -> Self | None:
        """Of what was muted, else of what is kept; None where there is neither. name: of the
        output. shift: seconds by which the video was moved; audio moves with it."""
        if muted is not None:
            return cls.of_muted(muted, name, output, shift)
        return None if kept is None else cls.of_kept(kept, name, output, container, shift)

    @classmethod
    def of_kept(
        cls,
        sound: KeptSound,
        name: str,
        output: OutputContainer,
        container: Container,
        shift: Fraction,
    ) -> Self:
        """Sound that is kept. name, shift: as in `of`."""
        where = f"{name}: the audio cannot be kept"
        with writing(where, ADVICE):
            if isinstance(sound, CodedSource):
                timed = _copied(sound, output, container, shift)
                return cls(where, sound, output, timed, copied=True)
            heard = _Heard(sound)
            frames = framed(heard, sound.info)
            timed = _encoded(frames, output, sound.info.rate, sound.info.layout, shift)
            return cls(where, sound, output, timed, notes=heard.notes)

    @classmethod
    def of_muted(
        cls, sound: MutedSound, name: str, output: OutputContainer, shift: Fraction
    ) -> Self | None:
        """Sound that was listened to; its errors of decoding are silence. None where nothing of it
        came. name, shift: as in `of`."""
        where = f"{name}: its sound cannot be written"
        frames = framed(_only_muted(sound), sound.info)
        with writing(where, ADVICE):
            first = next(frames, None)
            if first is None:
                return None
            info = sound.info
            timed = _encoded(chain([first], frames), output, info.rate, info.layout, shift)
            return cls(where, sound, output, timed)

    def finish(self) -> tuple[str, ...]:
        """Mux all that is left; returns what is to be said of the sound."""
        self.mux_until(None)
        return self._notes()

    def mux_until(self, time: Fraction | None) -> None:
        """Mux all packets that begin at or before `time` seconds; all that are left for None."""
        while self._next is not None and (time is None or self._next[0] <= time):
            start, packet = self._next
            self.end = start + (packet.duration or 0) * packet.time_base
            self._output.mux(packet)
            self._next = self._following()

    def _following(self) -> Timed | None:
        with writing(self._where, ADVICE):
            try:
                return next(self._timed, None)
            except SourceError as error:
                raise SinkError(f"{self._where}: {error}; {ADVICE}") from error

    def close(self) -> None:
        self._source.close()


def _copied(
    sound: CodedSource, output: OutputContainer, container: Container, shift: Fraction
) -> Iterator[Timed]:
    """The coded packets as they are. The stream is added at once, its packets are read lazily."""
    coding = sound.coding
    target = _stream_of(coding, output, container)
    moved = round(shift / coding.time_base)

    def packets() -> Iterator[Timed]:
        for coded in sound:
            if coding.codec == "aac" and coded.data[0] == 0xFF and coded.data[1:2] >= b"\xf0":
                continue  # wrapped, which `redact.sources` undoes: a muxer would look into it
            packet: Packet[Stream] = Packet(coded.data)
            packet.pts, packet.dts = coded.pts + moved, coded.dts + moved
            packet.duration, packet.time_base = coded.duration, coding.time_base
            packet.is_keyframe = True
            packet.stream = target
            yield packet.pts * packet.time_base, packet

    return packets()


def _stream_of(coding: SoundCoding, output: OutputContainer, container: Container) -> AudioStream:
    """A stream that nobody encodes into. PyAV makes those after another stream alone; so there is
    one, in an output that is never written."""
    with av.open(io.BytesIO(), "w", format=container.format) as never:
        target = output.add_stream_from_template(never.add_stream(coding.codec, rate=coding.rate))
    assert isinstance(target, AudioStream)
    context = target.codec_context
    context.layout = coding.layout
    context.extradata = coding.header or None
    context.time_base = target.time_base = coding.time_base
    return target


class _Heard:
    """The blocks of kept sound, and how much of it could not be decoded."""

    def __init__(self, sound: SoundSource) -> None:
        self._sound = sound
        self._lost = 0
        self._gaps = 0

    def __iter__(self) -> Iterator[SoundBlock]:
        for block in self._sound:
            if not block.heard:
                self._gaps += 1
                self._lost += block.samples.shape[1]
            samples = np.nan_to_num(block.samples, posinf=0.0, neginf=0.0)
            yield SoundBlock(block.start, samples.clip(-_LOUDEST, _LOUDEST), block.heard)

    def notes(self) -> tuple[str, ...]:
        if not self._gaps:
            return ()
        seconds = self._lost / self._sound.info.rate
        return (f"sound: {seconds:.2f} s of it are missing in the input, and silent",)


def _only_muted(sound: MutedSound) -> Iterator[MutedBlock]:
    for block in sound:
        if not isinstance(block, MutedBlock):
            raise SinkError("only muted sound is written")
        yield block


def _encoded(
    frames: Iterator[av.AudioFrame],
    output: OutputContainer,
    rate: int,
    layout: str,
    shift: Fraction,
) -> Iterator[Timed]:
    """AAC. The stream is added at once, frames are taken lazily."""
    target = output.add_stream("aac", rate=rate)
    assert isinstance(target, AudioStream)
    target.codec_context.layout = layout
    target.codec_context.time_base = Fraction(1, rate)

    def packets() -> Iterator[Timed]:
        for frame in chain(frames, [None]):
            if frame is not None:
                frame.pts = (frame.pts or 0) + round(shift * rate)
            for packet in target.encode(frame):
                assert packet.pts is not None
                yield packet.pts * packet.time_base, packet

    return packets()
