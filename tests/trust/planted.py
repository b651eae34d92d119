"""A planted pattern, and a scanner that looks for it in every byte and picture of a folder."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np

from redact.structures import Detections, Frame, Label
from redact.testing import Planes, ScriptedDetector, SyntheticSource

WIDTH, HEIGHT = 160, 96
PERSON = (20, 40)  # width and height of the person who carries the pattern
_LIKE = 0.6  # correlation from which a picture shows the pattern; unredacted it is above 0.9
_RUN = 12  # bytes of a row of the pattern that a file must not hold


def pattern() -> np.ndarray:
    """(40, 20) uint8: cells of 2 x 2 pixels, black or white, that nothing else looks like."""
    cells = np.random.default_rng(77).integers(0, 2, (PERSON[1] // 2, PERSON[0] // 2))
    return np.kron(cells, np.ones((2, 2))).astype(np.uint8) * 195 + 30


def where(index: int) -> tuple[int, int, int, int]:
    """The person's box in frame `index`: beyond the property, walking."""
    left = 10 + 2 * index % (WIDTH - PERSON[0] - 20)
    return left, 6, left + PERSON[0], 6 + PERSON[1]


def draw(index: int, planes: Planes) -> None:
    x1, y1, x2, y2 = where(index)
    planes[0][y1:y2, x1:x2] = pattern()


def source_of(frames: int, **options: object) -> SyntheticSource:
    return SyntheticSource(frames, WIDTH, HEIGHT, draw=draw, **options)  # type: ignore[arg-type]


def truth(frame: Frame) -> Detections:
    return Detections.of([where(frame.index)], 0.9, Label.PERSON)


def detector() -> ScriptedDetector:
    return ScriptedDetector(truth, {Label.PERSON})


def shows(picture: np.ndarray) -> bool:
    """Whether a (h, w) uint8 picture shows the pattern, anywhere."""
    if picture.shape[0] < PERSON[1] or picture.shape[1] < PERSON[0]:
        return False
    # A constant picture correlates with everything in floating point: a little noise settles it.
    noise = np.random.default_rng(0).normal(0, 1, picture.shape)
    scores = cv2.matchTemplate(
        (picture + noise).astype(np.float32), pattern().astype(np.float32), cv2.TM_CCOEFF_NORMED
    )
    return bool(scores.max() > _LIKE)


def encode(path: Path, frames: int, rate: int = 10) -> None:
    """A clip that shows the pattern: raw as .y4m or .nut, else H.264."""
    raw = {".y4m": "wrapped_avframe", ".nut": "rawvideo"}.get(path.suffix, "libx264")
    kind = "yuv4mpegpipe" if path.suffix == ".y4m" else None
    with av.open(str(path), "w", format=kind) as file:
        stream = file.add_stream(raw, rate=rate, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        for frame in source_of(frames, rate=rate):
            packed = np.concatenate([frame.y.ravel(), frame.u.ravel(), frame.v.ravel()])
            image = av.VideoFrame.from_ndarray(packed.reshape(-1, WIDTH), format="yuv420p")
            image.pts, image.time_base = frame.index, Fraction(1, rate)
            file.mux(stream.encode(image))
        file.mux(stream.encode(None))


def holds(data: bytes, kind: str) -> bool:
    """Whether bytes, of a file of this kind, show or hold the pattern."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{kind}"
        path.write_bytes(data)
        return _holds(path)


def clear_pixels(folder: Path, but: frozenset[Path] = frozenset()) -> list[str]:
    """Every file below `folder`, hidden ones included, that shows or holds the pattern."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in but and _holds(path)
    ]


def _holds(path: Path) -> bool:
    data = path.read_bytes()
    rows = {bytes(row[:_RUN]) for row in pattern()} | {bytes(row[-_RUN:]) for row in pattern()}
    return any(row in data for row in rows) or any(shows(picture) for picture in _pictures(path))


def _pictures(path: Path) -> Iterator[np.ndarray]:
    """What can be decoded of a file, however broken."""
    if path.suffix == ".m3u8":
        return  # text, which makes FFmpeg wait for what may still come
    data: Any = str(path)
    if path.suffix == ".m4s":  # undecodable without its beginning
        beginnings = [init.read_bytes() for init in sorted(path.parent.glob("*init*"))]
        data = io.BytesIO(b"".join(beginnings) + path.read_bytes())
    try:
        with av.open(data) as file:
            for packet in file.demux(video=0):
                try:
                    for picture in packet.decode():
                        yield picture.to_ndarray(format="gray")
                except av.error.FFmpegError:
                    continue
    except (av.error.FFmpegError, IndexError, ValueError):
        return
