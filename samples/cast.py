"""Who walks where in the sample: looks, and paths of the feet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scene
from figure import Look

DEEP = 1.8  # a row of the picture is so many columns' worth of ground


@dataclass(frozen=True)
class Actor:
    """path: (second, x, y) of the feet in pixels, straight lines between; beyond its ends the
    person is not there."""

    track: int
    look: Look
    path: tuple[tuple[float, float, float], ...]

    def at(self, time: float) -> tuple[float, float] | None:
        times = [p[0] for p in self.path]
        if not times[0] <= time < times[-1]:
            return None
        x, y = (float(np.interp(time, times, [p[i] for p in self.path])) for i in (1, 2))
        return x, y

    def facing(self, dx: float, dy: float, time: float) -> str:
        """Where someone looks who moves by (dx, dy); who stands turns every few seconds."""
        if abs(dx) + abs(dy) < 0.5:
            return ("front", "right", "back", "left")[int(time / 3 + self.track) % 4]
        if abs(dy) > abs(dx):
            return "front" if dy > 0 else "back"
        return "right" if dx > 0 else "left"

    def walked(self, time: float) -> float:
        """Body heights walked until `time`."""
        total = 0.0
        for (t1, x1, y1), (t2, x2, y2) in zip(self.path, self.path[1:], strict=False):
            share = min(1.0, max(0.0, (time - t1) / (t2 - t1)))
            tall = scene.pixels_tall(self.look.tall, (y1 + y2) / 2)
            total += share * float(np.hypot(x2 - x1, DEEP * (y2 - y1))) / tall
        return total


ACTORS = (
    Actor(
        1,
        Look(
            (150, 178, 222),
            (40, 52, 70),
            (60, 60, 178),
            (190, 196, 210),
            (92, 62, 44),
            weave="stripes",
            bag=(52, 70, 60),
        ),
        ((0, 96, 184), (8.6, 672, 181)),
    ),
    Actor(
        2,
        Look(
            (92, 120, 172),
            (24, 26, 30),
            (150, 120, 60),
            (210, 200, 170),
            (56, 54, 58),
            weave="check",
            long_hair=True,
            tall=1.66,
        ),
        ((3.4, 668, 197), (13.6, -30, 200)),
    ),
    Actor(
        3,
        Look(
            (160, 186, 226),
            (70, 110, 150),
            (70, 190, 220),
            (50, 90, 190),
            (130, 82, 60),
            weave="stripes",
            tall=1.12,
            child=True,
        ),
        ((3.6, 676, 195), (13.8, -26, 198)),
    ),
    Actor(
        4,
        Look(
            (140, 166, 212),
            (60, 66, 74),
            (90, 104, 70),
            (150, 160, 130),
            (112, 96, 84),
            tall=1.78,
            weave="denim",
        ),
        (
            (0, 322, 262),
            (2.5, 322, 262),
            (5, 408, 276),
            (9.5, 408, 276),
            (12, 250, 300),
            (16, 250, 300),
        ),
    ),
    Actor(
        5,
        Look(
            (126, 154, 204),
            (34, 38, 46),
            (52, 48, 50),
            (120, 118, 120),
            (104, 76, 58),
            cap=(140, 60, 40),
            tall=1.8,
            bag=(40, 60, 130),
        ),
        ((1, -28, 190), (5.2, 262, 188), (9.6, 312, 292), (12, 312, 292), (16.2, 318, 210)),
    ),
    Actor(
        6,
        Look(
            (168, 190, 228), (56, 60, 64), (150, 158, 166), (96, 100, 120), (70, 74, 92), tall=1.75
        ),
        ((5, 668, 178), (8, 486, 178), (14, 486, 178), (16.5, 300, 180)),
    ),
    Actor(
        7,
        Look(
            (150, 176, 216),
            (96, 120, 140),
            (170, 96, 130),
            (220, 200, 230),
            (60, 50, 48),
            weave="check",
            long_hair=True,
            tall=1.7,
        ),
        ((7.2, 500, 830), (10.6, 456, 420), (14, 456, 420), (17, 500, 830)),
    ),
    Actor(
        8,
        Look((110, 138, 184), (30, 30, 34), (60, 130, 170), (40, 60, 90), (66, 60, 60)),
        ((0, 560, 125), (16.2, 120, 125)),
    ),
    Actor(
        9,
        Look((84, 108, 158), (26, 28, 30), (190, 196, 198), (130, 90, 80), (78, 60, 52), tall=1.83),
        ((10.5, -30, 180), (16.5, 430, 183)),
    ),
)
