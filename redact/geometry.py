"""The property on the ground: polygons in shares of the displayed frame.

Polygons may be concave; there may be many, and holes. The even-odd crossing test follows
Shimrat, "Algorithm 112: position of point relative to polygon", CACM 1962.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from redact.errors import ConfigError

Points = npt.NDArray[np.float64]

# Points this close to an edge (in shares of the frame) count as on it: 1/100 of a 4K pixel.
_ON_EDGE = 2.5e-6


def parse_polygon(points: Any, where: str) -> Points:
    """Check one polygon and return it as (k, 2) float64.

    points: a sequence of [x, y] pairs in 0..1. where: what to call it in the message.
    Raises ConfigError for fewer than 3 points, NaN, values beyond 0..1, or crossing edges.
    """
    try:
        ring = [(float(x), float(y)) for x, y in points]
    except (TypeError, ValueError):
        raise ConfigError(f"{where}: every point must be a pair of numbers [x, y]") from None
    if len(ring) > 1 and ring[0] == ring[-1]:
        ring.pop()
    if len(ring) < 3:
        raise ConfigError(f"{where}: a polygon needs at least 3 points, this one has {len(ring)}")
    for i, (x, y) in enumerate(ring):
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ConfigError(f"{where}: point {i} ({x}, {y}) is not a finite number")
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ConfigError(
                f"{where}: point {i} ({x:g}, {y:g}) is beyond the frame; coordinates are shares "
                "of the displayed frame, from 0 to 1 (divide pixels by the width and height)"
            )
    crossing = _first_crossing(ring)
    if crossing is not None:
        raise ConfigError(
            f"{where}: edge {crossing[0]} crosses edge {crossing[1]}; draw the outline so that "
            "it does not cross itself"
        )
    polygon = np.array(ring, dtype=np.float64)
    if abs(_area(polygon)) < 1e-9:
        raise ConfigError(f"{where}: the polygon has no area")
    polygon.flags.writeable = False
    return polygon


def _area(ring: Points) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _side(a: tuple[float, float], b: tuple[float, float], p: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def _between(a: tuple[float, float], b: tuple[float, float], p: tuple[float, float]) -> bool:
    return min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])


def _touch(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]
) -> bool:
    """Whether segments ab and cd share a point."""
    s = (_side(c, d, a), _side(c, d, b), _side(a, b, c), _side(a, b, d))
    if s[0] * s[1] < 0 and s[2] * s[3] < 0:
        return True
    ends = ((s[0], c, d, a), (s[1], c, d, b), (s[2], a, b, c), (s[3], a, b, d))
    return any(side == 0 and _between(p, q, r) for side, p, q, r in ends)


def _first_crossing(ring: Sequence[tuple[float, float]]) -> tuple[int, int] | None:
    n = len(ring)
    for i in range(n):
        a, b = ring[i], ring[(i + 1) % n]
        if a == b:
            return i, (i + 1) % n
        for j in range(i + 1, n):
            c, d = ring[j], ring[(j + 1) % n]
            adjacent = j == i + 1 or (i == 0 and j == n - 1)
            if adjacent:
                shared, p, q = (b, a, d) if j == i + 1 else (a, b, c)
                # Neighbouring edges share a corner; they may not run back over each other.
                if _side(shared, p, q) == 0 and _dot(shared, p, q) > 0:
                    return i, j
            elif _touch(a, b, c, d):
                return i, j
    return None


def _dot(o: tuple[float, float], p: tuple[float, float], q: tuple[float, float]) -> float:
    return (p[0] - o[0]) * (q[0] - o[0]) + (p[1] - o[1]) * (q[1] - o[1])


def _in_ring(ring: Points, points: Points) -> npt.NDArray[np.bool_]:
    """Even-odd test; points on the outline count as inside."""
    x, y = points[:, 0, None], points[:, 1, None]
    x1, y1 = ring[None, :, 0], ring[None, :, 1]
    after = np.roll(ring, -1, axis=0)
    x2, y2 = after[None, :, 0], after[None, :, 1]
    spans = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crosses = spans & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    inside: npt.NDArray[np.bool_] = crosses.sum(axis=1) % 2 == 1
    inside |= _distance(ring, points) <= _ON_EDGE
    return inside


def _distance(ring: Points, points: Points) -> npt.NDArray[np.float64]:
    """(n,) distance of each point to the outline."""
    a = ring[None]
    d = np.roll(ring, -1, axis=0)[None] - a
    p = points[:, None] - a
    t = np.clip((p * d).sum(-1) / (d * d).sum(-1), 0, 1)
    nearest: npt.NDArray[np.float64] = np.linalg.norm(p - t[..., None] * d, axis=-1).min(axis=1)
    return nearest


@dataclass(frozen=True, slots=True, eq=False)
class Zone:
    """The property: the union of `polygons` less the union of `holes`.

    Each is (k, 2) float64 in shares of the displayed frame, checked by `parse_polygon`.
    """

    polygons: tuple[Points, ...]
    holes: tuple[Points, ...] = ()

    @classmethod
    def of(cls, polygons: Iterable[Any], holes: Iterable[Any] = (), where: str = "zone") -> Zone:
        """Check and build. Raises ConfigError, also when there is no polygon at all."""
        outer = tuple(parse_polygon(p, f"{where}: polygons[{i}]") for i, p in enumerate(polygons))
        inner = tuple(parse_polygon(p, f"{where}: holes[{i}]") for i, p in enumerate(holes))
        if not outer:
            raise ConfigError(
                f"{where}: there is no polygon; draw the property, or pass --everyone to hide "
                "everyone in the picture"
            )
        return cls(outer, inner)

    @classmethod
    def nothing(cls) -> Zone:
        """No property at all: everyone is outside."""
        return cls(())

    def contains(self, points: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """(n, 2) points in shares of the frame -> (n,) bool. The outline counts as property,
        the outline of a hole does not."""
        p = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        inside = np.zeros(len(p), dtype=np.bool_)
        for ring in self.polygons:
            inside |= _in_ring(ring, p)
        for ring in self.holes:
            inside &= ~_in_ring(ring, p)
        return inside

    def depth(self, points: npt.ArrayLike, width: float, height: float) -> npt.NDArray[np.float64]:
        """(n, 2) points in *pixels* of a width x height frame -> (n,) signed distance in pixels
        to the nearest outline: positive on the property, negative beyond it.

        Outlines that run along a frame edge do not count: beyond them there is no picture in
        which a stranger could stand.
        """
        p = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        scale = np.array([width, height], dtype=np.float64)
        nearest = np.full(len(p), np.inf)
        for ring in (*self.polygons, *self.holes):
            nearest = np.minimum(nearest, _distance_to_inner_edges(ring, p, scale))
        sign = np.where(self.contains(p / scale), 1.0, -1.0)
        signed: npt.NDArray[np.float64] = sign * nearest
        return signed

    @property
    def area(self) -> float:
        """Share of the frame that is property, by 256 x 256 points."""
        steps = (np.arange(256) + 0.5) / 256
        return float(self.contains(np.stack(np.meshgrid(steps, steps), axis=-1)).mean())

    @property
    def frame_edges(self) -> list[str]:
        """The edges of the frame that the property reaches."""
        steps = (np.arange(256) + 0.5) / 256
        zero, one = np.zeros(256), np.ones(256)
        edges = {
            "left": (zero, steps),
            "top": (steps, zero),
            "right": (one, steps),
            "bottom": (steps, one),
        }
        return [n for n, xy in edges.items() if self.contains(np.stack(xy, axis=1)).any()]

    def to_dict(self) -> dict[str, list[list[list[float]]]]:
        """The `zone.json` form."""
        out = {"polygons": [p.tolist() for p in self.polygons]}
        if self.holes:
            out["holes"] = [p.tolist() for p in self.holes]
        return out

    @property
    def digest(self) -> str:
        """sha256 of the canonical JSON form."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _distance_to_inner_edges(ring: Points, p: Points, scale: Points) -> npt.NDArray[np.float64]:
    after = np.roll(ring, -1, axis=0)
    on_frame_edge = np.any(
        (np.abs(ring - after) <= _ON_EDGE)
        & ((np.minimum(ring, after) <= _ON_EDGE) | (np.maximum(ring, after) >= 1 - _ON_EDGE)),
        axis=1,
    )
    a, d = (ring * scale)[~on_frame_edge], ((after - ring) * scale)[~on_frame_edge]
    if not len(a):
        return np.full(len(p), np.inf)
    q = p[:, None] - a[None]
    t = np.clip((q * d).sum(-1) / np.maximum((d * d).sum(-1), 1e-12), 0, 1)
    nearest: npt.NDArray[np.float64] = np.linalg.norm(q - t[..., None] * d, axis=-1).min(axis=1)
    return nearest
