"""Networks that end in OpenVINO's DetectionOutput: one output [1, 1, K, 7].

Rows of image, class, score, left, top, right, bottom in shares of the picture; the list ends
at image -1 (Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016; Open Model Zoo).
Suppression is inside the graph. The picture is BGR 0..255, stretched.
"""

from __future__ import annotations

import re

import numpy as np

from redact.detectors.families.base import (
    Guess,
    Outputs,
    Signature,
    Size,
    Wanted,
    check_scores,
    expect,
    finish,
    labels_of,
)
from redact.structures import Detections, Label

# The Open Model Zoo counts single classes from 0 or from 1; all rows are that class.
_TITLES = {
    Label.FACE: re.compile(r"^face-detection-(?!.*person)"),
    Label.PERSON: re.compile(r"^(person|pedestrian)-detection-"),
}


def guess(signature: Signature) -> Guess | None:
    """One output of rows of seven; the classes follow from the title of the model."""
    if len(signature.shapes) != 1 or len(signature.shapes[0]) != 4:
        return None
    if signature.shapes[0][3] != 7:
        return None
    labels = labels_of(signature, 0) if signature.names else None
    if labels is None:
        fitting = [label for label, title in _TITLES.items() if title.match(signature.title)]
        labels = dict.fromkeys(fitting, (0, 1)) or None
    return Guess(labels, colour="bgr", std=(1.0, 1.0, 1.0), pad=None)


def decode(outputs: Outputs, size: Size, wanted: Wanted) -> Detections:
    """[1, 1, K, 7] float -> boxes in network pixels."""
    ok = len(outputs) == 1 and outputs[0].ndim == 4 and outputs[0].shape[3] == 7
    expect(ok and outputs[0].shape[:2] == (1, 1), outputs, "[1, 1, K, 7]")
    table = np.asarray(outputs[0][0, 0], np.float32)
    end = np.flatnonzero(~(table[:, 0] >= 0))  # what follows the end is not written to
    if len(end):
        check_scores(table[end[0], :1] * 0)  # the end is -1, not NaN
        table = table[: end[0]]
    check_scores(table[:, 2])
    hit = (table[:, 1].round() == wanted.classes[:, None]) & (table[:, 2] >= wanted.floors[:, None])
    row, column = np.nonzero(hit)
    xyxy = table[column, 3:] * np.array([size[1], size[0]] * 2, np.float32)
    return finish(xyxy, table[column, 2], wanted.labels[row], wanted.suppression)
