"""Cars: one shape, two colours."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from stage import Colour, material, mesh

# Side view: (x along the car, z of its upper line, half the width up there, cabin: z, half width)
_HULL = (
    (-2.1, 0.62, 0.72),
    (-1.95, 0.86, 0.82),
    (-1.2, 0.93, 0.86),
    (0.9, 0.95, 0.87),
    (1.7, 0.88, 0.83),
    (2.05, 0.72, 0.74),
    (2.12, 0.55, 0.66),
)
_CABIN = (
    (-1.95, 0.9, 0.78),
    (-1.45, 1.38, 0.62),
    (-0.4, 1.47, 0.62),
    (0.35, 1.40, 0.6),
    (1.15, 0.94, 0.74),
)


def car(name: str, colour: Colour, at: tuple[float, float], ahead: float, lit: bool = False) -> Any:
    """ahead: 1 drives to the right, -1 to the left. Returns the part that carries the others."""
    paint, glass = (
        material(f"{name} paint", colour, 0.25),
        material("glass", (0.03, 0.035, 0.04), 0.05),
    )
    tyre, rim = material("tyre", (0.05, 0.05, 0.05), 0.9), material("rim", (0.55, 0.55, 0.57), 0.3)
    root = bpy.data.objects.new(name, None)
    bpy.context.scene.collection.objects.link(root)
    root.location, root.scale = (at[0], at[1], -0.11), (ahead, 1, 1)
    parts = [mesh(f"{name} hull", *_loft(_HULL, 0.22), paint, smooth=False)]
    parts += [
        mesh(f"{name} cabin", *_loft(_CABIN, 0.85), glass),
        mesh(f"{name} roof", *_roof(), paint),
    ]
    for x in (-1.3, 1.35):
        for y in (-0.78, 0.78):
            parts.append(mesh(f"{name} tyre", *_wheel(x, y, 0.33, 0.12), tyre))
            parts.append(mesh(f"{name} rim", *_wheel(x, y, 0.2, 0.13), rim))
    head = (
        material("head lit", (1, 1, 1), 0.3, glow=90)
        if lit
        else material("head", (0.8, 0.8, 0.8), 0.1)
    )
    tail = (
        material("tail lit", (1, 0.1, 0.05), 0.3, glow=4)
        if lit
        else material("tail", (0.5, 0.05, 0.05), 0.2)
    )
    for y in (-0.52, 0.52):
        parts.append(mesh(f"{name} head", *_patch(2.09, y, 0.62, 0.13, 0.07), head))
        parts.append(mesh(f"{name} tail", *_patch(-2.07, y, 0.72, 0.13, 0.07), tail))
    for part in parts:
        part.parent = root
    return root


def _loft(stations: Any, low: float) -> tuple[Any, list[tuple[int, ...]]]:
    points, faces = [], []
    for x, z, half in stations:
        wide = half + (0.03 if low < 0.5 else 0.12 * (z - low) / 0.6)
        points += [(x, -wide, low), (x, -half, z), (x, half, z), (x, wide, low)]
    for i in range(len(stations) - 1):
        a, b = 4 * i, 4 * i + 4
        faces += [(a + j, a + (j + 1) % 4, b + (j + 1) % 4, b + j) for j in range(4)]
    last = 4 * (len(stations) - 1)
    return np.array(points), [*faces, (3, 2, 1, 0), (last, last + 1, last + 2, last + 3)]


def _roof() -> tuple[Any, list[tuple[int, ...]]]:
    ends = [(x, side * (half + 0.02), z + 0.015) for x, z, half in _CABIN[1:4] for side in (-1, 1)]
    return np.array(ends), [(2 * i, 2 * i + 2, 2 * i + 3, 2 * i + 1) for i in range(2)]


def _wheel(x: float, y: float, radius: float, half: float) -> tuple[Any, list[tuple[int, ...]]]:
    turn = np.linspace(0, 2 * np.pi, 25)[:-1]
    ring = np.stack([x + radius * np.cos(turn), 0 * turn, 0.33 + radius * np.sin(turn)], axis=1)
    points = np.concatenate([ring + np.array((0, y + side, 0)) for side in (-half, half)])
    faces = [(i, (i + 1) % 24, 24 + (i + 1) % 24, 24 + i) for i in range(24)]
    return points, [*faces, tuple(range(24)), tuple(range(47, 23, -1))]


def _patch(
    x: float, y: float, z: float, wide: float, tall: float
) -> tuple[Any, list[tuple[int, ...]]]:
    out = 0.02 * np.sign(x)
    corners = [
        (x + out, y - wide, z - tall),
        (x + out, y + wide, z - tall),
        (x + out, y + wide, z + tall),
        (x + out, y - wide, z + tall),
    ]
    back = [(cx - 0.1 * np.sign(x), cy, cz) for cx, cy, cz in corners]
    return np.array(corners + back), [
        (0, 1, 2, 3),
        (0, 4, 5, 1),
        (1, 5, 6, 2),
        (2, 6, 7, 3),
        (3, 7, 4, 0),
    ]
