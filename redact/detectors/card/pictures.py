"""Batches of network pictures, made from planes on the device.

What `detectors.letterbox` does in steps is linear along each axis but for its rounding, so here it
is one matrix per axis: the same steps, applied once to the unit matrix. Two products per plane
shrink a whole batch. Differs from the pictures of `letterbox` by rounding alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from redact.detectors.letterbox import Fit, Transform, fitted, rgb_matrix
from redact.devices import load_torch
from redact.structures import FloatArray, Frame


@lru_cache(maxsize=32)
def axis_matrix(source: int, target: int) -> FloatArray:
    """(target, source) float32: how `letterbox.shrink` takes `source` pixels to `target`."""
    rows = np.eye(source, dtype=np.float32)
    while len(rows) >= 2 * target:
        half = len(rows) // 2
        method = cv2.INTER_LINEAR if half * 2 == len(rows) else cv2.INTER_AREA
        rows = np.asarray(cv2.resize(rows, (source, half), interpolation=method), np.float32)
    if len(rows) != target:
        method = cv2.INTER_LINEAR
        rows = np.asarray(cv2.resize(rows, (source, target), interpolation=method), np.float32)
    return rows


class Pictures:
    """Makes batches for one network on one device.

    mean, std: per channel in 0..255, in the order of `Fit.order`: (value - mean) / std. half:
    products in half precision, which holds 0..255 exactly, and their sums in single.
    """

    def __init__(
        self, device: Any, mean: Sequence[float], std: Sequence[float], half: bool
    ) -> None:
        self._torch = load_torch()
        self._device = device
        self._type = self._torch.float16 if half else self._torch.float32
        self._mean = self._torch.tensor(mean, device=device).reshape(1, 3, 1, 1)
        self._std = self._torch.tensor(std, device=device).reshape(1, 3, 1, 1)
        self._matrices: dict[tuple[int, int], Any] = {}
        self._staging: dict[tuple[int, ...], Any] = {}

    def upload(self, frames: Sequence[Frame]) -> list[Any]:
        """Planes y, u, v of frames of one size: (n, h, w) uint8 each, on the device. Through
        page-locked memory, so that the copy to a card runs beside other work."""
        found = []
        for name in ("y", "u", "v"):
            planes = [getattr(frame, name) for frame in frames]
            buffer = self._buffer((len(planes), *planes[0].shape), name == "v")
            for at, plane in enumerate(planes):
                buffer.numpy()[at] = plane
            found.append(buffer.to(self._device, non_blocking=True, copy=True))
        return found

    def _buffer(self, shape: tuple[int, ...], second: bool) -> Any:
        key = (*shape, int(second))
        if key not in self._staging:
            self._staging[key] = self._torch.empty(
                shape, dtype=self._torch.uint8, pin_memory=self._device.type == "cuda"
            )
        return self._staging[key]

    def make(self, frames: Sequence[Frame], fit: Fit) -> tuple[Any, Transform]:
        """(n, 3, fit.height, fit.width) float, normalised; frames of one size and one colour."""
        first = frames[0]
        inner, offset, transform = fitted(first.width, first.height, fit)
        planes = [self._shrunk(p, inner[1], inner[0]) for p in self.upload(frames)]
        colour = rgb_matrix(first.colour, first.height, first.width, fit.order)
        weights = self._torch.from_numpy(colour).to(self._device)
        stacked = self._torch.stack(planes, dim=1)
        rgb = self._torch.einsum("ck,nkhw->nchw", weights[:, :3], stacked)
        rgb = (rgb + weights[:, 3].reshape(1, 3, 1, 1)).round().clamp(0, 255)
        if inner != (fit.width, fit.height):
            left, top = offset
            sides = (left, fit.width - inner[0] - left, top, fit.height - inner[1] - top)
            rgb = self._torch.nn.functional.pad(rgb, sides, value=float(fit.pad or 0))
        return ((rgb - self._mean) / self._std).to(self._type), transform

    def _shrunk(self, planes: Any, height: int, width: int) -> Any:
        """(n, h, w) uint8 -> (n, height, width) float32 in whole grey levels."""
        down = self._matrix(planes.shape[1], height)
        across = self._matrix(planes.shape[2], width)
        rows = down @ (planes.to(self._type) @ across.T)
        return rows.float().round()

    def _matrix(self, source: int, target: int) -> Any:
        key = (source, target)
        if key not in self._matrices:
            matrix = self._torch.from_numpy(axis_matrix(*key))
            self._matrices[key] = matrix.to(self._device, self._type)
        return self._matrices[key]
