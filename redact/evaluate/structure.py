"""How much of a person survives redaction, from the pixels of one frame.

What makes a person visible is structure: edges of the face, hair, clothes and outline. A pixel
informs when the original's luma gradient there is significant and is not the gradient of the
empty scene (so a fence seen between the legs says nothing about the person). It survives when
the redacted picture's gradient vector is nearly the same. The kept share is the share of the
informing gradient that survives. Blur, fill, black boxes and an erased person destroy gradient
vectors; re-encoding does not, and flat clothing is judged by its seams and outline.

All people are looked at on one scale (at most 128 pixels tall), so that noise and fine grain
weigh the same near and far. Where there is too little gradient for a verdict, a coarser scale
is tried, and at last the plain difference of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from redact.structures import Plane

Boxes = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

TALL = 128  # pixels to which taller people are scaled down
HEAD = 1 / 6.5  # of a person's height
_HEAD_WIDTH, _BODY_WIDTH = 0.6, 0.7  # middle part of the box that is looked at
SURVIVES = 0.5  # relative error of a gradient vector
FINE, COARSE = (0.7, 2.0), (2.0, 0.6)  # (sigma in pixels, least gradient in grey levels/pixel)
SMALL = 64.0  # people lower than so many pixels are smoothed less
WINDOW = 7  # pixels square in which surviving structure must be coherent
MOST = 0.65  # share of the window's structure that must survive
LEAST = 8.0  # informing pixels for a verdict
SAME = 3.0  # grey levels by which a re-encoded pixel may differ


@dataclass(frozen=True, slots=True)
class Kept:
    """Shares in [0, 1] of what survives; None where the part cannot be judged by itself.

    whole: of head and body together; None when nothing of the person is to be seen.
    ideal: what `whole` would be if exactly the `others` boxes were hidden.
    certain: False where only plain pixel differences could be compared.
    """

    head: float | None
    body: float | None
    whole: float | None
    ideal: float | None
    certain: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """One person's surroundings on the common scale: (h, w) regions and (h, w, 3) luma of the
    original, the redacted picture and the empty scene."""

    luma: Floats
    head: Bools
    body: Bools
    others: Bools


def kept_structure(
    original: Plane,
    redacted: Plane,
    scene: Floats | None,
    box: npt.NDArray[np.float64],
    nearer: Boxes,
    others: Boxes,
    min_region: float = 0.1,
) -> Kept:
    """Judge one person.

    original, redacted: (H, W) uint8 luma. scene: (H, W) float32 or None. box: (4,) xyxy pixels.
    nearer: (k, 4) boxes of people who stand before this one and whose pixels are not judged.
    others: (m, 4) boxes that a perfect redaction would hide, for `ideal`.
    """
    view = _view(original, redacted, scene, box, nearer, others)
    if view is None or (view.head | view.body).sum() < min_region * _box_pixels(box):
        return Kept(None, None, None, None)
    for sigma, least, error in looks(float(box[3] - box[1])):
        weight, survives = gradients(view.luma, sigma, least, error)
        seen = _seen(weight, survives, view)
        whole = _share(weight, seen, view.head | view.body)
        if whole is not None:
            return Kept(
                _share(weight, seen, view.head),
                _share(weight, seen, view.body),
                whole,
                _share(weight, _seen(weight, ~view.others, view), view.head | view.body),
            )
    return _by_difference(view)


def looks(height: float) -> list[tuple[float, float, float]]:
    """How to look for the structure of a person so many pixels high: sigma in pixels, least
    gradient in grey levels per pixel, relative error with which it survives; first the fine look.

    Small people show little but pixels: they are smoothed less, and compared more strictly.
    """
    small = min(1.0, height / SMALL)
    error = float(np.clip(SURVIVES * (0.6 + small * 0.6), 0.8 * SURVIVES, SURVIVES))
    return [(FINE[0] * small, FINE[1], error), (*COARSE, error)]


def _box_pixels(box: npt.NDArray[np.float64]) -> float:
    """Pixels of the looked-at middle of a box on the common scale."""
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(1.0, TALL / height)
    return float(width * height * scale * scale * _BODY_WIDTH)


def _view(
    original: Plane,
    redacted: Plane,
    scene: Floats | None,
    box: npt.NDArray[np.float64],
    nearer: Boxes,
    others: Boxes,
) -> _View | None:
    scale = min(1.0, TALL / (box[3] - box[1]))
    pad = 4 / scale
    limits = (0, 0, original.shape[1], original.shape[0])
    left, top = (max(limits[i], int(box[i] - pad)) for i in (0, 1))
    right, bottom = (min(limits[i], int(box[i] + pad) + 1) for i in (2, 3))
    if right - left < 4 or bottom - top < 4:
        return None
    cut = np.s_[top:bottom, left:right]
    layers = [original[cut], redacted[cut], original[cut] if scene is None else scene[cut]]
    luma = np.dstack([layer.astype(np.float32) for layer in layers])
    if scene is None:
        luma[..., 2] = np.nan
    if scale < 1:
        size = (max(4, round((right - left) * scale)), max(4, round((bottom - top) * scale)))
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
    height, width = luma.shape[:2]
    x = left + (np.arange(width) + 0.5) * (right - left) / width
    y = top + (np.arange(height) + 0.5) * (bottom - top) / height
    head, body = _parts(x, y, box)
    free = ~_within(x, y, nearer)
    return _View(luma, head & free, body & free, _within(x, y, others))


def _parts(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], box: npt.NDArray[np.float64]
) -> tuple[Bools, Bools]:
    """Head and body of a box on the grid of pixel centres x and y."""
    aside = np.abs(x - (box[0] + box[2]) / 2) / (box[2] - box[0])
    neck = box[1] + (box[3] - box[1]) * HEAD
    above = (y >= box[1]) & (y < neck)
    below = (y >= neck) & (y < box[3])
    head = above[:, None] & (aside < _HEAD_WIDTH / 2)
    return head, below[:, None] & (aside < _BODY_WIDTH / 2)


def _within(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], boxes: Boxes) -> Bools:
    """(len(y), len(x)) bool: pixel centres that lie in any of the boxes."""
    hit = np.zeros((len(y), len(x)), np.bool_)
    for x1, y1, x2, y2 in boxes:
        hit |= ((y >= y1) & (y < y2))[:, None] & ((x >= x1) & (x < x2))
    return hit


def gradients(luma: Floats, sigma: float, least: float, error: float) -> tuple[Floats, Bools]:
    """(h, w) weight of each pixel's information, and whether its gradient vector survives with
    at most this relative error.

    luma: (h, w, 3 or more): the original, the redacted picture, and pictures in which nobody is to
    be made out: what the original shows as they do says nothing about anybody.
    """
    smooth = cv2.GaussianBlur(luma, (0, 0), sigma) if sigma > 0.3 else luma
    dx = cv2.sepFilter2D(smooth, -1, np.array([-0.5, 0, 0.5]), np.array([1.0]))
    dy = cv2.sepFilter2D(smooth, -1, np.array([1.0]), np.array([-0.5, 0, 0.5]))
    size = np.hypot(dx[..., 0], dy[..., 0])
    with np.errstate(invalid="ignore"):
        change = np.hypot(dx[..., 1:] - dx[..., :1], dy[..., 1:] - dy[..., :1])
        vague = change[..., 1:] < np.maximum(SURVIVES * size, least)[..., None]
    strong = (size >= least) & ~vague.any(axis=-1)
    # Square root: one hard edge must not outvote all the softer ones.
    weight: Floats = np.where(strong, np.sqrt(size), 0).astype(np.float32)
    survives: Bools = change[..., 0] < error * size
    return weight, survives


def _seen(weight: Floats, survives: Bools, view: _View) -> Bools:
    """(h, w) bool: what can be seen of head and body, each judged by its own pixels alone."""
    head = coherent(np.where(view.head, weight, 0), survives) & view.head
    return head | (coherent(np.where(view.body, weight, 0), survives) & view.body)


def coherent(weight: Floats, survives: Bools, share: float = MOST) -> Bools:
    """(h, w) bool: where more than this share of the information round about survives.

    Under blur, gradients survive by chance, here and there; where a person is seen, they all do.
    """
    found = np.dstack([weight, np.where(survives, weight, 0)])
    near = cv2.blur(found, (WINDOW, WINDOW))
    most: Bools = near[..., 1] > share * near[..., 0]
    return most


def _share(weight: Floats, survives: Bools, region: Bools) -> float | None:
    """Weighted share of the region's information, None where there is too little of it."""
    of = weight[region]
    if np.count_nonzero(of) < LEAST:
        return None
    return float(of[survives[region]].sum() / of.sum())


def _by_difference(view: _View) -> Kept:
    """The last resort: pixels that are the same to within the noise of re-encoding."""
    region = view.head | view.body
    change = cv2.blur(view.luma[..., :2], (3, 3))
    same = np.abs(change[..., 0] - change[..., 1]) <= SAME
    whole = float(same[region].mean())
    return Kept(None, whole, whole, float((~view.others)[region].mean()), certain=False)
