"""The blur tells of a cell one quantised mean per hold, and nothing else."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from effect_frames import (
    boxes_mask,
    frame_of,
    grey,
    hidden_blocks,
    noise,
    pixels_of,
    planes_of,
    shuffled_in_cells,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.config import EffectOptions
from redact.effects import BlurEffect
from redact.effects.cells import CellGrid, Clock, area_means, bounds, quantiser, smooth
from redact.effects.outside import BLOCK
from redact.effects.raster import rasterise
from redact.geometry import Zone
from redact.structures import Mask, Plane, RedactedFrame

SIZES = [(144, 192), (131, 173)]
FAR = boxes_mask((40, 30, 70, 110))
SECOND = 15  # frames


def assert_same(one: RedactedFrame, other: RedactedFrame, mask: Mask) -> None:
    """Not one bit differs under the mask."""
    hidden = rasterise(mask, one.height, one.width, 4).hidden
    for channel, plane in enumerate(planes_of(one)):
        where = pixels_of(hidden, plane, channel)
        np.testing.assert_array_equal(plane[where], planes_of(other)[channel][where])


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize(
    "mask",
    [
        FAR,
        boxes_mask((10, 5, 100, 131)),
        boxes_mask((100, 0, 173, 131), (90, 60, 120, 100)),
        boxes_mask((20, 20, 60, 60), (30, 30, 170, 170), (0, 0, 300, 20)),
        Mask(outside=Zone.of([[[0.2, 0.2], [0.6, 0.2], [0.9, 1], [0.2, 1]]])),
        Mask(whole=True),
    ],
)
def test_pixels_shuffled_inside_cells_change_no_bit(height: int, width: int, mask: Mask) -> None:
    original = noise(height, width, 3)
    for seed in range(3):
        one, other = BlurEffect(EffectOptions()), BlurEffect(EffectOptions())
        for index in (0, 9):  # in the second hold colours are half faded
            shuffled = shuffled_in_cells(original, mask, EffectOptions().cells, seed)
            assert_same(
                one.apply(frame_of(original, index), mask),
                other.apply(frame_of(shuffled, index), mask),
                mask,
            )


@pytest.mark.parametrize("levels", [2, 7, 32, 64])
def test_means_of_one_quantisation_step_give_one_picture(levels: int) -> None:
    tables = quantiser(levels)
    low, high = grey(144, 192), grey(144, 192)
    for table, a, b in zip(tables, low, high, strict=True):
        assert len(np.unique(table)) == levels
        same_step = np.flatnonzero(table == table[120])
        assert len(same_step) >= 256 // levels
        a[:], b[:] = same_step[0], same_step[-1]
    assert np.abs(tables[0].astype(int) - np.arange(256)).max() <= np.ceil(128 / levels)
    options = EffectOptions(levels=levels)
    one = BlurEffect(options).apply(frame_of(low), FAR)
    other = BlurEffect(options).apply(frame_of(high), FAR)
    assert_same(one, other, FAR)


@pytest.mark.parametrize("levels", [2, 7, 32, 64])
def test_a_picture_without_colour_gets_none(levels: int) -> None:
    result = BlurEffect(EffectOptions(levels=levels)).apply(frame_of(grey(144, 192, 128)), FAR)
    assert (result.u == 128).all()
    assert (result.v == 128).all()


def test_only_so_many_colours_can_be_told_apart() -> None:
    """The bound itself: 3 channels x log2(levels) bits per cell, reached and not passed."""
    one_cell = boxes_mask((16, 16, 32, 32))
    seen: tuple[set[int], set[int], set[int]] = (set(), set(), set())
    for value in range(256):
        planes = grey(48, 48, value)
        result = BlurEffect(EffectOptions(levels=32)).apply(frame_of(planes), one_cell)
        shown = (result.y[20, 20], result.u[10, 10], result.v[10, 10])
        for known, colour in zip(seen, shown, strict=True):
            known.add(int(colour))
    assert [len(known) for known in seen] == [32, 32, 32]


@pytest.mark.parametrize(("height", "width"), [(37, 53), (64, 64), (16, 100), (5, 3)])
@pytest.mark.parametrize("side", [8, 16, 32])
def test_means_are_true_area_means(height: int, width: int, side: int) -> None:
    plane = noise(height, width, 1)[0]
    means = area_means(plane, side)
    for (r, c), mean in np.ndenumerate(means):
        cell = plane[r * side : (r + 1) * side, c * side : (c + 1) * side]
        assert abs(float(mean) - cell.mean()) <= 0.51


@given(st.integers(1, 700), st.integers(1, 700), st.sampled_from([16, 64, 128, 512]), st.data())
@settings(max_examples=60, deadline=None)
def test_means_are_those_of_cv2_however_they_are_summed(
    height: int, width: int, side: int, data: st.DataObject
) -> None:
    import cv2

    low = data.draw(st.integers(0, 254))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    plane = random.integers(low, data.draw(st.integers(low + 1, 255)), (height, width), np.uint8)
    for (r, c), mean in np.ndenumerate(area_means(plane, side)):
        cell = plane[r * side : (r + 1) * side, c * side : (c + 1) * side]
        assert mean == cv2.resize(cell, (1, 1), interpolation=cv2.INTER_AREA)[0, 0]


def test_within_a_hold_new_pictures_change_nothing() -> None:
    effect = BlurEffect(EffectOptions(hold=0.5))
    hidden = hidden_blocks(FAR, 144, 192)
    held: list[Plane] = []
    for index in range(8):  # 0.5 s at 15 frames per second ends with frame 7
        result = effect.apply(frame_of(noise(144, 192, index), index), FAR)
        held.append(result.y[pixels_of(hidden, result.y, 0)])
    assert all((plane == held[0]).all() for plane in held)


def test_a_cell_keeps_its_colour_when_it_leaves_the_mask_and_comes_back() -> None:
    effect = BlurEffect(EffectOptions(hold=1.0))
    first = effect.apply(frame_of(noise(144, 192, 0), 0), FAR)
    effect.apply(frame_of(noise(144, 192, 1), 1), Mask())
    effect.apply(frame_of(noise(144, 192, 2), 2), boxes_mask((100, 30, 130, 110)))
    back = effect.apply(frame_of(noise(144, 192, 3), 3), FAR)
    hidden = pixels_of(hidden_blocks(FAR, 144, 192), first.y, 0)
    # Neighbours sampled meanwhile lie two cells away and do not mix in.
    np.testing.assert_array_equal(first.y[hidden], back.y[hidden])


@pytest.mark.parametrize("side", [20.0, 60.0])
def test_a_moving_grid_gives_one_sample_of_each_cell_and_hold(side: float) -> None:
    """Whatever a cell shows after its first sample of a hold never reaches the output."""
    one, other = BlurEffect(EffectOptions()), BlurEffect(EffectOptions())
    clock = Clock(0.5)
    sampled: dict[tuple[int, int, int], int] = {}
    cell = 16 if side == 20 else 32
    for index in range(40):
        planes = noise(144, 192, index)
        twin = tuple(plane.copy() for plane in planes)
        x = 3.0 * index
        mask = boxes_mask((x, 30, x + 40, 110), side=side)
        bucket, _ = clock.tick(Fraction(index, 15))
        hidden = hidden_blocks(mask, 144, 192)
        for r, c in {(r * BLOCK // cell, c * BLOCK // cell) for r, c in np.argwhere(hidden)}:
            if sampled.setdefault((bucket, int(r), int(c)), index) == index:
                continue
            for channel, plane in enumerate(twin):
                k = cell >> (channel > 0)
                plane[r * k : (r + 1) * k, c * k : (c + 1) * k] = 255 * (index % 2)
        first = one.apply(frame_of(planes, index), mask)
        second = other.apply(frame_of((twin[0], twin[1], twin[2]), index), mask)
        assert_same(first, second, mask)


def test_colours_fade_from_hold_to_hold() -> None:
    effect = BlurEffect(EffectOptions(hold=1.0, levels=32))
    seen = [
        int(effect.apply(frame_of(grey(144, 192, 40 if i < SECOND else 200), i), FAR).y[50, 55])
        for i in range(2 * SECOND)
    ]
    assert seen[SECOND - 1] == seen[SECOND] == 44
    steps = np.diff(seen[SECOND:])
    assert seen[-1] == 204
    assert (steps >= 0).all()
    assert steps.max() < 30


def test_cells_do_not_shrink_within_a_hold_and_the_next() -> None:
    """A person's side that wavers around a threshold makes nothing flicker."""
    effect, steady = BlurEffect(EffectOptions(hold=0.5)), BlurEffect(EffectOptions(hold=0.5))
    box = (32.0, 32.0, 96.0, 96.0)
    for index in range(15):
        frame = frame_of(noise(144, 192, index), index)
        wavering = effect.apply(frame, boxes_mask(box, side=50 if index % 7 == 0 else 47))
        mask = boxes_mask(box, side=50)
        assert_same(wavering, steady.apply(frame, mask), mask)


