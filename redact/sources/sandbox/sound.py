"""SandboxedSound and SandboxedCodedSound: what `PyAVSound` and `PyAVCodedSound` read, in a
locked-down process."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import Self

import msgspec
import numpy as np

from redact.errors import SourceError
from redact.sound import LAYOUTS, CodedSound, SoundBlock, SoundCoding, SoundInfo, info_for
from redact.sources.opening import DEFAULT_MAX_PIXELS
from redact.sources.sandbox.messages import (
    Coded,
    CodedMessage,
    Decode,
    Ended,
    Order,
    Part,
    Silent,
    Sound,
    Sounding,
    SoundMessage,
    Unit,
)
from redact.sources.sandbox.process import PATIENCE, Boxed, memory_for_one
from redact.storage import Place, place_of

_SAMPLE = 4  # bytes
_MORE = 16 << 20  # bytes of all packets beyond twice the file: a container may compress headers


class SandboxedSound(Boxed[Sounding | Silent | Sound | Ended]):
    """The first sound of a file: a `SoundSource`, to be read once. path, patience: as in
    `SandboxedSource`. Raises SourceError, also when the process crashes."""

    def __init__(self, path: str | Place, *, patience: int = PATIENCE) -> None:
        place = place_of(path)
        given = DEFAULT_MAX_PIXELS, memory_for_one(), patience
        order = Order(os.fsencode(str(place)), False, *given, what="sound")
        super().__init__(order, msgspec.msgpack.Decoder(SoundMessage), place)
        self._info: SoundInfo | None = None
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(cls, path: str | Place) -> Self | None:
        """None where the file has no sound. Raises SourceError."""
        source = cls(path)
        return source if source._info is not None else None

    def _begin(self) -> None:
        match self._receive():
            case Silent():
                self.close()
            case Sounding(rate, layout, channels) if (
                info := SoundInfo(rate, layout, channels)
            ) == info_for(rate, layout, channels):
                self._info = info
            case _:
                self._fail("answered what is no description of sound")

    @property
    def info(self) -> SoundInfo:
        assert self._info is not None
        return self._info

    @property
    def _at(self) -> str:
        return f"sound, block {self._count}"

    def __iter__(self) -> Iterator[SoundBlock]:
        end: int | None = None
        while True:
            match self._receive():
                case Sound() as sound if end is None or sound.start >= end:
                    block = self._block(sound)
                    end = block.end
                    self._count += 1
                    yield block
                case Ended(frames=count) if count == self._count:
                    self.close()
                    return
                case _:
                    self._fail("answered what is no next sound")

    def _block(self, sound: Sound) -> SoundBlock:
        channels = self.info.channels
        if len(sound.data) % (channels * _SAMPLE):
            self._fail("answered what is no next sound")
        samples = np.frombuffer(sound.data, np.float32).reshape(channels, -1)
        return SoundBlock(sound.start, samples, sound.heard)


class SandboxedCodedSound(Boxed[Coded | Decode | Unit | Part | Ended]):
    """The first sound of a file as it is coded: a `CodedSource`, to be read once. path, patience:
    as in `SandboxedSource`. codecs: that it may have. Nothing here looks into the packets.
    Raises SourceError, also when the process crashes."""

    def __init__(
        self, path: str | Place, codecs: Collection[str], *, patience: int = PATIENCE
    ) -> None:
        given = DEFAULT_MAX_PIXELS, memory_for_one(), patience
        place, named = place_of(path), tuple(codecs)
        order = Order(os.fsencode(str(place)), False, *given, what="coded", codecs=named)
        super().__init__(order, msgspec.msgpack.Decoder(CodedMessage), place)
        self._coding: SoundCoding | None = None
        try:
            size = self._feeder.size if self._feeder else place.stat().st_size
            self._most = 2 * size + _MORE
            self._begin(codecs)
        except OSError as error:  # it went meanwhile
            self.close()
            raise SourceError(f"{place}: cannot be read: {error.strerror or error}") from error
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(cls, path: str | Place, codecs: Collection[str]) -> Self | None:
        """None where there is no sound, or none that can be passed on as one of these codecs.
        Raises SourceError."""
        source = cls(path, codecs)
        return source if source._coding is not None else None

    def _begin(self, codecs: Collection[str]) -> None:
        match self._receive():
            case Decode():
                self.close()
            case Coded() as told if told.codec in codecs and told.layout in LAYOUTS:
                base = Fraction(*told.time_base)
                self._coding = SoundCoding(told.codec, told.rate, told.layout, told.header, base)
            case _:
                self._fail("answered what is no description of sound")

    @property
    def coding(self) -> SoundCoding:
        assert self._coding is not None
        return self._coding

    @property
    def _at(self) -> str:
        return f"sound, packet {self._count}"

    def __iter__(self) -> Iterator[CodedSound]:
        last: int | None = None
        left = self._most
        while True:
            match self._receive():
                case Unit() as unit if (last is None or unit.dts > last) and unit.size <= left:
                    left -= unit.size
                    last = unit.dts
                    data = self._data(unit.size)
                    self._count += 1
                    yield CodedSound(unit.pts, unit.dts, unit.duration, data)
                case Ended(frames=count) if count == self._count:
                    self.close()
                    return
                case _:
                    self._fail("answered what is no next sound")

    def _data(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            match self._receive():
                case Part(data=part) if len(data) + len(part) <= size:
                    data += part
                case _:
                    self._fail("answered what is no next sound")
        return bytes(data)
