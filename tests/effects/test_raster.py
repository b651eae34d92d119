"""The rasteriser hides at least what the shapes say, in cells that are coarse enough."""

from __future__ import annotations

import numpy as np
import pytest
from effect_frames import boxes_mask, hidden_blocks, masks
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.effects.outside import BLOCK
from redact.effects.raster import cell_levels, frame_level, rasterise, touched
from redact.errors import ConfigError
from redact.geometry import Zone
from redact.structures import Mask

SIZES = [(96, 128), (97, 131), (31, 17), (1, 1)]
LAWN = Zone.of(
    [[[0.21, 0.3], [0.7, 0.33], [0.83, 1], [0.1, 1]], [[0.7, 0.1], [1, 0.1], [1, 0.5]]],
    [[[0.4, 0.5], [0.5, 0.5], [0.5, 0.7], [0.4, 0.72]]],
)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_exactly_the_blocks_that_a_box_touches_are_hidden(data: st.DataObject) -> None:
    height, width = data.draw(st.sampled_from(SIZES))
    mask = data.draw(masks(height, width))
    raster = rasterise(mask, height, width, 4)
    np.testing.assert_array_equal(raster.hidden, hidden_blocks(mask, height, width))
    covered = np.zeros(raster.hidden.shape, np.int64)
    for top, left, bottom, right in raster.rects:
        covered[top:bottom, left:right] += 1
    np.testing.assert_array_equal(covered, raster.hidden)
    each = [rasterise(Mask(box[None], mask.side[:1]), height, width, 4) for box in mask.boxes]
    assert raster.shapes == sum(bool(one.hidden.any()) for one in each)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_displayed_cells_never_overlap_and_the_coarsest_wins(data: st.DataObject) -> None:
    height, width = data.draw(st.sampled_from([(300, 420), (97, 131)]))
    mask = data.draw(masks(height, width))
    raster = rasterise(mask, height, width, 4)
    for r, c in np.argwhere(raster.hidden):
        e = int(raster.level[r, c])
        top, left = r >> e << e, c >> e << e
        assert (raster.level[top : top + (1 << e), left : left + (1 << e)] == e).all()
    for box, side in zip(mask.boxes, mask.side, strict=True):
        alone = touched(box[None], height, width)
        assert (raster.level[alone] >= cell_levels(float(side), 4)).all()


@given(st.floats(1, 2048), st.integers(2, 4), st.floats(0, 1))
def test_at_most_the_promised_cells_lie_across_a_person(side: float, cells: int, at: float) -> None:
    pitch = BLOCK << int(cell_levels(side, cells))
    start = at * pitch
    touched_cells = np.ceil((start + side) / pitch) - np.floor(start / pitch)
    assert touched_cells <= cells


def test_a_cell_is_as_small_as_the_promise_allows() -> None:
    assert cell_levels([10, 48, 48.1, 96, 97, 200], 4).tolist() == [1, 1, 2, 2, 3, 4]
    assert frame_level(1080, 1920, 4) == 4


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 12)] * 2), max_size=12))
@settings(max_examples=150, deadline=None)
def test_levels_are_the_coarsest_of_what_touches_a_cell(
    boxes: list[tuple[int, int, int, int]],
) -> None:
    """Against the definition: box by box, also where they are joined."""
    at = [(8.0 * x, 8.0 * y, 8.0 * (x + w), 8.0 * (y + h)) for x, y, w, h in boxes]
    mask = Mask(boxes_mask(*at).boxes, np.array([16.0 * min(b[2:]) for b in boxes], np.float32))
    raster = rasterise(mask, 300, 420, 4)
    expected = np.zeros_like(raster.level)
    for box, side in zip(mask.boxes, mask.side, strict=True):
        alone = rasterise(Mask(box[None], side[None]), 300, 420, 4)
        np.maximum(expected, alone.level, out=expected)
    np.testing.assert_array_equal(raster.level, expected)


def test_a_box_cut_by_the_frame_edge_does_not_make_its_cells_finer() -> None:
    cut = rasterise(boxes_mask((0, 0, 12, 800)), 1080, 1920, 4)
    assert cut.level[0, 0] == cell_levels(200, 4)


