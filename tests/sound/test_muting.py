"""The muter alone: whatever the listener does, what may be speech is silent, the rest unchanged."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.errors import ModelError, SourceError
from redact.muting import BEGIN, END, PAD, Muter
from redact.sound import MutedBlock, SoundBlock, SoundInfo, muted

RATE = 1000
WINDOW = 32  # samples
BROKEN: dict[str, Any] = {
    "raises": ModelError("broken"),
    "out of memory": MemoryError(),
    "NaN": float("nan"),
    "more than 1": 1.5,
    "below 0": -0.1,
    "text": "speech",
    "None": None,
    "too many": [0.0] * 90,
    "too few": [],
}


class Source:
    """Blocks as given, then perhaps an error."""

    def __init__(self, blocks: list[SoundBlock], error: SourceError | None = None) -> None:
        self.info = SoundInfo(RATE, "mono", 1)
        self._blocks, self._error = blocks, error

    def __iter__(self) -> Iterator[SoundBlock]:
        yield from self._blocks
        if self._error is not None:
            raise self._error

    def close(self) -> None: ...


class Script:
    """Answers by what the samples are: the first of a window is the probability. Misbehaves at
    those pushes that are named."""

    window = Fraction(WINDOW, RATE)

    def __init__(self, faults: dict[int, Any] | None = None) -> None:
        self._faults = faults or {}
        self._pushes = 0
        self.reset()

    def reset(self) -> None:
        self._waiting = np.zeros(0, np.float32)

    def push(self, samples: np.ndarray) -> list[float]:
        self._pushes += 1
        waiting = np.concatenate([self._waiting, samples[0]])
        full = len(waiting) // WINDOW * WINDOW
        self._waiting = waiting[full:]
        answers: list[Any] = [float(p) for p in waiting[:full:WINDOW]]
        fault = self._faults.get(self._pushes - 1, self._faults.get(-1, answers))
        if isinstance(fault, Exception):
            raise fault
        return fault if isinstance(fault, list) else [fault] * len(answers)

    def flush(self) -> list[float]:
        if -1 in self._faults:
            raise ModelError("broken")
        return [float(self._waiting[0])] if len(self._waiting) else []


def blocks_of(sound: np.ndarray, size: int = 50, start: int = 0) -> list[SoundBlock]:
    parts = [sound[i : i + size] for i in range(0, len(sound), size)]
    return [SoundBlock(start + i * size, part[None].copy()) for i, part in enumerate(parts)]


def sound_of(answers: list[float]) -> np.ndarray:
    """Samples that are never zero, and tell `Script` these answers."""
    sound = np.full(len(answers) * WINDOW, 0.02, np.float32)
    sound[::WINDOW] = np.maximum(answers, 1e-6)
    return sound


def joined(blocks: list[MutedBlock]) -> np.ndarray:
    return np.concatenate([block.samples[0] for block in blocks])


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=150),
    st.integers(1, 200),
    st.integers(-5000, 5000),
)
def test_what_may_be_speech_is_silent_with_its_surroundings_and_nothing_else(
    answers: list[float], size: int, start: int
) -> None:
    sound = sound_of(answers)
    source = blocks_of(sound, size, start)
    muter = Muter(Source(source), Script())
    out = list(muter)
    assert [(b.start, b.samples.shape) for b in out] == [(b.start, b.samples.shape) for b in source]
    wanted, speaks = np.zeros(len(sound), bool), False
    for index, answer in enumerate(np.maximum(answers, 1e-6).astype(np.float32)):
        speaks = answer >= (END if speaks else BEGIN)
        if speaks:
            first = index * WINDOW - round(PAD * RATE)
            wanted[max(0, first) : (index + 1) * WINDOW + round(PAD * RATE)] = True
    made = joined(out)
    assert (made[wanted] == 0).all()
    assert (made[~wanted] == sound[~wanted]).all()
    assert muter.muted == pytest.approx(wanted.sum() / RATE)


@settings(deadline=None)
@given(
    st.dictionaries(st.integers(0, 60), st.sampled_from(sorted({*BROKEN} - {"too few"}))),
    st.integers(2 * WINDOW, 3 * WINDOW),
)
def test_a_listener_that_fails_now_and_then_silences_what_it_did_not_judge(
    faults: dict[int, str], size: int
) -> None:
    sound = sound_of([0.0] * 200)
    script = Script({at: BROKEN[kind] for at, kind in faults.items()})
    out = joined(list(Muter(Source(blocks_of(sound, size)), script)))
    assert len(out) == len(sound)
    near = np.zeros(len(sound), bool)
    for at in faults:
        assert not out[at * size : (at + 1) * size].any()
        near[max(0, (at - 10) * size - 500) : (at + 2) * size + 500] = True
    assert (out[~near] == sound[~near]).all()


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_listener_that_always_fails_leaves_no_sound(kind: str) -> None:
    sound = sound_of([0.0] * 400)
    muter = Muter(Source(blocks_of(sound)), Script({-1: BROKEN[kind]}))
    assert not joined(list(muter)).any()
    assert f"{len(sound) / RATE:.1f} s of them could not be judged" in muter.note


def test_a_listener_that_cannot_begin_anew_hears_nothing() -> None:
    script = Script()
    script.reset = lambda: (_ for _ in ()).throw(ModelError("broken"))  # type: ignore[method-assign]
    assert not joined(list(Muter(Source(blocks_of(sound_of([0.0] * 100))), script))).any()


def test_what_was_not_heard_is_silent_with_its_surroundings() -> None:
    source = blocks_of(sound_of([0.0] * 200))
    source[60] = SoundBlock(source[60].start, source[60].samples, heard=False)
    source[61] = SoundBlock(source[61].start, np.full((1, 50), np.nan, np.float32))
    muter = Muter(Source(source), Script())
    out = joined(list(muter))
    silent = np.flatnonzero(out == 0)
    assert (silent.min(), silent.max()) == (60 * 50 - 500, 62 * 50 + 500 - 1)
    assert len(silent) == 1100
    assert muter.note.endswith("0.1 s of them could not be judged")


def test_both_sides_of_a_long_gap_are_silent() -> None:
    before, after = blocks_of(sound_of([0.0] * 100)), blocks_of(sound_of([0.0] * 100), start=90_000)
    out = list(Muter(Source([*before, *after]), Script()))
    assert [b.start for b in out] == [b.start for b in (*before, *after)]
    quiet = [b.start for b in out if not b.samples.any()]
    assert (min(quiet), max(quiet)) == (2700, 90_450)
    assert joined(out).astype(bool).sum() == 2 * 3200 - 2 * 500


def test_where_decoding_breaks_off_the_rest_is_silent_and_it_is_said() -> None:
    source = Source(blocks_of(sound_of([0.0] * 100)), SourceError("a.mp4: its decoder crashed"))
    muter = Muter(source, Script())
    out = joined(list(muter))
    assert out[:2700].all()
    assert not out[2700:].any()
    assert muter.note.endswith("it ends early: a.mp4: its decoder crashed")


def test_nothing_is_handed_on_before_it_was_judged_and_little_is_held_back() -> None:
    """Ten minutes, in memory for seconds of it."""

    class Long(Source):
        given = 0

        def __iter__(self) -> Iterator[SoundBlock]:
            for start in range(0, 600 * RATE, 500):
                self.given = start + 500
                yield SoundBlock(start, np.full((1, 500), 0.02, np.float32))

    source = Long([])
    tracemalloc.start()
    try:
        for block in Muter(source, Script()):
            assert source.given - block.start <= 3 * RATE
            assert source.given == 600 * RATE or source.given - block.start >= (PAD * RATE)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("seal", [None, object(), True])
def test_a_muted_block_cannot_be_made_without_the_seal(seal: object) -> None:
    with pytest.raises(TypeError, match=r"only redact\.muting"):
        MutedBlock(0, np.zeros((1, 1), np.float32), seal)


@pytest.mark.parametrize("change", [dict.fromkeys(("samples",), np.ones((1, 1), np.float32))])
def test_the_samples_of_a_muted_block_cannot_be_replaced(change: dict[str, Any]) -> None:
    import dataclasses

    sealed = muted(0, np.zeros((1, 1), np.float32))
    replace: Callable[..., Any] = dataclasses.replace
    with pytest.raises((TypeError, ValueError)):
        replace(sealed, **change)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sealed.samples = change["samples"]  # type: ignore[misc]
