"""Makes the sample: `python samples/make.py [FOLDER]` writes driveway.mp4, its exact truth
driveway.gt.csv and its property driveway.zone.json. Everything is drawn; nobody real is shown.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parent))

import scene
from cast import ACTORS, DEEP, Actor
from figure import MARGIN, UNIT, WIDE, draw, gait
from scene import HEIGHT, WIDTH

RATE, SECONDS, SEED = 15, 16, 7
HARDLY = 0.02  # people of whom less can be seen get no row

Row = tuple[int, int, float, float, float, float, float]


@dataclass(frozen=True)
class Layer:
    """Something that stands in the scene. foot: its row on the ground. at: (left, top) of its
    picture in the frame. colour: (h, w, 3), already times alpha; alpha: (h, w, 1) in 0..1."""

    foot: float
    track: int
    at: tuple[int, int]
    colour: npt.NDArray[np.float32]
    alpha: npt.NDArray[np.float32]

    @property
    def cut(self) -> tuple[slice, slice]:
        (x, y), (h, w) = self.at, self.alpha.shape[:2]
        return slice(y, y + h), slice(x, x + w)


@dataclass(frozen=True)
class Person:
    """box: xyxy of the whole figure. area: its pixels, also those beyond the frame."""

    layer: Layer
    box: tuple[float, float, float, float]
    area: float


def person(actor: Actor, frame: int) -> Person | None:
    """The actor in a frame, None when off the stage."""
    time = frame / RATE
    here = actor.at(time)
    if here is None:
        return None
    x, y = here
    scale = scene.pixels_tall(actor.look.tall, y) / UNIT
    before, after = actor.at(time - 0.2) or here, actor.at(time + 0.2) or here
    dx, dy = after[0] - before[0], (after[1] - before[1]) * DEEP
    stride = min(1.0, float(np.hypot(dx, dy)) / (0.1 * scale * UNIT))
    figure = draw(actor.look, actor.facing(dx, dy, time), gait(actor.walked(time)), stride)
    ys, xs = np.nonzero(figure[1] > 127)
    left, top = x - WIDE / 2 * scale, y - (MARGIN + UNIT) * scale
    box = (
        left + float(xs.min()) * scale,
        top + float(ys.min()) * scale,
        left + float(xs.max() + 1) * scale,
        top + float(ys.max() + 1) * scale,
    )
    layer = _placed(actor.track, y, figure, (left, top, scale), box)
    return None if layer is None else Person(layer, box, float(len(ys)) * scale**2)


def _placed(
    track: int,
    foot: float,
    figure: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]],
    place: tuple[float, float, float],
    box: tuple[float, float, float, float],
) -> Layer | None:
    """Scale a figure into the frame, by four times as many pixels and their means."""
    x1, y1 = max(0, int(box[0]) - 3), max(0, int(box[1]) - 3)
    x2, y2 = min(WIDTH, int(box[2]) + 4), min(HEIGHT, int(box[3]) + 4)
    if x2 <= x1 or y2 <= y1:
        return None
    left, top, scale = place
    move = np.array([[4 * scale, 0, 4 * (left - x1)], [0, 4 * scale, 4 * (top - y1)]], np.float32)
    opaque = figure[1][..., None] / np.float32(255)
    stack = np.dstack([figure[0] * opaque, opaque])
    large = cv2.warpAffine(stack, move, (4 * (x2 - x1), 4 * (y2 - y1)), flags=cv2.INTER_LINEAR)
    small = cv2.resize(large, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA)
    rgba = np.asarray(small, np.float32)
    return Layer(foot, track, (x1, y1), rgba[..., :3], rgba[..., 3:])


def _shadow(picture: npt.NDArray[np.float32], someone: Layer) -> None:
    """Darken the ground by a person's outline, laid down to the left and towards the camera."""
    (left, top), foot = someone.at, someone.foot
    tall = foot - top
    x1, y1 = max(0, int(left - 0.5 * tall)), max(0, int(foot - 4))
    x2, y2 = min(WIDTH, someone.cut[1].stop + 4), min(HEIGHT, int(foot + 0.25 * tall + 4))
    if x2 <= x1 or y2 <= y1:
        return
    # A point `d` rows above the foot falls 0.22 d below it and 0.45 d to the left.
    ahead = y1 - foot
    lay = np.array(
        [[1, 2.05, x1 - left + 2.05 * ahead], [0, -4.5, foot - 4.5 * ahead - top]], np.float32
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    outline = np.ascontiguousarray(someone.alpha[..., 0])
    cast = cv2.warpAffine(outline, lay, (x2 - x1, y2 - y1), flags=flags)
    picture[y1:y2, x1:x2] *= 1 - 0.42 * cv2.GaussianBlur(cast, (0, 0), 1.2)[..., None]


class Stage:
    """The scene with its people; any frame can be drawn at any time."""

    def __init__(self) -> None:
        rng = np.random.default_rng(SEED)
        self.empty, self.tree = scene.background(rng), scene.Tree(rng)
        self.car = _cropped(scene.CAR_FOOT, *scene.car(rng))

    def frame(self, index: int) -> tuple[npt.NDArray[np.uint8], list[Row]]:
        """(HEIGHT, WIDTH, 3) BGR, and the truth of the frame."""
        people = [p for p in (person(actor, index) for actor in ACTORS) if p is not None]
        tree = _cropped(scene.TREE_FOOT, *self.tree.draw(index / RATE))
        picture, owner = self.empty.copy(), np.zeros((HEIGHT, WIDTH), np.int64)
        for p in people:
            _shadow(picture, p.layer)
        layers = [self.car, tree, *(p.layer for p in people)]
        for layer in sorted(layers, key=lambda layer: layer.foot):
            picture[layer.cut] = picture[layer.cut] * (1 - layer.alpha) + layer.colour
            owner[layer.cut][layer.alpha[..., 0] > 0.5] = layer.track
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.5), np.float32)  # the lens
        rng = np.random.default_rng((SEED, index))  # the sensor
        picture += 1.6 * rng.standard_normal((HEIGHT, WIDTH, 1), np.float32)
        picture += 0.8 * rng.standard_normal((HEIGHT, WIDTH, 3), np.float32)
        rows = [_row(index, p, owner) for p in people]
        return picture.clip(0, 255).astype(np.uint8), [row for row in rows if row[6] >= HARDLY]


