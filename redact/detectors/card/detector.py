"""TorchDetector: one described model on PyTorch, batches of frames in, boxes in the frame out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from itertools import groupby
from typing import Any

import numpy as np

from redact.config import DetectorOptions, Trust
from redact.detectors.card.boxes import MOST, pick
from redact.detectors.card.graph import TorchGraph
from redact.detectors.card.pictures import Pictures
from redact.detectors.description import ModelDescription, ModelFiles, ModelInfo
from redact.detectors.families.base import Size
from redact.detectors.letterbox import Fit
from redact.detectors.letterbox import Pictures as Shared
from redact.detectors.network_detector import OpenVINODetector
from redact.devices import load_torch, torch_device
from redact.errors import ModelError
from redact.structures import Detections, Frame, Label

BATCHES = (1, 2, 4, 8, 16, 32)
"""Graphs exist for these; other numbers of frames are filled up with their last one."""

_PICKED_THERE = "yolo"  # the family whose boxes are picked on the device


class TorchDetector:
    """As `OpenVINODetector`, on the device of a name other than `cpu`. Thread-safe.

    half: half precision; by default on a card alone. Raises ConfigError, ModelError,
    MissingDependencyError.
    """

    def __init__(
        self,
        description: ModelDescription,
        options: DetectorOptions | None = None,
        *,
        device: str,
        files: ModelFiles | None = None,
        half: bool | None = None,
    ) -> None:
        self._torch = load_torch()
        self._device, self._name = torch_device(device), device
        self._half = self._device.type == "cuda" if half is None else half
        self._plain = OpenVINODetector(description, options, files=files)
        self._files = self._plain.files
        self._description = description
        feed = description.input
        self._pictures = Pictures(self._device, feed.mean, feed.std, self._half)
        self._graphs: dict[tuple[int, int, int], TorchGraph] = {}
        self._lock = threading.Lock()  # one stream of work per card
        self._most = BATCHES[-1]  # pictures that the network takes at once

    @property
    def labels(self) -> frozenset[Label]:
        return self._plain.labels

    @property
    def trust(self) -> Trust:
        return self._plain.trust

    def keener(self, floor: float) -> TorchDetector:
        """See `OpenVINODetector.keener`."""
        twin = copy(self)
        twin._plain = self._plain.keener(floor)
        return twin

    def describe(self) -> list[ModelInfo]:
        return self._plain.describe()

    def fit(self, frame: Frame) -> Fit:
        return self._plain.fit(frame)

    def look(self, pictures: Shared) -> list[Detections]:
        return self.detect(pictures.frames)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """One `Detections` per frame, in frame pixels, unclipped. Raises ModelError.

        Neighbours of one size and colour run together, up to the largest of `BATCHES`.
        """
        found: list[Detections] = []
        for _, alike in groupby(frames, key=lambda f: (f.width, f.height, f.colour)):
            group = list(alike)
            while group:
                some, group = self._some(group)
                found += self._batch(some)
        return found

    def _some(self, group: list[Frame]) -> tuple[list[Frame], list[Frame]]:
        """As many frames as the network takes at once, and the rest."""
        fit, size = self.fit(group[0]), _filled(min(len(group), self._most))
        with self._lock, self._door():
            if size > 1 and not self._graph(size, fit).batched:
                self._most = 1  # its graph is made for one picture alone
        return group[: self._most], group[self._most :]

    def _batch(self, frames: list[Frame]) -> list[Detections]:
        count = len(frames)
        size = _filled(count)
        frames = frames + frames[-1:] * (size - count)
        fit = self.fit(frames[0])
        with self._lock, self._door(), self._torch.inference_mode():
            pictures, transform = self._pictures.make(frames, fit)
            outputs = self._graph(size, fit).run(pictures)
            found = self._found(outputs, (fit.height, fit.width), count)
        return [
            self._plain.trusted(transform.apply(one), frame)
            for one, frame in zip(found, frames[:count], strict=True)
        ]

    def _found(self, outputs: list[Any], size: Size, count: int) -> list[Detections]:
        if self._description.family != _PICKED_THERE or not self._rows(outputs, size):
            return self._by_family(outputs, size, range(count))
        picked = pick(outputs[0], self._plain.wanted)
        flags = self._torch.stack([picked.count, picked.sound.to(picked.count.dtype)]).cpu()
        table, kept = picked.table.cpu().numpy(), picked.kept.cpu().numpy()
        found = []
        for at in range(count):
            # What the device did not do, or not soundly, the family does: it also says why not.
            if int(flags[0, at]) > MOST or not flags[1, at]:
                found += self._by_family(outputs, size, [at])
                continue
            rows = table[at][kept[at]]
            label = self._plain.wanted.labels[rows[:, 5].astype(np.int64)]
            found.append(Detections(rows[:, :4], rows[:, 4], label))
        return found

    def _rows(self, outputs: list[Any], size: Size) -> bool:
        """Whether this is the plain form, [n, 4 + C, a], with every class that is wanted."""
        cells = sum((size[0] // stride) * (size[1] // stride) for stride in (8, 16, 32))
        shape = outputs[0].shape
        most = 4 + int(self._plain.wanted.classes.max(initial=0))
        return len(outputs) == 1 and len(shape) == 3 and shape[2] == cells and shape[1] > most

    def _by_family(self, outputs: list[Any], size: Size, which: Sequence[int]) -> list[Detections]:
        return [
            self._plain.decode([o[at : at + 1].cpu().numpy() for o in outputs], size)
            for at in which
        ]

    def _graph(self, batch: int, fit: Fit) -> TorchGraph:
        shape = (batch, fit.height, fit.width)
        if shape not in self._graphs:
            self._graphs[shape] = TorchGraph(
                self._files, self._description.name, shape, self._device, self._half
            )
        return self._graphs[shape]

    def network_alone(self, frames: Sequence[Frame]) -> Callable[[], None]:
        """Runs the network on pictures that are already on the device, to its end; for
        measurements. As many frames as one of `BATCHES`."""
        fit = self.fit(frames[0])
        pictures, _ = self._pictures.make(frames, fit)
        graph = self._graph(len(frames), fit)

        def run() -> None:
            with self._lock, self._door():
                graph.run(pictures)
                if self._device.type == "cuda":
                    self._torch.cuda.synchronize(self._device)

        return run

    @contextmanager
    def _door(self) -> Iterator[None]:
        """What PyTorch raises becomes a ModelError: no answer is not an empty answer."""
        try:
            yield
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            text = " ".join(str(error).split())[:300]
            raise ModelError(
                f"{self._description.name}: cannot run the model on {self._name}: {text}"
            ) from error


def _filled(count: int) -> int:
    """The least of `BATCHES` that holds so many frames."""
    return next(batch for batch in BATCHES if batch >= count)
