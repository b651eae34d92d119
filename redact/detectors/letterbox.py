"""Small RGB pictures for networks, made straight from the planes of a frame.

Full-frame RGB of 1080p costs more than hiding a person does, so the planes are shrunk first
and only the small picture is turned into RGB. Shrinking is done in exact 2x2 area means
while the picture is at least twice too large, and bilinearly for the rest (a mip chain:
Williams, "Pyramidal Parametrics", SIGGRAPH 1983). Plain bilinear sampling skips source
pixels below half size, and with them far people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from redact.structures import Colour, Detections, FloatArray, Frame, Plane

ColourOrder = Literal["rgb", "bgr"]
Window = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; left and top are even."""

# Luma weights (Kr, Kb) by H.273 matrix code point.
_BT709, _BT601, _BT2020 = (0.2126, 0.0722), (0.299, 0.114), (0.2627, 0.0593)
_WEIGHTS = {1: _BT709, 5: _BT601, 6: _BT601, 9: _BT2020, 10: _BT2020}
_HD_LINES, _HD, _SD = 720, 1, 6  # what a matrix that is not told means
_GREY_SPREAD = 4.0  # levels that the colours of a grey picture may be off
_GREY_STEP = 8  # every so many samples tell enough


@dataclass(frozen=True, slots=True)
class Transform:
    """Where frame pixels lie in the network's picture: `network = frame * scale + offset`.

    scale, offset: (x, y) in network pixels. Edges map to edges, so a box that covers the
    whole frame maps to the whole of the picture inside the padding. Boxes are never clipped.
    """

    scale: tuple[float, float]
    offset: tuple[float, float]

    def to_frame(self, xyxy: FloatArray) -> FloatArray:
        """(n, 4) float32 boxes in network pixels -> frame pixels, unclipped."""
        scale = np.array(self.scale * 2, np.float32)
        offset = np.array(self.offset * 2, np.float32)
        return np.asarray((xyxy - offset) / scale, np.float32)

    def to_network(self, xyxy: FloatArray) -> FloatArray:
        """(n, 4) float32 boxes in frame pixels -> network pixels, unclipped."""
        scale = np.array(self.scale * 2, np.float32)
        offset = np.array(self.offset * 2, np.float32)
        return np.asarray(xyxy * scale + offset, np.float32)

    def apply(self, found: Detections) -> Detections:
        """Detections in network pixels -> frame pixels."""
        return Detections(self.to_frame(found.xyxy), found.score, found.label)


def without_colours(frame: Frame) -> bool:
    """Whether a picture is grey, but for details such as a coloured clock: infrared by night."""
    planes = (plane[::_GREY_STEP, ::_GREY_STEP].astype(np.int16) for plane in (frame.u, frame.v))
    return all(
        np.percentile(np.abs(plane - np.median(plane)), 95) <= _GREY_SPREAD for plane in planes
    )


