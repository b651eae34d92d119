"""Training pictures: collages at many scales, people pasted onto empty places, and the ways in
which a security camera spoils a picture (night, infrared, glare, weather, compression)."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import numpy.typing as npt

from models.config import AugmentOptions
from models.dataset import Samples, Truth
from models.images import Picture

_GRIDS, _GRID_CHANCES = (1, 2, 3, 4), (0.15, 0.45, 0.25, 0.15)
_LEAST_PART = 0.3  # of a box that must be left for it to count after a cut
_LEAST_SIDE = 3.0  # pixels
_MOST_COVERED = 0.55  # from there on, what shows of somebody behind is not learned from
_PAD = 114  # around letterboxed frames
Rng = np.random.Generator


class Maker:
    """Makes one training picture after another from `Samples`; state is the generator alone."""

    def __init__(self, samples: Samples, options: AugmentOptions, size: tuple[int, int]) -> None:
        self._samples, self._options, self._size = samples, options, size

    def make(self, rng: Rng, clean: bool = False) -> tuple[Picture, Truth]:
        """(h, w, 3) uint8 RGB and its truth. clean: no collage, no pasting."""
        options = self._options
        grid = 1
        if not clean and rng.random() < options.mosaic:
            grid = int(rng.choice(_GRIDS, p=_GRID_CHANCES))
        picture, rows = self._collage(rng, grid)
        if not clean and rng.random() < options.paste:
            self._paste(rng, picture, rows)
        return self._finish(rng, picture, rows)

    def whole(self, rng: Rng, size: tuple[int, int]) -> tuple[Picture, Truth]:
        """One uncut picture laid into `size` (height, width), as the product lays frames: the
        large people that collages cut or shrink."""
        height, width = size
        i = int(rng.integers(len(self._samples)))
        picture, truth = self._samples.pictures[i], self._samples.truths[i]
        h, w = picture.shape[:2]
        zoom = min(height / h, width / w) * float(rng.uniform(0.6, 1.0) ** 0.5)
        wide, tall = max(int(w * zoom), 1), max(int(h * zoom), 1)
        method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        left, top = int(rng.integers(width - wide + 1)), int(rng.integers(height - tall + 1))
        canvas = np.full((height, width, 3), _PAD, np.uint8)
        canvas[top : top + tall, left : left + wide] = cv2.resize(
            picture, (wide, tall), interpolation=method
        )
        scale = np.array([wide / w, tall / h] * 2, np.float32)
        offset = np.array([left, top] * 2, np.float32)
        uncut = _cut(truth, np.zeros(4, np.float32), scale, wide, tall)
        return self._finish(rng, canvas, [(c, b + offset, k) for c, b, k in uncut])

    def _finish(self, rng: Rng, picture: Picture, rows: list[Row]) -> tuple[Picture, Truth]:
        """What happens to every picture: occlusion, mirroring, a camera's ways."""
        options = self._options
        if rng.random() < options.occlude:
            _occlude(rng, picture, rows)
        if rng.random() < 0.5:
            picture = np.ascontiguousarray(picture[:, ::-1])
            width = picture.shape[1]
            rows = [(c, np.array([width - b[2], b[1], width - b[0], b[3]], np.float32), k)
                    for c, b, k in rows]  # fmt: skip
        return spoil(rng, picture, options), Truth.of(rows)

    def _collage(self, rng: Rng, grid: int) -> tuple[Picture, list[Row]]:
        height, width = self._size
        canvas = np.empty((height, width, 3), np.uint8)
        ys, xs = _cuts(rng, height, grid), _cuts(rng, width, grid)
        rows: list[Row] = []
        for top, bottom in itertools.pairwise(ys):
            for left, right in itertools.pairwise(xs):
                tile, found = self._tile(rng, bottom - top, right - left)
                canvas[top:bottom, left:right] = tile
                offset = np.array([left, top, left, top], np.float32)
                rows += [(c, b + offset, k) for c, b, k in found]
        return canvas, rows

    def _tile(self, rng: Rng, height: int, width: int) -> tuple[Picture, list[Row]]:
        """A random cut of a random picture, scaled to fill (height, width)."""
        i = int(rng.integers(len(self._samples)))
        picture, truth = self._samples.pictures[i], self._samples.truths[i]
        h, w = picture.shape[:2]
        cover = max(height / h, width / w)
        zoom = cover * float(np.exp(rng.uniform(0, 0.7)))
        if rng.random() < 0.5:
            zoom = cover
        stretch = float(np.exp(rng.uniform(-0.15, 0.15)))
        sx, sy = zoom * max(stretch, 1.0), zoom * max(1 / stretch, 1.0)
        cut_w, cut_h = min(w, width / sx), min(h, height / sy)
        x0, y0 = rng.uniform(0, w - cut_w), rng.uniform(0, h - cut_h)
        part = picture[int(y0) : max(int(y0 + cut_h), int(y0) + 1),
                       int(x0) : max(int(x0 + cut_w), int(x0) + 1)]  # fmt: skip
        tile = cv2.resize(
            part, (width, height), interpolation=cv2.INTER_AREA if sx < 1 else cv2.INTER_LINEAR
        )
        scale = np.array([width / part.shape[1], height / part.shape[0]] * 2, np.float32)
        origin = np.array([int(x0), int(y0)] * 2, np.float32)
        return np.asarray(tile, np.uint8), _cut(truth, origin, scale, width, height)

    def _paste(self, rng: Rng, canvas: Picture, rows: list[Row]) -> None:
        """Copies of people at the size of distant ones, feathered, on what is known; about half
        of them partly before somebody who is there, as people who pass each other."""
        height, width = canvas.shape[:2]
        for _ in range(int(rng.integers(1, 4))):
            i = int(rng.integers(len(self._samples)))
            truth = self._samples.truths[i]
            people = np.flatnonzero((truth.classes == 0) & (_size(truth.boxes)[:, 1] > 40))
            if not len(people):
                continue
            x1, y1, x2, y2 = truth.boxes[rng.choice(people)].astype(int)
            part = self._samples.pictures[i][max(y1, 0) : y2, max(x1, 0) : x2]
            beside = _neighbour(rng, rows)
            if beside is None:
                tall = int(np.exp(rng.uniform(np.log(16), np.log(140))))
            else:
                tall = int((beside[3] - beside[1]) * rng.uniform(0.6, 1.25))
            wide = max(int(tall * part.shape[1] / max(part.shape[0], 1)), 4)
            if part.size == 0 or wide >= width or not 8 <= tall < height or wide > tall:
                continue
            if beside is None:
                left, top = int(rng.integers(width - wide)), int(rng.integers(height - tall))
            else:
                apart = rng.uniform(0.35, 1.0) * (beside[2] - beside[0] + wide) / 2
                centre = (beside[0] + beside[2]) / 2 + apart * rng.choice([-1, 1])
                foot = beside[3] + tall * rng.uniform(-0.05, 0.15)
                left = int(np.clip(centre - wide / 2, 0, width - wide - 1))
                top = int(np.clip(foot - tall, 0, height - tall - 1))
            small = cv2.resize(part, (wide, tall), interpolation=cv2.INTER_AREA)
            fade = _feather(wide, tall, rounded=beside is not None)
            place = canvas[top : top + tall, left : left + wide]
            place[:] = (fade * small + (1 - fade) * place).astype(np.uint8)
            box = np.array([left, top, left + wide, top + tall], np.float32)
            rows[:] = [
                (c, b, k and _share(b, box) < _MOST_COVERED)
                for c, b, k in rows
                if not k or _share(b, box) < 1 - _LEAST_PART
            ]
            rows.append((0, box, True))
            rows.append((1, box, False))  # a pasted person may have a face


