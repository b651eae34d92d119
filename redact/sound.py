"""Sound as it moves through: heard, listened to, muted; or kept as it is.

    sources: SoundBlock -> redact.muting -> MutedBlock -> sinks
    sources: CodedSound, or SoundBlock where the output cannot hold that codec -> sinks

A `MutedBlock` is sealed, as a `RedactedFrame` is: a sink cannot be handed what nobody judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import InitVar, dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_AAC_LAYOUTS = {"mono": 1, "stereo": 2, "3.0": 3, "4.0": 4, "5.0": 5, "5.1": 6, "7.1": 8}
# Names of layouts that a coded sound may have: the channels of each.
LAYOUTS = {
    **{"mono": 1, "stereo": 2, "2.1": 3, "3.0": 3, "3.0(back)": 3, "4.0": 4, "quad": 4},
    **{"quad(side)": 4, "3.1": 4, "5.0": 5, "5.0(side)": 5, "4.1": 5, "5.1": 6, "5.1(side)": 6},
    **{"6.0": 6, "6.1": 7, "7.0": 7, "7.1": 8},
}
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """rate: samples per second. layout: FFmpeg's name, such as "mono". channels: in it."""

    rate: int
    layout: str
    channels: int


def info_for(rate: int, layout: str, channels: int) -> SoundInfo:
    """What comes nearest to that and AAC can hold. Raises ValueError where nothing does."""
    if rate < 1 or channels < 1:
        raise ValueError(f"{channels} channels of {rate} samples a second are no sound")
    if layout in _AAC_LAYOUTS and channels == _AAC_LAYOUTS[layout]:
        pass
    elif channels == 1:
        layout = "mono"
    else:
        layout, channels = "stereo", 2
    return SoundInfo(rate if rate in AAC_RATES else 48000, layout, channels)


@dataclass(frozen=True, slots=True, eq=False)
class SoundBlock:
    """Decoded sound, which may hold voices. start: position in samples from time zero, which may
    be negative. samples: (channels, n) float32. heard: False where nothing could be decoded; the
    samples are then zeros."""

    start: int
    samples: Samples
    heard: bool = True

    @property
    def end(self) -> int:
        return self.start + int(self.samples.shape[1])


class SoundSource(Protocol):
    """The first sound of a file: blocks in order, none overlapping. A block may begin later than
    the one before ended: then there was nothing for long. Raises SourceError."""

    @property
    def info(self) -> SoundInfo: ...
    def __iter__(self) -> Iterator[SoundBlock]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SoundCoding:
    """How sound is coded that is passed on as it is.

    codec: FFmpeg's name. rate: samples per second. layout: one of `LAYOUTS`. header: what a decoder
    needs before the first packet, often nothing. time_base: seconds of one tick.
    """

    codec: str
    rate: int
    layout: str
    header: bytes
    time_base: Fraction


@dataclass(frozen=True, slots=True)
class CodedSound:
    """One packet, without side data. pts, dts, duration: ticks of the coding's time base."""

    pts: int
    dts: int
    duration: int
    data: bytes


@runtime_checkable
class CodedSource(Protocol):
    """The first sound of a file as it is coded: packets whose dts rise. Raises SourceError."""

    @property
    def coding(self) -> SoundCoding: ...
    def __iter__(self) -> Iterator[CodedSound]: ...
    def close(self) -> None: ...


KeptSound: TypeAlias = SoundSource | CodedSource

_MUTER_ONLY = object()


@dataclass(frozen=True, slots=True, eq=False)
class MutedBlock:
    """Sound that was listened to, silent where somebody speaks or nobody can tell. Fields as in
    `SoundBlock`. Only `redact.muting` makes one, through `muted()`."""

    start: int
    samples: Samples
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _MUTER_ONLY:
            raise TypeError("only redact.muting makes a MutedBlock")


def muted(start: int, samples: Samples) -> MutedBlock:
    """Seal a block after muting. For `redact.muting` alone; `tests/test_architecture.py` checks."""
    return MutedBlock(start, samples, _MUTER_ONLY)


class MutedSound(Protocol):
    """What a sink writes. note: what was done, in words; muted: seconds made silent, so far."""

    @property
    def info(self) -> SoundInfo: ...
    @property
    def note(self) -> str: ...
    @property
    def muted(self) -> float: ...
    def __iter__(self) -> Iterator[MutedBlock]: ...
    def close(self) -> None: ...


class Listener(Protocol):
    """Says how likely it is that somebody speaks, for one stream. Raises ModelError.

    window: seconds that one answer is about. push: takes (channels, n) samples, returns one
    probability for each window that is full now, in order. flush: for what is left, filled up
    with silence. reset: what follows has nothing to do with what came.
    """

    window: Fraction

    def push(self, samples: Samples) -> list[float]: ...
    def flush(self) -> list[float]: ...
    def reset(self) -> None: ...
