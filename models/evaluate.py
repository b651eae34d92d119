"""Average precision and recall of any detector, by size, on labelled pictures.

    python -m models.evaluate models/detector.toml MODEL.toml [MODEL.toml ...] [-o result.json]

Every detector goes through the same door as in the product (`redact.detectors`), so that decoding
and letterboxing are those that users get. Precision counts only pictures where a class is labelled
completely; recall counts every labelled box. AP50: area under the interpolated curve (PASCAL VOC
2010 on), matches at IoU 0.5; ignored regions cost nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.config import load
from models.images import CLASSES, Entry, Shards, as_frame, read_index
from redact.config import DetectorOptions
from redact.detectors import load_detector
from redact.structures import Detections, Label
from redact.trackers.assignment import iou

BINS = ((0, 24), (24, 48), (48, 96), (96, 192), (192, 10_000))  # heights, pixels of the picture
_FLOOR = 0.02  # lower ones cost time and change AP50 by little
Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class Tally:
    """What one detector did with one class over all pictures."""

    scores: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    boxes: int = 0  # in completely labelled pictures
    found: dict[tuple[int, int], list[float]] = field(default_factory=dict)  # best score per box

    def add(self, entry: Entry, label: int, boxes: Floats, scores: Floats) -> None:
        mine = entry.classes == label
        truth, weight = entry.boxes[mine], entry.weight[mine]
        order = np.argsort(-scores, kind="stable")
        boxes, scores = boxes[order], scores[order]
        shared = iou(boxes, truth)
        taken = np.full(len(truth), -1.0)
        complete = bool(entry.labelled[label])
        for box, row, score in zip(boxes, shared, scores, strict=True):
            free = np.where((taken < 0) & (row >= 0.5), row, 0)
            best = int(free.argmax()) if len(free) else -1
            hit = best >= 0 and free[best] > 0
            if hit:
                taken[best] = score
            ignored = _within(box, truth[weight == 0]) or (hit and weight[best] == 0)
            if complete and not (ignored and not (hit and weight[best] > 0)):
                self.scores.append(float(score))
                self.right.append(bool(hit and weight[best] > 0))
        for box, w, score in zip(truth, weight, taken, strict=True):
            if w > 0:
                self.boxes += complete
                height = float(box[3] - box[1])
                size = next(b for b in BINS if b[0] <= height < b[1])
                self.found.setdefault(size, []).append(float(score))

    def precision_recall(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        order = np.argsort(-np.array(self.scores), kind="stable")
        right = np.array(self.right, bool)[order]
        hits = np.cumsum(right)
        return hits / np.arange(1, len(right) + 1), hits / max(self.boxes, 1)

    def result(self, threshold: float) -> dict[str, Any]:
        precision, recall = self.precision_recall()
        ceiling = np.maximum.accumulate(precision[::-1])[::-1] if len(precision) else precision
        steps = np.diff(np.concatenate([[0.0], recall]))
        above = np.sort(-np.array(self.scores)) <= -threshold
        everyone = [s for scores in self.found.values() for s in scores]
        return {
            "ap50": round(float((ceiling * steps).sum()), 4),
            "threshold": threshold,
            "precision": round(float(precision[above][-1]), 4) if above.any() else None,
            "recall": round(float(np.mean(np.array(everyone) >= threshold)), 4),
            "recall_by_height": {
                f"{low}-{high if high < 10_000 else ''}": [
                    round(float(np.mean(np.array(self.found[low, high]) >= threshold)), 3),
                    len(self.found[low, high]),
                ]
                for low, high in BINS
                if (low, high) in self.found
            },
        }


def _within(box: Floats, regions: Floats) -> bool:
    """At least half of a found box lies in a region to ignore."""
    low, high = np.maximum(box[:2], regions[:, :2]), np.minimum(box[2:], regions[:, 2:])
    share = np.clip(high - low, 0, None).prod(axis=1) / max(float((box[2:] - box[:2]).prod()), 1e-6)
    return bool((share >= 0.5).any())


def detections(model: Path, entries: list[Entry], shards: Shards) -> tuple[list[Detections], float]:
    """What a model finds, nearly without a threshold, and the median milliseconds per picture."""
    options = DetectorOptions(hide_score=_FLOOR, face_score=_FLOOR)
    detector = load_detector([model], options)
    found, spent = [], []
    for entry in entries:
        frame = as_frame(shards.picture(entry))
        began = time.perf_counter()
        found.append(detector.detect([frame])[0])
        spent.append(time.perf_counter() - began)
    return found, 1000 * float(np.median(spent))


def evaluate(
    entries: list[Entry], found: list[Detections], thresholds: dict[Label, float]
) -> dict[str, Any]:
    """Results per class that the model knows at all."""
    out: dict[str, Any] = {}
    for label, threshold in thresholds.items():
        tally = Tally()
        for entry, boxes in zip(entries, found, strict=True):
            mine = boxes.label == label
            tally.add(entry, int(label), boxes.xyxy[mine], boxes.score[mine])
        if tally.scores:
            out[CLASSES[label]] = tally.result(threshold)
    return out


def table(results: dict[str, Any]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| model | class | AP50 | precision | recall | recall by height (boxes) |",
        "|---" * 6 + "|",
    ]
    for model, classes in results.items():
        for name, r in classes["classes"].items():
            sizes = ", ".join(f"{k}: {v[0]} ({v[1]})" for k, v in r["recall_by_height"].items())
            lines.append(
                f"| {model} | {name} @{r['threshold']} | {r['ap50']} | {r['precision']} "
                f"| {r['recall']} | {sizes} |"
            )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--person", type=float, default=DetectorOptions().show_score)
    parser.add_argument("--face", type=float, default=DetectorOptions().face_score)
    parser.add_argument("--only", nargs="+", metavar="SET", help="data sets, by file-name prefix")
    args = parser.parse_args()
    config = load(args.config)
    entries = read_index(config.data.folder / config.data.val, config.data.val_shard)
    entries = [e for e in entries if not args.only or e.group in args.only]
    if not entries:
        parser.error(f"no picture of {' '.join(args.only)} is in {config.data.val}")
    shards = Shards(config.data.folder, entries)
    results: dict[str, Any] = {}
    for model in args.models:
        found, spent = detections(model, entries, shards)
        classes = evaluate(entries, found, {Label.PERSON: args.person, Label.FACE: args.face})
        name = str(model) if model.stem in results else model.stem
        results[name] = {"classes": classes, "ms": round(spent, 2)}
    print(table(results))
    if args.output:
        args.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
