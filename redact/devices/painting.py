"""Painting blocks of planes on a device: up, painted, down, through page-locked memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from redact.devices import load_torch, torch_device
from redact.structures import BoolArray, Plane, chroma_shape

Planes = tuple[Plane, Plane, Plane]


class Painter:
    """Overwrites hidden blocks of 4:2:0 planes. block: their side in luma pixels, even.

    Raises ConfigError, MissingDependencyError. Whatever PyTorch raises while it paints is passed
    on: a frame that could not be painted is no frame.
    """

    def __init__(self, device: str, block: int) -> None:
        self._torch, self._device = load_torch(), torch_device(device)
        self._block = block
        self._staging: dict[tuple[int, ...], Any] = {}

    def paint(self, planes: Planes, lattice: Sequence[Plane], hidden: BoolArray) -> Planes:
        """Fresh planes, equal to the given ones but for the hidden blocks.

        lattice: per plane (rows + 2, columns + 2) uint8, one colour per block with one block of
        margin; colours run linearly from the middle of a block to that of the next. hidden: (rows,
        columns) bool.
        """
        height, width = planes[0].shape
        made, buffers = self._blank(height, width)
        with self._torch.inference_mode():
            where = self._torch.from_numpy(hidden.astype(np.uint8)).to(self._device)
            for index, plane in enumerate(planes):
                block = self._block >> (index > 0)
                given = self._uploaded(plane, index)
                colours = self._torch.from_numpy(lattice[index]).to(self._device).float()
                picture = self._enlarged(colours, block)[: plane.shape[0], : plane.shape[1]]
                mask = where.repeat_interleave(block, 0).repeat_interleave(block, 1)
                mask = mask[: plane.shape[0], : plane.shape[1]] > 0
                painted = self._torch.where(mask, picture, given)
                buffers[index].copy_(painted, non_blocking=True)
        if self._device.type == "cuda":
            self._torch.cuda.current_stream(self._device).synchronize()
        return made

    def _enlarged(self, colours: Any, block: int) -> Any:
        """(rows + 2, columns + 2) float -> (rows * block, columns * block) uint8."""
        size = [n * block for n in colours.shape]
        large = self._torch.nn.functional.interpolate(
            colours[None, None], size=size, mode="bilinear", align_corners=False
        )[0, 0]
        whole = (large + 0.5).floor().clamp(0, 255).to(self._torch.uint8)
        return whole[block:-block, block:-block]

    def _uploaded(self, plane: Plane, index: int) -> Any:
        """Staging is free again when `paint` returns: it waits for the device."""
        key = (index, *plane.shape)
        if key not in self._staging:
            self._staging = {k: v for k, v in self._staging.items() if k[0] != index}
            self._staging[key] = self._empty(plane.shape)
        self._staging[key].numpy()[:] = plane
        return self._staging[key].to(self._device, non_blocking=True)

    def _empty(self, shape: tuple[int, ...]) -> Any:
        pinned = self._device.type == "cuda"
        return self._torch.empty(shape, dtype=self._torch.uint8, pin_memory=pinned)

    def _blank(self, height: int, width: int) -> tuple[Planes, list[Any]]:
        """Planes to be filled, as arrays and as tensors of the same memory; for even sizes in one
        I420 buffer."""
        rows, columns = chroma_shape(height, width)
        shapes = ((height, width), (rows, columns), (rows, columns))
        if height % 2 or width % 2:
            tensors = [self._empty(shape) for shape in shapes]
            y, u, v = (tensor.numpy() for tensor in tensors)
            return (y, u, v), tensors
        whole = self._empty((height * 3 // 2, width))
        flat, luma, size = whole.view(-1), height * width, rows * columns
        parts = (flat[:luma], flat[luma : luma + size], flat[luma + size :])
        tensors = [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
        buffer = whole.numpy()
        line = buffer.reshape(-1)
        u, v = line[luma : luma + size], line[luma + size :]
        return (buffer[:height], u.reshape(shapes[1]), v.reshape(shapes[2])), tensors
