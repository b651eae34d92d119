"""From two files and the truth to an `Evaluation`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from redact.errors import ConfigError, SourceError
from redact.evaluate.exact import shown_share
from redact.evaluate.masks import Masks, load_masks
from redact.evaluate.options import EvaluateOptions
from redact.evaluate.outlined import Outlined
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
    masks: Path | Masks | None = None,
) -> Evaluation:
    """Compare `redacted` with `original` for the people that `truth` labels.

    masks: whose pixel is whose; adds figures, and changes none. Memory does not grow with the clip,
    but for the one small record per labelled person, and masks, which are held packed.
    Raises ConfigError for an unusable truth or masks, SourceError for unreadable files, files of
    different sizes, and files without one common moment.
    """
    labels = load_truth(truth)
    if masks is not None and not isinstance(masks, Masks):
        masks = load_masks(masks)
    scene = empty_scene(original, labels, options.backdrop)
    meter = _Meter(labels, zone, options, scene, masks)
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
        masks: Masks | None = None,
    ) -> None:
        self.truth, self.zone, self.options, self.scene = truth, zone, options, scene
        self.outlines = None if masks is None else _Outlines(masks, truth, options)
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
            if self.outlines is not None:
                self.outlines.check_size(width, height)
        if pair.redacted is None:
            self.missing.append(frame)
        rows = self.truth.at(frame)
        if rows.start == rows.stop:
            return
        height, width = pair.original.y.shape
        deep = self.truth.depth(rows, self.zone, width, height) >= self.options.near_line
        for row in range(rows.start, rows.stop):
            kept = _UNSEEN if pair.redacted is None else self._judge(pair, row, rows)
            well = bool(deep[row - rows.start])
            self.sightings.append(self._sighting(frame, row, kept, pair.redacted is None, well))
        if self.outlines is not None:
            strangers = np.arange(rows.start, rows.stop)[~self.inside[rows]]
            self.outlines.add(pair, strangers, self.scene)

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

    def _sighting(self, frame: int, row: int, kept: Kept, absent: bool, well: bool) -> Sighting:
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
            well_inside=inside and counted and well,
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
        if self.outlines is not None:
            self.outlines.check_frames(frames)
        return Evaluation(
            original=original.name,
            redacted=redacted.name,
            times=tuple(self.times),
            missing=tuple(self.missing),
            extra=self.extra,
            sightings=tuple(self.sightings),
            outlined=None if self.outlines is None else tuple(self.outlines.found),
        )


class _Outlines:
    """Collects one `Outlined` per person beyond the property of whom enough can be seen."""

    def __init__(self, masks: Masks, truth: Truth, options: EvaluateOptions) -> None:
        if (truth.track_id == 0).any():
            raise ConfigError(
                f"{truth.where}: track 0 cannot be told from nobody, which is 0 in {masks.where}"
            )
        self.masks, self.truth, self.options = masks, truth, options
        self.found: list[Outlined] = []

    def check_size(self, width: int, height: int) -> None:
        if (self.masks.width, self.masks.height) != (width, height):
            raise ConfigError(
                f"{self.masks.where}: masks of {self.masks.width}x{self.masks.height} pixels, but "
                f"the clip shows {width}x{height}"
            )

    def check_frames(self, frames: int) -> None:
        if self.masks.frames != frames:
            raise ConfigError(
                f"{self.masks.where}: masks of {self.masks.frames} frames, but the clip has "
                f"{frames}"
            )

    def add(
        self,
        pair: Pair,
        rows: npt.NDArray[np.int64],
        scene: npt.NDArray[np.float32] | None,
    ) -> None:
        """rows: of the truth, those beyond the property in this frame."""
        assert pair.original is not None
        frame = pair.original.index
        if frame >= self.masks.frames:
            return  # told at the end, when both numbers are known
        label = self.masks.at(frame) if len(rows) else None
        for row in rows:
            mask = label == self.truth.track_id[row]
            pixels = int(np.count_nonzero(mask))
            if pixels < self.options.min_pixels:
                continue
            share, certain = 0.0, True
            if pair.redacted is not None:
                y, hidden = pair.original.y, pair.redacted.y
                share, certain = shown_share(y, hidden, scene, self.truth.xyxy[row], mask)
            shown = share > 0 and share >= self.options.shown
            track = int(self.truth.track_id[row])
            self.found.append(Outlined(frame, track, pixels, share, shown, certain))
