"""What an evaluation found: per person and frame, per track, in total."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from redact.evaluate.outlined import Outlined, percent, rows_of, totals


@dataclass(frozen=True, slots=True)
class Sighting:
    """One labelled person in one frame.

    inside: stands on the property. counted: visible enough to be judged. head, body, whole:
    kept shares (None: cannot be judged). head_leak, body_leak: seen though outside. hidden:
    inside but not to be seen. floor: would be so if exactly the outside boxes were hidden.
    certain: False where there was too little structure and plain pixels were compared.
    well_inside: counted, and not merely at the line of the property.
    """

    frame: int
    track_id: int
    inside: bool
    counted: bool
    head: float | None
    body: float | None
    whole: float | None
    head_leak: bool
    body_leak: bool
    hidden: bool
    floor: bool
    certain: bool
    well_inside: bool = False

    @property
    def leaked(self) -> bool:
        return self.head_leak or self.body_leak

    @property
    def kept(self) -> float:
        """The larger of the kept shares of head and body."""
        return max(self.head or 0.0, self.body or 0.0)


@dataclass(frozen=True, slots=True)
class TrackResult:
    """One labelled track. longest_leak: seconds of the longest run of consecutive frames."""

    track_id: int
    outside: int
    leaked: int
    head_leaks: int
    body_leaks: int
    longest_leak: float
    inside: int
    hidden: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Leak metrics of one redacted file.

    times: presentation time of every frame of the original, seconds. missing: frames of the
    original without a redacted one. extra: redacted frames without an original.
    sightings: one per row of the truth, ordered by frame. outlined: people beyond the property,
    ordered by frame; None without exact masks.
    """

    original: str
    redacted: str
    times: Sequence[Fraction]
    missing: Sequence[int]
    extra: int
    sightings: Sequence[Sighting]
    outlined: Sequence[Outlined] | None = None

    @property
    def frames(self) -> int:
        return len(self.times)

    @property
    def frames_match(self) -> bool:
        """Whether every frame has its counterpart; figures are not to be trusted otherwise."""
        return not self.missing and not self.extra

    @cached_property
    def leaks(self) -> list[Sighting]:
        """The sightings in which someone outside can be seen."""
        return [s for s in self.sightings if s.leaked]

    @cached_property
    def tracks(self) -> list[TrackResult]:
        """Per track, the longest leak first."""
        by_track: dict[int, list[Sighting]] = {}
        for sighting in self.sightings:
            by_track.setdefault(sighting.track_id, []).append(sighting)
        results = [self._track(i, rows) for i, rows in by_track.items()]
        return sorted(results, key=lambda t: (-t.longest_leak, -t.leaked, t.track_id))

    def _track(self, track_id: int, rows: Sequence[Sighting]) -> TrackResult:
        counted = [s for s in rows if s.counted]
        return TrackResult(
            track_id=track_id,
            outside=_count(not s.inside for s in counted),
            leaked=_count(s.leaked for s in rows),
            head_leaks=_count(s.head_leak for s in rows),
            body_leaks=_count(s.body_leak for s in rows),
            longest_leak=float(self._longest([s.frame for s in rows if s.leaked])),
            inside=_count(s.inside for s in counted),
            hidden=_count(s.hidden for s in counted),
        )

    def _longest(self, frames: Sequence[int]) -> Fraction:
        """Seconds of the longest run of consecutive frames among the given ones."""
        longest = run = Fraction(0)
        for previous, frame in zip((None, *frames), frames, strict=False):
            run = self._duration(frame) + (run if previous == frame - 1 else 0)
            longest = max(longest, run)
        return longest

    def _duration(self, frame: int) -> Fraction:
        """Seconds for which a frame is shown; the last one as long as the one before it."""
        at = min(frame, len(self.times) - 2)
        return self.times[at + 1] - self.times[at] if at >= 0 else Fraction(0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON. Shares are in percent."""
        outside = [s for s in self.sightings if s.counted and not s.inside]
        inside = [s for s in self.sightings if s.counted and s.inside]
        leaking = [t for t in self.tracks if t.leaked]
        hidden, floor = _count(s.hidden for s in inside), _count(s.floor for s in inside)
        well = [s for s in inside if s.well_inside]
        well_hidden = _count(s.hidden for s in well)
        return {
            "original": self.original,
            "redacted": self.redacted,
            "frames": self.frames,
            "missing_frames": len(self.missing),
            "extra_frames": self.extra,
            "frames_match": self.frames_match,
            "outside": len(outside),
            "leaked": len(self.leaks),
            "leaked_percent": percent(len(self.leaks), len(outside)),
            "head_leaks": _count(s.head_leak for s in self.leaks),
            "body_leaks": _count(s.body_leak for s in self.leaks),
            "outside_tracks": _count(t.outside > 0 for t in self.tracks),
            "leaked_tracks": len(leaking),
            "longest_leak_seconds": round(max((t.longest_leak for t in leaking), default=0.0), 4),
            "inside": len(inside),
            "hidden": hidden,
            "hidden_percent": percent(hidden, len(inside)),
            "hidden_floor": floor,
            "hidden_floor_percent": percent(floor, len(inside)),
            "well_inside": len(well),
            "well_inside_hidden": well_hidden,
            "well_inside_hidden_percent": percent(well_hidden, len(well)),
            "by_masks": None if self.outlined is None else totals(self.outlined, self._longest),
            "not_counted": _count(not s.counted for s in self.sightings),
            "uncertain": _count(s.counted and not s.certain for s in self.sightings),
            "tracks": [_track_dict(t) for t in self.tracks],
            "leaks": [_leak_dict(s) for s in self.leaks],
        }

    @cached_property
    def shown(self) -> list[Outlined]:
        """Who shows by exact masks; empty without them."""
        return [o for o in self.outlined or () if o.shown]

    def rows(self) -> list[tuple[str, str]]:
        """(name, value) lines for people to read."""
        d = self.to_dict()
        frames = f"{d['frames']}"
        if not self.frames_match:
            frames += f", {d['missing_frames']} MISSING, {d['extra_frames']} EXTRA in the output"
        masks = rows_of(d["by_masks"]) if d["by_masks"] else []
        return [
            ("frames", frames),
            ("people outside, frames", f"{d['outside']}"),
            ("  leaked", f"{d['leaked']} ({d['leaked_percent']:.2f} %)"),
            ("  of the head / of the body", f"{d['head_leaks']} / {d['body_leaks']}"),
            ("  leaked tracks", f"{d['leaked_tracks']} of {d['outside_tracks']}"),
            ("  longest leak", f"{d['longest_leak_seconds']:.2f} s"),
            ("people inside, frames", f"{d['inside']}"),
            ("  wrongly hidden", f"{d['hidden']} ({d['hidden_percent']:.2f} %)"),
            (
                "  floor (people overlap)",
                f"{d['hidden_floor']} ({d['hidden_floor_percent']:.2f} %)",
            ),
            (
                "  of those well inside",
                f"{d['well_inside_hidden']} of {d['well_inside']} "
                f"({d['well_inside_hidden_percent']:.2f} %)",
            ),
            *masks,
            ("not counted (hardly visible)", f"{d['not_counted']}"),
            ("judged by plain pixels", f"{d['uncertain']}"),
        ]


def _count(flags: Iterable[bool]) -> int:
    return sum(1 for flag in flags if flag)


def _track_dict(track: TrackResult) -> dict[str, Any]:
    names = ("track_id", "outside", "leaked", "head_leaks", "body_leaks", "inside", "hidden")
    out: dict[str, Any] = {name: getattr(track, name) for name in names}
    out["longest_leak_seconds"] = round(track.longest_leak, 4)
    return out


def _leak_dict(sighting: Sighting) -> dict[str, Any]:
    return {
        "frame": sighting.frame,
        "track_id": sighting.track_id,
        "kept": round(sighting.kept, 3),
        "head": None if sighting.head is None else round(sighting.head, 3),
        "body": None if sighting.body is None else round(sighting.body, 3),
    }
