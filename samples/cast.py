"""Who walks where: looks, and paths of the feet on the ground.

Metres; the camera stands over (0, 0), x to its right, y away from it. The property ends at
y = 8, the pavement at 10.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from body import Floats, Shape
from gait import STRIDE, Pose
from wardrobe import Look


@dataclass(frozen=True)
class Actor:
    """path: (second, x, y), straight between; beyond its ends the actor is not there. faces:
    (second, degrees) while standing, 0 looks away from the camera, 90 to its right, 180 to it.
    look, arms: (second, ...) gestures."""

    track: int
    dress: Look
    path: tuple[tuple[float, float, float], ...]
    faces: tuple[tuple[float, float], ...] = ()
    look: tuple[tuple[float, float, float], ...] = ()
    arms: tuple[tuple[float, float, float], ...] = ()

    def here(self, time: float) -> bool:
        return self.path[0][0] <= time < self.path[-1][0]

    def at(self, time: float) -> Floats:
        return _between(self.path, time)

    def walked(self, time: float) -> float:
        """Metres until `time`, along the rounded path."""
        moments = np.arange(self.path[0][0], time, 1 / 30)
        places = np.array([self.smooth(t) for t in [*moments, time]])
        return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())

    def smooth(self, time: float, over: float = 0.5) -> Floats:
        """The place, with corners rounded."""
        first, last = self.path[0], self.path[-1]
        out = []
        for shift in np.linspace(-over / 2, over / 2, 7):
            t = time + shift
            place = self.at(t)
            for end, next_, beyond in (
                (first, self.path[1], t < first[0]),
                (last, self.path[-2], t > last[0]),
            ):
                if beyond:  # walk on beyond the ends
                    speed = (np.array(next_[1:]) - np.array(end[1:])) / (next_[0] - end[0])
                    place = np.array(end[1:]) + speed * (t - end[0])
            out.append(place)
        return np.mean(out, axis=0)

    def speed(self, time: float) -> float:
        step = self.smooth(time + 0.05) - self.smooth(time - 0.05)
        return float(np.linalg.norm(step)) / 0.1

    def heading(self, time: float) -> float:
        """Degrees, turning smoothly; who stands looks where `faces` says."""
        total = np.zeros(2)
        for shift in np.linspace(-0.35, 0.35, 9):
            step = self.smooth(time + shift + 0.05) - self.smooth(time + shift - 0.05)
            weight = 10 * step
            if np.linalg.norm(step) < 0.012 and self.faces:
                angle = np.radians(_between(self.faces, time)[0])
                weight = 0.5 * np.array([np.sin(angle), np.cos(angle)])
            total = total + weight
        return float(np.degrees(np.arctan2(total[0], total[1])))

    def pose(self, time: float) -> Pose:
        phase = self.walked(time) / (STRIDE * self.dress.shape.tall) + 0.37 * self.track
        walk = min(1.0, self.speed(time) / 0.9)
        look = _between(self.look, time) if self.look else np.zeros(2)
        arms = _between(self.arms, time) if self.arms else np.zeros(2)
        sway = (1 - walk) * 1.5 * np.sin(1.1 * time + self.track)
        return Pose(phase, walk, (look[0], look[1]), (arms[0], arms[1]), sway)


def _between(table: tuple[tuple[float, ...], ...], time: float) -> Floats:
    times = [row[0] for row in table]
    columns = list(zip(*table, strict=True))[1:]
    return np.array([np.interp(time, times, column) for column in columns])


FAIR, TAN, BROWN, DARK = (
    (0.82, 0.62, 0.52),
    (0.74, 0.54, 0.42),
    (0.55, 0.37, 0.27),
    (0.36, 0.23, 0.17),
)
BLACK, CHESTNUT, BLOND, GREY = (
    (0.07, 0.06, 0.06),
    (0.24, 0.15, 0.09),
    (0.5, 0.37, 0.2),
    (0.6, 0.58, 0.56),
)
NAVY, DENIM, COAL, SAND = (
    (0.13, 0.16, 0.26),
    (0.22, 0.31, 0.46),
    (0.14, 0.14, 0.16),
    (0.6, 0.53, 0.42),
)

ACTORS = (
    Actor(
        1,
        Look(
            Shape(1.80, strong=0.3),
            FAIR,
            CHESTNUT,
            (0.16, 0.3, 0.5),
            COAL,
            thick=0.012,
            cap=(0.55, 0.12, 0.12),
            bag=(0.25, 0.33, 0.2),
        ),
        ((-1, -7.4, 9.6), (11.6, 9.9, 9.6)),
    ),
    Actor(
        2,
        Look(
            Shape(1.68, female=1),
            FAIR,
            CHESTNUT,
            (0.62, 0.2, 0.28),
            NAVY,
            below="skirt",
            hem=-0.03,
            long_hair=True,
        ),
        ((1.6, 10.0, 9.45), (17.4, -8.2, 9.5)),
        look=((0, 15, -10), (5, 15, -10), (7, 30, -20), (9, 10, 0), (17, 10, 0)),
    ),
    Actor(
        3,
        Look(
            Shape(1.10, female=0.2, child=0.7, baby=0.3),
            FAIR,
            BLOND,
            (0.9, 0.65, 0.12),
            DENIM,
            shoes=(0.7, 0.7, 0.72),
        ),
        ((1.6, 9.4, 8.8), (8, 2.0, 8.7), (17.4, -8.7, 8.75)),
    ),
    Actor(
        4,
        Look(Shape(1.74, old=0.3, heavy=0.3), TAN, GREY, (0.35, 0.45, 0.3), DENIM, hem=0.16),
        (
            (-1, -2.6, 5.7),
            (2.6, -2.6, 5.7),
            (5.2, 0.0, 5.3),
            (11, 0.0, 5.3),
            (14, -3.2, 4.6),
            (18, -3.2, 4.6),
        ),
        faces=((0, 160), (2, 120), (5, 100), (9, 50), (14, 200), (16, 150)),
        arms=(
            (0, 0, 0),
            (6, 0, 0),
            (7, 10, 60),
            (8.5, 15, 40),
            (10, 0, 0),
            (14.4, 50, 50),
            (18, 60, 40),
        ),
    ),
    Actor(
        5,
        Look(
            Shape(1.82, kind="african"),
            DARK,
            BLACK,
            (0.78, 0.75, 0.7),
            COAL,
            thick=0.015,
            hem=0.16,
            shoes=(0.8, 0.8, 0.8),
        ),
        ((0.6, -10.2, 9.0), (6.9, -2.0, 8.95), (10.4, 1.5, 6.2), (18, 1.5, 6.2)),
        faces=((0, 240), (11, 240), (12, 200), (18, 230)),
        arms=((0, 0, 0), (11, 0, 0), (12, 70, 10), (14, 20, 50), (16, 0, 0), (18, 0, 0)),
    ),
    Actor(
        6,
        Look(
            Shape(1.66, female=1, old=0.6, heavy=0.3), FAIR, GREY, SAND, NAVY, thick=0.02, hem=0.42
        ),
        ((-1, 10.0, 10.0), (3.9, 4.6, 10.0), (14, 4.6, 10.0), (18, 0.2, 9.7)),
        faces=((0, 250), (6, 200), (10, 180), (14, 220)),
        look=((0, 0, 0), (4.5, 0, -25), (9, 10, -25), (10, 20, 0), (14, 0, 0), (18, 0, 0)),
        arms=((0, 0, 0), (4, 0, 0), (5, 10, 85), (9, 10, 85), (10, 0, 20), (14, 0, 0), (18, 0, 0)),
    ),
    Actor(
        7,
        Look(Shape(1.72, female=1, kind="asian"), TAN, BLACK, (0.3, 0.42, 0.55), SAND, hem=0.12),
        ((6.4, 1.1, 0.2), (8.4, 0.8, 2.6), (10.4, 0.3, 1.3), (14, 0.3, 1.3), (15.6, 1.2, 0.1)),
        faces=((0, 180), (18, 180)),
        look=(
            (0, 0, 0),
            (9, 0, 0),
            (10.3, 0, 26),
            (12, 6, 34),
            (13, -8, 30),
            (14.2, 0, 10),
            (16, 0, 0),
        ),
    ),
    Actor(
        8,
        Look(Shape(1.76), TAN, BLACK, (0.7, 0.32, 0.12), COAL, thick=0.014),
        ((-1, 14.0, 17.9), (16.5, -6.6, 17.9)),
    ),
    Actor(
        9,
        Look(Shape(1.85, heavy=0.4), BROWN, BLACK, (0.86, 0.86, 0.88), SAND, sleeves="short"),
        ((9.0, -10.2, 9.8), (18, 1.4, 9.8)),
    ),
)
