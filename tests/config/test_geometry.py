"""Polygons: what is refused, and that inside means inside for any outline."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.errors import ConfigError
from redact.geometry import Zone

SQUARE = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([], "at least 3 points"),
        ([[0, 0], [1, 1]], "at least 3 points"),
        ([[0, 0], [1, 0], [0, 0]], "at least 3 points"),
        ([[0, 0], [1, 0], [float("nan"), 1]], "not a finite number"),
        ([[0, 0], [1, 0], [1, float("inf")]], "not a finite number"),
        ([[0, 0], [1.01, 0], [1, 1]], "beyond the frame"),
        ([[0, 0], [1, 0], [1, -0.01]], "beyond the frame"),
        ([[0, 0], [640, 0], [640, 480]], "divide pixels"),
        ([[0, 0], [1, 1], [1, 0], [0, 1]], "point 0 to 1 crosses the edge from point 2 to 3"),
        ([[0, 0], [1, 0], [0.5, 0], [0.5, 1]], "runs back over itself at point 1"),
        ([[0, 0], [0.5, 0.5], [1, 1]], "runs back over itself at point 0"),
        ([[0, 0], [0.5, 0], [1, 0], [1, 1e-10]], "repeats point 2"),
        ([[0, 0], [1, 0], [1, 1.5e-9]], "no area"),
        ([[0, 0], [0.5, 0], [0.5, 0], [0, 1]], "point 2 repeats point 1"),
        ([[0, 0], [1, 0], [1, True]], "point 2 must be a pair of numbers"),
        ([[0, 0], ["1", "0"], [1, 1]], "point 1 must be a pair of numbers"),
        ([[0, 0], [1, 0], [1, 10**400]], "point 2 .* not a finite number"),
        ([[0, 0], [1, 0], None], "point 2 must be a pair of numbers"),
        ("a string", "point 0 must be a pair of numbers"),
        (True, "pair of numbers"),
        ([[0, 0], [1, 0], [1, 1, 1]], "pair of numbers"),
        ([[0, 0], [1, 0], ["a", "b"]], "pair of numbers"),
        (None, "pair of numbers"),
        ([1, 2, 3], "pair of numbers"),
        # a bow that touches itself in a corner
        ([[0, 0], [0.5, 0.5], [1, 0], [1, 1], [0.5, 0.5], [0, 1]], "crosses"),
    ],
)
def test_an_outline_that_is_none_is_refused_with_its_place(points, said):
    with pytest.raises(ConfigError, match=said) as caught:
        Zone.of([SQUARE, points], where="yard.json")
    assert "polygons[1]" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_no_polygon_at_all_is_refused_and_says_what_to_do():
    with pytest.raises(ConfigError, match="--everyone"):
        Zone.of([])


def test_a_closed_ring_is_the_same_as_an_open_one():
    assert Zone.of([[*SQUARE, SQUARE[0]]]).digest == Zone.of([SQUARE]).digest


def test_nobody_is_on_a_property_that_is_nothing():
    points = np.random.default_rng(1).random((100, 2))
    assert not Zone.nothing().contains(points).any()
    assert (Zone.nothing().depth(points * 100, 100, 100) == -np.inf).all()


def test_the_outline_belongs_to_the_property_and_the_outline_of_a_hole_does_not():
    zone = Zone.of([SQUARE], [[[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]]])
    inside = zone.contains([[0.2, 0.5], [0.8, 0.8], [0.3, 0.3], [0.4, 0.5], [0.5, 0.5], [0.1, 0.5]])
    assert inside.tolist() == [True, True, True, False, False, False]


def test_nan_is_nowhere():
    assert not Zone.of([SQUARE]).contains([[math.nan, 0.5], [0.5, math.nan]]).any()


@st.composite
def stars(draw: st.DrawFn) -> list[list[float]]:
    """A simple polygon, concave as a rule: corners at growing angles around a centre."""
    n = draw(st.integers(3, 12))
    radii = draw(st.lists(st.floats(0.05, 0.45), min_size=n, max_size=n))
    turn = draw(st.floats(0, 1))
    angles = [2 * math.pi * (i + turn * 0.9) / n for i in range(n)]
    return [
        [0.5 + r * math.cos(a), 0.5 + r * math.sin(a)] for r, a in zip(radii, angles, strict=True)
    ]


def _winding(ring: list[list[float]], x: float, y: float) -> bool:
    """Inside by the angles under which the edges are seen: another method than the code's."""
    total = 0.0
    for (ax, ay), (bx, by) in zip(ring, ring[1:] + ring[:1], strict=True):
        a, b = math.atan2(ay - y, ax - x), math.atan2(by - y, bx - x)
        total += (b - a + math.pi) % (2 * math.pi) - math.pi
    return abs(total) > math.pi


