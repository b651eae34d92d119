"""The place: a house's drive, lawn, pavement and street, drawn from shapes and noise.

Ground plane seen by a fixed camera 2.75 m high: someone `tall` metres high whose feet are at
image row y is tall / 2.75 * (y - HORIZON) pixels high.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sin
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 640, 360
HORIZON = 84
CAMERA = 2.75  # metres above the ground
CAR_FOOT, TREE_FOOT = 262.0, 268.0  # rows on which they stand

Picture = npt.NDArray[np.float32]
Ring = Sequence[tuple[float, float]]
Mask = npt.NDArray[np.float32]

PROPERTY = ((0.0, 0.585), (0.35, 0.572), (1.0, 0.56), (1.0, 1.0), (0.0, 1.0))


def pixels_tall(tall: float, y: float) -> float:
    """Image height in pixels of something `tall` metres high that stands at row y."""
    return tall / CAMERA * (y - HORIZON)


def _grain(rng: np.random.Generator, fine: float, coarse: float) -> Picture:
    """(HEIGHT, WIDTH, 1) noise with fine grain and large patches, in grey levels."""
    small = rng.normal(0, 1, (HEIGHT // 12, WIDTH // 12)).astype(np.float32)
    patches = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 0.7)
    return np.asarray(fine * grain * 1.8 + coarse * patches, np.float32)[..., None]


def _area(points: Ring) -> Mask:
    """(HEIGHT, WIDTH, 1) coverage 0..1 of a polygon."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    ring = np.round(np.array(points) * 16).astype(np.int32)
    cv2.fillPoly(mask, [ring], 255, cv2.LINE_AA, 4)
    return np.asarray(mask[..., None] / 255, np.float32)


def _paint(canvas: Picture, points: Ring, colour: Any, grain: Any = 0.0) -> None:
    mask = _area(points)
    canvas[:] = canvas * (1 - mask) + mask * (np.asarray(colour, np.float32) + grain)


def _box(x1: float, y1: float, x2: float, y2: float) -> Ring:
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]


def background(rng: np.random.Generator) -> Picture:
    """(HEIGHT, WIDTH, 3) BGR float32: all that stands still behind everyone."""
    rows = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    canvas = np.broadcast_to(
        np.array([225, 205, 180], np.float32) + 25 * rows, (HEIGHT, WIDTH, 3)
    ).copy()
    _street(canvas, rng)
    _houses(canvas, rng)
    _ground(canvas, rng)
    return canvas


def _houses(canvas: Picture, rng: np.random.Generator) -> None:
    walls = ((150, 175, 190), (120, 130, 172), (180, 185, 186), (140, 160, 165))
    for i, (x, wide) in enumerate(((-20, 170), (165, 150), (335, 175), (525, 150))):
        wall, top = walls[i], 28 + 7 * (i % 2)
        _paint(canvas, _box(x, top, x + wide, 112), wall, _grain(rng, 3, 4))
        for row in range(top + 3, 112, 5):  # courses of brick
            _paint(canvas, _box(x, row, x + wide, row + 0.8), np.array(wall) * 0.9)
        roof = [(x - 8, top), (x + 20, 6), (x + wide - 20, 6), (x + wide + 8, top)]
        _paint(canvas, roof, (82, 84, 104), _grain(rng, 6, 3))
        for j in range(3):
            left = x + 14 + j * (wide - 40) / 2.4
            if i % 2 and j == 1:
                _paint(canvas, _box(left, 66, left + 20, 112), (60, 52, 96 + 20 * i))
            else:
                _windows(canvas, left, rng)
    hedge = _grain(rng, 14, 10)
    for x1, x2 in ((-5, 60), (105, 190), (230, 350), (400, 520), (580, 645)):
        _paint(canvas, _box(x1, 100, x2, 117), (48, 88, 62), hedge)


def _windows(canvas: Picture, left: float, rng: np.random.Generator) -> None:
    for high in (40, 72):
        _paint(canvas, _box(left - 2, high - 2, left + 26, high + 20), (225, 228, 228))
        for x in (left, left + 13):
            _paint(canvas, _box(x, high, x + 11, high + 18), (94, 82, 67), _grain(rng, 2, 6))


def _street(canvas: Picture, rng: np.random.Generator) -> None:
    _paint(canvas, _box(0, 108, WIDTH, 128), (160, 165, 168), _grain(rng, 4, 2))  # far pavement
    _paint(canvas, _box(0, 127, WIDTH, 130), (190, 194, 196))
    _paint(canvas, _box(0, 130, WIDTH, 168), (96, 96, 98), _grain(rng, 5, 3))
    for x in range(-10, WIDTH, 80):
        _paint(canvas, [(x, 147), (x + 38, 147), (x + 36, 149.5), (x - 3, 149.5)], (205, 208, 208))


