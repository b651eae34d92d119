"""Exact truth: boxes, visible shares, points of the ground, and whose pixel is whose."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from camera import HEIGHT, WIDTH, project

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]

HARDLY = 0.02  # people of whom less can be seen get no row
COLUMNS = ("frame", "track_id", "x", "y", "w", "h", "visibility", "ground_x", "ground_y", "inside")
NOBODY, CAR = 0, 255


@dataclass(frozen=True)
class Row:
    """ground: the point between the feet on the ground, in pixels. inside: the property."""

    frame: int
    track: int
    box: tuple[float, float, float, float]
    visibility: float
    ground: tuple[float, float]
    inside: bool

    def cells(self, scale: float) -> tuple[float | int, ...]:
        x1, y1, x2, y2 = (round(v * scale, 1) for v in self.box)
        ground = (round(v * scale, 1) for v in self.ground)
        size = (x1, y1, round(x2 - x1, 1), round(y2 - y1, 1))
        return (self.frame, self.track, *size, self.visibility, *ground, int(self.inside))


@dataclass(frozen=True)
class Splat:
    """Points spread over a surface, in pixels and metres deep."""

    track: int
    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    depth: Floats
    box: tuple[float, float, float, float]

    @property
    def area(self) -> int:
        """Pixels covered, also beyond the frame."""
        low = (self.x.min(), self.y.min())
        wide = int(np.ptp(self.x)) + 1
        return len(np.unique((self.y - low[1]) * wide + self.x - low[0]))


def splat(track: int, points: Floats, faces: npt.NDArray[np.int64], seed: int) -> Splat:
    """Several points for every pixel of every face, so that none is left out."""
    x, y, depth = project(points)
    screen = np.stack([x, y, depth], axis=1)
    a, b, c, d = (screen[faces[:, i]] for i in range(4))
    one, two = (c - a)[:, :2], (d - b)[:, :2]
    size = 0.5 * np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0])
    longest = np.maximum(np.abs(one).max(axis=1), np.abs(two).max(axis=1))
    face = np.repeat(np.arange(len(faces)), np.ceil(10 * size + 2 * longest).astype(int) + 1)
    u, v = np.random.default_rng(seed).uniform(0, 1, (2, len(face), 1))
    top, bottom = a[face] * (1 - u) + b[face] * u, d[face] * (1 - u) + c[face] * u
    at = top * (1 - v) + bottom * v
    box = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    spot = np.floor(at[:, :2]).astype(np.int64)
    return Splat(track, spot[:, 0], spot[:, 1], at[:, 2], box)


def owners(splats: list[Splat], far: Floats) -> Labels:
    """(h, w): the track seen at each pixel; far: the depth of the empty place."""
    label, nearest = np.zeros((HEIGHT, WIDTH), np.uint8), far.copy()
    for s in splats:
        inside = (s.x >= 0) & (s.x < WIDTH) & (s.y >= 0) & (s.y < HEIGHT)
        x, y, depth = s.x[inside], s.y[inside], s.depth[inside]
        order = np.argsort(-depth)
        mine = np.full((HEIGHT, WIDTH), np.inf)
        mine[y[order], x[order]] = depth[order]
        seen = mine < nearest - 0.02
        label[seen], nearest[seen] = s.track or CAR, mine[seen]
    return label


def rows(
    frame: int,
    splats: list[Splat],
    label: Labels,
    feet: dict[int, tuple[float, float]],
    edge: Floats,
) -> list[Row]:
    """feet: where on the ground, in metres, each track stands. edge: corners of the property."""
    found = []
    for s in splats:
        if s.track == NOBODY:
            continue
        visible = min(1.0, float((label == s.track).sum()) / s.area)
        if visible < HARDLY:
            continue
        # Where feet below the frame stand, nobody can see: the box ends at its lower edge.
        box = (s.box[0], s.box[1], s.box[2], min(s.box[3], float(HEIGHT)))
        x, y, _ = project(np.array([[*feet[s.track], 0.0]]))
        ground = (float(x[0]), float(y[0]))
        found.append(
            Row(frame, s.track, box, round(visible, 2), ground, _within(feet[s.track], edge))
        )
    return found


def _within(point: tuple[float, float], edge: Floats) -> bool:
    low, high = edge.min(axis=0), edge.max(axis=0)
    return bool(low[0] < point[0] < high[0] and low[1] < point[1] < high[1])


def write_table(path: Path, table: Iterable[Row], scale: float = 1.0) -> None:
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        out.writerows(row.cells(scale) for row in table)


def write_zone(path: Path, corners: Floats) -> None:
    shares = [[round(float(x) / WIDTH, 4), round(float(y) / HEIGHT, 4)] for x, y in corners]
    path.write_text(json.dumps({"polygons": [shares]}) + "\n")


def write_masks(path: Path, labels: Iterable[Labels]) -> None:
    """Run lengths, row by row: `values` and `lengths` of all frames, `runs` of each."""
    values, lengths, runs = [], [], []
    for label in labels:
        flat = label.ravel()
        starts = np.flatnonzero(np.diff(flat, prepend=flat[0] ^ 1))
        values.append(flat[starts])
        lengths.append(np.diff(starts, append=len(flat)).astype(np.uint32))
        runs.append(len(starts))
    np.savez_compressed(
        path,
        shape=(HEIGHT, WIDTH),
        values=np.concatenate(values),
        lengths=np.concatenate(lengths),
        runs=runs,
    )


def read_masks(path: Path) -> Iterator[Labels]:
    """(h, w) uint8 of each frame: 0 nobody, 255 the car, else the track seen there."""
    with np.load(path) as stored:
        shape, values, lengths, runs = (stored[k] for k in ("shape", "values", "lengths", "runs"))
    ends = np.cumsum(runs)
    for first, end in zip(ends - runs, ends, strict=True):
        yield np.repeat(values[first:end], lengths[first:end]).reshape(shape)
