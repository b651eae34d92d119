"""Pairing of frames, counting, and errors in one clear line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import write

from redact.errors import ConfigError, RedactError, SourceError
from redact.evaluate import EvaluateOptions, evaluate, load_truth
from redact.geometry import Zone

ZONE = Zone.of([[(0.5, 0), (1, 0), (1, 1), (0.5, 1)]])
OUTSIDE, INSIDE = (20, 20, 24, 60), (100, 20, 24, 60)  # x, y, w, h
Planes = tuple[list[np.ndarray], int, Fraction]


def picture(index: int, hide: tuple[int, ...] | None = None) -> list[np.ndarray]:
    """160 x 96: two textured figures on a plain ground, one per half."""
    y = np.full((96, 160), 110, np.uint8)
    for x, top, w, h in (OUTSIDE, INSIDE):
        rng = np.random.default_rng(x)
        blocks = np.kron(rng.integers(30, 220, (h // 4, w // 4)), np.ones((4, 4)))
        y[top : top + h, x : x + w] = blocks.astype(np.uint8)
    if hide is not None:
        x, top, w, h = hide
        y[top - 4 : top + h + 4, x - 4 : x + w + 4] = 60
    y[0:4, (4 * index) % 150 : (4 * index) % 150 + 4] = 255
    return [y, *(np.full((48, 80), 128, np.uint8) for _ in range(2))]


def clip(
    path: Path,
    count: int = 10,
    hide: Callable[[int], tuple[int, ...] | None] = lambda _: None,
    pts: Callable[[int], int] = lambda i: i * 40,
    leave: frozenset[int] = frozenset(),
) -> Path:
    def frames() -> Iterator[Planes]:
        for i in range(count):
            if i not in leave:
                yield picture(i, hide(i)), pts(i), Fraction(1, 1000)

    return write(path, frames(), 20)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return clip(tmp_path / "original.mp4")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.csv"
    rows = [f"{f},{t},{x},{y},{w},{h}" for f in range(10) for t, (x, y, w, h) in _people()]
    path.write_text("frame,track_id,x,y,w,h\n" + "\n".join(rows) + "\n")
    return path


def _people() -> list[tuple[int, tuple[int, ...]]]:
    return [(1, OUTSIDE), (2, INSIDE)]


def test_a_copy_leaks_from_beginning_to_end(original: Path, truth: Path) -> None:
    evaluation = evaluate(original, original, truth, ZONE)
    d = evaluation.to_dict()
    assert (d["outside"], d["leaked"], d["head_leaks"], d["body_leaks"]) == (10, 10, 10, 10)
    assert (d["leaked_tracks"], d["outside_tracks"], d["longest_leak_seconds"]) == (1, 1, 0.4)
    assert (d["inside"], d["hidden"], d["frames_match"]) == (10, 0, True)
    json.dumps(d)


def test_a_leak_lasts_as_long_as_its_consecutive_frames(
    original: Path, truth: Path, tmp_path: Path
) -> None:
    seen = {1, 4, 5, 6, 8}
    out = clip(tmp_path / "out.mp4", hide=lambda i: None if i in seen else OUTSIDE)
    evaluation = evaluate(original, out, truth, ZONE)
    assert [s.frame for s in evaluation.leaks] == sorted(seen)
    track = evaluation.tracks[0]
    assert (track.track_id, track.leaked) == (1, 5)
    assert track.longest_leak == pytest.approx(0.12)


def test_leaks_are_timed_by_presentation_time(truth: Path, tmp_path: Path) -> None:
    def pts(i: int) -> int:
        return i * i * 10

    first = clip(tmp_path / "vfr.mp4", pts=pts)
    out = clip(tmp_path / "out.mp4", pts=pts, hide=lambda i: None if i in (3, 4) else OUTSIDE)
    assert evaluate(first, out, truth, ZONE).tracks[0].longest_leak == pytest.approx(0.16)


def test_a_hidden_resident_is_counted(original: Path, truth: Path, tmp_path: Path) -> None:
    out = clip(tmp_path / "out.mp4", hide=lambda _: INSIDE)
    d = evaluate(original, out, truth, ZONE).to_dict()
    assert (d["hidden"], d["hidden_percent"], d["hidden_floor"]) == (10, 100, 0)


def test_missing_and_extra_frames_are_told(original: Path, truth: Path, tmp_path: Path) -> None:
    out = clip(tmp_path / "out.mp4", count=12, leave=frozenset({3, 4}), hide=lambda _: OUTSIDE)
    evaluation = evaluate(original, out, truth, ZONE)
    assert (tuple(evaluation.missing), evaluation.extra) == ((3, 4), 2)
    assert not evaluation.frames_match
    assert evaluation.to_dict()["hidden"] == 2
    assert "2 MISSING, 2 EXTRA" in dict(evaluation.rows())["frames"]


def test_frames_are_never_paired_by_position(original: Path, truth: Path, tmp_path: Path) -> None:
    late = clip(tmp_path / "out.mp4", pts=lambda i: i * 40 + 13)
    with pytest.raises(SourceError, match="no frame has the presentation time"):
        evaluate(original, late, truth, ZONE)


def test_faint_people_are_not_counted(original: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("frame,track_id,x,y,w,h,visibility\n0,1,20,20,24,60,0.05\n1,1,20,20,24,60,\n")
    d = evaluate(original, original, truth, ZONE).to_dict()
    assert (d["outside"], d["leaked"], d["not_counted"]) == (1, 1, 1)
    d = evaluate(original, original, truth, ZONE, EvaluateOptions(min_visibility=0)).to_dict()
    assert d["outside"] == 2


def test_a_foot_below_the_frame_is_not_clipped_onto_the_property(
    original: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("frame,track_id,x,y,w,h\n0,1,100,20,24,90\n1,1,100,20,24,76\n")
    d = evaluate(original, original, truth, ZONE).to_dict()
    assert (d["outside"], d["inside"]) == (1, 1)


def test_who_stands_at_the_line_is_not_well_inside(original: Path, tmp_path: Path) -> None:
    """Feet 6 pixels within the line are a tenth of 60; beyond it they are never inside."""
    truth = tmp_path / "truth.csv"
    rows = [f"{i},1,{x},20,24,60" for i, x in enumerate((67, 69, 73, 75, 100))]
    truth.write_text("frame,track_id,x,y,w,h\n" + "\n".join(rows) + "\n")
    out = clip(tmp_path / "out.mp4", hide=lambda i: INSIDE if i == 4 else None)
    d = evaluate(original, out, truth, ZONE).to_dict()
    assert (d["inside"], d["outside"]) == (4, 1)
    assert (d["well_inside"], d["well_inside_hidden"], d["hidden"]) == (2, 1, 1)
    assert d["well_inside_hidden_percent"] == 50
    d = evaluate(original, out, truth, ZONE, EvaluateOptions(near_line=0)).to_dict()
    assert (d["well_inside"], d["hidden"]) == (4, 1)


def test_where_the_property_reaches_the_frame_edge_there_is_no_line(
    original: Path, truth: Path
) -> None:
    whole = Zone.of([[(0, 0), (1, 0), (1, 1), (0, 1)]])
    found = evaluate(original, original, truth, whole)
    assert found.to_dict()["well_inside"] == 20
    assert dict(found.rows())["  of those well inside"] == "0 of 20 (0.00 %)"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: no column frame, track_id"),
        ("frame,track_id,x,y,w\n", "line 1: no column h"),
        ("frame,track_id,x,y,w,h\n0,1,2,3,4,5\n1,1,2,3,4\n", "line 3: 5 values for 6 columns"),
        ("frame,track_id,x,y,w,h\n0,1,a,3,4,5\n", "line 2: x is 'a', not a number"),
        ("frame,track_id,x,y,w,h\n0,1,nan,3,4,5\n", "line 2: x is nan, not a finite"),
        ("frame,track_id,x,y,w,h\n0.5,1,2,3,4,5\n", "line 2: frame and track_id must be whole"),
        ("frame,track_id,x,y,w,h\n-1,1,2,3,4,5\n", "line 2: frame and track_id must be whole"),
        ("frame,track_id,x,y,w,h\n0,1,2,3,0,5\n", "line 2: w and h must be positive"),
        ("frame,track_id,x,y,w,h,visibility\n0,1,2,3,4,5,7\n", "line 2: visibility 7"),
        ("frame,track_id,x,y,w,h\n0,1,2,3,4,5\n0,1,2,3,4,5\n", "line 3: track 1 was already"),
    ],
)
def test_a_bad_truth_is_told_by_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        load_truth(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("h,w,y,x,track_id,frame\n50,20,2,1,7,3\n")
    truth = load_truth(path)
    assert truth.xyxy.tolist() == [[1, 2, 21, 52]]
    assert (truth.frame[0], truth.track_id[0], truth.visibility[0]) == (3, 7, 1)


def test_unusable_files_are_told(original: Path, truth: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(b"no video" * 100)
    small = write(tmp_path / "small.mp4", iter([(_small(), 0, Fraction(1, 1000))]), 20)
    beyond = tmp_path / "beyond.csv"
    beyond.write_text("frame,track_id,x,y,w,h\n10,1,20,20,24,60\n")
    cases: list[tuple[Path, Path, type[RedactError], str]] = [
        (noise, truth, SourceError, "noise.mp4: is not a video file"),
        (tmp_path / "absent.mp4", truth, SourceError, "absent.mp4: no such file"),
        (small, truth, SourceError, "shows 64x64 pixels but"),
        (original, beyond, ConfigError, "labels frame 10, but"),
        (original, tmp_path / "absent.csv", ConfigError, "cannot read the truth"),
    ]
    for redacted, labels, kind, says in cases:
        with pytest.raises(kind, match=says) as caught:
            evaluate(original, redacted, labels, ZONE)
        assert "\n" not in str(caught.value)


def _small() -> list[np.ndarray]:
    return [np.full((64, 64), 90, np.uint8), *(np.full((32, 32), 128, np.uint8),) * 2]
