"""The place: a drive and a lawn, the pavement and the street beyond them, houses and trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from stage import box, material, mesh

EDGE, KERB, FAR_KERB = 8.0, 10.4, 16.8
HEDGE, WALL = -5.6, 6.9
SEED = 7


def build() -> None:
    rng = np.random.default_rng(SEED)
    _ground()
    _borders(rng)
    for x, wide, tint in (
        (-21, 9, (0.72, 0.66, 0.58)),
        (-9.5, 8, (0.6, 0.33, 0.26)),
        (1.5, 9, (0.78, 0.76, 0.72)),
        (13, 8.5, (0.55, 0.38, 0.3)),
        (24, 9, (0.7, 0.68, 0.6)),
    ):
        _house(x, 25.0 + rng.uniform(-0.5, 1.5), wide, tint)
    for x, y, tall in ((-7.2, 20.6, 5.2), (7.6, 21.4, 6.0), (-15, 22, 6.5), (19, 21, 5.5)):
        tree(f"tree {x}", (x, y), tall, rng)
    _things()


def _sheet(name: str, x: tuple[float, float], y: tuple[float, float], z: float, skin: Any) -> None:
    corners = [(x[0], y[0], z), (x[1], y[0], z), (x[1], y[1], z), (x[0], y[1], z)]
    mesh(name, np.array(corners), [(0, 1, 2, 3)], skin)


def _ground() -> None:
    grass = material("grass", (0.30, 0.40, 0.17), 1.0, (0.16, 0.25, 0.08), 9)
    drive = material("pavers", (0.55, 0.47, 0.41), 0.9, (0.3, 0.28, 0.26), 5, bricks=(0.42, 0.21))
    slabs = material("slabs", (0.66, 0.65, 0.62), 0.9, (0.4, 0.4, 0.38), 3, bricks=(0.9, 0.6))
    tar = material("tar", (0.30, 0.30, 0.31), 0.9, (0.22, 0.22, 0.23), 6)
    stone = material("stone", (0.66, 0.66, 0.65), 0.9, (0.52, 0.52, 0.5), 8)
    white = material("paint", (0.85, 0.85, 0.83), 0.8)
    _sheet("earth", (-80, 80), (-10, 90), -0.2, grass)
    _sheet("lawn", (-12, -0.4), (-3, EDGE), 0, grass)
    _sheet("drive", (-0.4, WALL), (-3, EDGE), 0.001, drive)
    box("lawn edge", (-0.5, -3, 0), (-0.38, EDGE, 0.03), stone)
    box("edge", (-40, EDGE, -0.1), (40, EDGE + 0.14, 0.012), stone)
    _sheet("pavement", (-40, 40), (EDGE + 0.14, KERB - 0.15), 0, slabs)
    box("kerb", (-40, KERB - 0.15, -0.2), (40, KERB, 0.005), stone)
    _sheet("street", (-60, 60), (KERB, FAR_KERB), -0.11, tar)
    box("far kerb", (-40, FAR_KERB, -0.2), (40, FAR_KERB + 0.15, 0), stone)
    _sheet("far pavement", (-60, 60), (FAR_KERB + 0.15, 19.0), 0, slabs)
    _sheet("gardens", (-60, 60), (19.0, 34), 0, grass)
    for x in np.arange(-30, 30, 5.0):
        _sheet(f"dash {x}", (x, x + 2.2), (13.55, 13.67), -0.105, white)


def _borders(rng: np.random.Generator) -> None:
    brick = material("brick", (0.5, 0.26, 0.2), 0.9, (0.62, 0.6, 0.56), 4, bricks=(0.24, 0.08))
    hedge("hedge", (HEDGE - 0.8, 1.0), (HEDGE, EDGE - 0.1), 0.75, rng)
    box("wall", (WALL, 0.5, 0), (WALL + 0.15, EDGE - 0.1, 1.2), brick)
    box("garden wall", (-40, 19.1, 0), (-2.2, 19.3, 0.8), brick)
    hedge("far hedge", (0.5, 19.0), (11, 19.8), 1.0, rng)
    box("garden wall 2", (12.5, 19.1, 0), (40, 19.3, 0.8), brick)


def hedge(
    name: str,
    low: tuple[float, float],
    high: tuple[float, float],
    tall: float,
    rng: np.random.Generator,
) -> None:
    """A dark core under leaves."""
    core = material("shade", (0.10, 0.15, 0.06), 1.0)
    box(
        f"{name} core",
        (low[0] + 0.08, low[1] + 0.08, 0),
        (high[0] - 0.08, high[1] - 0.08, tall - 0.08),
        core,
    )
    sides = np.array([high[0] - low[0], high[1] - low[1], tall])
    area = sides[0] * sides[1] + 2 * tall * (sides[0] + sides[1])
    n = int(700 * area)
    spots = rng.uniform(0, 1, (n, 3))
    face = rng.choice(
        3, n, p=np.array([sides[1] * tall * 2, sides[0] * tall * 2, sides[0] * sides[1]]) / area
    )
    ends = np.where(face == 2, 1.0, rng.integers(0, 2, n))
    spots[np.arange(n), face] = ends
    middle = spots * sides + (*low, 0) + rng.normal(0, 0.03, (n, 3))
    _leaves(name, middle, 0.07, rng)


def tree(name: str, at: tuple[float, float], tall: float, rng: np.random.Generator) -> None:
    bark = material("bark", (0.3, 0.24, 0.18), 1.0)
    box(
        f"{name} trunk",
        (at[0] - 0.14, at[1] - 0.14, 0),
        (at[0] + 0.14, at[1] + 0.14, tall * 0.5),
        bark,
    )
    blobs = rng.normal(0, 1, (9, 3)) * (0.9, 0.9, 0.8) + (at[0], at[1], tall * 0.68)
    n = 9000
    way = rng.normal(0, 1, (n, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    middle = blobs[rng.integers(0, 9, n)] + way * rng.uniform(0.6, 1.15, (n, 1))
    _leaves(name, middle, 0.16, rng)


def _leaves(name: str, middle: Any, size: float, rng: np.random.Generator) -> None:
    n = len(middle)
    one, two = (rng.normal(0, 1, (n, 3)) for _ in range(2))
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    two = np.cross(one, two)
    two /= np.linalg.norm(two, axis=1, keepdims=True)
    reach = size * rng.uniform(0.6, 1.2, (n, 1))
    corners = np.stack(
        [
            middle + reach * one,
            middle + 0.5 * reach * two,
            middle - reach * one,
            middle - 0.5 * reach * two,
        ],
        axis=1,
    ).reshape(-1, 3)
    leaf = material("leaf", (0.26, 0.38, 0.13), 0.8, (0.14, 0.24, 0.07), 3)
    thing = mesh(name, corners, np.arange(4 * n).reshape(n, 4), leaf)
    thing["leaves"] = True


def _house(x: float, y: float, wide: float, tint: tuple[float, float, float]) -> None:
    wall = material(f"house {x}", tint, 0.9, tuple(0.9 * c for c in tint), 2)
    roof = material("roof", (0.33, 0.22, 0.19), 0.9, (0.42, 0.4, 0.38), 4, bricks=(0.3, 0.3))
    left, right = x - wide / 2, x + wide / 2
    box(f"house {x}", (left, y, 0), (right, y + 8, 5.4), wall)
    ridge = [
        (left - 0.4, y - 0.5, 5.2),
        (right + 0.4, y - 0.5, 5.2),
        (right + 0.4, y + 4, 8.4),
        (left - 0.4, y + 4, 8.4),
        (right + 0.4, y + 8.5, 5.2),
        (left - 0.4, y + 8.5, 5.2),
    ]
    mesh(f"roof {x}", np.array(ridge), [(0, 1, 2, 3), (3, 2, 4, 5), (1, 4, 2), (0, 3, 5)], roof)
    door = material(f"door {x}", (0.2, 0.3 + 0.01 * (x % 7), 0.35), 0.5)
    box(f"door {x}", (x - 0.5, y - 0.06, 0), (x + 0.5, y, 2.1), door)
    for middle in (x - 0.36 * wide, x + 0.3 * wide):
        for z in (0.9, 3.4):
            _window(middle, y, z)


def _window(x: float, y: float, z: float) -> None:
    glass = material("pane", (0.10, 0.12, 0.15), 0.15)
    frame = material("frame", (0.9, 0.9, 0.88), 0.6)
    box(f"frame {x} {z}", (x - 0.75, y - 0.05, z - 0.08), (x + 0.75, y, z + 1.38), frame)
    for left in (-0.66, 0.03):
        low, high = (x + left, y - 0.07, z), (x + left + 0.63, y, z + 1.3)
        box(f"pane {x} {left} {z}", low, high, glass)


def _things() -> None:
    """A bin, flower pots, a street lamp."""
    green, lid = material("bin", (0.16, 0.2, 0.18), 0.5), material("lid", (0.1, 0.12, 0.11), 0.5)
    box("bin", (6.0, 6.6, 0.05), (6.6, 7.3, 1.0), green)
    box("lid", (5.95, 6.55, 1.0), (6.65, 7.35, 1.08), lid)
    clay = material("clay", (0.55, 0.3, 0.2), 0.9)
    rng = np.random.default_rng(SEED + 1)
    for x, y in ((-1.0, 3.2), (-1.3, 7.5)):
        turn = np.linspace(0, 2 * np.pi, 17)[:-1]
        rings = [
            (r * np.cos(turn) + x, r * np.sin(turn) + y, 0 * turn + z)
            for r, z in ((0.15, 0), (0.2, 0.35))
        ]
        points = np.concatenate([np.stack(r, axis=1) for r in rings])
        mesh(
            f"pot {x}",
            points,
            [(i, (i + 1) % 16, 16 + (i + 1) % 16, 16 + i) for i in range(16)],
            clay,
        )
        _leaves(f"plant {x}", rng.normal((x, y, 0.5), 0.13, (220, 3)), 0.1, rng)
    grey = material("pole", (0.4, 0.41, 0.42), 0.5)
    box("pole", (-3.06, 16.98, 0), (-2.94, 17.1, 5.5), grey)
    box("arm", (-3.05, 15.9, 5.4), (-2.95, 17.1, 5.5), grey)
