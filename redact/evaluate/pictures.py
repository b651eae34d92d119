"""Decoded luma of a video file, frames of two files in pairs, and the empty scene of one."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from redact.build import open_file
from redact.errors import SourceError
from redact.evaluate.truth import Truth
from redact.structures import Plane


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """y: (height, width) uint8 luma of the displayed frame. time: seconds. tick: of its clock."""

    y: Plane
    time: Fraction
    tick: Fraction
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The two pictures of one moment; None where a file has none."""

    original: Picture | None
    redacted: Picture | None


def pictures(path: Path) -> Generator[Picture]:
    """Every frame in presentation order, turned upright, decoded by a locked process as a run does
    it; fields are left as they are. Raises SourceError."""
    with closing(open_file(path, deinterlace=False)) as source:
        for frame in source:
            yield Picture(frame.y, frame.time, frame.time_base, frame.index)


def pairs(original: Path, redacted: Path) -> Iterator[Pair]:
    """Frames of both files, merged by presentation time.

    Two frames belong together when their times differ by no more than the rounding of the
    coarser clock; nothing is paired by its position. Raises SourceError, also when the sizes
    differ.
    """
    with closing(pictures(original)) as left, closing(pictures(redacted)) as right:
        a, b = next(left, None), next(right, None)
        _same_size(a, b, original, redacted)
        while a is not None or b is not None:
            order = _order(a, b)
            yield Pair(a if order <= 0 else None, b if order >= 0 else None)
            if order <= 0:
                a = next(left, None)
            if order >= 0:
                b = next(right, None)


def _order(a: Picture | None, b: Picture | None) -> int:
    """-1: a comes first or alone, 1: b does, 0: they are one moment."""
    if a is None or b is None:
        return 1 if a is None else -1
    apart = a.time - b.time
    if 2 * abs(apart) <= max(a.tick, b.tick) and (apart == 0 or a.tick != b.tick):
        return 0
    return -1 if apart < 0 else 1


def _same_size(a: Picture | None, b: Picture | None, original: Path, redacted: Path) -> None:
    for picture, path in ((a, original), (b, redacted)):
        if picture is None:
            raise SourceError(f"{path}: there is no frame in this file")
    if a is not None and b is not None and a.y.shape != b.y.shape:
        sizes = [f"{p.y.shape[1]}x{p.y.shape[0]}" for p in (a, b)]
        raise SourceError(
            f"{redacted}: shows {sizes[1]} pixels but {original} shows {sizes[0]}; only a "
            "redacted copy of the same size and rotation can be compared"
        )


def empty_scene(original: Path, truth: Truth, most: int) -> npt.NDArray[np.float32] | None:
    """(height, width) float32 luma of the scene without people; NaN where it was never seen.

    The median over up to `most` frames spread evenly over the clip, labelled people left out.
    Memory is that of `most` frames. None when most is 0.
    """
    if most == 0:
        return None
    kept: list[Picture] = []
    stride = 1
    for picture in pictures(original):
        if picture.index % stride == 0:
            kept.append(Picture(picture.y.copy(), picture.time, picture.tick, picture.index))
        if len(kept) > most:
            kept, stride = kept[::2], stride * 2
    if not kept:
        raise SourceError(f"{original}: there is no frame in this file")
    stack = np.stack([p.y for p in kept])
    for layer, picture in zip(stack, kept, strict=True):
        np.maximum(layer, 1, out=layer)
        for x1, y1, x2, y2 in truth.xyxy[truth.at(picture.index)]:
            left, right = max(0, int(x1) - 2), max(0, int(x2) + 3)
            layer[max(0, int(y1) - 2) : max(0, int(y2) + 3), left:right] = 0
    return _median_of_seen(stack)


def _median_of_seen(stack: Plane) -> npt.NDArray[np.float32]:
    """(n, h, w) uint8, 0 = not seen -> (h, w) float32, NaN where no layer is seen."""
    n, height, _ = stack.shape
    scene = np.empty(stack.shape[1:], np.float32)
    for top in range(0, height, 64):
        rows = np.sort(stack[:, top : top + 64], axis=0)
        unseen = (rows == 0).sum(axis=0)
        middle = np.minimum(unseen + (n - unseen) // 2, n - 1)
        value = np.take_along_axis(rows, middle[None], axis=0)[0].astype(np.float32)
        scene[top : top + 64] = np.where(unseen < n, value, np.nan)
    return scene