def assert_shown_blocks_lie_on(zone: Zone, height: int, width: int) -> int:
    shown = np.argwhere(~rasterise(Mask(outside=zone), height, width, 4).hidden)
    points = np.clip(np.arange(BLOCK + 1), 0.01, BLOCK - 0.01)
    for r, c in shown:
        xs = np.minimum(c * BLOCK + points, width - 0.01) / width
        ys = np.minimum(r * BLOCK + points, height - 0.01) / height
        assert zone.contains(np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)).all()
    return len(shown)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_outside_shows_only_blocks_wholly_on_the_property(height: int, width: int) -> None:
    shown = assert_shown_blocks_lie_on(LAWN, height, width)
    assert shown > 0 or min(height, width) < 64


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=3), st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_outline_of_any_slope_shows_a_block_too_much(
    corners: list[tuple[float, float]], as_hole: bool
) -> None:
    frame = [[0, 0], [1, 0], [1, 1], [0, 1]]
    try:
        zone = Zone.of([frame], [corners]) if as_hole else Zone.of([corners])
    except ConfigError:
        return
    assert_shown_blocks_lie_on(zone, 97, 131)


def test_polygons_that_share_an_edge_show_no_seam() -> None:
    halves = [[[0, 0], [0.5, 0], [0.6, 1], [0, 1]], [[0.5, 0], [1, 0], [1, 1], [0.6, 1]]]
    assert not rasterise(Mask(outside=Zone.of(halves)), 97, 131, 4).hidden.any()


def test_a_property_that_reaches_the_frame_edge_is_shown_up_to_it() -> None:
    everything = Zone.of([[[0, 0], [1, 0], [1, 1], [0, 1]]])
    assert not rasterise(Mask(outside=everything), 97, 131, 4).hidden.any()
    assert rasterise(Mask(outside=Zone.nothing()), 97, 131, 4).hidden.all()


def test_kept_boxes_open_only_blocks_wholly_inside_them_and_boxes_win() -> None:
    keep = np.array([[20, 10, 70, 97]], np.float32)
    raster = rasterise(Mask(outside=Zone.nothing(), keep=keep), 97, 131, 4)
    opened = np.zeros_like(raster.hidden)
    opened[2:, 3:8] = True
    np.testing.assert_array_equal(raster.hidden, ~opened)
    both = Mask(boxes_mask((33, 17, 34, 18)).boxes, outside=Zone.nothing(), keep=keep)
    assert rasterise(both, 97, 131, 4).hidden[2, 4]
    weird = Mask(outside=Zone.nothing(), keep=np.full((1, 4), np.nan, np.float32))
    assert rasterise(weird, 97, 131, 4).hidden.all()


def test_what_makes_no_sense_hides_more() -> None:
    nan = Mask(np.array([[1, 2, np.nan, 4]], np.float32), np.ones(1, np.float32))
    assert rasterise(nan, 97, 131, 4).hidden.all()
    inside_out = boxes_mask((60, 60, 20, 20), side=10)
    assert rasterise(inside_out, 97, 131, 4).hidden[2:8, 2:8].all()
    point = rasterise(boxes_mask((40, 40, 40, 40), side=1), 97, 131, 4)
    assert point.hidden[5, 5]
    assert point.hidden.sum() == 1
    infinite = boxes_mask((-np.inf, -np.inf, np.inf, np.inf), side=np.inf)
    assert rasterise(infinite, 97, 131, 4).hidden.all()
    for side in (np.nan, 0.0, -3.0, np.inf):
        unknown = rasterise(boxes_mask((0, 0, 30, 30), side=side), 400, 400, 4)
        assert unknown.level[0, 0] == cell_levels(400, 4)
    no_sides = Mask(boxes_mask((0, 0, 30, 30)).boxes)
    assert rasterise(no_sides, 400, 400, 4).level[0, 0] == cell_levels(400, 4)


def test_boxes_beyond_the_frame_hide_nothing() -> None:
    beyond = boxes_mask((-50, 0, 0, 50), (131, 0, 200, 50), (0, -9, 50, 0), (0, 97, 50, 120))
    raster = rasterise(beyond, 97, 131, 4)
    assert not raster.hidden.any()
    assert raster.shapes == 0
