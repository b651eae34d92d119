"""People beyond the property by their exact masks: one by one, and in total."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class Outlined:
    """One person beyond the property in one frame, by the exact mask.

    pixels: that can be seen in the original. share: of them, that survives. shown: that is enough
    to count. certain: as of `Sighting`.
    """

    frame: int
    track_id: int
    pixels: int
    share: float
    shown: bool
    certain: bool


def totals(
    outlined: Sequence[Outlined], longest: Callable[[Sequence[int]], Fraction]
) -> dict[str, Any]:
    """Plain values for JSON. longest: seconds of the longest run among ascending frames."""
    shown = [one for one in outlined if one.shown]
    frames: dict[int, list[int]] = {}
    for one in shown:
        frames.setdefault(one.track_id, []).append(one.frame)
    return {
        "outside": len(outlined),
        "shown": len(shown),
        "shown_percent": percent(len(shown), len(outlined)),
        "outside_tracks": len({one.track_id for one in outlined}),
        "shown_tracks": len(frames),
        "longest_shown_seconds": round(float(max(map(longest, frames.values()), default=0)), 4),
        "uncertain": sum(not one.certain for one in outlined),
        "people": [_one(one) for one in shown],
    }


def rows_of(d: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) lines of `totals`."""
    return [
        ("people outside by exact masks", f"{d['outside']}"),
        ("  shown", f"{d['shown']} ({d['shown_percent']:.2f} %)"),
        ("  shown tracks", f"{d['shown_tracks']} of {d['outside_tracks']}"),
        ("  longest shown", f"{d['longest_shown_seconds']:.2f} s"),
        ("  judged so by plain pixels", f"{d['uncertain']}"),
    ]


def percent(part: int, whole: int) -> float:
    """To three places; 0 of nothing is 0."""
    return round(100 * part / whole, 3) if whole else 0.0


def _one(one: Outlined) -> dict[str, Any]:
    return {
        "frame": one.frame,
        "track_id": one.track_id,
        "pixels": one.pixels,
        "share": round(one.share, 3),
    }
