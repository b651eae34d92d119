"""Every kind of clip goes through a pass-through effect and comes out the same: frame count,
every time, duration, turn, colours. Real files, real codecs, both ways of handing planes on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mediaclips import CLIPS, Clips, Passed, pass_through, read

MILLISECOND = Fraction(1, 1000)
# Within one millisecond, which is all that Matroska can tell apart.
TOO_FINE = {"irregular.mp4"}


def even(number: int) -> int:
    return number + number % 2


def difference(one: Passed, other: Passed) -> float:
    """Largest mean absolute difference of any plane of any frame, over the common size."""
    worst = 0.0
    for planes, others in zip(one.planes, other.planes, strict=True):
        for a, b in zip(planes, others, strict=True):
            height, width = min(a.shape[0], b.shape[0]), min(a.shape[1], b.shape[1])
            apart = np.abs(a[:height, :width].astype(int) - b[:height, :width])
            worst = max(worst, float(apart.mean()))
    return worst


def assert_same(given: Passed, got: Passed, slack: Fraction) -> None:
    assert len(got.times) == len(given.times)
    late = [abs(a - b) for a, b in zip(given.times, got.times, strict=True)]
    assert max(late) <= slack / 2
    assert abs((got.end - got.times[0]) - (given.end - given.times[0])) <= max(slack, slack * 2)
    assert got.info.rotation == given.info.rotation
    assert got.info.colour == given.info.colour
    assert got.info.sample_aspect == given.info.sample_aspect
    assert (got.info.width, got.info.height) == (even(given.info.width), even(given.info.height))
    assert difference(given, got) < 3


@pytest.mark.parametrize("paint", [False, True], ids=["untouched", "painted"])
@pytest.mark.parametrize("name", CLIPS)
def test_mp4_keeps_every_frame_exactly_in_its_time(
    clip: Clips, name: str, paint: bool, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    given = pass_through(clip(name), out, paint=paint)
    assert_same(given, read(out), Fraction(0))
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("name", sorted(CLIPS.keys() - TOO_FINE))
def test_mkv_keeps_every_frame_to_the_millisecond(clip: Clips, name: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    given = pass_through(clip(name), out, paint=True)
    assert_same(given, read(out), MILLISECOND)


@pytest.mark.parametrize(
    "name", ["constant.mp4", "irregular.mp4", "turned90.mp4", "h264-full.mp4", "odd.mkv", "hlg.mp4"]
)
def test_h265_keeps_the_same(clip: Clips, name: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mov"
    given = pass_through(clip(name), out, codec="h265")
    got = read(out)
    assert_same(given, got, Fraction(0))
    assert got.info.codec == "hevc"


def test_an_odd_size_is_padded_by_one_and_said(clip: Clips, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    given = pass_through(clip("odd.mkv"), out)
    got = read(out)
    assert "127x95" in given.notes[0]
    last = got.planes[0][0].astype(int)
    assert np.abs(last[:, -1] - last[:, -2]).mean() < 3
    assert np.abs(last[-1] - last[-2]).mean() < 3
