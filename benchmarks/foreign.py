"""What other tools' defaults do to a picture, written anew: they are no dependencies of ours.

    python -m benchmarks foreign ENVIRONMENT [--json FILE]

compares each of these with its package in the environment that `python -m benchmarks peers` makes,
pixel for pixel on a picture of noise and shapes, and says which versions it found.

- supervision: `BlurAnnotator`, a box filter of a third of the box's shorter side, and
  `PixelateAnnotator`, cells of half of it;
- ultralytics: `ObjectBlurrer`, a box filter of 50 px. The outline and the label that it draws over
  that tell of the class alone, and are left out;
- deface: a box filter of half the face's size, in an ellipse, in a box that is grown by 0.3 of
  its size on every side.

Pictures: (height, width, 3) uint8, changed in place. boxes: (n, 4) xyxy float pixels, in order.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.schema import BenchmarkError

PROGRAM = Path(__file__).parent / "programs" / "foreign_effects.py"
Paint = Callable[[np.ndarray, np.ndarray], None]


def _inside(picture: np.ndarray, boxes: np.ndarray) -> list[np.ndarray]:
    """Views of the boxes, cut at the picture's edges, in whole pixels; no empty ones."""
    height, width = picture.shape[:2]
    cut = np.clip(boxes, 0, [width, height, width, height]).astype(int)
    return [picture[y1:y2, x1:x2] for x1, y1, x2, y2 in cut if x2 > x1 and y2 > y1]


def supervision_blur(picture: np.ndarray, boxes: np.ndarray) -> None:
    for part in _inside(picture, boxes):
        part[:] = cv2.blur(part, (max(1, min(part.shape[:2]) // 3),) * 2)


def supervision_pixelate(picture: np.ndarray, boxes: np.ndarray) -> None:
    for part in _inside(picture, boxes):
        height, width = part.shape[:2]
        side = max(1, min(height, width) // 2)
        small = cv2.resize(part, None, fx=1 / side, fy=1 / side)
        part[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


def ultralytics_blur(picture: np.ndarray, boxes: np.ndarray) -> None:
    for part in _inside(picture, boxes):
        part[:] = cv2.blur(part, (50, 50))


def deface_blur(picture: np.ndarray, boxes: np.ndarray) -> None:
    """boxes: of faces."""
    height, width = picture.shape[:2]
    for box in boxes.astype(int):
        grown = 0.3 * (box[2:] - box[:2])
        x1, y1, x2, y2 = np.round([*(box[:2] - grown), *(box[2:] + grown)]).astype(int)
        x1, y1, x2, y2 = max(0, x1), max(0, y1), min(width - 1, x2), min(height - 1, y2)
        ry, rx = (y2 - y1) // 2, (x2 - x1) // 2
        if ry < 1 or rx < 1:
            continue
        part = picture[y1:y2, x1:x2]
        y, x = np.ogrid[: y2 - y1, : x2 - x1]
        within = ((y - ry) / ry) ** 2 + ((x - rx) / rx) ** 2 < 1
        part[within] = cv2.blur(part, (int(rx), int(ry)))[within]


FOREIGN: dict[str, Paint] = {
    "supervision blur": supervision_blur,
    "supervision pixelate": supervision_pixelate,
    "ultralytics blur": ultralytics_blur,
    "deface": deface_blur,
}


def sample() -> tuple[np.ndarray, np.ndarray]:
    """A picture with detail of every size; boxes of every size, over its edges, and overlapping."""
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 256, (240, 320, 3), np.uint8)
    for _ in range(30):
        x, y, r = (int(v) for v in rng.integers((0, 0, 5), (320, 240, 40)))
        cv2.circle(picture, (x, y), r, [int(v) for v in rng.integers(0, 256, 3)], -1)
    corner, size = rng.uniform(-10, 220, (12, 2)), rng.uniform(6, 110, (12, 2))
    return picture, np.concatenate([corner, corner + size], axis=1)


def compare(environment: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Most that a pixel differs from what the package makes, and the packages' versions. Raises
    BenchmarkError where a package is not there or fails."""
    picture, boxes = sample()
    python = environment / "bin" / "python"
    with tempfile.TemporaryDirectory() as name:
        given, made = Path(name) / "given.npz", Path(name) / "made.npz"
        np.savez(given, picture=picture, boxes=boxes)
        try:
            command = [python, PROGRAM, given, made]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=name)
        except OSError as error:
            raise BenchmarkError(
                f"{environment}: no environment of other tools; "
                "make it with `python -m benchmarks peers`"
            ) from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it failed"])[-1]
            raise BenchmarkError(f"{environment}: {last}; make it anew")
        theirs = dict(np.load(made))
    apart = {}
    for tool, paint in FOREIGN.items():
        ours = picture.copy()
        paint(ours, boxes)
        apart[tool] = int(np.abs(ours.astype(int) - theirs[tool].astype(int)).max())
        if (ours == picture).all():
            raise BenchmarkError(f"{tool}: changed nothing")
    return apart, json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks foreign", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("environment", type=Path)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    try:
        apart, versions = compare(args.environment.absolute())
    except BenchmarkError as error:
        sys.exit(f"error: {error}")
    found = json.dumps({"most_apart": apart, "versions": versions}, indent=1)
    print(found)
    if args.json:
        args.json.write_text(found + "\n")
    sys.exit(any(apart.values()))


if __name__ == "__main__":
    main()
