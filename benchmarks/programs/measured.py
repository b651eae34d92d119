"""What the peers' programs share: arguments, reading, writing, and the last line of the output.

Runs in the peers' environment: nothing of redact is imported.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import json
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

Step = Callable[[np.ndarray], np.ndarray]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("clip")
    parser.add_argument("output")
    parser.add_argument("--model", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--alone", action="store_true", help="time the step only, write nothing")
    return parser.parse_args()


def with_own_nms() -> None:
    """Call before importing ultralytics. Where torchvision has no compiled operations for this
    PyTorch, ultralytics shall use the suppression of its own that it has for such cases."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]

        def nms(boxes: Any, scores: Any, overlap: float) -> Any:
            from ultralytics.utils.nms import TorchNMS

            return TorchNMS.nms(boxes, scores, overlap)

        stand_in: Any = types.ModuleType("torchvision")
        stand_in.__spec__ = importlib.machinery.ModuleSpec("torchvision", None)
        stand_in.ops = types.SimpleNamespace(nms=nms)
        sys.modules["torchvision"] = stand_in


def alone(given: argparse.Namespace, step: Step, most: int = 60) -> None:
    """Milliseconds of the step on each of the first pictures, after three that warm up."""
    source = cv2.VideoCapture(given.clip)
    pictures = []
    while len(pictures) < most and (read := source.read())[0]:
        pictures.append(read[1])
    spent = []
    for picture in (*pictures[:3], *pictures):
        began = time.perf_counter()
        step(picture)
        spent.append(1e3 * (time.perf_counter() - began))
    height, width = pictures[0].shape[:2]
    print(json.dumps({"height": height, "width": width, "ms": spent[3:]}))


def loop(given: argparse.Namespace, step: Step) -> None:
    """The loop of every tutorial: VideoCapture, a step on the BGR picture, VideoWriter (mp4v).

    The first frame warms up the step and is not part of the time.
    """
    source = cv2.VideoCapture(given.clip)
    size = int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT))
    rate = source.get(cv2.CAP_PROP_FPS)
    sink = cv2.VideoWriter(given.output, cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
    good, picture = source.read()
    step(picture.copy())
    frames, began, used = 0, time.perf_counter(), time.process_time()
    while good:
        sink.write(step(picture))
        frames += 1
        good, picture = source.read()
    sink.release()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"frames": frames, "seconds": seconds, "cpu": cpu}))
