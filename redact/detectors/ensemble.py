"""EnsembleDetector: several models as one, such as people and faces."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Protocol

from redact.config import Trust
from redact.detectors.description import ModelInfo
from redact.detectors.letterbox import Pictures
from redact.structures import Detections, Frame, Label


class Looking(Protocol):
    """A detector that can share network pictures with others."""

    @property
    def labels(self) -> frozenset[Label]: ...
    def look(self, pictures: Pictures) -> list[Detections]: ...
    def detect(self, frames: Sequence[Frame]) -> list[Detections]: ...
    def describe(self) -> list[ModelInfo]: ...


class EnsembleDetector:
    """Runs several detectors on each frame and returns all of their boxes.

    Nothing is voted on: what one model finds is found. Models that want the same picture share
    it. Raises ValueError for an empty list, ModelError from its members.
    """

    def __init__(self, detectors: Sequence[Looking]) -> None:
        if not detectors:
            raise ValueError("an ensemble needs at least one detector")
        self._detectors = tuple(detectors)

    @property
    def labels(self) -> frozenset[Label]:
        return frozenset().union(*(d.labels for d in self._detectors))

    @property
    def trust(self) -> Trust:
        """What all of its members are good for."""
        return reduce(Trust.and_, (getattr(d, "trust", Trust()) for d in self._detectors))

    def keener(self, floor: float) -> EnsembleDetector | None:
        """The same models, which tell of people from that score on; None where one cannot."""
        each = [getattr(detector, "keener", _nothing)(floor) for detector in self._detectors]
        able = [one for one in each if one is not None]
        return EnsembleDetector(able) if len(able) == len(each) else None

    def describe(self) -> list[ModelInfo]:
        return [info for d in self._detectors for info in d.describe()]

    def prepare(self, width: int, height: int) -> None:
        """Make those ready for frames of that size that can be."""
        for detector in self._detectors:
            getattr(detector, "prepare", _nothing)(width, height)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        return self.look(Pictures(frames))

    def look(self, pictures: Pictures) -> list[Detections]:
        answers = [detector.look(pictures) for detector in self._detectors]
        return [Detections.concatenate(parts) for parts in zip(*answers, strict=True)]


def _nothing(*_given: float) -> None:
    """What a detector does that cannot do it."""
