"""What each family's network says when it has found given boxes: the inverse of its decoder.

Written from the papers, not from the decoders, so that one checks the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

SIZE = (256, 320)  # height, width
BOXES = np.array(
    [[40, 30, 90, 150], [200.5, 100.25, 260, 240], [-10, -5, 20, 60]], np.float32
)  # the last one lies partly outside
SCORES = np.array([0.9, 0.5, 0.7], np.float32)

Head = Callable[[], list[np.ndarray[Any, Any]]]


def cells(strides: Sequence[int], anchors: int = 1) -> np.ndarray[Any, Any]:
    """(a, 3) column, row, stride of every grid cell."""
    height, width = SIZE
    rows = [
        (x, y, s)
        for s in strides
        for y in range(height // s)
        for x in range(width // s)
        for _ in range(anchors)
    ]
    return np.array(rows, np.float32)


def at(grid: np.ndarray[Any, Any], box: np.ndarray[Any, Any], stride: int = 32) -> int:
    """The first cell of `stride` nearest to the middle of a box."""
    x, y = np.round((box[:2] + box[2:]) / 2 / stride)
    hit = (grid[:, 0] == x) & (grid[:, 1] == y) & (grid[:, 2] == stride)
    return int(np.flatnonzero(hit)[0])


def middle_and_size(box: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    return (box[:2] + box[2:]) / 2, box[2:] - box[:2]


def yolo(classes: int = 80) -> list[np.ndarray[Any, Any]]:
    table = np.zeros((1, 4 + classes, len(cells((8, 16, 32)))), np.float32)
    for i, (box, score) in enumerate(zip(BOXES, SCORES, strict=True)):
        middle, size = middle_and_size(box)
        table[0, :5, 7 * i] = [*middle, *size, score]
    return [table]


def yolo_transposed() -> list[np.ndarray[Any, Any]]:
    return [yolo()[0].transpose(0, 2, 1).copy()]


def yolo_masks() -> list[np.ndarray[Any, Any]]:
    table = np.pad(yolo()[0], ((0, 0), (0, 32), (0, 0)))
    return [table, np.zeros((1, 32, SIZE[0] // 4, SIZE[1] // 4), np.float32)]


def yolo_end() -> list[np.ndarray[Any, Any]]:
    table = np.zeros((1, 300, 6), np.float32)
    for i, (box, score) in enumerate(zip(BOXES, SCORES, strict=True)):
        table[0, i] = [*box, score, 0]
    table[0, 3] = [1, 1, 5, 5, 0.95, 2]  # a car
    return [table]


def yolov5() -> list[np.ndarray[Any, Any]]:
    table = np.zeros((1, 3 * len(cells((8, 16, 32))), 85), np.float32)
    for i, (box, score) in enumerate(zip(BOXES, SCORES, strict=True)):
        middle, size = middle_and_size(box)
        table[0, 11 * i, :6] = [*middle, *size, np.sqrt(score), np.sqrt(score)]
    return [table]


def yolox() -> list[np.ndarray[Any, Any]]:
    grid = cells((8, 16, 32))
    table = np.zeros((1, len(grid), 85), np.float32)
    for box, score in zip(BOXES, SCORES, strict=True):
        middle, size = middle_and_size(box)
        i = at(grid, box)
        cell, stride = grid[i, :2], grid[i, 2]
        table[0, i, :4] = [*(middle / stride - cell), *np.log(size / stride)]
        table[0, i, 4:6] = np.sqrt(score)
    return [table]


def nanodet() -> list[np.ndarray[Any, Any]]:
    grid = cells((8, 16, 32, 64))
    table = np.zeros((1, len(grid), 80 + 32), np.float32)
    for box, score in zip(BOXES, SCORES, strict=True):
        i = at(grid, box)
        middle = grid[i, :2] * grid[i, 2]
        sides = np.hstack([middle - box[:2], box[2:] - middle]) / grid[i, 2]
        assert (sides >= 0).all()
        assert (sides < 7).all()
        table[0, i, 0] = score
        logits = np.full((4, 8), -50, np.float32)
        for side, low in enumerate(np.floor(sides).astype(int)):
            part = sides[side] - low
            logits[side, low] = np.log(max(1 - part, 1e-20))
            logits[side, low + 1] = np.log(max(part, 1e-20))
        table[0, i, 80:] = logits.ravel()
    return [table]


def yunet() -> list[np.ndarray[Any, Any]]:
    grid = cells((8, 16, 32))
    score = np.zeros(len(grid), np.float32)
    box_values = np.zeros((len(grid), 4), np.float32)
    for box, value in zip(BOXES, SCORES, strict=True):
        middle, size = middle_and_size(box)
        i = at(grid, box)
        score[i] = value
        stride = grid[i, 2]
        box_values[i] = [*(middle / stride - grid[i, :2]), *np.log(size / stride)]
    per_stride = [np.flatnonzero(grid[:, 2] == s) for s in (8, 16, 32)]
    scores = [score[None, rows, None] for rows in per_stride]
    boxes = [box_values[None, rows] for rows in per_stride]
    points = [np.zeros((1, len(rows), 10), np.float32) for rows in per_stride]
    return [*scores, *[s.copy() for s in scores], *boxes, *points]


def scrfd() -> list[np.ndarray[Any, Any]]:
    grid = cells((8, 16, 32), anchors=2)
    score = np.zeros(len(grid), np.float32)
    sides = np.zeros((len(grid), 4), np.float32)
    for box, value in zip(BOXES, SCORES, strict=True):
        i = at(grid, box) + 1  # the second anchor
        middle = grid[i, :2] * grid[i, 2]
        score[i] = value
        sides[i] = np.hstack([middle - box[:2], box[2:] - middle]) / grid[i, 2]
    per_stride = [np.flatnonzero(grid[:, 2] == s) for s in (8, 16, 32)]
    return [
        *(score[None, rows, None] for rows in per_stride),
        *(sides[None, rows] for rows in per_stride),
        *(np.zeros((1, len(rows), 10), np.float32) for rows in per_stride),
    ]


def deim() -> list[np.ndarray[Any, Any]]:
    labels = np.full((1, 300), 2, np.int64)
    boxes = np.zeros((1, 300, 4), np.float32)
    scores = np.full((1, 300), 0.01, np.float32)
    labels[0, :3], boxes[0, :3], scores[0, :3] = 0, BOXES, SCORES
    return [labels, boxes, scores]


def ssd() -> list[np.ndarray[Any, Any]]:
    table = np.full((1, 1, 200, 7), np.nan, np.float32)  # what follows the end is never written
    table[0, 0, 3] = [-1, 0, 0, 0, 0, 0, 0]
    shares = BOXES / np.array([SIZE[1], SIZE[0]] * 2, np.float32)
    for i, (box, score) in enumerate(zip(shares, SCORES, strict=True)):
        table[0, 0, i] = [0, 0, score, *box]
    return [table]


HEADS: dict[str, tuple[str, Head]] = {
    "yolo": ("yolo", yolo),
    "yolo transposed": ("yolo", yolo_transposed),
    "yolo masks": ("yolo", yolo_masks),
    "yolo end to end": ("yolo-end-to-end", yolo_end),
    "yolov5": ("yolov5", yolov5),
    "yolox": ("yolox", yolox),
    "nanodet": ("nanodet-plus", nanodet),
    "yunet": ("yunet", yunet),
    "scrfd": ("scrfd", scrfd),
    "deim": ("deim", deim),
    "ssd": ("ssd", ssd),
}
