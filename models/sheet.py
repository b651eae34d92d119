"""A contact sheet of what a detector finds and misses, to be looked at.

    python -m models.sheet models/detector.toml MODEL.toml -o sheet.png [--count 48]

Found people are green and faces blue, false boxes red, missed ones yellow (orange: faces); boxes of
classes that nobody labelled are grey. The pictures show real people: the sheet is for the work
folder, not for publication.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from models.config import load
from models.evaluate import Floats, detections
from models.images import Entry, Picture, Shards, read_index
from redact.config import DetectorOptions
from redact.structures import Detections, Label
from redact.trackers.assignment import iou

_TILE = 320
_FOUND = {Label.PERSON: (0, 200, 0), Label.FACE: (60, 120, 255)}
_MISSED = {Label.PERSON: (255, 230, 0), Label.FACE: (255, 140, 0)}
_FALSE, _UNKNOWN = (255, 0, 0), (150, 150, 150)


def drawn(entry: Entry, picture: Picture, found: Detections, least: dict[Label, float]) -> Picture:
    """A tile with all boxes."""
    canvas = picture.copy()
    for label, threshold in least.items():
        truth = entry.boxes[(entry.classes == label) & (entry.weight > 0)]
        mine = found.xyxy[(found.label == label) & (found.score >= threshold)]
        shared = iou(mine, truth)
        for box, row in zip(mine, shared, strict=True):
            hit = bool(len(row)) and row.max() >= 0.5
            false = _FALSE if entry.labelled[label] else _UNKNOWN
            _box(canvas, box, _FOUND[label] if hit else false)
        for k, box in enumerate(truth):
            if not len(mine) or shared[:, k].max() < 0.5:
                _box(canvas, box, _MISSED[label])
    scale = _TILE / max(canvas.shape[:2])
    small = cv2.resize(canvas, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.zeros((_TILE, _TILE, 3), np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    return tile


def _box(canvas: Picture, box: Floats, colour: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 2)


def main() -> int:
    options = DetectorOptions()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--person", type=float, default=options.show_score)
    parser.add_argument("--face", type=float, default=options.face_score)
    args = parser.parse_args()
    config = load(args.config)
    entries = read_index(config.data.folder / config.data.val, config.data.val_shard)
    rng = np.random.default_rng(config.train.seed)
    some = [entries[i] for i in sorted(rng.choice(len(entries), args.count, replace=False))]
    shards = Shards(config.data.folder, some)
    found, _ = detections(args.model, some, shards)
    least = {Label.PERSON: args.person, Label.FACE: args.face}
    tiles = [drawn(e, shards.picture(e), f, least) for e, f in zip(some, found, strict=True)]
    across = 8
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % across)
    rows = [np.hstack(tiles[k : k + across]) for k in range(0, len(tiles), across)]
    cv2.imwrite(str(args.output), np.vstack(rows)[..., ::-1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