def _cropped(foot: float, colour: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32]) -> Layer:
    """A layer of frame size, cut to where it is not empty."""
    ys, xs = np.nonzero(alpha[..., 0])
    cut = np.s_[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    at = (int(xs.min()), int(ys.min()))
    return Layer(foot, 0, at, colour[cut] * alpha[cut], alpha[cut])


def _row(frame: int, p: Person, owner: npt.NDArray[np.int64]) -> Row:
    """The box ends at the frame's lower edge: where feet beyond it stand, nobody can see."""
    x1, y1, x2, y2 = p.box
    visible = min(1.0, float((owner == p.layer.track).sum()) / p.area)
    y1, y2 = round(y1, 1), min(round(y2, 1), float(HEIGHT))
    box = (round(x1, 1), y1, round(x2 - x1, 1), round(y2 - y1, 1))
    return frame, p.layer.track, *box, round(visible, 2)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    truth = (folder / "driveway.gt.csv").open("w", newline="")
    with av.open(str(folder / "driveway.mp4"), "w") as out, truth as file:
        options = {"crf": "23", "preset": "slow", "threads": "1"}
        stream = out.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("frame", "track_id", "x", "y", "w", "h", "visibility"))
        stage = Stage()
        for index in range(RATE * SECONDS):
            picture, rows = stage.frame(index)
            table.writerows(rows)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        out.mux(stream.encode(None))
    zone = {"polygons": [[list(point) for point in scene.PROPERTY]]}
    (folder / "driveway.zone.json").write_text(json.dumps(zone) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
