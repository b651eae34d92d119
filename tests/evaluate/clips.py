"""Pseudo-redactions: copies of a clip with the people beyond the property hidden in known ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from redact.evaluate import load_truth
from redact.geometry import Zone

Box = tuple[float, float, float, float]
Hide = Callable[[list[np.ndarray], Box], None]

HEAD = 1 / 6.5


def nothing(planes: list[np.ndarray], box: Box) -> None:
    """Not hidden: re-encoded only."""


def fill(planes: list[np.ndarray], box: Box) -> None:
    for plane, value, scale in zip(planes, (16, 128, 128), (1, 2, 2), strict=True):
        part = _part(plane, box, scale)
        part[:] = value


def blur(planes: list[np.ndarray], box: Box) -> None:
    """True means over four cells across the shorter side, smoothed."""
    for plane, scale in zip(planes, (1, 2, 2), strict=True):
        part = _part(plane, box, scale)
        if part.size == 0:
            continue
        cell = max(1.0, min(box[2] - box[0], box[3] - box[1]) / scale / 4)
        height, width = part.shape
        size = (max(1, round(width / cell)), max(1, round(height / cell)))
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        part[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def reshaped(hide: Hide, shape: Callable[[Box], Box]) -> Hide:
    """`hide`, with another box."""
    return lambda planes, box: hide(planes, shape(box))


def grown(share: float) -> Callable[[Box], Box]:
    def shape(box: Box) -> Box:
        x, y = (box[2] - box[0]) * share, (box[3] - box[1]) * share
        return box[0] - x, box[1] - y, box[2] + x, box[3] + y

    return shape


def below_head(box: Box) -> Box:
    return box[0], box[1] + (box[3] - box[1]) * HEAD, box[2], box[3]


def head_only(box: Box) -> Box:
    return box[0], box[1], box[2], box[1] + (box[3] - box[1]) * HEAD


def moved(share: float) -> Callable[[Box], Box]:
    def shape(box: Box) -> Box:
        by = (box[2] - box[0]) * share
        return box[0] + by, box[1], box[2] + by, box[3]

    return shape


def _part(plane: np.ndarray, box: Box, scale: int) -> np.ndarray:
    height, width = plane.shape
    left, right = (min(width, max(0, round(v / scale))) for v in (box[0], box[2]))
    top, bottom = (min(height, max(0, round(v / scale))) for v in (box[1], box[3]))
    return plane[top:bottom, left:right]


def planes_of(path: Path, limit: int) -> Iterator[tuple[list[np.ndarray], int, Fraction]]:
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= limit:
                return
            flat = frame.to_ndarray(format="yuv420p").reshape(-1)
            h, w = frame.height, frame.width
            y, u, v = np.split(flat, [h * w, h * w * 5 // 4])
            shapes = ((h, w), (h // 2, w // 2), (h // 2, w // 2))
            planes = [p.reshape(s).copy() for p, s in zip((y, u, v), shapes, strict=True)]
            yield planes, frame.pts, frame.time_base


def write(path: Path, frames: Iterator[tuple[list[np.ndarray], int, Fraction]], crf: int) -> Path:
    """Encode planes at their own pts."""
    with av.open(str(path), "w") as out:
        stream = None
        for planes, pts, base in frames:
            height, width = planes[0].shape
            if stream is None:
                options = {"crf": str(crf), "preset": "superfast"}
                stream = out.add_stream("libx264", rate=25, options=options)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                stream.time_base = stream.codec_context.time_base = base
            flat = np.concatenate([p.reshape(-1) for p in planes]).reshape(-1, width)
            frame = av.VideoFrame.from_ndarray(flat, format="yuv420p")
            frame.pts, frame.time_base = pts, base
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


class Clip:
    """A clip with truth and zone, cut to its first `limit` frames."""

    def __init__(self, video: Path, truth: Path, zone: Zone, limit: int, work: Path) -> None:
        self.video, self.zone, self.limit, self.work = video, zone, limit, work
        lines = truth.read_text().splitlines()
        kept = [row for row in lines[1:] if int(row.split(",")[0]) < limit]
        self.truth = work / "truth.csv"
        self.truth.write_text("\n".join([lines[0], *kept]) + "\n")
        self.labels = load_truth(self.truth)
        self.original = write(work / "original.mp4", planes_of(video, limit), 18)

    def redacted(
        self, hide: Hide, crf: int = 23, misses: Callable[[int], bool] = lambda _: False
    ) -> Path:
        """A copy with `hide` done to everyone beyond the property, except in missed frames."""
        return write(self.work / "redacted.mp4", self._hidden(hide, misses), crf)

    def _hidden(
        self, hide: Hide, misses: Callable[[int], bool]
    ) -> Iterator[tuple[list[np.ndarray], int, Fraction]]:
        for index, (planes, pts, base) in enumerate(planes_of(self.original, self.limit)):
            height, width = planes[0].shape
            inside = self.labels.inside(self.zone, width, height)
            rows = self.labels.at(index)
            if not misses(index):
                for row in range(rows.start, rows.stop):
                    if not inside[row]:
                        hide(planes, tuple(self.labels.xyxy[row]))
            yield planes, pts, base
