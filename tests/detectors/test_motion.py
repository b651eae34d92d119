"""The motion net on drawn planes: what moves is found, the light is not, doubt is said."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.config import MotionOptions
from redact.detectors import movers as movers_module
from redact.detectors.motion import MotionNet, doubled_median
from redact.detectors.movers import movers
from redact.protocols import MotionDetector
from redact.structures import Detections, Label
from redact.testing import Planes, SyntheticSource

WIDTH, HEIGHT, RATE = 320, 180, 10
Results = list[Detections | None]

_SCENE = np.random.default_rng(3).integers(60, 160, (HEIGHT // 12 + 1, WIDTH // 12 + 1))
SCENE = _SCENE.astype(np.uint8).repeat(12, 0).repeat(12, 1)


def scene(planes: Planes, shift: int = 0, light: int = 0) -> None:
    """A fixed texture; shift: pixels by which the camera was moved."""
    picture = np.roll(SCENE, shift, axis=1)[:HEIGHT, :WIDTH].astype(int)
    planes[0][:] = np.clip(picture + light, 0, 255)


def square(
    planes: Planes, x: float, y: float = 70, w: int = 16, h: int = 48, grey: int = 230
) -> None:
    left, top = round(x), round(y)
    planes[0][top : top + h, max(0, left) : max(0, left + w)] = grey


def results(
    frames: int,
    draw: Callable[[int, Planes], None],
    net: MotionNet | None = None,
    rate: int = RATE,
) -> Results:
    net = net or MotionNet(delay=10)
    out: Results = []
    for frame in SyntheticSource(frames, WIDTH, HEIGHT, rate=rate, draw=draw, noise=2.0):
        out += net.push(frame)
    return out + net.flush()


def covers(found: Detections | None, box: Sequence[float]) -> bool:
    """Whether the middle of the box lies in a region as large as most of it."""
    if found is None:
        return False
    x1, y1, x2, y2 = box
    low = np.maximum(found.xyxy[:, :2], (x1, y1))
    high = np.minimum(found.xyxy[:, 2:], (x2, y2))
    share = np.clip(high - low, 0, None).prod(1) / ((x2 - x1) * (y2 - y1))
    return bool((share > 0.7).any())


def test_it_keeps_the_contract_of_a_motion_detector() -> None:
    assert isinstance(MotionNet(), MotionDetector)


def test_a_still_noisy_scene_moves_nowhere() -> None:
    assert [len(r) for r in results(40, lambda _, p: scene(p)) if r is not None] == [0] * 40


def test_a_moving_square_is_found_in_every_frame_also_in_the_first_ones() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(planes)
        square(planes, 10 + 6 * index)

    for index, found in enumerate(results(45, draw)):
        x = 10 + 6 * index
        assert covers(found, (x, 70, x + 16, 118)), index
        assert found is not None
        assert (found.label == Label.MOTION).all()


def test_boxes_are_pixels_of_the_frame_not_of_the_small_picture() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(planes)
        square(planes, 10 + 6 * index)

    net = MotionNet(MotionOptions(width=160), delay=10)
    found = results(30, draw, net)[25]
    assert covers(found, (160, 70, 176, 118))


def test_a_step_of_light_over_the_whole_picture_is_not_motion() -> None:
    after = results(40, lambda i, p: scene(p, light=25 if i >= 20 else 0))[20:]
    assert sum(len(r) for r in after if r is not None) == 0


def test_a_square_is_found_while_the_light_steps() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(planes, light=20 if index >= 25 else 0)
        square(planes, 10 + 6 * index)

    found = results(40, draw)
    assert all(covers(found[i], (10 + 6 * i, 70, 26 + 6 * i, 118)) for i in range(25, 40))


def test_slowly_growing_daylight_is_not_motion() -> None:
    after = results(90, lambda i, p: scene(p, light=i // 3))
    assert sum(len(r) for r in after if r is not None) == 0


def test_whoever_stands_still_for_a_minute_stays_in_the_net() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(planes)
        square(planes, min(10 + 6 * max(0, index - 15), 150))

    net = MotionNet(delay=10)
    found = results(45 + 60 * 2, draw, net, rate=2)
    standing = found[45:]
    assert all(covers(r, (150, 70, 166, 118)) for r in standing)


def test_a_thing_that_stays_becomes_background_after_the_memory() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(planes)
        if index >= 20:
            square(planes, 150)

    net = MotionNet(MotionOptions(memory=1.0), delay=10)
    found = results(110, draw, net)
    assert covers(found[25], (150, 70, 166, 118))
    assert found[-1] is not None
    assert len(found[-1]) == 0


def test_when_the_camera_moves_nothing_is_known_and_later_it_is_again() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(planes, shift=0 if index < 20 else 40)

    found = results(60, draw, MotionNet(MotionOptions(global_change=0.3), delay=10))
    assert all(r is not None for r in found[:20])
    assert found[20] is None
    known = [r is not None for r in found[20:]]
    assert known == sorted(known), "once trusted, the still scene stays trusted"
    assert known[-1]
    assert all(len(r) == 0 for r in found[45:] if r is not None)


def light_goes_out(planes: Planes) -> None:
    """As when a camera goes over to infrared: less contrast, another brightness."""
    planes[0][:] = np.clip(planes[0] * 0.5 + 5, 0, 255)


def test_whoever_stood_there_when_the_light_went_out_stays_in_the_net() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(planes)
        if index >= 15:
            square(planes, min(10 + 6 * (index - 15), 150))
        if index >= 60:
            light_goes_out(planes)

    found = results(120, draw)
    assert found[60] is None
    assert found[-1] is not None
    assert all(r is None or covers(r, (150, 70, 166, 118)) for r in found[45:])
    assert all(len(r) == 1 for r in found[45:] if r is not None), "and nothing else is in it"


def test_whoever_walks_while_the_light_goes_out_is_found_and_leaves_no_ghost() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(planes)
        if index >= 30:
            square(planes, 10 + 4 * (index - 30))
        if index >= 40:
            light_goes_out(planes)

    found = results(70, draw)
    known = [(i, r) for i, r in enumerate(found) if i >= 40 and r is not None]
    assert known
    for index, result in known:
        left = 10 + 4 * (index - 30)
        assert covers(result, (left, 70, left + 16, 118))
        assert len(result) == 1


def test_while_the_camera_keeps_moving_nothing_is_known() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(planes, shift=0 if index < 20 else 37 * (index - 19))

    found = results(40, draw, MotionNet(MotionOptions(global_change=0.3), delay=10))
    assert found[20:] == [None] * 20


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(0, 12))
def test_every_frame_has_exactly_one_result_at_most_the_delay_late(frames: int, delay: int) -> None:
    net = MotionNet(delay=delay)
    given_ = 0
    for pushed, frame in enumerate(SyntheticSource(frames, 32, 24, noise=2.0), start=1):
        given_ += len(net.push(frame))
        assert pushed - delay <= given_ <= pushed
    assert given_ + len(net.flush()) == frames
    assert net.flush() == []


def test_after_a_reset_it_is_as_new() -> None:
    def draw(index: int, planes: Planes) -> None:
        scene(planes)
        square(planes, 10 + 6 * index)

    net = MotionNet(delay=10)
    first = results(20, draw, net)
    net.reset()
    for a, b in zip(first, results(20, draw, net), strict=True):
        assert a is not None
        assert b is not None
        np.testing.assert_array_equal(a.xyxy, b.xyxy)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (33, 17), (641, 361)])
def test_pictures_of_odd_and_tiny_sizes_are_looked_at(width: int, height: int) -> None:
    net = MotionNet(delay=2)
    out: Results = []
    for frame in SyntheticSource(5, width, height):
        out += net.push(frame)
    assert len(out + net.flush()) == 5


@given(st.integers(1, 24), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_median_of_pictures_is_exact(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(0, random.choice([2, 9, 511]), (n, 3, 4), dtype=np.uint16)
    np.testing.assert_array_equal(doubled_median(values), 2 * np.median(values, axis=0))


BOXES = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 20)] * 2).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


def joined(rects: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Plainly: the first two that belong together become one, until no two do."""
    for (i, a), (j, b) in combinations(enumerate(rects), 2):
        across = min(a[2], b[2]) - max(a[0], b[0])
        wide, tall = (max(a[k + 2], b[k + 2]) - min(a[k], b[k]) for k in (0, 1))
        gap = max(a[1], b[1]) - min(a[3], b[3])
        narrow = min(a[2] - a[0], b[2] - b[0])
        if across >= narrow / 2 and gap <= max(2, tall / 4) and tall <= 4.5 * wide:
            both = (*map(min, a[:2], b[:2]), *map(max, a[2:], b[2:]))
            return joined([*rects[:i], both, *rects[i + 1 : j], *rects[j + 1 :]])
    return rects


@settings(max_examples=100, deadline=None)
@given(st.lists(BOXES, max_size=20))
def test_parts_become_movers_two_by_two_from_the_first(boxes: list[tuple[int, ...]]) -> None:
    found = movers_module._join(np.array(boxes, np.float32).reshape(-1, 4))
    assert [tuple(box) for box in found.tolist()] == joined(boxes)


def test_in_rain_a_picture_is_looked_through_in_time() -> None:
    rng, rain = np.random.default_rng(0), np.zeros((270, 480), np.bool_)
    for y, x in rng.integers(0, (266, 476), (1600, 2)):
        rain[y : y + 3, x : x + 2] = True
    began = time.process_time()
    assert len(movers(rain, np.flatnonzero(rain), 1920, 1080)) > 500
    assert time.process_time() - began < 8  # a hundred times as long where all pairs are begun anew
