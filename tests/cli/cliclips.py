"""Tiny clips, made on the spot, and what the fixtures are."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from click.testing import Result

Call = Callable[..., Result]  # redact in this process
Spawn = Callable[..., "subprocess.Popen[str]"]  # redact in its own


def make_clip(
    path: Path, frames: int = 6, size: tuple[int, int] = (96, 64), *, seed: int = 0, crf: int = 30
) -> Path:
    """A bright square walks over noise that does not change."""
    width, height = size
    still = np.random.default_rng(seed).integers(60, 120, (height, width, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = "mpeg4" if path.suffix == ".avi" else "libx264"
    with av.open(f"file:{path}", "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "crf": str(crf)}
        for index in range(frames):
            picture = still.copy()
            left = 4 + index * 3 % (width - 20)
            picture[20:44, left : left + 12] = 230
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frames_of(path: Path) -> int:
    with av.open(f"file:{path}") as container:
        return sum(1 for _ in container.decode(video=0))


def tree(folder: Path) -> list[str]:
    """All that lies below, hidden files included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