def _near(ring: list[list[float]], x: float, y: float, reach: float) -> bool:
    depth = Zone.of([ring]).depth([[x * 1000, y * 1000]], 1000, 1000)[0]
    return abs(depth) < reach * 1000


@given(stars(), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
@settings(max_examples=120, deadline=None)
def test_inside_agrees_with_the_winding_number(ring, points):
    found = Zone.of([ring]).contains(points)
    for (x, y), inside in zip(points, found, strict=True):
        if not _near(ring, x, y, 1e-4):
            assert inside == _winding(ring, x, y)


@given(stars(), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_neither_direction_nor_the_first_corner_changes_what_is_inside(ring, points):
    zone = Zone.of([ring])
    for other in (ring[::-1], ring[2:] + ring[:2]):
        assert (Zone.of([other]).contains(points) == zone.contains(points)).all()


@given(stars(), stars(), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1))
@settings(max_examples=60, deadline=None)
def test_several_polygons_are_their_union_and_holes_are_taken_away(one, two, points):
    first, second = Zone.of([one]).contains(points), Zone.of([two]).contains(points)
    assert (Zone.of([one, two]).contains(points) == (first | second)).all()
    holed = Zone.of([one], [two]).contains(points)
    assert (holed == (first & ~second)).all()
    assert not (holed & second).any()


@given(stars(), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_depth_has_the_sign_of_inside_and_shrinks_no_faster_than_one_walks(ring, points):
    zone, scale = Zone.of([ring]), np.array([1920.0, 1080.0])
    pixels = np.array(points) * scale
    depth = zone.depth(pixels, *scale)
    assert ((depth >= 0) == zone.contains(points))[np.abs(depth) > 0.01].all()
    moved = zone.depth(pixels + np.array([3.0, 4.0]), *scale)
    crossed = np.sign(moved) != np.sign(depth)
    assert (np.abs(np.abs(moved) - np.abs(depth))[~crossed] <= 5 + 1e-6).all()


def test_a_polygon_along_the_frame_edge_is_deep_there():
    """Beyond the frame nobody can stand, so that edge is no edge of the property."""
    zone = Zone.of([[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]])
    assert zone.depth([[50, 100]], 100, 100)[0] == pytest.approx(50)


@given(stars())
@settings(max_examples=40, deadline=None)
def test_a_zone_survives_its_own_json_form(ring):
    zone = Zone.of([ring])
    again = Zone.of(**zone.to_dict())
    assert again.digest == zone.digest


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=7),
)
@settings(max_examples=300, deadline=None)
def test_what_is_accepted_on_a_grid_never_touches_itself(corners):
    """On a coarse grid touching and overlapping outlines are common; none may pass."""
    ring = [[x / 4, y / 4] for x, y in corners]
    try:
        Zone.of([ring])
    except ConfigError:
        return
    if ring[0] == ring[-1]:
        ring.pop()
    assert len({tuple(p) for p in ring}) == len(ring)
    steps = np.linspace(0, 1, 49)[1:-1]  # 1/48: meets every grid point that an edge meets
    walked: dict[tuple[float, float], int] = {}
    for index, (a, b) in enumerate(zip(ring, ring[1:] + ring[:1], strict=True)):
        along = {
            (round(a[0] + t * (b[0] - a[0]), 9), round(a[1] + t * (b[1] - a[1]), 9)) for t in steps
        }
        for point in along:
            assert walked.setdefault(point, index) == index
            assert list(point) not in ring


# Oracles of another kind: OpenCV's test, whole numbers, and sampled outlines.

_grid = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=3, max_size=9, unique=True
)


def _meet(a, b, c, d):
    """Whether two segments of whole numbers share a point; exact."""

    def side(o, p, q):
        z = (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0])
        return (z > 0) - (z < 0)

    def on(p, q, r):
        return side(p, q, r) == 0 and all(
            min(p[k], q[k]) <= r[k] <= max(p[k], q[k]) for k in (0, 1)
        )

    if side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0:
        return True
    return on(a, b, c) or on(a, b, d) or on(c, d, a) or on(c, d, b)


