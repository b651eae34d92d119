"""From labelled pictures and pseudo-labels to what the loss needs.

What a class's labels do not say is not taken for background: places where a teacher is unsure, or
where nobody has labelled the class, are regions from which nothing is learned.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.config import Config
from models.images import CLASSES, Entry, Picture, Shards, read_index
from redact.trackers.assignment import iou

PERSON, FACE, HEAD = (CLASSES.index(name) for name in ("person", "face", "head"))
_SAME = 0.5  # overlap from which on a teacher's box and a label mean the same


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is known of one picture.

    boxes: (n, 4) float32 xyxy pixels; classes: (n,) int64. ignored: (m, 4), ignored_classes: (m,).
    """

    boxes: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    ignored: npt.NDArray[np.float32]
    ignored_classes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, rows: list[tuple[int, npt.NDArray[np.float32], bool]]) -> Truth:
        """rows: class, box, counts (else: ignored)."""

        def table(counts: bool) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
            mine = [(c, b) for c, b, k in rows if k == counts]
            boxes = np.array([b for _, b in mine], np.float32).reshape(-1, 4)
            return boxes, np.array([c for c, _ in mine], np.int64)

        return cls(*table(True), *table(False))


class Samples:
    """Decoded training pictures with their truth, all in memory."""

    def __init__(self, config: Config) -> None:
        leave_out = set(config.data.leave_out)
        entries = read_index(config.data.folder / config.data.train)
        self.entries = [e for e in entries if e.group not in leave_out]
        shards = Shards(config.data.folder, self.entries)
        self.pictures: list[Picture] = [shards.picture(e) for e in self.entries]
        lines = config.pseudo.read_text(encoding="utf-8").splitlines()
        seen = {row["file"]: row["boxes"] for row in map(json.loads, lines)}
        self.truths = [merged(e, seen.get(e.file), config) for e in self.entries]
        self.empty = [
            i for i, t in enumerate(self.truths) if not len(t.boxes) and not _person_ignored(t)
        ]

    def __len__(self) -> int:
        return len(self.entries)


def _person_ignored(truth: Truth) -> bool:
    return bool((truth.ignored_classes == 0).any())


def merged(entry: Entry, taught: list[list[float]] | None, config: Config) -> Truth:
    """Labels and pseudo-labels of one picture as one truth."""
    rows = [
        (int(c), b, bool(w))
        for c, b, w in zip(entry.classes, entry.boxes, entry.weight, strict=True)
    ]
    whole = np.array([0, 0, entry.width, entry.height], np.float32)
    rows += [(k, whole, False) for k in (0, 1) if taught is None and not entry.labelled[k]]
    if not entry.labelled[HEAD]:
        rows.append((HEAD, whole, False))
    options = config.teacher
    for name, *rest in taught or []:
        label, box, score = int(name), np.array(rest[:4], np.float32), rest[4]
        own = entry.boxes[entry.classes == label]
        if score < options.ignore[label] or (len(own) and iou(box[None], own).max() >= _SAME):
            continue
        sure = score >= options.positive[label] and not entry.labelled[label]
        if label == FACE and entry.labelled[PERSON]:  # face teachers also see cats
            sure &= _holds(entry.boxes[entry.classes == PERSON], box)
        rows.append((label, box, sure))
    return Truth.of(rows)


def _holds(people: npt.NDArray[np.float32], face: npt.NDArray[np.float32]) -> bool:
    centre = (face[:2] + face[2:]) / 2
    return bool(((people[:, :2] < centre) & (people[:, 2:] > centre)).all(axis=1).any())
