"""Labelled clips, and what of the people in them still shows in a redacted copy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from benchmarks.provenance import SAMPLES
from benchmarks.schema import BenchmarkError, Leak

_BESIDE = Path(__file__).parents[2] / "shared" / "footage"


@dataclass(frozen=True, slots=True)
class Labelled:
    """masks: whose pixel is whose, exactly; None where nobody knows."""

    clip: Path
    truth: Path
    zone: Path
    masks: Path | None = None

    @property
    def name(self) -> str:
        return self.clip.stem


def folders(given: Path | None) -> list[Path]:
    """Where labelled clips lie: the samples, and footage that is no part of the project."""
    beside = (
        Path(os.environ["REDACT_SHARED"]) / "footage" if "REDACT_SHARED" in os.environ else None
    )
    return [folder for folder in (given or beside or _BESIDE, SAMPLES) if folder.is_dir()]


def labelled(where: Sequence[Path], names: Sequence[str] = ()) -> list[Labelled]:
    """The clips that have truth and an outline beside them; only the named ones, where any are.
    Raises BenchmarkError for a name that is not there."""
    found = {}
    for folder in where:
        for truth in sorted(folder.glob("*.gt.csv")):
            stem = truth.name.removesuffix(".gt.csv")
            clip, zone = folder / f"{stem}.mp4", folder / f"{stem}.zone.json"
            if clip.exists() and zone.exists():
                found.setdefault(stem, Labelled(clip, truth, zone, _masks(clip)))
    missing = [name for name in names if name not in found]
    if missing:
        raise BenchmarkError(
            f"no labelled clip {', '.join(missing)}; there are {', '.join(found) or 'none'}"
        )
    return [found[name] for name in names] if names else list(found.values())


def _masks(clip: Path) -> Path | None:
    """Those of the clip's own name, or of the clip whose variant it is: one scene by night or at a
    smaller size (`driveway_night` of `driveway`) has the same."""
    stem = clip.stem
    while stem:
        path = clip.with_name(f"{stem}.masks.npz")
        if path.exists():
            return path
        stem = stem.rpartition("_")[0]
    return None


def leak_of(one: Labelled, redacted: Path) -> Leak:
    """As `redact eval` says. Raises BenchmarkError where frames are missing: then its figures
    hold for a part alone."""
    from redact.config import load_zone
    from redact.errors import RedactError
    from redact.evaluate import evaluate, load_masks

    try:
        masks = None if one.masks is None else load_masks(one.masks).scaled(*_size(one.clip))
        result = evaluate(one.clip, redacted, one.truth, load_zone(one.zone), masks=masks)
    except RedactError as error:
        raise BenchmarkError(f"{one.name}: {error}") from error
    told = result.to_dict()
    if not result.frames_match:
        raise BenchmarkError(
            f"{one.name}: {told['missing_frames']} frames are missing and {told['extra_frames']} "
            "are extra in the output"
        )
    exact = told["by_masks"] or {}
    return Leak(
        clips=[one.name],
        outside=told["outside"],
        leaked=told["leaked"],
        longest=told["longest_leak_seconds"],
        inside=told["inside"],
        hidden=told["hidden"],
        well_inside=told["well_inside"],
        well_inside_hidden=told["well_inside_hidden"],
        outlined=exact.get("outside"),
        shown=exact.get("shown"),
        longest_shown=exact.get("longest_shown_seconds"),
    )


def together(leaks: Sequence[Leak]) -> Leak:
    """Over several clips; what only some were asked, over those. Raises BenchmarkError for none."""
    if not leaks:
        raise BenchmarkError("no labelled clip was measured")
    return Leak(
        clips=[name for leak in leaks for name in leak.clips],
        outside=sum(leak.outside for leak in leaks),
        leaked=sum(leak.leaked for leak in leaks),
        longest=max(leak.longest for leak in leaks),
        inside=sum(leak.inside for leak in leaks),
        hidden=sum(leak.hidden for leak in leaks),
        well_inside=_sum(leak.well_inside for leak in leaks),
        well_inside_hidden=_sum(leak.well_inside_hidden for leak in leaks),
        outlined=_sum(leak.outlined for leak in leaks),
        shown=_sum(leak.shown for leak in leaks),
        longest_shown=max(
            (leak.longest_shown for leak in leaks if leak.longest_shown is not None), default=None
        ),
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    """None of none."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def retimed(output: Path, original: Path) -> Path:
    """A lossless copy of another program's output whose frames have the times of the original's,
    because some programs round them. Where it doubled or dropped a few frames, each time gets the
    frame nearest to it. Raises BenchmarkError where a fifth or more are too many or too few."""
    times, found = sorted(_times(original)), sorted(_times(output))
    path = output.with_name(f"{output.stem}.retimed.mp4")
    if 5 * abs(len(times) - len(found)) >= len(times):
        raise BenchmarkError(
            f"{original.name}: {len(times)} frames went in and {len(found)} came out"
        )
    near = list(range(len(times)))
    if len(times) != len(found):
        since = [time - found[0] for time in found]
        near = [_nearest(since, time - times[0]) for time in times]
    with av.open(str(output)) as source, av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", options={"preset": "ultrafast", "qp": "0"})
        width, height = _size(original)  # some programs enlarge to whole macroblocks
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = _time_base(original)
        at = 0
        for index, decoded in enumerate(source.decode(video=0)):
            frame = decoded.reformat(width, height, "yuv420p")
            while at < len(near) and near[at] <= index:
                frame.pts, frame.time_base = int(times[at] / stream.time_base), stream.time_base
                file.mux(stream.encode(frame))
                at += 1
        file.mux(stream.encode())
    return path


def _nearest(times: Sequence[Fraction], wanted: Fraction) -> int:
    return min(range(len(times)), key=lambda i: abs(times[i] - wanted))


def _times(clip: Path) -> list[Fraction]:
    with av.open(str(clip)) as file:
        packets = (p for p in file.demux(video=0) if p.size)
        return [p.pts * p.time_base for p in packets]


def _size(clip: Path) -> tuple[int, int]:
    with av.open(str(clip)) as file:
        return file.streams.video[0].width, file.streams.video[0].height


def _time_base(clip: Path) -> Fraction:
    with av.open(str(clip)) as file:
        base = file.streams.video[0].time_base
    assert base is not None
    return base
