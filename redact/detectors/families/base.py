"""What families share: the words they are asked with, and the checks before any box is believed.

A network that answers NaN, the wrong shape or scores beyond 0..1 has not said "nobody here":
it has said nothing, and that is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from redact.detectors.suppression import Suppression, suppress
from redact.errors import ModelError
from redact.structures import Detections, FloatArray, IntArray, Label

Outputs = Sequence[npt.NDArray[Any]]
Size = tuple[int, int]  # height, width of the network's input in pixels


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """Which of a network's classes are looked for.

    classes: (k,) int64 class indices; labels: (k,) uint8 `Label` each stands for; floors: (k,)
    float32 least score each. suppression: how boxes become one per thing.
    """

    classes: IntArray
    labels: npt.NDArray[np.uint8]
    floors: FloatArray
    suppression: Suppression = field(default_factory=Suppression)

    @classmethod
    def of(
        cls,
        labels: Mapping[Label, Sequence[int]],
        floors: Mapping[Label, float],
        suppression: Suppression | None = None,
    ) -> Wanted:
        pairs = [(index, label) for label, indices in labels.items() for index in indices]
        return cls(
            np.array([index for index, _ in pairs], np.int64),
            np.array([label for _, label in pairs], np.uint8),
            np.array([floors[label] for _, label in pairs], np.float32),
            suppression or Suppression(),
        )


@dataclass(frozen=True, slots=True)
class Signature:
    """A network as seen from outside.

    shapes: of the outputs, in order, for one picture of `size`; a free extent is None.
    names: class names by index, where the file carries them. title: the graph's own name or
    that of its file. inputs: names of the inputs besides the picture.
    """

    size: Size
    shapes: tuple[tuple[int | None, ...], ...]
    names: Mapping[int, str] = field(default_factory=dict)
    title: str = ""
    inputs: tuple[str, ...] = ()

    def cells(self, strides: Sequence[int]) -> int:
        """Grid cells over all strides, a cell that is cut by the edge included."""
        height, width = self.size
        return sum(-(-height // s) * -(-width // s) for s in strides)


@dataclass(frozen=True, slots=True)
class Guess:
    """What a family takes a network for. labels: None where the file does not tell."""

    labels: Mapping[Label, tuple[int, ...]] | None
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (255.0, 255.0, 255.0)
    pad: int | None = 114
    multiple: int = 32


@dataclass(frozen=True, slots=True)
class Family:
    """guess: None when the network is of another family. decode: boxes in network pixels."""

    guess: Callable[[Signature], Guess | None]
    decode: Callable[[Outputs, Size, Wanted], Detections]


COCO_PERSON: Mapping[Label, tuple[int, ...]] = {Label.PERSON: (0,)}
ONLY_FACE: Mapping[Label, tuple[int, ...]] = {Label.FACE: (0,)}

_MEANINGS = {
    Label.PERSON: {"person", "people", "pedestrian", "human"},
    Label.FACE: {"face", "human face", "human_face"},
}


def labels_of(signature: Signature, classes: int) -> Mapping[Label, tuple[int, ...]] | None:
    """Which classes are people or faces: by name, or by the 80 classes of COCO."""
    if all(name in (str(i), f"class{i}") for i, name in signature.names.items()):  # no names
        return COCO_PERSON if classes == 80 else None
    found = {
        label: tuple(i for i, name in signature.names.items() if name.lower() in meaning)
        for label, meaning in _MEANINGS.items()
    }
    return {label: indices for label, indices in found.items() if indices} or None


def expect(condition: bool, outputs: Outputs, wanted: str) -> None:
    """Raise ModelError unless the outputs have the shape that the family needs."""
    if not condition:
        shapes = ", ".join(str(list(o.shape)) for o in outputs)
        raise ModelError(f"the network's outputs have shape {shapes}, expected {wanted}")


def sigmoid(x: FloatArray) -> FloatArray:
    """Logistic function that does not overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)), np.float32)


def pick_classes(scores: FloatArray, wanted: Wanted, outputs: Outputs) -> FloatArray:
    """The wanted rows of class scores (c, a) -> (k, a). Raises ModelError if one is missing."""
    top = int(wanted.classes.max(initial=0))
    expect(top < len(scores), outputs, f"at least {top + 1} classes, found {len(scores)}")
    return scores[wanted.classes]


def gather(
    scores: FloatArray, wanted: Wanted, boxes: Callable[[npt.NDArray[np.intp]], FloatArray]
) -> Detections:
    """Boxes above the floors, one per thing.

    scores: (k, a) float32, one row per wanted class, a candidates. boxes: positions (n,) of
    candidates -> (n, 4) xyxy, called for the survivors alone. Raises ModelError for NaN,
    infinity or scores beyond 0..1.
    """
    check_scores(scores)
    row, column = np.nonzero(scores >= wanted.floors[:, None])
    return finish(boxes(column), scores[row, column], wanted.labels[row], wanted.suppression)


def check_scores(scores: FloatArray) -> None:
    """Raise ModelError unless all scores are finite and within 0..1."""
    if not np.isfinite(scores).all():
        raise ModelError("the network's scores are not finite: the file is damaged or unsuited")
    if scores.size and (scores.min() < -0.01 or scores.max() > 1.01):
        raise ModelError(
            f"the network's scores run from {scores.min():.2f} to {scores.max():.2f}, expected "
            "0 to 1: the model is of another family than its description says"
        )


def finish(
    xyxy: FloatArray, score: FloatArray, label: npt.NDArray[np.uint8], how: Suppression
) -> Detections:
    """Check the surviving boxes and suppress repeats."""
    if not np.isfinite(xyxy).all():
        raise ModelError("the network's boxes are not finite: the file is damaged or unsuited")
    low, high = np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])
    found = Detections(np.hstack([low, high]), np.clip(score, 0, 1), label)
    return suppress(found, how)


def centre_boxes(cx: Any, cy: Any, w: Any, h: Any) -> FloatArray:
    """Centres and sizes (n,) each -> (n, 4) float32 xyxy."""
    return np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1).astype(np.float32)


def grid(size: Size, strides: Sequence[int], repeat: int = 1) -> tuple[FloatArray, FloatArray]:
    """Cell positions, row by row and stride by stride, each `repeat` times.

    Returns (a, 2) float32 column and row in cells, and (a,) float32 stride in pixels.
    """
    positions, steps = [], []
    for stride in strides:
        rows, columns = -(-size[0] // stride), -(-size[1] // stride)
        y, x = np.divmod(np.arange(rows * columns), columns)
        cells = np.stack([x, y], axis=1).repeat(repeat, axis=0)
        positions.append(cells.astype(np.float32))
        steps.append(np.full(len(cells), stride, np.float32))
    return np.concatenate(positions), np.concatenate(steps)
