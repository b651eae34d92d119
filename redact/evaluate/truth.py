"""Ground truth: who stands where in which frame.

A CSV file with the columns `frame,track_id,x,y,w,h` and optionally `visibility`, in any order:
frame is the 0-based index in the original, x and y the left and top edge in pixels of the
displayed frame, visibility the share of the person that can be seen (1 where absent or blank).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from redact.errors import ConfigError
from redact.geometry import Zone

_NEEDED = ("frame", "track_id", "x", "y", "w", "h")


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Labelled people, ordered by frame, as a structure of arrays.

    frame: (n,) int64. track_id: (n,) int64. xyxy: (n, 4) float64 pixels, unclipped.
    visibility: (n,) float64 in [0, 1]. where: the file, for messages.
    """

    frame: npt.NDArray[np.int64]
    track_id: npt.NDArray[np.int64]
    xyxy: npt.NDArray[np.float64]
    visibility: npt.NDArray[np.float64]
    where: str = "truth"

    def __len__(self) -> int:
        return len(self.frame)

    def at(self, frame: int) -> slice:
        """The rows of one frame."""
        first, last = np.searchsorted(self.frame, (frame, frame + 1))
        return slice(int(first), int(last))

    def inside(self, zone: Zone, width: int, height: int) -> npt.NDArray[np.bool_]:
        """(n,) bool: whether the unclipped bottom centre is on the property."""
        x = (self.xyxy[:, 0] + self.xyxy[:, 2]) / 2 / width
        return zone.contains(np.stack([x, self.xyxy[:, 3] / height], axis=1))

    def depth(self, rows: slice, zone: Zone, width: int, height: int) -> npt.NDArray[np.float64]:
        """(k,) how far within the property these rows' bottom centres are, in their own heights;
        negative beyond it."""
        left, top, right, bottom = self.xyxy[rows].T
        feet = np.stack([(left + right) / 2, bottom], axis=1)
        deep: npt.NDArray[np.float64] = zone.depth(feet, width, height) / (bottom - top)
        return deep


def load_truth(path: str | Path) -> Truth:
    """Read a truth file. Raises ConfigError naming the line of whatever is wrong."""
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(_rows(csv.reader(file), str(path)))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the truth: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: not a CSV file: {error}") from error
    rows.sort(key=lambda row: row[0])
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    left, top, width, height = table[:, 2:6].T
    return Truth(
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        np.stack([left, top, left + width, top + height], axis=1),
        table[:, 6],
        str(path),
    )


def _rows(reader: Iterator[list[str]], where: str) -> Iterator[tuple[float, ...]]:
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise ConfigError(
            f"{where}: line 1: no column {', '.join(missing)}; the first line must name the "
            "columns frame,track_id,x,y,w,h and may name visibility"
        )
    seen: dict[tuple[float, float], int] = {}
    for line, cells in enumerate(reader, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        row = _row(header, cells, f"{where}: line {line}")
        earlier = seen.setdefault((row[0], row[1]), line)
        if earlier != line:
            raise ConfigError(
                f"{where}: line {line}: track {row[1]:g} was already given for frame {row[0]:g} "
                f"in line {earlier}"
            )
        yield row


def _row(header: list[str], cells: list[str], where: str) -> tuple[float, ...]:
    """(frame, track_id, x, y, w, h, visibility), checked."""
    if len(cells) != len(header):
        raise ConfigError(f"{where}: {len(cells)} values for {len(header)} columns")
    text = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    text["visibility"] = text.get("visibility") or "1"
    values = []
    for name in (*_NEEDED, "visibility"):
        try:
            value = float(text[name])
        except ValueError:
            raise ConfigError(f"{where}: {name} is {text[name]!r}, not a number") from None
        if not math.isfinite(value):
            raise ConfigError(f"{where}: {name} is {text[name]}, not a finite number")
        values.append(value)
    frame, track, _, _, width, height, visibility = values
    if frame < 0 or frame != int(frame) or track != int(track):
        raise ConfigError(f"{where}: frame and track_id must be whole numbers, frame from 0")
    if width <= 0 or height <= 0:
        raise ConfigError(f"{where}: w and h must be positive, not {width:g} x {height:g}")
    if not 0 <= visibility <= 1:
        raise ConfigError(f"{where}: visibility {visibility:g} is not between 0 and 1")
    return tuple(values)