def _ground(canvas: Picture, rng: np.random.Generator) -> None:
    _paint(canvas, _box(0, 166, WIDTH, 172), (178, 182, 184), _grain(rng, 4, 2))  # kerb
    _paint(canvas, _box(0, 170, WIDTH, 212), (158, 162, 166), _grain(rng, 4, 3))
    for x in range(-400, 1100, 46):  # slabs
        top, bottom = 320 + (x - 320) * 0.86, 320 + (x - 320) * 1.28
        joint = [(top, 172.0), (top + 0.8, 172.0), (bottom + 1.2, 212.0), (bottom, 212.0)]
        _paint(canvas, joint, (130, 134, 138))
    _paint(canvas, _box(0, 186, WIDTH, 186.8), (134, 138, 142))
    line = [(x * WIDTH, y * HEIGHT) for x, y in PROPERTY]
    _paint(canvas, line, (62, 120, 92), _grain(rng, 11, 9))  # lawn
    drive = [(212, 209), (436, 204.5), (600, 360), (70, 360)]
    _paint(canvas, drive, (146, 152, 160), _grain(rng, 9, 4))
    for share in (0.33, 0.66):
        a, b = 212 + 224 * share, 70 + 530 * share
        _paint(canvas, [(a, 207), (a + 1.2, 207), (b + 3, 360), (b, 360)], (112, 118, 124))
    for (x1, y1), (x2, y2) in pairwise(line[:3]):  # edging stones
        stones = [(x1, y1 - 1.5), (x2, y2 - 1.5), (x2, y2 + 2), (x1, y1 + 2)]
        _paint(canvas, stones, (196, 200, 204))
    flowers = rng.uniform((445, 213), (640, 232), (60, 2))
    petals = [(90, 80, 200), (80, 200, 220), (200, 150, 200)]
    for i, (x, y) in enumerate(flowers):
        _paint(canvas, _box(x, y, x + 2, y + 2), petals[i % 3])


def car(rng: np.random.Generator) -> tuple[Picture, Mask]:
    """The car parked on the drive, seen from behind: its picture and coverage. Wheels at 262."""
    canvas: Picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    body, dark = np.array([118, 74, 44]), np.array([36, 34, 34])
    left: Ring = [(458, 254), (456, 216), (470, 206), (482, 180), (492, 175)]
    outline = [*left, *((1072 - x, y) for x, y in reversed(left))]
    wheels = (_box(462, 246, 488, 263), _box(584, 246, 610, 263))
    gloss = 14 * np.sin(np.linspace(0, 9, HEIGHT, dtype=np.float32))[:, None, None]
    for wheel in wheels:
        _paint(canvas, wheel, dark, _grain(rng, 3, 0))
    _paint(canvas, outline, body + gloss, _grain(rng, 1, 1))
    _paint(
        canvas, [(478, 206), (488, 182), (584, 182), (594, 206)], (70, 62, 52), _grain(rng, 2, 8)
    )
    _paint(canvas, [(500, 204), (512, 184), (522, 184), (512, 204)], (110, 104, 94))
    for x1, x2 in ((459, 480), (592, 613)):
        _paint(canvas, _box(x1, 216, x2, 226), (40, 36, 190))
        _paint(canvas, _box(x1, 226, x2, 229), (210, 214, 226))
    _paint(canvas, _box(514, 222, 558, 233), (200, 214, 220))
    _paint(canvas, _box(457, 240, 615, 243), body * 0.6)
    mask: Mask = np.asarray(np.maximum.reduce([_area(r) for r in (outline, *wheels)]), np.float32)
    return np.asarray(canvas, np.float32), mask


class Tree:
    """A trunk and some hundred leaves in slight wind, rooted at (58, 268) on the lawn."""

    def __init__(self, rng: np.random.Generator) -> None:
        angle, reach = rng.uniform(0, 6.28, 420), np.sqrt(rng.uniform(0, 1, 420))
        self.at = np.stack([52 + 84 * reach * np.cos(angle), 52 + 66 * reach * np.sin(angle)], 1)
        self.tone = rng.uniform(0.55, 1.25, 420)
        self.turn = rng.uniform(0, 180, 420)
        self.wind = rng.uniform(0, 6.28, 420)
        self.bark = _grain(rng, 12, 4)

    def draw(self, time: float) -> tuple[Picture, Mask]:
        """Its picture (HEIGHT, WIDTH, 3) and coverage (HEIGHT, WIDTH, 1) at `time` seconds."""
        canvas = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        trunk = [(50, 100), (62, 100), (66, 268), (46, 268)]
        _paint(canvas, trunk, (58, 76, 92), self.bark)
        mask = np.round(_area(trunk)[..., 0] * 255).astype(np.uint8)
        sway = 1.3 * sin(0.9 * time) + 0.6 * sin(2.3 * time)
        for (x, y), tone, turn, wind in zip(self.at, self.tone, self.turn, self.wind, strict=True):
            dx = sway * (1.2 - y / 140) + 0.8 * sin(3.1 * time + wind)
            centre = (round(16 * (x + dx)), round(16 * (y + 0.5 * sin(2.7 * time + 2 * wind))))
            shape = (centre, (16 * 7, 16 * 4), turn, 0, 360)
            cv2.ellipse(canvas, *shape, (46 * tone, 104 * tone, 70 * tone), -1, cv2.LINE_AA, 4)
            cv2.ellipse(mask, *shape, 255, -1, cv2.LINE_AA, 4)
        return canvas, np.asarray(mask[..., None] / 255, np.float32)