def test_smoothing_stays_between_the_colours_of_cells() -> None:
    planes = grey(144, 192, 0)
    planes[0][:, 96:] = 255
    result = BlurEffect(EffectOptions()).apply(frame_of(planes), boxes_mask((0, 0, 192, 144)))
    assert result.y.min() >= 4
    assert result.y.max() <= 252
    assert np.abs(np.diff(result.y.astype(int), axis=1)).max() <= 16


def test_nothing_of_an_open_neighbour_is_mixed_in() -> None:
    planes = grey(96, 96, 100)
    bright = tuple(plane.copy() for plane in planes)
    for channel, plane in enumerate(bright):
        k = 16 >> (channel > 0)
        plane[:, 3 * k :] = 255
    mask = boxes_mask((16, 16, 48, 48), side=30)
    options = EffectOptions(cells=4)  # cells that end where the mask does
    one = BlurEffect(options).apply(frame_of(planes), mask)
    other = BlurEffect(options).apply(frame_of((bright[0], bright[1], bright[2])), mask)
    np.testing.assert_array_equal(one.y[16:48, 16:48], other.y[16:48, 16:48])
    np.testing.assert_array_equal(one.v[8:24, 8:24], other.v[8:24, 8:24])


def test_a_person_seen_only_in_colour_is_hidden_too() -> None:
    planes = grey(144, 192, 128)
    planes[1][20:50:2, 22:34] = 255
    planes[2][20:50, 22:34:2] = 0
    result = BlurEffect(EffectOptions()).apply(frame_of(planes), FAR)
    for plane in (result.u, result.v):
        under = plane[16:48, 20:36].astype(int)  # the mask, without its rim
        assert np.abs(np.diff(under, axis=0)).max() <= 16
        assert np.abs(np.diff(under, axis=1)).max() <= 16


