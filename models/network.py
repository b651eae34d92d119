"""The network: a narrow convolutional pyramid with one anchor-free head per stride.

Backbone: dense 3x3 convolutions where pictures are large (they are what a small processor does
best in INT8), CSP blocks (Wang et al., CVPRW 2020) further down, pooled context at the end (SPPF,
Jocher et al. 2022). Neck: top down, then bottom up (PAN, Liu et al., CVPR 2018), all of one width.
Heads: per stride 8, 16 and 32 a separable branch for classes and one for boxes, distances to the
four sides as distributions (Li et al., Generalized Focal Loss, NeurIPS 2020). Only convolutions,
ReLU, sums and nearest-neighbour doubling: all of it quantises.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from models.config import NetworkOptions

STRIDES = (8, 16, 32)
PRIOR = 0.01  # what each class score says before any training (Lin et al., Focal Loss, 2017)


class Conv(nn.Sequential):
    """Convolution, batch normalisation, ReLU; `groups` = channels for depthwise."""

    def __init__(self, cin: int, cout: int, kernel: int = 3, stride: int = 1, groups: int = 1):
        super().__init__(
            nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(cout, eps=1e-3, momentum=0.03),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """Two 3x3 convolutions, the second added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Conv(width, width), Conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.body(x)
        return added


class Stage(nn.Module):
    """Halve the picture, then a CSP block: half of the channels pass, half are worked on."""

    def __init__(self, cin: int, cout: int, depth: int) -> None:
        super().__init__()
        half = cout // 2
        self.down = Conv(cin, cout, 3, 2)
        self.split = Conv(cout, cout, 1)
        self.blocks = nn.ModuleList(Residual(half) for _ in range(depth))
        self.join = Conv(cout + half * depth, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept, worked = self.split(self.down(x)).chunk(2, dim=1)
        parts = [kept, worked]
        for block in self.blocks:
            parts.append(block(parts[-1]))
        joined: Tensor = self.join(torch.cat(parts, dim=1))
        return joined


class Context(nn.Module):
    """Three max-pools in a row see 13 x 13 cells (SPPF)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Conv(width, width // 2, 1)
        self.last = Conv(width * 2, width, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.first(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        pooled: Tensor = self.last(torch.cat(parts, dim=1))
        return pooled


class Fuse(nn.Module):
    """Two maps of the neck become one: a separable convolution of their sum."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Conv(width, width, kernel, groups=width), Conv(width, width, 1))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        fused: Tensor = self.body(a + b)
        return fused


class Head(nn.Module):
    """Class logits and distance logits of one stride."""

    def __init__(self, options: NetworkOptions, classes: int) -> None:
        super().__init__()
        width, joint = options.neck, options.head == "joint"

        def tower() -> list[nn.Module]:
            if options.head == "dense":
                return [Conv(width, width)]
            return [Conv(width, width, groups=width), Conv(width, width, 1)]

        self.shared = nn.Sequential(*(tower() if joint else []))
        own = list if joint else tower
        self.classes = nn.Sequential(*own(), nn.Conv2d(width, classes, 1))
        self.sides = nn.Sequential(*own(), nn.Conv2d(width, 4 * options.bins, 1))
        nn.init.constant_(self.classes[-1].bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.shared(x)
        return self.classes(x), self.sides(x)


class Detector(nn.Module):
    """(n, 3, h, w) RGB in 0..1, sides multiples of 32 -> logits per cell.

    forward: (n, a, classes) class logits and (n, a, 4, bins) distance logits, a cells over all
    strides, row by row.
    """

    def __init__(self, options: NetworkOptions, classes: int = 3) -> None:
        super().__init__()
        self.bins = options.bins
        self.class_count = classes
        w4, w8, w16, w32 = options.widths
        self.stem = nn.Sequential(Conv(3, options.stem, 3, 2), Conv(options.stem, w4, 3, 2))
        self.stage8 = Stage(w4, w8, options.depths[0])
        self.stage16 = Stage(w8, w16, options.depths[1])
        self.stage32 = nn.Sequential(Stage(w16, w32, options.depths[2]))
        if options.context:
            self.stage32.append(Context(w32))
        neck = options.neck
        self.laterals = nn.ModuleList(Conv(w, neck, 1) for w in (w8, w16, w32))
        self.top_down = nn.ModuleList(Fuse(neck, options.fuse) for _ in range(2))
        self.downs = nn.ModuleList(
            nn.Sequential(Conv(neck, neck, 3, 2, groups=neck), Conv(neck, neck, 1))
            for _ in range(2)
        )
        self.bottom_up = nn.ModuleList(Fuse(neck, options.fuse) for _ in range(2))
        self.heads = nn.ModuleList(Head(options, classes) for _ in STRIDES)

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """Maps of strides 8, 16 and 32, all `neck` wide."""
        c8 = self.stage8(self.stem(x))
        c16 = self.stage16(c8)
        c32 = self.stage32(c16)
        p8, p16, p32 = (
            lateral(c) for lateral, c in zip(self.laterals, (c8, c16, c32), strict=True)
        )
        p16 = self.top_down[0](p16, _doubled(p32))
        p8 = self.top_down[1](p8, _doubled(p16))
        n16 = self.bottom_up[0](p16, self.downs[0](p8))
        n32 = self.bottom_up[1](p32, self.downs[1](n16))
        return [p8, n16, n32]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores, sides = [], []
        for head, feature in zip(self.heads, self.pyramid(x), strict=True):
            score, side = head(feature)
            scores.append(score.flatten(2))
            sides.append(side.flatten(2))
        n = x.shape[0]
        logits = torch.cat(scores, dim=2).transpose(1, 2)
        distances = torch.cat(sides, dim=2).transpose(1, 2).reshape(n, -1, 4, self.bins)
        return logits, distances


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def cells(height: int, width: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """(a, 2) centres in pixels and (a,) strides of all cells of a picture."""
    centres, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            torch.arange(height // stride, device=device),
            torch.arange(width // stride, device=device),
            indexing="ij",
        )
        centres.append((torch.stack([x, y], -1).reshape(-1, 2).float() + 0.5) * stride)
        strides.append(torch.full((len(centres[-1]),), float(stride), device=device))
    return torch.cat(centres), torch.cat(strides)


def scale_of(bins: int, device: torch.device | str = "cpu") -> Tensor:
    """(bins,) the distance that each bin stands for, in strides: fine near, coarse far."""
    steps = torch.arange(bins, device=device).float()
    return steps + 0.25 * steps * (steps - 1) / 2


def boxes_of(distances: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """(n, a, 4, bins) logits -> (n, a, 4) xyxy in pixels: the mean of each distribution."""
    scale = scale_of(distances.shape[-1], distances.device)
    mean = (distances.softmax(-1) * scale).sum(-1) * strides[:, None]
    return torch.cat([centres - mean[..., :2], centres + mean[..., 2:]], dim=-1)
