"""How much of what can be seen of a person shows after redaction, pixel by pixel of an exact mask.

The same structure as in `redact.evaluate.structure`, but of the person's own visible pixels alone:
nobody else's box is left out, so a strip of a stranger beside a resident counts. A pixel is judged
by the structure nearest to it; flat cloth farther than a few pixels from any says nothing. Slopes
so gentle that a mean of four cells across the person keeps them say nothing either, as they
survive where everything is blurred.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from redact.evaluate.structure import (
    LEAST,
    SAME,
    TALL,
    WINDOW,
    Bools,
    Floats,
    coherent,
    gradients,
    looks,
)
from redact.structures import Plane

_CELLS = 4  # across the shorter side of a person: what blur keeps at most
_CELL_SIGMA = 0.5  # of a cell: a Gaussian as wide as means of cells, smoothed
_MOST = 0.55  # of a window's structure: what shows may be a strip one block of 8 pixels wide
_AGREE = 6  # informing pixels in a window; fewer agree by chance
_NEAR = 3.0  # pixels from structure within which a pixel is judged by it


def shown_share(
    original: Plane,
    redacted: Plane,
    scene: Floats | None,
    box: npt.NDArray[np.float64],
    mask: Bools,
) -> tuple[float, bool]:
    """Share in [0, 1] of a person's visible pixels that show, and whether that is certain.

    original, redacted: (H, W) uint8 luma. scene: (H, W) float32 or None. box: (4,) xyxy pixels of
    the whole person, also of what cannot be seen. mask: (H, W) bool, at least one pixel. Uncertain:
    there was too little structure, and pixels were compared that re-encoding may have changed by
    a few grey levels.
    """
    luma, own = _cut(original, redacted, scene, box, mask)
    for sigma, least, error in looks(float(box[3] - box[1])):
        weight, survives = gradients(luma, sigma, least, error)
        weight = np.where(own, weight, 0)
        if np.count_nonzero(weight) >= LEAST:
            return _share(weight, survives, own), True
    change = cv2.blur(luma[..., :2], (3, 3))
    same = np.abs(change[..., 0] - change[..., 1]) <= SAME
    return float(same[own].mean()), False


def _cut(
    original: Plane,
    redacted: Plane,
    scene: Floats | None,
    box: npt.NDArray[np.float64],
    mask: Bools,
) -> tuple[Floats, Bools]:
    """On the common scale: (h, w, 4) luma of the original, the redacted picture, the empty scene
    and the original blurred, and the (h, w) mask."""
    scale = min(1.0, TALL / (box[3] - box[1]))
    pad = int(4 / scale) + 1
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    cut = np.s_[
        max(0, rows[0] - pad) : rows[-1] + 1 + pad,
        max(0, columns[0] - pad) : columns[-1] + 1 + pad,
    ]
    nowhere = np.full_like(original[cut], np.nan, dtype=np.float32)
    layers = (original[cut], redacted[cut], nowhere if scene is None else scene[cut], mask[cut])
    luma = np.dstack([layer.astype(np.float32) for layer in layers])
    if scale < 1:
        size = tuple(max(4, round(side * scale)) for side in luma.shape[1::-1])
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
    own: Bools = luma[..., 3] >= min(0.5, luma[..., 3].max())
    cell = scale * min(box[2] - box[0], box[3] - box[1]) / _CELLS
    luma[..., 3] = cv2.GaussianBlur(luma[..., 0], (0, 0), max(_CELL_SIGMA * cell, 0.3))
    return luma, own


def _share(weight: Floats, survives: Bools, own: Bools) -> float:
    """Share of the person's pixels near structure whose nearest structure survives."""
    informs = weight > 0
    enough = cv2.blur(informs.astype(np.float32), (WINDOW, WINDOW)) * WINDOW**2 > _AGREE - 0.5
    seen = coherent(weight, survives, _MOST) & enough
    away, nearest = cv2.distanceTransformWithLabels(
        (~informs).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    verdict = np.zeros(int(nearest.max()) + 1, np.bool_)
    verdict[nearest[informs]] = seen[informs]
    return float(verdict[nearest[own & (away <= _NEAR)]].mean())