def network_size(width: int, height: int, long_side: int, multiple: int) -> tuple[int, int]:
    """(height, width) of a network's picture: the frame's aspect, rounded up to `multiple`."""
    longest = -(-long_side // multiple) * multiple
    shortest = longest * min(width, height) / max(width, height)
    other = max(multiple, -(-round(shortest) // multiple) * multiple)
    return (other, longest) if width >= height else (longest, other)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a frame is laid into a network's picture.

    height, width: of the network's input. pad: value 0..255 around the picture, which keeps
    its aspect; None stretches the picture over the whole input instead. order: of channels.
    """

    height: int
    width: int
    pad: int | None = 114
    order: ColourOrder = "rgb"


def fitted(width: int, height: int, fit: Fit) -> tuple[tuple[int, int], tuple[int, int], Transform]:
    """Where a frame of width x height lies in a network's picture: (width, height) there, (left,
    top) of it, and the transform."""
    inner_w, inner_h = fit.width, fit.height
    if fit.pad is not None:
        ratio = min(fit.width / width, fit.height / height)
        inner_w = min(fit.width, max(1, round(width * ratio)))
        inner_h = min(fit.height, max(1, round(height * ratio)))
    left, top = (fit.width - inner_w) // 2, (fit.height - inner_h) // 2
    transform = Transform((inner_w / width, inner_h / height), (float(left), float(top)))
    return (inner_w, inner_h), (left, top), transform


def shrink(plane: Plane, width: int, height: int) -> Plane:
    """Resize one plane (h, w) uint8 to (height, width) without aliasing; may also enlarge.

    Each axis is halved on its own. Halving one even axis bilinearly is its exact mean, and
    fast; an odd extent takes OpenCV's slower general area mean, so that no row or column is
    dropped and edges stay edges.
    """
    while True:
        rows, columns = plane.shape
        half_rows = rows // 2 if rows >= 2 * height else rows
        half_columns = columns // 2 if columns >= 2 * width else columns
        if (half_rows, half_columns) == (rows, columns):
            break
        one_axis = (half_rows == rows) != (half_columns == columns)
        even = half_rows * 2 in (rows, rows * 2) and half_columns * 2 in (columns, columns * 2)
        method = cv2.INTER_LINEAR if one_axis and even else cv2.INTER_AREA
        plane = _resize(plane, half_columns, half_rows, method)
    if plane.shape == (height, width):
        return plane
    return _resize(plane, width, height, cv2.INTER_LINEAR)


def _resize(plane: Plane, width: int, height: int, method: int) -> Plane:
    return np.asarray(cv2.resize(plane, (width, height), interpolation=method), np.uint8)


def _matrix(colour: Colour, height: int, width: int) -> int:
    """Code point. Unspecified or unusable matrices follow the size, as players do."""
    by_size = _HD if min(height, width) >= _HD_LINES else _SD
    return colour.matrix if colour.matrix in _WEIGHTS else by_size


@lru_cache(maxsize=64)
def _rgb_matrix(weights: tuple[float, float], full_range: bool, order: str) -> FloatArray:
    """(3, 4) float32: [Y, U, V, 1] in 0..255 -> R, G, B in 0..255 (ITU-T H.273, section 8.3)."""
    kr, kb = weights
    kg = 1 - kr - kb
    luma = 1.0 if full_range else 255 / 219
    chroma = 1.0 if full_range else 255 / 224
    red, blue = 2 * (1 - kr) * chroma, 2 * (1 - kb) * chroma
    green_u, green_v = -blue * kb / kg, -red * kr / kg
    rows = np.array([[luma, 0, red], [luma, green_u, green_v], [luma, blue, 0]])
    black = np.array([0 if full_range else 16, 128, 128])
    matrix = np.hstack([rows, -(rows @ black)[:, None]]).astype(np.float32)
    return matrix if order == "rgb" else matrix[::-1].copy()


def rgb_matrix(colour: Colour, height: int, width: int, order: ColourOrder) -> FloatArray:
    """(3, 4) float32: [Y, U, V, 1] in 0..255 -> colours in 0..255, for frames of that size."""
    return _rgb_matrix(_WEIGHTS[_matrix(colour, height, width)], colour.full_range, order)


def cut_out(frame: Frame, window: Window) -> Frame:
    """A part of a frame as a frame of its own, in the colours of the whole. No copy."""
    left, top, right, bottom = window
    luma = slice(top, bottom), slice(left, right)
    chroma = slice(top // 2, (bottom + 1) // 2), slice(left // 2, (right + 1) // 2)
    matrix = _matrix(frame.colour, frame.height, frame.width)
    return replace(
        frame,
        y=frame.y[luma],
        u=frame.u[chroma],
        v=frame.v[chroma],
        colour=replace(frame.colour, matrix=matrix),
        coded=None,
        private=False,
    )


def to_rgb(
    y: Plane, u: Plane, v: Plane, colour: Colour, height: int, width: int, order: ColourOrder
) -> npt.NDArray[np.uint8]:
    """Three planes of one size (h, w) -> (h, w, 3) uint8.

    height, width: of the frame the planes come from; they decide an unspecified matrix.
    """
    matrix = rgb_matrix(colour, height, width, order)
    return np.asarray(cv2.transform(cv2.merge([y, u, v]), matrix), np.uint8)


def letterbox(
    frame: Frame, height: int, width: int, pad: int | None = 114, order: ColourOrder = "rgb"
) -> tuple[npt.NDArray[np.uint8], Transform]:
    """Lay a frame into a (height, width, 3) uint8 picture; see `Fit` for the arguments."""
    (inner_w, inner_h), (left, top), transform = fitted(
        frame.width, frame.height, Fit(height, width, pad, order)
    )
    planes = [shrink(plane, inner_w, inner_h) for plane in (frame.y, frame.u, frame.v)]
    picture = to_rgb(
        planes[0], planes[1], planes[2], frame.colour, frame.height, frame.width, order
    )
    if (inner_w, inner_h) != (width, height):
        value = pad or 0
        right, bottom = width - inner_w - left, height - inner_h - top
        picture = np.asarray(
            cv2.copyMakeBorder(
                picture, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(value,) * 3
            ),
            np.uint8,
        )
    return picture, transform


@dataclass(slots=True)
class Pictures:
    """The network pictures of some frames, made once each and shared between models."""

    frames: Sequence[Frame]
    _made: dict[tuple[int, Fit], tuple[npt.NDArray[np.uint8], Transform]] = field(
        default_factory=dict
    )

    def get(self, index: int, fit: Fit) -> tuple[npt.NDArray[np.uint8], Transform]:
        """The picture (fit.height, fit.width, 3) uint8 of frame `index`, and its transform."""
        made = self._made.get((index, fit))
        if made is not None:
            return made
        other = Fit(fit.height, fit.width, fit.pad, "bgr" if fit.order == "rgb" else "rgb")
        twin = self._made.get((index, other))
        if twin is not None:
            made = (np.ascontiguousarray(twin[0][..., ::-1]), twin[1])
        else:
            made = letterbox(self.frames[index], fit.height, fit.width, fit.pad, fit.order)
        self._made[index, fit] = made
        return made
