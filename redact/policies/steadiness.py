"""Whether unsure boxes of a subject stand where its sure ones, before and after, say it was.

The score of a detector that is small or sees little dips from frame to frame while the person
walks on. A box that agrees with the sure boxes around it in place and size is then no weaker
evidence of where the feet are than they, whatever its own score.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from redact.structures import BoolArray, FloatArray

_ENOUGH = 4  # sure boxes, so that a few lucky ones make no line
_AGREES = 0.1  # of the person's height: how far foot and head may be off


def agreeing(
    boxes: FloatArray, when: npt.NDArray[np.float64], sure: npt.NDArray[np.bool_]
) -> BoolArray:
    """(n,) bool: boxes between sure ones of the same subject whose foot and height are those of
    the line between the sure boxes before and after.

    boxes: (n, 4) xyxy pixels. when: (n,) seconds; unless they rise, nothing agrees. sure: (n,).
    """
    known = when[sure]
    if len(known) < _ENOUGH or (np.diff(when) <= 0).any():
        return np.zeros(len(boxes), np.bool_)
    stance = np.stack(
        [(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3], boxes[:, 3] - boxes[:, 1]], axis=1
    )
    expected = np.stack([np.interp(when, known, column[sure]) for column in stance.T], axis=1)
    off = np.abs(stance - expected).max(axis=1)
    between = (when > known[0]) & (when < known[-1])
    same: BoolArray = between & (off <= _AGREES * expected[:, 2])
    return same
