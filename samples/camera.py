"""The camera: over the door, 2.6 m high, a wide straight lens, tilted down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WIDTH, HEIGHT, RATE, SECONDS = 1280, 720, 15, 16
PITCH = 18.0  # degrees


@dataclass(frozen=True)
class Camera:
    high: float = 2.6
    focal: float = 680.0

    @property
    def axes(self) -> Floats:
        """Rows: right, down, ahead."""
        s, c = np.sin(np.radians(PITCH)), np.cos(np.radians(PITCH))
        return np.array([[1, 0, 0], [0, -s, -c], [0, c, -s]], np.float64)


CAMERA = Camera()


def project(points: Floats) -> tuple[Floats, Floats, Floats]:
    """x and y in pixels, and the depth along the axis, of (n, 3) points of the world."""
    right, down, ahead = CAMERA.axes @ (points - (0, 0, CAMERA.high)).T
    near = np.where(np.abs(ahead) < 1e-6, 1e-6, ahead)
    return (
        WIDTH / 2 + CAMERA.focal * right / near,
        HEIGHT / 2 + CAMERA.focal * down / near,
        ahead,
    )


def spread() -> Floats:
    """(h, w, 3): the way each pixel looks, unit vectors."""
    x = (np.arange(WIDTH) + 0.5 - WIDTH / 2) / CAMERA.focal
    y = (np.arange(HEIGHT) + 0.5 - HEIGHT / 2) / CAMERA.focal
    way = np.stack([*np.meshgrid(x, y), np.ones((HEIGHT, WIDTH))], axis=2) @ CAMERA.axes
    return way / np.linalg.norm(way, axis=2, keepdims=True)