Row = tuple[int, npt.NDArray[np.float32], bool]


def _neighbour(rng: Rng, rows: list[Row]) -> npt.NDArray[np.float32] | None:
    """The box of somebody to stand before, every other time."""
    people = [b for c, b, k in rows if c == 0 and k and 24 <= b[3] - b[1] <= 220]
    if rng.random() < 0.5 or not people:
        return None
    return people[int(rng.integers(len(people)))]


def _feather(wide: int, tall: int, rounded: bool) -> npt.NDArray[np.float32]:
    """(tall, wide, 1) opacity of a pasted cut; rounded: without its corners, which show what
    stood around it."""
    fade = np.zeros((tall, wide), np.float32)
    rim_x, rim_y = max(1, wide // 6), max(1, tall // 20)
    if rounded:
        y, x = np.ogrid[-1 : 1 : tall * 1j, -1 : 1 : wide * 1j]
        fade[x**4 + y**4 < 0.8] = 1
    else:
        fade[rim_y : tall - rim_y or None, rim_x : wide - rim_x or None] = 1
    fade = np.asarray(cv2.GaussianBlur(fade, (0, 0), max(rim_x / 2, 0.6)), np.float32)
    return fade[..., None]


def _cuts(rng: Rng, length: int, grid: int) -> list[int]:
    """Edges of `grid` tiles of about equal size, multiples of nothing."""
    step = length / grid
    inner = [int(step * (k + rng.uniform(-0.2, 0.2))) for k in range(1, grid)]
    return [0, *inner, length]


def _size(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return boxes[:, 2:] - boxes[:, :2]


def _share(box: npt.NDArray[np.float32], by: npt.NDArray[np.float32]) -> float:
    """Share of `box` that `by` covers."""
    low, high = np.maximum(box[:2], by[:2]), np.minimum(box[2:], by[2:])
    return float(np.clip(high - low, 0, None).prod() / max((box[2:] - box[:2]).prod(), 1e-6))


def _cut(
    truth: Truth,
    origin: npt.NDArray[np.float32],
    scale: npt.NDArray[np.float32],
    width: int,
    height: int,
) -> list[Row]:
    """The truth within a cut; what is left of a person too small to tell becomes ignored."""
    rows: list[Row] = []
    edge = np.array([width, height, width, height], np.float32)
    for boxes, classes, counts in (
        (truth.boxes, truth.classes, True),
        (truth.ignored, truth.ignored_classes, False),
    ):
        moved = (boxes - origin) * scale
        clipped = np.clip(moved, 0, edge)
        size, full = _size(clipped), _size(moved)
        part = size.prod(axis=1) / np.maximum(full.prod(axis=1), 1e-6)
        for box, label, share, least in zip(clipped, classes, part, size.min(axis=1), strict=True):
            if least > 1:
                whole = share >= _LEAST_PART and least >= _LEAST_SIDE
                rows.append((int(label), box, counts and bool(whole)))
    return rows


def _occlude(rng: Rng, canvas: Picture, rows: list[Row]) -> None:
    """A wall, a car or a bush before the lower part of some people: what is seen is the box."""
    for k, (label, box, counts) in enumerate(rows):
        size = box[2:] - box[:2]
        if label != 0 or not counts or size[1] < 24 or rng.random() > 0.3:
            continue
        left, right = int(box[0]), int(box[2]) + 1
        cut = int(box[3] - size[1] * rng.uniform(0.15, 0.5))
        below = canvas[cut : int(box[3]) + 1, left:right]
        if not below.size:
            continue
        source_x = int(rng.integers(0, max(canvas.shape[1] - below.shape[1], 1)))
        below[:] = canvas[: below.shape[0], source_x : source_x + below.shape[1]]
        rows[k] = (0, np.array([box[0], box[1], box[2], cut], np.float32), True)


def spoil(rng: Rng, picture: Picture, options: AugmentOptions) -> Picture:
    """What cameras, weather and encoders do. Draws every chance, so that a seed stays a seed."""
    out = picture.astype(np.float32)
    chances = rng.random(8)
    out = out * rng.uniform(0.6, 1.4) + rng.uniform(-25, 25)
    out += (out.mean(axis=2, keepdims=True) - out) * rng.uniform(-0.4, 0.6)
    if chances[0] < options.grey:
        out[:] = out @ np.array([0.3, 0.59, 0.11], np.float32)[:, None]
    if chances[1] < options.night:
        out = _night(rng, out)
    if chances[2] < options.weather:
        out = _weather(rng, out)
    if chances[3] < options.blur:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.5, 1.6))), np.float32)
    if chances[4] < options.noise or chances[1] < options.night:
        grain = rng.standard_normal((*out.shape[:2], 1 if chances[5] < 0.5 else 3))
        out = out + grain.astype(np.float32) * float(rng.uniform(2, 14))
    result = np.clip(out, 0, 255).astype(np.uint8)
    if chances[6] < options.compress:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 60))]
        result = np.asarray(cv2.imdecode(cv2.imencode(".jpg", result, quality)[1], 1), np.uint8)
    return result