def test_holds_are_counted_in_exact_time() -> None:
    clock, tick = Clock(0.5), Fraction(1001, 30_000)
    buckets = [clock.tick(n * tick)[0] for n in range(60_000)]
    assert buckets[-1] == int(59_999 * tick / Fraction(1, 2))
    assert max(np.bincount(buckets)) == 15
    assert Clock(0.1).tick(Fraction(3, 10))[0] == 3


def test_time_that_runs_backwards_gives_no_new_samples() -> None:
    clock = Clock(0.5)
    assert [clock.tick(Fraction(n, 10))[0] for n in (-3, 7, 2, 9, 12)] == [-1, 1, 1, 1, 2]


def test_without_a_hold_every_frame_is_new() -> None:
    clock = Clock(0.0)
    numbers = [clock.tick(Fraction(0))[0] for _ in range(3)]
    assert len(set(numbers)) == 3
    effect = BlurEffect(EffectOptions(hold=0.0, levels=32))
    results = [effect.apply(frame_of(grey(96, 96, v), 0), FAR).y[40, 50] for v in (20, 200)]
    assert results == [20, 204]


@given(st.integers(0, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_colours_are_smoothed_by_two_box_filters_in_any_window(level: int, seed: int) -> None:
    """Against the definition: cells drawn as squares, filtered twice by a box of their side."""
    random, k = np.random.default_rng(seed), 1 << level
    rows, columns = random.integers(1, 6, 2)
    colours = random.uniform(0, 255, (3, rows, columns)).astype(np.float32)
    weight = random.choice([0, 0.25, 1], (rows, columns)).astype(np.float32)
    layers = np.concatenate([colours * weight, weight[None]]).repeat(k, 1).repeat(k, 2)
    for axis in (1, 2):
        layers = np.apply_along_axis(
            lambda line: np.convolve(np.convolve(line, np.ones(k) / k), np.ones(k) / k)[
                k - 1 : len(line) + k - 1
            ],
            axis,
            layers,
        )
    wanted = np.kron(weight > 0, np.ones((k, k), np.bool_)) & (random.random((rows * k, 1)) < 0.5)
    where = bounds(wanted)
    if where is None:
        return
    assert wanted[where].sum() == wanted.sum()
    got = smooth(colours, weight, level, where)
    known = wanted[where]
    expected = (layers[:3] / np.maximum(layers[3], 1e-6))[:, *where]
    np.testing.assert_allclose(got[:, known], expected[:, known], rtol=1e-3, atol=0.01)


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_colours_that_are_kept_are_those_of_now(level: int, seed: int) -> None:
    random, side = np.random.default_rng(seed), BLOCK << level
    height, width = (int(n) for n in random.integers(side, 5 * side, 2))
    grid = CellGrid(height, width, level, quantiser(8))
    bucket = 0
    for index in range(8):
        bucket += int(random.integers(0, 2))
        faded = float(random.choice([0.25, 1]))
        wanted = random.random(grid.bucket.shape) < 0.4
        grid.sample(noise(height, width, index), wanted, bucket, [])
        spans = [np.sort(random.integers(0, -(-n // BLOCK) + 1, 2)) for n in (height, width)]
        rows, columns = (slice(int(a), max(int(a) + 1, int(b))) for a, b in spans)
        expected = smooth(*grid.shown(bucket, faded), level, (rows, columns))
        np.testing.assert_array_equal(grid.smoothed(bucket, faded, (rows, columns)), expected)
