"""Candidates and suppression on the device, for networks of the family `yolo`.

Greedy suppression keeps a box unless a surer one that is kept overlaps it. Here all boxes are asked
at once, again and again: after no round everybody is kept, after one round too few, after two
rounds too many, and so on towards the greedy answer. The number of rounds is fixed and even, so
where a chain of overlaps is longer than that, too many boxes are kept: more is hidden, not less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redact.detectors.families.base import Wanted
from redact.detectors.suppression import HIGHER
from redact.devices import load_torch

MOST = 256  # candidates of one picture; one with more is decoded by the processor
ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Picked:
    """Of n pictures. table: (n, MOST, 6) float32 xyxy in network pixels, score, row of
    `Wanted.classes`; kept: (n, MOST) bool; count: (n,) int64 candidates above the floors; sound:
    (n,) bool, False where a score or a box is not a number, or a score not within 0..1."""

    table: Any
    kept: Any
    count: Any
    sound: Any


def pick(rows: Any, wanted: Wanted) -> Picked:
    """rows: (n, 4 + C, a) float32: centre, size in network pixels, class scores."""
    torch = load_torch()
    device = rows.device
    classes = torch.from_numpy(wanted.classes).to(device)
    floors = torch.from_numpy(wanted.floors).to(device)
    scores = rows[:, 4 + classes]
    enough = scores >= floors[None, :, None]
    count = enough.sum(dim=(1, 2))
    sound = torch.isfinite(scores).all(dim=(1, 2)) & (scores >= -0.01).all(dim=2).all(dim=1)
    sound &= (scores <= 1.01).all(dim=2).all(dim=1)
    flat = torch.where(enough, scores, -1.0).flatten(1)
    top, at = flat.topk(min(MOST, flat.shape[1]), dim=1)
    label, cell = at // rows.shape[2], at % rows.shape[2]
    centre = rows[:, :4].gather(2, cell[:, None].expand(-1, 4, -1))
    half = centre[:, 2:].abs() / 2
    xyxy = torch.cat([centre[:, :2] - half, centre[:, :2] + half], dim=1).transpose(1, 2)
    real = top >= 0
    sound &= (torch.isfinite(xyxy).all(dim=2) | ~real).all(dim=1)
    how = wanted.suppression
    kept = suppressed(xyxy, label, real, wanted, how.overlap)
    if how.vote < 1:
        xyxy = voted(xyxy, label, top.clamp(0, 1), real, wanted)
        high, low = xyxy[..., 1], xyxy[..., 3]
        behind = high[:, None] < (high - HIGHER * (low - high))[:, :, None]
        least = torch.where(behind, max(how.overlap, how.repeat), how.repeat)
        kept = suppressed(xyxy, label, kept, wanted, least)
    table = torch.cat([xyxy, top.clamp(0, 1)[..., None], label[..., None].float()], dim=2)
    return Picked(table, kept, count, sound)


def suppressed(xyxy: Any, label: Any, real: Any, wanted: Wanted, overlap: Any) -> Any:
    """(n, k) bool: which boxes stay; they come surest first. At least those that
    `suppression.keep_best` keeps, and exactly those where no chain is longer than `ROUNDS`.

    overlap: beyond which one drops another, for all or (n, k, k) for each pair."""
    torch = load_torch()
    same = _same(label, wanted)
    earlier = torch.ones(same.shape[1:], dtype=torch.bool, device=same.device).triu(1)
    ousts = same & earlier & real[:, :, None] & (_overlaps(xyxy) > overlap)
    ousts_ = ousts.float()
    kept = real
    for _ in range(ROUNDS):
        kept = real & ~(torch.bmm(kept.float()[:, None], ousts_)[:, 0] > 0)
    return kept


def voted(xyxy: Any, label: Any, score: Any, real: Any, wanted: Wanted) -> Any:
    """(n, k, 4) as `suppression.voted`, for every box."""
    torch = load_torch()
    xyxy = torch.where(real[..., None], xyxy, 0.0)  # what is no candidate may hold anything
    near = _same(label, wanted) & real[:, None] & (_overlaps(xyxy) >= wanted.suppression.vote)
    itself = torch.eye(near.shape[1], device=near.device) * score.clamp(min=1e-6)[:, None]
    weight = torch.maximum(torch.where(near, score[:, None], 0.0), itself)
    return torch.bmm(weight, xyxy) / weight.sum(dim=2, keepdim=True)


def _same(label: Any, wanted: Wanted) -> Any:
    """(n, k, k) bool: of the same label; `label` holds rows of `Wanted.classes`."""
    torch = load_torch()
    kind = torch.from_numpy(wanted.labels.astype("int64")).to(label.device)[label]
    return kind[:, :, None] == kind[:, None, :]


def _overlaps(xyxy: Any) -> Any:
    """(n, k, 4) -> (n, k, k) intersection over union."""
    torch = load_torch()
    low = torch.maximum(xyxy[:, :, None, :2], xyxy[:, None, :, :2])
    high = torch.minimum(xyxy[:, :, None, 2:], xyxy[:, None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=3)
    area = (xyxy[..., 2:] - xyxy[..., :2]).prod(dim=2)
    return shared / (area[:, :, None] + area[:, None, :] - shared).clamp(min=1e-9)