def _night(rng: Rng, out: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Dark, or lit by the camera's infrared lamps: grey, bright in the middle; sometimes glare."""
    height, width = out.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    if rng.random() < 0.6:
        out = np.repeat(out.mean(axis=2, keepdims=True), 3, axis=2)
    centre = (width * rng.uniform(0.2, 0.8), height * rng.uniform(0.3, 1.0))
    reach = width * rng.uniform(0.3, 1.2)
    lamp = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * reach**2))
    out = np.clip(out, 0, 255) * (rng.uniform(0.12, 0.5) + rng.uniform(0, 0.8) * lamp)[..., None]
    if rng.random() < 0.3:
        glare = (width * rng.random(), height * rng.random())
        spread = width * rng.uniform(0.01, 0.06)
        out = out + (255 * np.exp(-((x - glare[0]) ** 2 + (y - glare[1]) ** 2) / (2 * spread**2)))[
            ..., None
        ].astype(np.float32)
    return np.asarray(out, np.float32)


def _weather(rng: Rng, out: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Fog lifts the blacks; rain draws streaks."""
    if rng.random() < 0.5:
        fog = float(rng.uniform(0.2, 0.6))
        return np.asarray(out * (1 - fog) + 190 * fog, np.float32)
    drops = (rng.random(out.shape[:2]) > 0.995).astype(np.float32)
    streaks = cv2.filter2D(drops, -1, np.ones((int(rng.integers(5, 15)), 1), np.float32))
    return np.asarray(out + 60 * np.clip(streaks, 0, 1)[..., None], np.float32)
