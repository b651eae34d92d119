"""Network pictures from planes: where things lie, and in which colour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import flat

from redact.detectors.letterbox import Fit, Pictures, letterbox, network_size, shrink
from redact.structures import Colour, Frame, chroma_shape

SIDES = st.integers(1, 700)


@given(SIDES, SIDES, st.integers(1, 20), st.integers(1, 20), st.sampled_from([None, 0, 114]))
@settings(deadline=None, max_examples=60)
def test_boxes_survive_the_way_to_the_network_and_back(width, height, rows, columns, pad) -> None:  # type: ignore[no-untyped-def]
    picture, transform = letterbox(flat(width, height), rows * 32, columns * 32, pad)
    assert picture.shape == (rows * 32, columns * 32, 3)
    assert picture.dtype == np.uint8
    boxes = np.array([[0, 0, width, height], [-50, 3, width + 9, 2.5], [1, 1, 2, 2]], np.float32)
    back = transform.to_frame(transform.to_network(boxes))
    np.testing.assert_allclose(back, boxes, atol=max(width, height) * 1e-4)


@given(SIDES, SIDES, st.integers(1, 20), st.integers(1, 20))
@settings(deadline=None, max_examples=60)
def test_the_whole_frame_lies_inside_the_picture_and_padding_around_it(  # type: ignore[no-untyped-def]
    width, height, rows, columns
) -> None:
    frame = flat(width, height, (235, 128, 128))
    picture, transform = letterbox(frame, rows * 32, columns * 32, pad=7)
    whole = np.array([[0, 0, width, height]], np.float32)
    left, top, right, bottom = transform.to_network(whole)[0].round().astype(int)
    assert 0 <= left < right <= columns * 32
    assert 0 <= top < bottom <= rows * 32
    assert (picture[top:bottom, left:right] > 250).all()
    outside = np.ones(picture.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert (picture[outside] == 7).all()
    assert left == 0 or top == 0


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1919, 1079), (333, 977), (640, 64)])
@pytest.mark.parametrize("pad", [114, None])
def test_a_white_square_lies_where_the_transform_says(width: int, height: int, pad: int) -> None:
    y = np.full((height, width), 16, np.uint8)
    x0, y0, x1, y1 = width // 4, height // 3, width // 2, height // 2
    y[y0:y1, x0:x1] = 235
    grey = np.full(chroma_shape(height, width), 128, np.uint8)
    picture, transform = letterbox(Frame(y, grey, grey, 0, flat().time_base), 416, 416, pad)
    box = np.array([[x0, y0, x1, y1]], np.float32)
    left, top, right, bottom = transform.to_network(box)[0]
    bright_rows = np.flatnonzero((picture[..., 0] > 127).any(axis=1))
    bright_columns = np.flatnonzero((picture[..., 0] > 127).any(axis=0))
    assert bright_columns[0] == pytest.approx(left, abs=1.01)
    assert bright_columns[-1] + 1 == pytest.approx(right, abs=1.01)
    assert bright_rows[0] == pytest.approx(top, abs=1.01)
    assert bright_rows[-1] + 1 == pytest.approx(bottom, abs=1.01)


# Coefficients as printed in the recommendations: luma, V to red, U and V to green, U to blue.
@pytest.mark.parametrize(
    ("colour", "luma", "red", "green_u", "green_v", "blue"),
    [
        (Colour(False, 5), 1.164, 1.596, -0.392, -0.813, 2.017),
        (Colour(False, 6), 1.164, 1.596, -0.392, -0.813, 2.017),
        (Colour(False, 1), 1.164, 1.793, -0.213, -0.533, 2.112),
        (Colour(False, 9), 1.164, 1.679, -0.187, -0.650, 2.142),
        (Colour(True, 6), 1.0, 1.402, -0.344, -0.714, 1.772),
        (Colour(True, 1), 1.0, 1.575, -0.187, -0.468, 1.856),
        (Colour(True, 9), 1.0, 1.475, -0.165, -0.571, 1.881),
    ],
)
@pytest.mark.parametrize("yuv", [(120, 90, 170), (80, 150, 100), (200, 128, 128)])
def test_colours_follow_matrix_and_range(  # type: ignore[no-untyped-def]
    colour, luma, red, green_u, green_v, blue, yuv
) -> None:
    level = luma * (yuv[0] - (0 if colour.full_range else 16))
    u, v = yuv[1] - 128, yuv[2] - 128
    rgb = [level + red * v, level + green_u * u + green_v * v, level + blue * u]
    frame = flat(64, 64, yuv, colour)
    picture, _ = letterbox(frame, 64, 64)
    np.testing.assert_allclose(picture[30, 30], rgb, atol=1)
    swapped, _ = letterbox(frame, 64, 64, order="bgr")
    assert (swapped[..., ::-1] == picture).all()


@pytest.mark.parametrize(("height", "matrix"), [(480, 6), (576, 5), (720, 1), (1080, 1)])
def test_an_unspecified_matrix_follows_the_size(height: int, matrix: int) -> None:
    yuv = (120, 90, 170)
    unsaid, _ = letterbox(flat(1280, height, yuv), 64, 64, None)
    said, _ = letterbox(flat(1280, height, yuv, Colour(False, matrix)), 64, 64, None)
    assert (unsaid == said).all()


@pytest.mark.parametrize("full_range", [False, True])
def test_black_and_white_stay_black_and_white(full_range: bool) -> None:
    low, high = (0, 255) if full_range else (16, 235)
    for level, expected in ((low, 0), (high, 255)):
        picture, _ = letterbox(flat(32, 32, (level, 128, 128), Colour(full_range, 1)), 32, 32)
        assert (picture == expected).all()


def test_shrinking_takes_the_mean_of_fine_detail_instead_of_samples() -> None:
    stripes = np.zeros((1080, 1920), np.uint8)
    stripes[:, ::2] = 255
    for width, height in ((640, 360), (416, 234), (480, 270), (300, 1080)):
        small = shrink(stripes, width, height)
        assert small.shape == (height, width)
        assert np.abs(small.astype(int) - 127.5).max() < 3


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([64, 640, 1000]))
def test_a_network_size_holds_the_frame_and_wastes_less_than_one_multiple(  # type: ignore[no-untyped-def]
    width, height, long_side
) -> None:
    rows, columns = network_size(width, height, long_side, 32)
    assert rows % 32 == columns % 32 == 0
    assert max(rows, columns) == -(-long_side // 32) * 32
    assert columns >= rows if width >= height else rows >= columns
    exact = max(rows, columns) * min(width, height) / max(width, height)
    assert min(rows, columns) >= min(exact - 0.5, 32)
    assert min(rows, columns) < exact + 33


def test_models_that_want_the_same_picture_share_it() -> None:
    pictures = Pictures([flat()])
    first, _ = pictures.get(0, Fit(128, 160))
    assert pictures.get(0, Fit(128, 160))[0] is first
    turned, _ = pictures.get(0, Fit(128, 160, order="bgr"))
    assert (turned[..., ::-1] == first).all()
    assert turned.flags.c_contiguous
    assert pictures.get(0, Fit(128, 160, pad=0))[0] is not first
