"""Sound in frames for the encoder of AAC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import numpy as np

from redact.sound import MutedBlock, Samples, SoundBlock, SoundInfo

AAC_SAMPLES = 1024  # in one AAC packet


def framed(
    sound: Iterable[MutedBlock] | Iterable[SoundBlock], info: SoundInfo
) -> Iterator[av.AudioFrame]:
    """Frames of as many samples as AAC wants; before a jump in time, and at the end, the last one
    is filled up with silence."""
    held = np.zeros((info.channels, 0), np.float32)
    start = 0
    for block in sound:
        if block.start != start + held.shape[1]:
            if held.shape[1]:
                yield _frame(_filled(held), start, info)
            held, start = held[:, :0], block.start
        held = np.concatenate([held, block.samples], axis=1)
        while held.shape[1] >= AAC_SAMPLES:
            yield _frame(held[:, :AAC_SAMPLES], start, info)
            held, start = held[:, AAC_SAMPLES:], start + AAC_SAMPLES
    if held.shape[1]:
        yield _frame(_filled(held), start, info)


def _filled(samples: Samples) -> Samples:
    return np.pad(samples, ((0, 0), (0, AAC_SAMPLES - samples.shape[1])))


def _frame(samples: Samples, start: int, info: SoundInfo) -> av.AudioFrame:
    made = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", info.layout)
    made.sample_rate, made.pts = info.rate, start
    made.time_base = Fraction(1, info.rate)
    return made