def _is_simple(ring):
    n = len(ring)
    edges = [(ring[i], ring[(i + 1) % n]) for i in range(n)]
    for i in range(n):
        for j in range(i + 1, n):
            (a, b), (c, d) = edges[i], edges[j]
            if j == i + 1 or (i == 0 and j == n - 1):
                shared, p, q = (b, a, d) if j == i + 1 else (a, b, c)
                u, v = [(r[0] - shared[0], r[1] - shared[1]) for r in (p, q)]
                if u[0] * v[1] == u[1] * v[0] and u[0] * v[0] + u[1] * v[1] > 0:
                    return False
            elif _meet(a, b, c, d):
                return False
    return True


@given(_grid)
@settings(max_examples=300, deadline=None)
def test_exactly_the_outlines_that_cross_or_touch_themselves_are_refused(corners):
    try:
        Zone.of([[(x / 8, y / 8) for x, y in corners]])
        accepted = True
    except ConfigError:
        accepted = False
    assert accepted == _is_simple(corners)


@given(_grid.filter(_is_simple), st.lists(st.tuples(st.integers(0, 32), st.integers(0, 32))))
@settings(max_examples=150, deadline=None)
def test_inside_agrees_with_opencv_on_the_outline_too(corners, points):
    import cv2

    zone = Zone.of([[(x / 8, y / 8) for x, y in corners]])
    outline = np.array(corners, np.float32) * 4
    want = [cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in points]
    assert zone.contains([(x / 32, y / 32) for x, y in points]).tolist() == want


@given(stars(), st.tuples(st.floats(0, 1), st.floats(0, 1)))
@settings(max_examples=60, deadline=None)
def test_depth_is_the_distance_to_the_outline_in_pixels(ring, point):
    width, height = 640, 360
    scale = np.array([width, height])
    zone = Zone.of([ring])
    corners = zone.polygons[0]
    edge = np.any(
        (corners == np.roll(corners, -1, axis=0)) & ((corners == 0) | (corners == 1)), axis=1
    )
    t = np.linspace(0, 1, 2001)[:, None, None]
    along = (corners * (1 - t) + np.roll(corners, -1, axis=0) * t)[:, ~edge] * scale
    sampled = np.linalg.norm(along - np.array(point) * scale, axis=-1).min(initial=np.inf)
    depth = zone.depth(np.array([point]) * scale, width, height)[0]
    assert abs(depth) == pytest.approx(sampled, abs=0.5)  # 2000 samples an edge
    assert (depth >= 0) == zone.contains([point])[0] or abs(depth) < 0.01


def _circle(n):
    turn = np.arange(n) * 2 * np.pi / n
    return [[0.5 + 0.4 * math.cos(a), 0.5 + 0.4 * math.sin(a)] for a in turn]


def test_two_thousand_points_are_checked_within_a_second_and_more_are_refused():
    began = time.process_time()
    zone = Zone.of([_circle(2000)])
    assert time.process_time() - began < 1
    assert zone.contains([[0.5, 0.5]])[0]
    with pytest.raises(ConfigError, match=r"polygons\[0\]: 2001 points are more than 2000"):
        Zone.of([_circle(2001)])


def test_a_hole_beyond_every_polygon_takes_nothing_away():
    hole = [[0.85, 0.85], [0.95, 0.85], [0.95, 0.95]]
    points = np.random.default_rng(2).random((500, 2))
    with_hole = Zone.of([SQUARE], [hole]).contains(points)
    assert (with_hole == Zone.of([SQUARE]).contains(points)).all()


@given(stars(), stars())
@settings(max_examples=30, deadline=None)
def test_area_is_the_share_of_points_that_are_inside(ring, hole):
    zone = Zone.of([ring], [hole])
    points = (np.stack(np.meshgrid(np.arange(256), np.arange(256)), axis=-1) + 0.5) / 256
    assert zone.area == pytest.approx(zone.contains(points).mean(), abs=2e-3)
    assert Zone.of([SQUARE], [SQUARE]).area == 0
    assert Zone.of([SQUARE]).area == pytest.approx(0.36, abs=0.01)


@given(stars(), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=9))
@settings(max_examples=60, deadline=None)
def test_a_point_is_as_deep_among_others_as_alone(ring, points):
    zone = Zone.of([ring])
    depth = zone.depth(np.array(points) * (640, 480), 640, 480)
    alone = [zone.depth(np.array(p) * (640, 480), 640, 480)[0] for p in points]
    assert depth.tolist() == alone
