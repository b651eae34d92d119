"""OpenVINODetector: one model on OpenVINO, from frames to boxes in frame pixels."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace

import numpy as np

from redact.config import DetectorOptions, Trust
from redact.detectors.description import (
    ModelDescription,
    ModelFiles,
    ModelInfo,
    read_verified,
)
from redact.detectors.families import FAMILIES
from redact.detectors.families.base import Outputs, Size, Wanted
from redact.detectors.letterbox import Fit, Pictures, network_size, without_colours
from redact.detectors.runtime import Network
from redact.errors import ConfigError, ModelError
from redact.structures import Detections, Frame, Label


class OpenVINODetector:
    """Finds people or faces with one described model.

    description: its file is read and its digest compared here, unless `files` are given. files,
    wanted: what it was made of, for detectors that run the same model elsewhere.
    Thread-safe. Raises ConfigError and ModelError.
    """

    def __init__(
        self,
        description: ModelDescription,
        options: DetectorOptions | None = None,
        *,
        files: ModelFiles | None = None,
    ) -> None:
        options = options or DetectorOptions()
        self._description = description
        self._verified = files is None
        self.files = files = files or read_verified(description)
        self._digests = [d for d in (files.sha256, files.bin_sha256) if d]
        feed = description.input
        self._network = Network(
            files, description.name, options.threads, mean=feed.mean, std=feed.std
        )
        self._fixed = self._agreed_size()
        self._long_side = feed.long_side or options.long_side
        self._pad = feed.pad if feed.resize == "letterbox" else None
        person, face = description.thresholds.person, description.thresholds.face
        floors = {
            Label.PERSON: options.hide_score if person is None else person,
            Label.FACE: options.face_score if face is None else face,
        }
        self.wanted = Wanted.of(description.classes, floors, description.suppression)
        self._decode = FAMILIES[description.family].decode

    def _agreed_size(self) -> Size | None:
        """The fixed input size, which graph and description must agree on."""
        graph, said = self._network.fixed_size, self._description.input.size
        if graph is not None and said is not None and graph != tuple(said):
            raise ConfigError(
                f"{self._description.name}: input.size is {list(said)}, the model takes "
                f"{list(graph)} (height, width)"
            )
        return graph or said

    @property
    def labels(self) -> frozenset[Label]:
        return frozenset(self._description.classes)

    @property
    def trust(self) -> Trust:
        """How far its word goes, as its description says."""
        return self._description.trust

    def keener(self, floor: float) -> OpenVINODetector:
        """The same network, which tells of people from that score on, if not from a lower one."""
        people = self.wanted.labels == Label.PERSON
        floors = np.where(
            people, np.minimum(self.wanted.floors, np.float32(floor)), self.wanted.floors
        )
        twin = copy(self)
        twin.wanted = replace(self.wanted, floors=floors)
        return twin

    def describe(self) -> list[ModelInfo]:
        """What runs here, for reports."""
        feed = self._description.input
        size = f"{self._fixed[1]}x{self._fixed[0]}" if self._fixed else f"long {self._long_side}"
        return [
            ModelInfo(
                name=self._description.name,
                family=self._description.family,
                licence=self._description.licence,
                sha256="+".join(self._digests),
                verified=self._verified,
                labels=tuple(sorted(label.name.lower() for label in self.labels)),
                input=f"{size} {feed.colour} {feed.resize}",
            )
        ]

    def fit(self, frame: Frame) -> Fit:
        """How this model wants a frame laid into its picture."""
        height, width = self._size(frame.width, frame.height)
        return Fit(height, width, self._pad, self._description.input.colour)

    def _size(self, width: int, height: int) -> Size:
        """(height, width) of the network's picture for frames of that size."""
        multiple = self._description.input.multiple
        return self._fixed or network_size(width, height, self._long_side, multiple)

    def prepare(self, width: int, height: int) -> None:
        """Make ready for frames of that size, which the first look would wait for. May be left
        out. Raises ModelError."""
        self._network.prepare(self._size(width, height))

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """One `Detections` per frame, in frame pixels, unclipped. Raises ModelError."""
        return self.look(Pictures(frames))

    def look(self, pictures: Pictures) -> list[Detections]:
        """As `detect`, on pictures that other models may share."""
        return [self._one(pictures, index) for index in range(len(pictures.frames))]

    def _one(self, pictures: Pictures, index: int) -> Detections:
        fit = self.fit(pictures.frames[index])
        picture, transform = pictures.get(index, fit)
        outputs = self._network.run(picture)
        found = transform.apply(self.decode(outputs, (fit.height, fit.width)))
        return self.trusted(found, pictures.frames[index])

    def decode(self, outputs: Outputs, size: Size) -> Detections:
        """Raw outputs for one picture of `size` -> boxes in network pixels. Raises ModelError."""
        try:
            return self._decode(outputs, size, self.wanted)
        except ModelError as error:
            raise ModelError(f"{self._description.name}: {error}") from error

    def trusted(self, found: Detections, frame: Frame) -> Detections:
        """No surer than this model may be in such a picture."""
        if self.trust.grey < 1 and without_colours(frame):
            return replace(found, score=np.minimum(found.score, np.float32(self.trust.grey)))
        return found
