"""Pseudo-labels: what teachers with a clean licence see where nobody has labelled.

    python -m models.teach models/detector.toml

Writes boxes with the teachers' scores, one JSON line per picture, flushed as it goes: a second
run continues where the first one stopped. Where two teachers see the same, their boxes are joined.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from models.config import TeacherOptions, load
from models.images import CLASSES, Entry, Picture, Shards, as_frame, read_index
from redact.config import DetectorOptions
from redact.detectors import load_detector
from redact.protocols import Detector
from redact.structures import Detections, FloatArray
from redact.trackers.assignment import iou


def pseudo_boxes(detector: Detector, picture: Picture) -> list[list[float]]:
    """[class, x1, y1, x2, y2, score] of everything that a teacher sees, doubles joined."""
    found = detector.detect([as_frame(picture)])[0]
    return [
        [int(label), *(round(float(v), 1) for v in box), round(float(score), 3)]
        for label, box, score in _joined(found)
    ]


def _joined(found: Detections, overlap: float = 0.55) -> list[tuple[int, FloatArray, float]]:
    """Weighted box fusion (Solovyev et al., 2021) of doubles of one class."""
    out: list[tuple[int, FloatArray, float]] = []
    for label in np.unique(found.label):
        mine = found.select(found.label == label)
        order = np.argsort(-mine.score)
        boxes, scores = mine.xyxy[order], mine.score[order]
        free = np.ones(len(boxes), bool)
        for i in range(len(boxes)):
            if not free[i]:
                continue
            same = free & (iou(boxes[i : i + 1], boxes)[0] >= overlap)
            free &= ~same
            box = np.average(boxes[same], axis=0, weights=scores[same])
            out.append((int(label), box, float(scores[i])))
    return out


def teach(options: TeacherOptions, entries: list[Entry], shards: Shards, out: Path) -> None:
    """Append the pseudo-labels of every entry that `out` does not hold yet."""
    detector = load_detector(
        options.models,
        DetectorOptions(
            hide_score=options.person_score,
            face_score=options.face_score,
            long_side=options.long_side,
            threads=options.threads,
        ),
    )
    done = (
        {json.loads(line)["file"] for line in out.read_text().splitlines()}
        if out.exists()
        else set()
    )
    with out.open("a", encoding="utf-8") as sheet:
        for count, entry in enumerate(entries):
            if entry.file in done:
                continue
            boxes = pseudo_boxes(detector, shards.picture(entry))
            sheet.write(json.dumps({"file": entry.file, "boxes": boxes}) + "\n")
            sheet.flush()
            if count % 200 == 0:
                print(f"{count}/{len(entries)}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    config = load(parser.parse_args().config)
    entries = read_index(config.data.folder / config.data.train)
    config.work.mkdir(parents=True, exist_ok=True)
    print(f"classes: {', '.join(CLASSES[:2])}; {len(entries)} pictures")
    teach(config.teacher, entries, Shards(config.data.folder, entries), config.pseudo)
    return 0


if __name__ == "__main__":
    sys.exit(main())
