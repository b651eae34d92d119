"""Which cell answers for which box, and what a wrong answer costs.

Assignment: task-aligned (TOOD, Feng et al., ICCV 2021). Classes: plain cross-entropy with the
overlap reached as target (a focal weight on what is not there left the picture full of low false
scores); boxes: generalised IoU (Rezatofighi et al., CVPR 2019) and distribution focal loss (Li et
al., NeurIPS 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from models.network import boxes_of, scale_of

_TOP = 10  # cells per box at most
_SCORE_POWER, _IOU_POWER = 0.5, 4.0
_NEAR = 1.0  # strides around a box's centre within which cells may answer for a small box
_WEIGHTS = {"classes": 1.0, "boxes": 5.0, "distribution": 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """boxes: (n, 4) xyxy pixels, classes: (n,); ignored: (m, 4), ignored_classes: (m,)."""

    boxes: Tensor
    classes: Tensor
    ignored: Tensor
    ignored_classes: Tensor


def overlap(a: Tensor, b: Tensor, generalised: bool = False) -> Tensor:
    """IoU (or GIoU) of boxes that broadcast against each other, (..., 4) each."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    common = (high - low).clamp(min=0).prod(-1)
    area_a, area_b = (a[..., 2:] - a[..., :2]).prod(-1), (b[..., 2:] - b[..., :2]).prod(-1)
    union = (area_a + area_b - common).clamp(min=1e-6)
    iou = common / union
    if not generalised:
        return iou
    out_low, out_high = torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])
    hull = (out_high - out_low).prod(-1).clamp(min=1e-6)
    return iou - (hull - union) / hull


@torch.no_grad()
def assign(
    scores: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, target: Target
) -> tuple[Tensor, Tensor, Tensor]:
    """One picture: (p,) cells, (p,) the box each answers for, (p,) the quality to reach.

    scores: (a, classes) in 0..1; boxes: (a, 4).
    """
    n = len(target.boxes)
    none = torch.zeros(0, dtype=torch.long)
    if n == 0:
        return none, none, torch.zeros(0)
    truth = target.boxes[:, None]
    inside = ((centres[None] > truth[..., :2]) & (centres[None] < truth[..., 2:])).all(-1)
    middle = (truth[..., :2] + truth[..., 2:]) / 2
    near = ((centres[None] - middle).abs() < _NEAR * strides[None, :, None]).all(-1)
    small = (target.boxes[:, 2:] - target.boxes[:, :2]).min(-1).values[:, None] < 2 * strides[None]
    allowed = inside | (near & small)
    iou = overlap(boxes[None], truth)  # (n, a)
    metric = scores[:, target.classes].T.pow(_SCORE_POWER) * iou.clamp(min=1e-4).pow(_IOU_POWER)
    metric = metric * allowed
    top = metric.topk(min(_TOP, metric.shape[1]), dim=1)
    chosen = torch.zeros_like(metric, dtype=torch.bool)
    chosen.scatter_(1, top.indices, top.values > 0)
    # One cell answers for one box: the one it overlaps most.
    best = torch.where(chosen, iou, -1.0).argmax(0)
    cell = chosen.any(0).nonzero().flatten()
    owner = best[cell]
    mine = metric[owner, cell]
    peak = torch.zeros(n).scatter_reduce(0, owner, mine, "amax")
    reached = torch.zeros(n).scatter_reduce(0, owner, iou[owner, cell], "amax")
    quality = mine / peak[owner].clamp(min=1e-9) * reached[owner]
    return cell, owner, quality


def learnable(target: Target, centres: Tensor, class_count: int) -> Tensor:
    """(a, classes) bool: where the absence of a class may be learned."""
    keep = torch.ones(len(centres), class_count, dtype=torch.bool)
    for label in target.ignored_classes.unique().tolist():
        boxes = target.ignored[target.ignored_classes == label]
        inside = (centres[None] > boxes[:, None, :2]) & (centres[None] < boxes[:, None, 2:])
        keep[:, label] &= ~inside.all(-1).any(0)
    return keep


def loss(
    logits: Tensor,
    distances: Tensor,
    centres: Tensor,
    strides: Tensor,
    targets: list[Target],
) -> dict[str, Tensor]:
    """Losses of a batch by name, weighted; their sum is to be minimised.

    logits: (n, a, classes); distances: (n, a, 4, bins).
    """
    scores, boxes = logits.sigmoid(), boxes_of(distances, centres, strides)
    wanted, known = torch.zeros_like(logits), torch.ones_like(logits, dtype=torch.bool)
    picked: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for i, target in enumerate(targets):
        cell, owner, quality = assign(
            scores[i].detach(), boxes[i].detach(), centres, strides, target
        )
        known[i] = learnable(target, centres, logits.shape[-1])
        wanted[i, cell, target.classes[owner]] = quality
        known[i, cell, target.classes[owner]] = True
        picked.append((torch.full_like(cell, i), cell, target.boxes[owner], quality))
    row, cell, truth, quality = (torch.cat(parts) for parts in zip(*picked, strict=True))
    total = wanted.sum().clamp(min=1.0)
    bce = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    classes = (bce * known).sum() / total
    giou = overlap(boxes[row, cell], truth, generalised=True)
    sides = ((1 - giou) * quality).sum() / total
    spread = _distribution(distances[row, cell], truth, centres[cell], strides[cell])
    return {
        "classes": _WEIGHTS["classes"] * classes,
        "boxes": _WEIGHTS["boxes"] * sides,
        "distribution": _WEIGHTS["distribution"] * (spread * quality).sum() / total,
    }


def _distribution(distances: Tensor, truth: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """(p,) distribution focal loss: cross-entropy to the two bins around the true distance."""
    scale = scale_of(distances.shape[-1])
    true = torch.cat([centres - truth[:, :2], truth[:, 2:] - centres], -1) / strides[:, None]
    true = true.clamp(0, float(scale[-1]) - 1e-3)
    upper = torch.searchsorted(scale, true.contiguous(), right=True).clamp(1, len(scale) - 1)
    low, high = scale[upper - 1], scale[upper]
    share = (true - low) / (high - low)
    log = distances.log_softmax(-1)
    at_low = log.gather(-1, (upper - 1)[..., None])[..., 0]
    at_high = log.gather(-1, upper[..., None])[..., 0]
    return -((1 - share) * at_low + share * at_high).mean(-1)
