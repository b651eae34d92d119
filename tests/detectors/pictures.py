"""Frames for detector tests: flat colours, and frames of the shared footage."""

from __future__ import annotations

import csv
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from redact.structures import Colour, Frame, chroma_shape


def flat(
    width: int = 320,
    height: int = 240,
    yuv: tuple[int, int, int] = (90, 110, 150),
    colour: Colour | None = None,
) -> Frame:
    """A frame of one colour, whose rows have a stride wider than the picture."""
    rows, columns = chroma_shape(height, width)
    y = np.full((height, width + 32), yuv[0], np.uint8)[:, :width]
    u = np.full((rows, columns + 16), yuv[1], np.uint8)[:, :columns]
    v = np.full((rows, columns + 16), yuv[2], np.uint8)[:, :columns]
    for plane in (y, u, v):
        plane.flags.writeable = False
    return Frame(y, u, v, 0, Fraction(1, 1000), colour=colour or Colour())


@lru_cache(maxsize=8)
def footage(path: Path, *indices: int) -> list[Frame]:
    """Some frames of a clip, in order, decoded once for all tests."""
    frames = []
    with av.open(str(path)) as container:
        for index, picture in enumerate(container.decode(video=0)):
            if index in indices:
                planes: list[Any] = [
                    np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width]
                    for p in picture.planes
                ]
                frames.append(Frame(*planes, index, Fraction(1, 1000), index=index, owner=picture))
            if index >= max(indices):
                break
    return frames


def truth(path: Path, least_visible: float = 0.6) -> dict[int, np.ndarray[Any, Any]]:
    """Labelled boxes by frame: (n, 4) xyxy of people who can be seen well."""
    rows: dict[int, list[list[float]]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            if float(row["visibility"]) >= least_visible:
                x, y, w, h = (float(row[k]) for k in "xywh")
                rows.setdefault(int(row["frame"]), []).append([x, y, x + w, y + h])
    return {index: np.array(boxes, np.float32) for index, boxes in rows.items()}
