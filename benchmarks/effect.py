"""What does hiding cost? Milliseconds per 1080p frame, by effect and by number of people.

Every frame is new to the effect: people walk 3 px per frame at 15 frames per second, so new
cells are sampled all the time. `none` is the copy of the planes that every effect needs once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from benchmarks.provenance import card, command, machine, today
from benchmarks.schema import Effect, Hiding, Spread
from redact.config import EffectOptions
from redact.effects import make_effect
from redact.geometry import Zone
from redact.structures import Frame, Mask

HEIGHT, WIDTH = 1080, 1920
PROPERTY = Zone.of([[[0.2, 0.35], [0.75, 0.3], [0.9, 1], [0.05, 1]]])


def people(count: int, width: int, height: int) -> Callable[[int], Mask]:
    """Masks of `count` people who walk; they overlap where they are many."""
    start = np.random.default_rng(count).uniform(0, 1, (count, 2))
    start *= [WIDTH - width - 200, HEIGHT - height]

    def at(index: int) -> Mask:
        corner = start + np.array([3 * (index % 60), 0])
        boxes = np.concatenate([corner, corner + np.array([width, height])], axis=1)
        return Mask(boxes.astype(np.float32), np.full(count, width / 1.2, np.float32))

    return at


SCENES: dict[str, Callable[[int], Mask]] = {
    "nobody": lambda _: Mask(),
    "1 near, 200x400": people(1, 200, 400),
    "4 near": people(4, 200, 400),
    "16 near": people(16, 200, 400),
    "1 far, 30x80": people(1, 30, 80),
    "4 far": people(4, 30, 80),
    "16 far": people(16, 30, 80),
    "whole outside": lambda _: Mask(outside=PROPERTY),
    "whole frame": lambda _: Mask(whole=True),
}


def frames() -> list[Frame]:
    """Four noisy pictures of one scene, with padded rows as a decoder's."""
    rng = np.random.default_rng(0)
    scene = rng.integers(40, 200, (HEIGHT * 3 // 2, WIDTH + 64), dtype=np.uint8)
    pictures = []
    for index in range(4):
        planes = scene + rng.integers(0, 3, scene.shape, dtype=np.uint8)
        y = planes[:HEIGHT, :WIDTH]
        u, v = planes[HEIGHT:, : WIDTH // 2], planes[HEIGHT:, WIDTH // 2 : WIDTH]
        pictures.append(Frame(y, u, v, index, Fraction(1, 15), index))
    return pictures


def measure(effect: object, mask_at: Callable[[int], Mask], count: int) -> list[float]:
    """Milliseconds of each of `count` frames, after some that warm up."""
    pictures, spent = frames(), []
    for index in range(-min(30, count), count):
        picture = pictures[index % 4]
        frame = Frame(picture.y, picture.u, picture.v, index, picture.time_base, index)
        mask = mask_at(index)
        start = time.perf_counter()
        effect.apply(frame, mask)  # type: ignore[attr-defined]
        if index >= 0:
            spent.append((time.perf_counter() - start) * 1e3)
    return spent


def copies(count: int) -> list[float]:
    """Milliseconds of copying a frame's planes into one fresh buffer."""
    picture, spent = frames()[0], []
    luma, chroma = HEIGHT * WIDTH, HEIGHT * WIDTH // 4
    for _ in range(count):
        start = time.perf_counter()
        flat = np.empty(luma + 2 * chroma, np.uint8)
        flat[:luma].reshape(HEIGHT, WIDTH)[:] = picture.y
        flat[luma : luma + chroma].reshape(HEIGHT // 2, -1)[:] = picture.u
        flat[luma + chroma :].reshape(HEIGHT // 2, -1)[:] = picture.v
        spent.append((time.perf_counter() - start) * 1e3)
    return spent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", type=int, default=150)


def run(given: argparse.Namespace) -> Effect:
    count = 3 if given.quick else given.frames
    kinds = ("blur", "fill", "erase") if given.device == "cpu" else ("blur", "fill")
    rows = [Hiding(effect="none", scene="copy", ms=Spread.of(copies(count)))]
    for kind in kinds:
        for name, scene in SCENES.items():
            options = EffectOptions(kind=kind)  # type: ignore[arg-type]
            placed = {} if given.device == "cpu" else {"device": given.device}
            spent = measure(make_effect(options, **placed), scene, count)
            rows.append(Hiding(effect=kind, scene=name, ms=Spread.of(spent)))
    return Effect(
        date=today(),
        command=command(),
        quick=given.quick,
        machine=machine(device=card(given.device)),
        height=HEIGHT,
        width=WIDTH,
        rows=rows,
    )
