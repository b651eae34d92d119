"""Whom a detector finds in labelled clips, person by person, frame by frame on its own.

    python -m models.walkers MODEL.toml --clip samples/driveway.mp4 [--clip ...] [-o misses.png]

The truth lies beside each clip, NAME.gt.csv. The picture shows the frames with most misses: found
people green, missed ones yellow, boxes around nobody red; nothing in it is hidden, so it is for
clips that are rendered, or for the work folder. No tracking, no motion net, no look-back:
what they make of it, `redact eval` says.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from models.evaluate import Floats
from models.images import Picture
from redact.config import DetectorOptions
from redact.detectors import load_detector
from redact.evaluate.truth import load_truth
from redact.sources import PyAVSource
from redact.structures import Frame, Label
from redact.trackers.assignment import iou

_SAME = 0.5  # IoU
_SEEN = 0.5  # visibility from which on a person ought to be found
_SHOTS, _APART = 3, 20  # pictures of each clip, frames between two of them
_FOUND, _MISSED, _FALSE = (0, 200, 0), (0, 230, 255), (0, 0, 255)  # BGR


class Walkers:
    """What one detector did in one clip. found: of each track, the best score in each frame in
    which it could be seen, -1 where no box was its."""

    def __init__(self, model: Path, clip: Path, least: float, keep: bool = False) -> None:
        detector = load_detector([model], DetectorOptions(hide_score=0.05))
        truth = load_truth(clip.with_suffix(".gt.csv"))
        self.found: dict[int, list[float]] = {}
        shots: list[tuple[int, int, Picture]] = []
        for index, frame in enumerate(PyAVSource(clip)):
            found = detector.detect([frame])[0]
            people = found.select(found.label == Label.PERSON)
            rows = truth.at(index)
            seen = truth.visibility[rows] >= _SEEN
            boxes = truth.xyxy[rows].astype(np.float32)
            same = iou(people.xyxy, boxes) >= _SAME
            best = np.where(same, people.score[:, None], -1).max(axis=0, initial=-1)
            for track, score in zip(truth.track_id[rows][seen], best[seen], strict=True):
                self.found.setdefault(int(track), []).append(float(score))
            misses = int((best[seen] < least).sum())
            if keep and misses:
                sure = people.score >= least
                false = people.xyxy[sure & ~same.any(axis=1)]
                marked = [(boxes[seen & (best >= least)], _FOUND), (false, _FALSE)]
                marked.append((boxes[seen & (best < least)], _MISSED))
                shots.append((misses, index, drawn(frame, marked)))
        shots.sort(key=lambda shot: -shot[0])
        self.shots: list[tuple[int, Picture]] = []
        for _, index, picture in shots:
            if len(self.shots) < _SHOTS and all(abs(index - k) >= _APART for k, _ in self.shots):
                self.shots.append((index, picture))

    def recall(self, track: int, least: float) -> float:
        return float(np.mean(np.array(self.found[track]) >= least))


def drawn(frame: Frame, marked: list[tuple[Floats, tuple[int, int, int]]]) -> Picture:
    """(360, w, 3) BGR: the frame with boxes in colours."""
    planes = np.concatenate([frame.y.ravel(), frame.u.ravel(), frame.v.ravel()])
    picture = cv2.cvtColor(planes.reshape(-1, frame.width), cv2.COLOR_YUV2BGR_I420)
    for boxes, colour in marked:
        for x1, y1, x2, y2 in np.rint(boxes).astype(int).tolist():
            cv2.rectangle(picture, (x1, y1), (x2, y2), colour, 2)
    scale = 360 / picture.shape[0]
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def main() -> int:
    options = DetectorOptions()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--clip", type=Path, action="append", required=True, dest="clips")
    parser.add_argument("--least", type=float, default=options.hide_score, help="score that counts")
    parser.add_argument("-o", "--output", type=Path, help="a picture of misses of the first model")
    args = parser.parse_args()
    rows: list[Picture] = []
    for clip in args.clips:
        for model in args.models:
            first = args.output is not None and model == args.models[0]
            walkers = Walkers(model, clip, args.least, keep=first)
            tracks = sorted(walkers.found)
            shares = ", ".join(f"{t}: {walkers.recall(t, args.least):.2f}" for t in tracks)
            every = np.concatenate([np.array(scores) for scores in walkers.found.values()])
            mean = np.mean(every >= args.least)
            print(f"{clip.stem} {model.stem} @{args.least}: {mean:.3f} of {len(every)}; {shares}")
            if first and walkers.shots:
                rows.append(np.hstack([picture for _, picture in walkers.shots]))
    if rows:
        wide = max(row.shape[1] for row in rows)
        fill = [np.pad(row, ((0, 0), (0, wide - row.shape[1]), (0, 0))) for row in rows]
        cv2.imwrite(str(args.output), np.vstack(fill))
    return 0


if __name__ == "__main__":
    sys.exit(main())
