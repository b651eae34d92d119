"""SandboxedSound: what `PyAVSound` reads, decoded in a locked-down process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec
import numpy as np

from redact.sound import SoundBlock, SoundInfo, info_for
from redact.sources.opening import DEFAULT_MAX_PIXELS
from redact.sources.sandbox.messages import (
    Ended,
    Order,
    Silent,
    Sound,
    Sounding,
    SoundMessage,
)
from redact.sources.sandbox.process import PATIENCE, Boxed, memory_for_one

_SAMPLE = 4  # bytes


class SandboxedSound(Boxed[Sounding | Silent | Sound | Ended]):
    """The first sound of a file: a `SoundSource`, to be read once. path, patience: as in
    `SandboxedSource`. Raises SourceError, also when the process crashes."""

    def __init__(self, path: str | Path, *, patience: int = PATIENCE) -> None:
        order = Order(
            os.fsencode(path), False, DEFAULT_MAX_PIXELS, memory_for_one(), patience, what="sound"
        )
        super().__init__(order, msgspec.msgpack.Decoder(SoundMessage), path)
        self._info: SoundInfo | None = None
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    @classmethod
    def of(cls, path: str | Path) -> Self | None:
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
