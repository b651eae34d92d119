"""The property on the ground: polygons in shares of the displayed frame.

Polygons may be concave; there may be many, and holes. The even-odd crossing test follows
Shimrat, "Algorithm 112: position of point relative to polygon", CACM 1962.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from redact.errors import ConfigError

Points = npt.NDArray[np.float64]
Column = npt.NDArray[np.float64]
Point = tuple[float, float]
Ring = Sequence[Point]

_AT_ONCE = 1_000_000  # pairs of a point and an edge that are looked at together
MAX_POINTS = 2000  # of one polygon; every frame is tested against all of them

# Points this close to an edge (in shares of the frame) count as on it: 1/100 of a 4K pixel.
_ON_EDGE = 2.5e-6
_NEAR_EDGE = 0.02  # of the frame: an edge that was probably meant to be reached
_HORIZON = 0.1  # of the frame from its top: seldom ground
_SAME = 1e-9  # points this close are one


def parse_polygon(points: Any, where: str) -> Points:
    """Check one polygon and return it as (k, 2) float64.

    points: a sequence of [x, y] pairs in 0..1. where: what to call it in the message.
    Raises ConfigError for fewer than 3 or too many points, values that are no numbers or beyond
    0..1, and outlines that repeat a point, run back over themselves or cross themselves.
    """
    try:
        ring = [_pair(point, f"{where}: point {i}") for i, point in enumerate(points)]
    except TypeError:
        raise ConfigError(f"{where}: every point must be a pair of numbers [x, y]") from None
    if len(ring) > 1 and ring[0] == ring[-1]:
        ring.pop()
    if len(ring) < 3:
        raise ConfigError(f"{where}: a polygon needs at least 3 points, this one has {len(ring)}")
    if len(ring) > MAX_POINTS:
        raise ConfigError(
            f"{where}: {len(ring)} points are more than {MAX_POINTS}; draw a simpler outline"
        )
    _check_outline(ring, where)
    polygon = np.array(ring, dtype=np.float64)
    if abs(_area(polygon)) < 1e-9:
        raise ConfigError(f"{where}: the polygon has no area")
    polygon.flags.writeable = False
    return polygon


def _pair(point: Any, where: str) -> tuple[float, float]:
    """One point, checked. Raises ConfigError."""
    try:
        x, y = point
        if any(isinstance(v, bool | np.bool_) or not isinstance(v, Real) for v in (x, y)):
            raise TypeError
        x, y = float(x), float(y)
    except (TypeError, ValueError):
        raise ConfigError(f"{where} must be a pair of numbers [x, y]") from None
    except OverflowError:
        x = y = math.inf
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ConfigError(f"{where} ({x}, {y}) is not a finite number")
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise ConfigError(
            f"{where} ({x:g}, {y:g}) is beyond the frame; coordinates are shares of the displayed "
            "frame, from 0 to 1 (divide pixels by the width and height)"
        )
    return x, y


def _check_outline(ring: Ring, where: str) -> None:
    """Raise ConfigError where an outline repeats a point, runs back or crosses itself."""
    n = len(ring)
    for i in range(n):
        before, here, after = ring[i - 1], ring[i], ring[(i + 1) % n]
        if max(abs(here[0] - after[0]), abs(here[1] - after[1])) < _SAME:
            raise ConfigError(
                f"{where}: point {(i + 1) % n} repeats point {i}; leave one of them out"
            )
        if _side(here, before, after) == 0 and _dot(here, before, after) > 0:
            raise ConfigError(f"{where}: the outline runs back over itself at point {i}; remove it")
    crossing = _first_crossing(ring)
    if crossing is not None:
        i, j = crossing
        raise ConfigError(
            f"{where}: the edge from point {i} to {(i + 1) % n} crosses the edge from point {j} to "
            f"{(j + 1) % n}; draw the outline so that it does not cross itself"
        )


def _area(ring: Points) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _side(o: Point, p: Point, q: Point) -> float:
    return (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0])


def _first_crossing(ring: Ring) -> tuple[int, int] | None:
    """The first two edges, not neighbours, that share a point."""
    points = np.array(ring, dtype=np.float64)
    after, n = np.roll(points, -1, axis=0), len(ring)
    for i in range(n - 2):
        last = n - 1 if i == 0 else n  # the last edge is a neighbour of the first
        meets = _touch(points[i], after[i], points[i + 2 : last], after[i + 2 : last])
        if meets.any():
            return i, i + 2 + int(meets.argmax())
    return None


def _touch(a: Points, b: Points, c: Points, d: Points) -> npt.NDArray[np.bool_]:
    """(m,) bool: whether segment ab shares a point with each of the segments c[k] d[k]."""
    s = (_cross(d - c, a - c), _cross(d - c, b - c), _cross(b - a, c - a), _cross(b - a, d - a))
    touch: npt.NDArray[np.bool_] = (s[0] * s[1] < 0) & (s[2] * s[3] < 0)
    for side, p, q, r in ((s[0], c, d, a), (s[1], c, d, b), (s[2], a, b, c), (s[3], a, b, d)):
        within = (np.minimum(p, q) <= r) & (r <= np.maximum(p, q))
        touch |= (side == 0) & within.all(axis=-1)
    return touch


def _cross(u: Points, v: Points) -> Points:
    product: Points = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    return product


def _dot(o: Point, p: Point, q: Point) -> float:
    return (p[0] - o[0]) * (q[0] - o[0]) + (p[1] - o[1]) * (q[1] - o[1])


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """The edges of an outline: each goes from (x, y) by (dx, dy) down or up to `end`; all (m,).

    rise: dy, or 1 where an edge is level, which no ray along it crosses. squared: the length.
    """

    x: Column
    y: Column
    dx: Column
    dy: Column
    end: Column
    rise: Column
    squared: Column

    @classmethod
    def of(cls, ring: Points, after: Points) -> _Edges:
        (x, y), (dx, dy) = ring.T.copy(), (after - ring).T.copy()
        squared = np.maximum(dx * dx + dy * dy, 1e-300)
        return cls(x, y, dx, dy, after[:, 1].copy(), np.where(dy == 0, 1.0, dy), squared)

    def hold(self, points: Points) -> npt.NDArray[np.bool_]:
        """(n,) bool, even-odd test; points on the outline count as inside."""
        x, y = points[:, 0, None], points[:, 1, None]
        at = self.dx * (y - self.y)
        at /= self.rise
        at += self.x
        crosses = ((self.y > y) != (self.end > y)) & (x < at)
        inside: npt.NDArray[np.bool_] = np.logical_xor.reduce(crosses, axis=1)
        inside |= self.distance(points) <= _ON_EDGE
        return inside

    def distance(self, points: Points) -> npt.NDArray[np.float64]:
        """(n,) distance of each point to the nearest edge; infinite without any."""
        if not len(self.x):
            return np.full(len(points), np.inf)
        x, y = points[:, 0, None] - self.x, points[:, 1, None] - self.y
        along = x * self.dx
        along += y * self.dy
        along /= self.squared
        np.minimum(np.maximum(along, 0, out=along), 1, out=along)
        x -= along * self.dx
        y -= np.multiply(along, self.dy, out=along)
        x *= x
        y *= y
        x += y
        nearest: npt.NDArray[np.float64] = np.sqrt(np.minimum.reduce(x, axis=1))
        return nearest


def _covers(ring: Points, n: int) -> npt.NDArray[np.bool_]:
    """(n, n) bool: the even-odd test for the middles of n x n cells of the frame, row by row."""
    steps = (np.arange(n) + 0.5) / n
    (x1, y1), (x2, y2) = ring.T, np.roll(ring, -1, axis=0).T
    covered = np.zeros((n, n), dtype=np.bool_)
    for row, y in enumerate(steps):
        on = (y1 > y) != (y2 > y)
        crossed = (x2 - x1)[on] * (y - y1[on]) / (y2 - y1)[on] + x1[on]
        covered[row] = np.searchsorted(np.sort(crossed), steps) % 2 == 1
    return covered


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
        polygons, holes, step = _edges(self)
        for start in range(0, len(p), step):
            part = slice(start, start + step)
            for edges in polygons:
                inside[part] |= edges.hold(p[part])
            for edges in holes:
                inside[part] &= ~edges.hold(p[part])
        return inside

    def depth(self, points: npt.ArrayLike, width: float, height: float) -> npt.NDArray[np.float64]:
        """(n, 2) points in *pixels* of a width x height frame -> (n,) signed distance in pixels
        to the nearest outline: positive on the property, negative beyond it.

        Outlines that run along a frame edge do not count: beyond them there is no picture in
        which a stranger could stand.
        """
        p = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        if not len(p):
            return np.zeros(0)
        depth = _inner_edges(self, width, height).distance(p)
        beyond = ~self.contains(p / np.array([width, height], dtype=np.float64))
        return np.negative(depth, out=depth, where=beyond)

    @property
    def area(self) -> float:
        """Share of the frame that is property, by 256 x 256 points."""
        covered = np.zeros((256, 256), dtype=np.bool_)
        for ring in self.polygons:
            covered |= _covers(ring, 256)
        for ring in self.holes:
            covered &= ~_covers(ring, 256)
        return float(covered.mean())

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


@lru_cache(maxsize=16)
def _edges(zone: Zone) -> tuple[tuple[_Edges, ...], tuple[_Edges, ...], int]:
    """Of its polygons and of its holes, and how many points to test at once: that bounds memory
    where both are many. Zones compare by identity, so a cached one stays valid."""

    def of(rings: tuple[Points, ...]) -> tuple[_Edges, ...]:
        return tuple(_Edges.of(ring, np.roll(ring, -1, axis=0)) for ring in rings)

    corners = max((len(ring) for ring in (*zone.polygons, *zone.holes)), default=1)
    return of(zone.polygons), of(zone.holes), max(1, _AT_ONCE // corners)


@lru_cache(maxsize=16)
def _inner_edges(zone: Zone, width: float, height: float) -> _Edges:
    """In pixels, of all outlines: the edges that do not run along an edge of the frame."""
    scale = np.array([width, height], dtype=np.float64)
    found, ends = [np.zeros((0, 2))], [np.zeros((0, 2))]
    for ring in (*zone.polygons, *zone.holes):
        after = np.roll(ring, -1, axis=0)
        on_frame_edge = np.any(
            (np.abs(ring - after) <= _ON_EDGE)
            & ((np.minimum(ring, after) <= _ON_EDGE) | (np.maximum(ring, after) >= 1 - _ON_EDGE)),
            axis=1,
        )
        found.append((ring * scale)[~on_frame_edge])
        ends.append((after * scale)[~on_frame_edge])
    return _Edges.of(np.concatenate(found), np.concatenate(ends))


def doubts(zone: Zone) -> list[str]:
    """What is allowed in an outline but seldom meant, one line each."""
    area = zone.area
    said = [*_doubts_of_rings(zone), *_near_misses(zone)]
    if area > 0.95:
        said.append("covers nearly the whole picture: hardly anyone will be hidden")
    elif area < 0.002:
        said.append("covers next to nothing: nearly everyone will be hidden")
    return said


def _doubts_of_rings(zone: Zone) -> Iterator[str]:
    for i, ring in enumerate(zone.polygons):
        others = Zone(zone.polygons[:i] + zone.polygons[i + 1 :])
        if ring[:, 1].max() <= 1 / 3:
            yield (
                f"polygons[{i}] lies in the upper third of the picture, where seldom anyone "
                "stands: outline the ground, not walls or sky"
            )
        elif ring[:, 1].min() <= _HORIZON:
            yield (
                f"polygons[{i}] reaches nearly to the top of the picture: does it include the "
                "horizon, walls or sky? outline the ground alone"
            )
        if others.contains(ring).all():
            yield f"polygons[{i}] lies in another polygon and adds nothing: is it a hole?"
    for i, ring in enumerate(zone.holes):
        apart = (
            Zone(zone.polygons).contains(ring),
            *(Zone((ring,)).contains(p) for p in zone.polygons),
        )
        if not any(side.any() for side in apart):
            yield f"holes[{i}] lies beyond every polygon and takes nothing away"


def _near_misses(zone: Zone) -> Iterator[str]:
    """Outlines that end just before a frame edge: people cut off by it stay hidden."""
    for i, ring in enumerate(zone.polygons):
        (left, top), (right, bottom) = ring.min(axis=0), ring.max(axis=0)
        gaps = {"left": left, "top": top, "right": 1 - right, "bottom": 1 - bottom}
        near = [name for name, gap in gaps.items() if _ON_EDGE < gap <= _NEAR_EDGE]
        if near:
            yield (
                f"polygons[{i}] ends just before the {', '.join(near)} of the picture: people cut "
                "off there stay hidden; draw it to the edge if the property goes on"
            )
