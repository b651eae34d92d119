"""From two files and the truth to an `Evaluation`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from redact.errors import ConfigError, SourceError
from redact.evaluate.options import EvaluateOptions
from redact.evaluate.pictures import Pair, empty_scene, pairs
from redact.evaluate.result import Evaluation, Sighting
from redact.evaluate.structure import Kept, kept_structure
from redact.evaluate.truth import Truth, load_truth
from redact.geometry import Zone

_UNSEEN = Kept(None, None, None, None)


def evaluate(
    original: Path,
    redacted: Path,
    truth: Path,
    zone: Zone,
    options: EvaluateOptions = EvaluateOptions(),  # noqa: B008 - frozen value
) -> Evaluation:
    """Compare `redacted` with `original` for the people that `truth` labels.

    Memory does not grow with the clip, but for the one small record per labelled person.
    Raises ConfigError for an unusable truth, SourceError for unreadable files, files of
    different sizes, and files without one common moment.
    """
    labels = load_truth(truth)
    scene = empty_scene(original, labels, options.backdrop)
    meter = _Meter(labels, zone, options, scene)
    for pair in pairs(original, redacted):
        meter.add(pair)
    return meter.finish(original, redacted)


class _Meter:
    """Walks along the pairs and collects one `Sighting` per labelled person and frame."""

    def __init__(
        self,
        truth: Truth,
        zone: Zone,
        options: EvaluateOptions,
        scene: npt.NDArray[np.float32] | None,
    ) -> None:
        self.truth, self.zone, self.options, self.scene = truth, zone, options, scene
        self.inside: npt.NDArray[np.bool_] | None = None
        self.times: list[Fraction] = []
        self.missing: list[int] = []
        self.extra = 0
        self.sightings: list[Sighting] = []

    def add(self, pair: Pair) -> None:
        if pair.original is None:
            self.extra += 1
            return
        frame = pair.original.index
        self.times.append(pair.original.time)
        if self.inside is None:
            height, width = pair.original.y.shape
            self.inside = self.truth.inside(self.zone, width, height)
        if pair.redacted is None:
            self.missing.append(frame)
        rows = self.truth.at(frame)
        for row in range(rows.start, rows.stop):
            kept = _UNSEEN if pair.redacted is None else self._judge(pair, row, rows)
            self.sightings.append(self._sighting(frame, row, kept, pair.redacted is None))

    def _judge(self, pair: Pair, row: int, rows: slice) -> Kept:
        assert pair.original is not None
        assert pair.redacted is not None
        assert self.inside is not None
        if self._faint(row):
            return _UNSEEN
        boxes, inside = self.truth.xyxy[rows], self.inside[rows]
        box = self.truth.xyxy[row]
        # Pixels of nearer people of the other kind are rightly shown, or rightly hidden.
        nearer = (boxes[:, 3] > box[3]) & (inside != self.inside[row])
        return kept_structure(
            pair.original.y,
            pair.redacted.y,
            self.scene,
            box,
            boxes[nearer],
            boxes[~inside],
            self.options.min_region,
        )

    def _faint(self, row: int) -> bool:
        """Whether too little of the person can be seen in the original to count."""
        assert self.inside is not None
        inside = self.inside[row]
        least = self.options.inside_visibility if inside else self.options.min_visibility
        return bool(self.truth.visibility[row] < least)

    def _sighting(self, frame: int, row: int, kept: Kept, absent: bool) -> Sighting:
        assert self.inside is not None
        options, inside = self.options, bool(self.inside[row])
        counted = not self._faint(row) and (absent or kept.whole is not None)
        return Sighting(
            frame=frame,
            track_id=int(self.truth.track_id[row]),
            inside=inside,
            counted=counted,
            head=kept.head,
            body=kept.body,
            whole=kept.whole,
            head_leak=not inside and (kept.head or 0.0) > options.head_leak,
            body_leak=not inside and (kept.body or 0.0) > options.body_leak,
            hidden=inside and counted and (kept.whole or 0.0) < options.hidden,
            floor=inside and counted and not absent and (kept.ideal or 0.0) < options.hidden,
            certain=kept.certain,
        )

    def finish(self, original: Path, redacted: Path) -> Evaluation:
        frames = len(self.times)
        if len(self.missing) == frames:
            raise SourceError(
                f"{redacted}: no frame has the presentation time of a frame of {original}; "
                "is it a redacted copy of that file?"
            )
        last = int(self.truth.frame.max(initial=-1))
        if last >= frames:
            raise ConfigError(
                f"{self.truth.where}: labels frame {last}, but {original} has {frames} frames"
            )
        return Evaluation(
            original=original.name,
            redacted=redacted.name,
            times=tuple(self.times),
            missing=tuple(self.missing),
            extra=self.extra,
            sightings=tuple(self.sightings),
        )
