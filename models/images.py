"""Labelled pictures: one index line per picture, JPEG bytes inside tar shards.

A line of an index: {"file", "shard", "w", "h", "source", "labelled": [class names],
"boxes": [[class, x, y, w, h, ignore], ...]} in pixels of the stored picture. `labelled` names the
classes whose boxes are complete; every other class is unknown, not absent.
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from redact.structures import Colour, Frame

CLASSES = ("person", "face", "head")
Picture = npt.NDArray[np.uint8]  # (height, width, 3), RGB

_FULL_RANGE_BT601 = Colour(full_range=True, matrix=6)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One labelled picture.

    boxes: (n, 4) float32 xyxy pixels; classes: (n,) int64 index into `CLASSES`; weight: (n,)
    float32, 1 for a box that counts, 0 for a region to ignore. labelled: (3,) bool, which classes
    are complete.
    """

    file: str
    shard: str
    width: int
    height: int
    source: str
    boxes: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]
    labelled: npt.NDArray[np.bool_]

    @property
    def group(self) -> str:
        """The data set that the picture comes from: the file name's prefix."""
        return self.file.split("_")[0]


def read_index(path: Path, default_shard: str = "") -> list[Entry]:
    """All entries of an index. Raises OSError, ValueError and KeyError for a broken one."""
    return [
        _entry(json.loads(line), default_shard)
        for line in path.read_text(encoding="utf-8").splitlines()
        if line
    ]


def _entry(row: dict[str, object], default_shard: str) -> Entry:
    table = np.array(row["boxes"], np.float32).reshape(-1, 6)
    boxes = np.concatenate([table[:, 1:3], table[:, 1:3] + table[:, 3:5]], axis=1)
    named = list(row["labelled"])  # type: ignore[call-overload]
    return Entry(
        file=str(row["file"]),
        shard=str(row.get("shard") or default_shard),
        width=int(str(row["w"])),
        height=int(str(row["h"])),
        source=str(row["source"]),
        boxes=boxes,
        classes=table[:, 0].astype(np.int64),
        weight=1 - table[:, 5],
        labelled=np.array([name in named for name in CLASSES]),
    )


class Shards:
    """The JPEG bytes of every picture, read once into memory."""

    def __init__(self, folder: Path, entries: list[Entry]) -> None:
        self._bytes: dict[str, bytes] = {}
        wanted = {e.file for e in entries}
        for shard in sorted({e.shard for e in entries}):
            with tarfile.open(folder / shard) as tar:
                for member in tar:
                    name = Path(member.name).name
                    content = tar.extractfile(member) if name in wanted else None
                    if content is not None:
                        self._bytes[name] = content.read()
        missing = wanted - set(self._bytes)
        if missing:
            raise ValueError(f"{len(missing)} pictures are in no shard, such as {min(missing)}")

    def jpeg(self, entry: Entry) -> bytes:
        return self._bytes[entry.file]

    def picture(self, entry: Entry) -> Picture:
        """(h, w, 3) uint8 RGB."""
        bgr = cv2.imdecode(np.frombuffer(self.jpeg(entry), np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise ValueError(f"{entry.file} does not decode")
        return np.ascontiguousarray(bgr[..., ::-1])


def as_frame(picture: Picture) -> Frame:
    """The picture as a detector of `redact` gets it: planes, 4:2:0, even sides (edge repeated)."""
    height, width = picture.shape[:2]
    even = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    y, u, v = cv2.split(cv2.cvtColor(even, cv2.COLOR_RGB2YCrCb))
    half = (even.shape[1] // 2, even.shape[0] // 2)
    cr, cb = (cv2.resize(p, half, interpolation=cv2.INTER_AREA) for p in (u, v))
    return Frame(
        y=np.asarray(y, np.uint8),
        u=np.asarray(cb, np.uint8),
        v=np.asarray(cr, np.uint8),
        pts=0,
        time_base=Fraction(1, 25),
        colour=_FULL_RANGE_BT601,
    )
