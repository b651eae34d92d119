"""What every effect promises, whatever it paints."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from effect_frames import (
    boxes_mask,
    frame_of,
    grey,
    hidden_blocks,
    masks,
    noise,
    pixels_of,
    planes_of,
    shuffled_in_cells,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.config import EffectOptions
from redact.effects import BlurEffect, EraseEffect, FillEffect, make_effect
from redact.geometry import Zone
from redact.protocols import Effect
from redact.structures import Frame, Mask, Plane

KINDS = ("blur", "fill", "erase")
SIZES = [(96, 128), (97, 131), (33, 18), (1, 1)]
every_effect = pytest.mark.parametrize("kind", KINDS)


def effect_of(kind: str, **options: object) -> Effect:
    return make_effect(EffectOptions(kind=kind, **options))  # type: ignore[arg-type]


def other_secret(
    kind: str, planes: tuple[Plane, Plane, Plane], mask: Mask, seed: int
) -> tuple[Plane, Plane, Plane]:
    """The picture with everything changed that the effect may not tell."""
    if kind == "blur":
        return shuffled_in_cells(planes, mask, 4, seed)
    height, width = planes[0].shape
    hidden, fresh = hidden_blocks(mask, height, width), noise(height, width, seed)
    y, u, v = (
        np.where(pixels_of(hidden, plane, channel), fresh[channel], plane)
        for channel, plane in enumerate(planes)
    )
    return y, u, v


@every_effect
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_open_blocks_are_exact_and_hidden_ones_do_not_tell(kind: str, data: st.DataObject) -> None:
    height, width = data.draw(st.sampled_from(SIZES))
    mask, seed = data.draw(masks(height, width)), data.draw(st.integers(0, 9))
    pad = data.draw(st.sampled_from([0, 1, 64]))
    original = noise(height, width, seed)
    one, same = effect_of(kind), effect_of(kind)
    frame = frame_of(original, pad=pad)
    result, again = one.apply(frame, mask), same.apply(frame, mask)
    changed = frame_of(other_secret(kind, original, mask, seed + 1))
    other = effect_of(kind).apply(changed, mask)
    hidden = hidden_blocks(mask, height, width)
    for channel, plane in enumerate(planes_of(result)):
        where = pixels_of(hidden, plane, channel)
        np.testing.assert_array_equal(plane[~where], original[channel][~where])
        np.testing.assert_array_equal(plane[where], planes_of(other)[channel][where])
        np.testing.assert_array_equal(plane, planes_of(again)[channel])
        np.testing.assert_array_equal(planes_of(frame)[channel], original[channel])


@every_effect
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_private_frame_is_painted_over_and_looks_as_any_other(
    kind: str, data: st.DataObject
) -> None:
    height, width = data.draw(st.sampled_from(SIZES))
    here, there = effect_of(kind), effect_of(kind)
    for index in range(3):  # effects remember what was before
        mask, planes = data.draw(masks(height, width)), noise(height, width, index)
        result = here.apply(frame_of(planes, index), mask)
        own = replace(frame_of(planes, index), private=True)
        painted = there.apply(own, mask)
        for plane, other in zip(planes_of(painted), planes_of(result), strict=True):
            np.testing.assert_array_equal(plane, other)
        for plane, left in zip(planes_of(painted), planes_of(own), strict=True):
            assert np.shares_memory(plane, left)  # nothing of the original is left
            assert not left.flags.writeable


@every_effect
def test_every_pixel_of_a_box_is_covered(kind: str) -> None:
    """Stripes of one pixel cannot survive anywhere, in luma or in chroma."""
    y, u, v = grey(97, 131, 0)
    for plane in (y, u, v):
        plane[::2] = 255
    result = effect_of(kind).apply(frame_of((y, u, v)), boxes_mask((-5, 20, 60.5, 97)))
    for channel, plane in enumerate(planes_of(result)):
        block = 16 >> (channel > 0)
        part = plane[block:, : 4 * block].astype(int)
        assert np.abs(np.diff(part, axis=0)).max() <= 8


@every_effect
def test_nothing_to_hide_passes_the_frame_without_a_copy(kind: str) -> None:
    frame, effect = frame_of(noise(96, 128, 1)), effect_of(kind)
    for mask in (Mask(), boxes_mask((500, 500, 600, 600))):
        result = effect.apply(frame, mask)
        assert result.y is frame.y
        assert result.hidden == 0
    assert effect.apply(frame, boxes_mask((0, 0, 9, 9), (50, 50, 70, 90))).hidden == 2


@every_effect
def test_even_sizes_come_in_one_i420_buffer(kind: str) -> None:
    result = effect_of(kind).apply(frame_of(noise(94, 130, 1)), boxes_mask((3, 3, 40, 40)))
    y, u, v = planes_of(result)
    buffer = y.base
    assert buffer is not None
    assert buffer.shape == (141, 130)
    assert buffer.flags.c_contiguous
    flat = np.concatenate([p.reshape(-1) for p in (y, u, v)])
    np.testing.assert_array_equal(buffer.reshape(-1), flat)
    assert u.base is buffer
    assert v.base is buffer


@every_effect
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38, 0.0])
def test_weird_masks_never_raise_and_nan_hides_everything(kind: str, bad: float) -> None:
    original, effect = noise(97, 131, 3), effect_of(kind)
    good = (10.0, 10.0, 30.0, 60.0)
    for at in range(4):
        box = tuple(bad if i == at else value for i, value in enumerate(good))
        for side in (bad, 20.0):
            mask = Mask(np.array([box, good], np.float32), np.full(2, side, np.float32))
            result = effect.apply(frame_of(original), mask)
            untouched = (result.y == original[0]).mean()
            assert untouched < (0.05 if np.isnan(bad) else 1)
    keep = np.full((1, 4), bad, np.float32)
    hidden = effect.apply(frame_of(original), Mask(outside=Zone.nothing(), keep=keep))
    assert (hidden.y == original[0]).mean() < 0.05 or not np.isnan(bad)


@every_effect
@pytest.mark.parametrize("mask", [Mask(whole=True), Mask(outside=Zone.nothing())])
def test_the_whole_frame_can_be_hidden(kind: str, mask: Mask) -> None:
    original = noise(97, 131, 3)
    result = effect_of(kind).apply(frame_of(original), mask)
    assert result.hidden == 1
    everything = Mask(whole=True)
    other = effect_of(kind).apply(frame_of(other_secret(kind, original, everything, 5)), mask)
    # Chroma pixels lie twice as far apart.
    for plane, twin, smooth in zip(planes_of(result), planes_of(other), (8, 16, 16), strict=True):
        np.testing.assert_array_equal(plane, twin)
        assert np.abs(np.diff(plane.astype(int), axis=0)).max() <= smooth


@every_effect
def test_reset_forgets_the_stream(kind: str) -> None:
    mask = boxes_mask((20, 20, 50, 80))
    used, fresh = effect_of(kind), effect_of(kind)
    for index in range(60):
        used.apply(frame_of(noise(96, 128, 1), index), mask if index > 50 else Mask())
    used.reset()
    frame = frame_of(noise(96, 128, 2), 60)
    first, second = used.apply(frame, mask), fresh.apply(frame, mask)
    np.testing.assert_array_equal(first.y, second.y)
    np.testing.assert_array_equal(first.u, second.u)


@every_effect
def test_a_stream_may_change_its_size(kind: str) -> None:
    effect = effect_of(kind)
    for index, (height, width) in enumerate([(96, 128), (97, 131), (31, 17), (96, 128)]):
        result = effect.apply(frame_of(noise(height, width, 1), index), Mask(whole=True))
        assert result.y.shape == (height, width)


@every_effect
def test_identity_and_time_of_the_frame_are_kept(kind: str) -> None:
    frame: Frame = frame_of(noise(96, 128, 1), 41)
    result = effect_of(kind).apply(frame, boxes_mask((20, 20, 50, 80)))
    assert (result.pts, result.time, result.index) == (frame.pts, frame.time, frame.index)


def test_kinds_name_their_classes() -> None:
    made = [type(effect_of(kind)) for kind in KINDS]
    assert made == [BlurEffect, FillEffect, EraseEffect]


def test_importing_effects_does_not_import_opencv() -> None:
    code = "import sys, redact.effects; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
