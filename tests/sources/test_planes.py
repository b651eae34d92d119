"""Known samples in every pixel format come out as the same samples at 8 bits: range and matrix
are never converted behind anybody's back."""

from __future__ import annotations

import av
import numpy as np
import pytest

from redact.sources.planes import Converter, colour_of

HEIGHT, WIDTH, CELL = 64, 96, 16
FORMATS = [
    *("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv440p", "yuv411p"),
    *("yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le", "nv12", "yuva420p"),
    *("gray", "gray10le", "gray12le", "gray16le"),
]


def cells(low: int, high: int, seed: int) -> np.ndarray:
    """A full-size plane of flat cells, so that chroma can be compared away from their edges."""
    values = np.random.default_rng(seed).integers(low, high, (HEIGHT // CELL, WIDTH // CELL))
    return np.kron(values, np.ones((CELL, CELL), int))


def store(picture: av.VideoFrame, index: int, samples: np.ndarray, bits: int) -> None:
    plane, kind = picture.planes[index], np.uint8 if bits == 8 else np.uint16
    step = np.dtype(kind).itemsize
    out = np.ndarray(samples.shape, kind, memoryview(plane), 0, (plane.line_size, step))
    out[:] = samples << (bits - 8)


def picture_of(name: str, planes: list[np.ndarray]) -> av.VideoFrame:
    picture = av.VideoFrame(WIDTH, HEIGHT, name)
    bits = max(c.bits for c in picture.format.components)
    store(picture, 0, planes[0], bits)
    if name == "nv12":
        both = np.stack([p[::2, ::2] for p in planes[1:]], axis=-1)
        store(picture, 1, both.reshape(HEIGHT // 2, WIDTH), 8)
    elif not name.startswith("gray"):
        for index in (1, 2):
            target = picture.planes[index]
            rows, columns = HEIGHT // target.height, WIDTH // target.width
            store(picture, index, planes[index][::rows, ::columns], bits)
    return picture


def inner(plane: np.ndarray, cell: int) -> np.ndarray:
    """One sample from the middle of each cell."""
    return plane[cell // 2 :: cell, cell // 2 :: cell].astype(int)


@pytest.mark.parametrize("matrix", [1, 2, 5, 9], ids=["bt709", "unspecified", "bt601", "bt2020"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("name", FORMATS)
def test_samples_survive(name: str, full: bool, matrix: int) -> None:
    full = full or name.startswith("yuvj")
    low, high = (0, 256) if full else (16, 236)
    planes = [cells(low, high, 1), cells(20, 236, 2), cells(20, 236, 3)]
    picture = picture_of(name, planes)
    picture.color_range, picture.colorspace = (2 if full else 1), matrix
    colour = colour_of(picture)
    owner, (y, u, v) = Converter()(picture, colour)
    assert (colour.full_range, colour.matrix) == (full, matrix)
    assert np.abs(y.astype(int) - planes[0]).max() <= 1
    if name.startswith("gray"):
        assert owner is None
        assert set(np.unique(u)) == set(np.unique(v)) == {128}
        return
    assert owner is not None
    for chroma, want in ((u, planes[1]), (v, planes[2])):
        assert np.abs(inner(chroma, CELL // 2) - inner(want, CELL)).max() <= 1
    assert not any(p.flags.writeable for p in (y, u, v))


@pytest.mark.parametrize("name", ["rgb24", "bgr24", "gbrp", "rgba"])
@pytest.mark.parametrize("matrix", [0, 1, 2])
@pytest.mark.parametrize("tagged_range", [0, 2])
def test_rgb_becomes_bt709_limited(name: str, matrix: int, tagged_range: int) -> None:
    rgb = np.stack([cells(0, 256, seed) for seed in (4, 5, 6)], axis=-1).astype(np.uint8)
    picture = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=name)
    picture.colorspace, picture.color_range = matrix, tagged_range
    colour = colour_of(picture)
    _, (y, u, v) = Converter()(picture, colour)
    red, green, blue = (inner(rgb[..., c], CELL) for c in range(3))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert (colour.full_range, colour.matrix) == (False, 1)
    assert np.abs(inner(y, CELL) - (16 + luma * 219 / 255)).max() < 1.5
    for chroma, part, scale in ((u, blue, 1.8556), (v, red, 1.5748)):
        want = 128 + (part - luma) / scale * 224 / 255
        assert np.abs(inner(chroma, CELL // 2) - want).max() < 1.5
