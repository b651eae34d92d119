"""Families of networks: what their outputs mean.

One small module per family, each with two pure functions: `guess` recognises a network by the
shapes of its outputs, `decode` turns the outputs for one picture into boxes in network pixels.
"""

from __future__ import annotations

from redact.detectors.families import (
    deim,
    nanodet,
    scrfd,
    ssd,
    yolo,
    yolo_end,
    yolov5,
    yolox,
    yunet,
)
from redact.detectors.families.base import Family

FAMILIES: dict[str, Family] = {
    "yolo": Family(yolo.guess, yolo.decode),
    "yolo-end-to-end": Family(yolo_end.guess, yolo_end.decode),
    "yolov5": Family(yolov5.guess, yolov5.decode),
    "yolox": Family(yolox.guess, yolox.decode),
    "nanodet-plus": Family(nanodet.guess, nanodet.decode),
    "yunet": Family(yunet.guess, yunet.decode),
    "scrfd": Family(scrfd.guess, scrfd.decode),
    "deim": Family(deim.guess, deim.decode),
    "ssd": Family(ssd.guess, ssd.decode),
}

__all__ = ["FAMILIES", "Family"]
