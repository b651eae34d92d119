"""Hiding on a device hides what hiding without one hides; run here on the processor."""

from __future__ import annotations

import os

import numpy as np
import pytest
from effect_frames import (
    boxes_mask,
    frame_of,
    hidden_blocks,
    masks,
    noise,
    pixels_of,
    planes_of,
    shuffled_in_cells,
)
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is absent: pip install 'redact[cuda]'")

from redact.config import EffectOptions  # noqa: E402
from redact.effects import BlurEffect, EraseEffect, make_effect  # noqa: E402
from redact.geometry import Zone  # noqa: E402
from redact.protocols import Effect  # noqa: E402
from redact.structures import Mask  # noqa: E402

SIZES = [(96, 128), (97, 131), (33, 18), (1, 1)]
WITHIN = {"blur": 1, "fill": 0}  # grey levels between the two
both = pytest.mark.parametrize("kind", WITHIN)


def effect_of(kind: str, device: str) -> Effect:
    return make_effect(EffectOptions(kind=kind), device)  # type: ignore[arg-type]


@both
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_open_pixels_are_exact_and_hidden_ones_those_of_the_processor(
    kind: str, data: st.DataObject
) -> None:
    height, width = data.draw(st.sampled_from(SIZES))
    mask, seed = data.draw(masks(height, width)), data.draw(st.integers(0, 9))
    original = noise(height, width, seed)
    card, plain = effect_of(kind, "torch-cpu"), effect_of(kind, "cpu")
    hidden = hidden_blocks(mask, height, width)
    for index in (0, 4, 9):  # within a hold, and in the next one
        frame = frame_of(original, index)
        one, other = card.apply(frame, mask), plain.apply(frame, mask)
        assert one.hidden == other.hidden
        for channel, (plane, twin) in enumerate(zip(planes_of(one), planes_of(other), strict=True)):
            where = pixels_of(hidden, plane, channel)
            np.testing.assert_array_equal(plane[~where], original[channel][~where])
            apart = np.abs(plane.astype(int) - twin)[where]
            assert apart.max(initial=0) <= WITHIN[kind]


@given(seed=st.integers(0, 99), mask=masks(97, 131))
@settings(max_examples=15, deadline=None)
def test_what_cells_do_not_tell_is_not_told(seed: int, mask: Mask) -> None:
    original = noise(97, 131, seed)
    changed = shuffled_in_cells(original, mask, 4, seed + 1)
    one = effect_of("blur", "torch-cpu").apply(frame_of(original), mask)
    other = effect_of("blur", "torch-cpu").apply(frame_of(changed), mask)
    hidden = hidden_blocks(mask, 97, 131)
    for channel, (plane, twin) in enumerate(zip(planes_of(one), planes_of(other), strict=True)):
        where = pixels_of(hidden, plane, channel)
        np.testing.assert_array_equal(plane[where], twin[where])


@both
@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38, 0.0])
def test_weird_masks_hide_as_much_as_on_the_processor(kind: str, bad: float) -> None:
    original = noise(97, 131, 3)
    box = np.array([[10, bad, 30, 60], [10, 10, 30, 60]], np.float32)
    for mask in (
        Mask(box, np.full(2, bad, np.float32)),
        Mask(whole=True),
        Mask(outside=Zone.nothing(), keep=np.full((1, 4), bad, np.float32)),
    ):
        one = effect_of(kind, "torch-cpu").apply(frame_of(original), mask)
        other = effect_of(kind, "cpu").apply(frame_of(original), mask)
        for plane, twin in zip(planes_of(one), planes_of(other), strict=True):
            assert np.abs(plane.astype(int) - twin).max() <= WITHIN[kind]


@both
def test_frames_are_fresh_whole_and_in_one_buffer(kind: str) -> None:
    effect, mask = effect_of(kind, "torch-cpu"), boxes_mask((3, 3, 40, 40))
    results = [effect.apply(frame_of(noise(94, 130, i), i), mask) for i in range(3)]
    kept = [result.y.copy() for result in results]
    effect.apply(frame_of(noise(94, 130, 9), 9), mask)
    for result, before in zip(results, kept, strict=True):
        np.testing.assert_array_equal(result.y, before)  # no later frame is painted into it
        buffer = result.y.base
        assert buffer is not None
        assert buffer.shape == (141, 130)
        flat = np.concatenate([p.reshape(-1) for p in planes_of(result)])
        np.testing.assert_array_equal(buffer.reshape(-1), flat)
    nothing = frame_of(noise(94, 130, 1))
    assert effect.apply(nothing, Mask()).y is nothing.y


def test_erase_stays_with_the_processor_and_plain_effects_import_no_torch() -> None:
    assert isinstance(effect_of("erase", "torch-cpu"), EraseEffect)
    assert type(effect_of("blur", "cpu")) is BlurEffect


@both
def test_a_card_paints_as_the_processor(kind: str) -> None:
    if not torch.cuda.is_available():
        if os.environ.get("FAIL_WITHOUT_GPU") == "1":
            pytest.fail("FAIL_WITHOUT_GPU=1, and PyTorch finds no graphics card")
        pytest.skip("no graphics card; FAIL_WITHOUT_GPU=1 makes this a failure")
    mask = boxes_mask((100, 100, 300, 500), (800, 200, 830, 280))
    card, plain = effect_of(kind, "cuda:0"), effect_of(kind, "cpu")
    for index in range(20):
        frame = frame_of(noise(720, 1280, index), index)
        one, other = card.apply(frame, mask), plain.apply(frame, mask)
        for plane, twin in zip(planes_of(one), planes_of(other), strict=True):
            assert np.abs(plane.astype(int) - twin).max() <= WITHIN[kind]
