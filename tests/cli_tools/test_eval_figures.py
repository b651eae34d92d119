"""`redact eval`: the figures of the library, as a table, as lines and as JSON."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result

from redact.cli import cli

ROOT = Path(__file__).parents[2]
FRAMES, SIZE = 12, (192, 128)
BOXES = {1: (20, 10, 24, 60), 2: (120, 60, 24, 60)}  # left, top, width, height: out, in


def make(path: Path, hide: bool, frames: int = FRAMES) -> None:
    """Two patterned figures walk to the right; the one beyond the property may be filled."""
    rng = np.random.default_rng(5)
    pattern = {track: rng.integers(0, 256, (60, 24), np.uint8) for track in BOXES}
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10, width=SIZE[0], height=SIZE[1])
        stream.options = {"crf": "12", "preset": "ultrafast"}
        for index in range(frames):
            picture = np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, np.uint8)
            for track, (x, y, w, h) in BOXES.items():
                left = x + 3 * index
                picture[y : y + h, left : left + w] = 16 if hide and track == 1 else pattern[track]
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def write_masks(path: Path, frames: int) -> None:
    labels = np.zeros((frames, SIZE[1], SIZE[0]), np.uint8)
    for index, label in enumerate(labels):
        for track, (x, y, w, h) in BOXES.items():
            label[y : y + h, x + 3 * index : x + 3 * index + w] = track
    runs = [np.flatnonzero(np.diff(label.ravel(), prepend=255)) for label in labels]
    np.savez_compressed(
        path,
        shape=(SIZE[1], SIZE[0]),
        values=np.concatenate([x.ravel()[at] for x, at in zip(labels, runs, strict=True)]),
        lengths=np.concatenate([np.diff(at, append=labels[0].size) for at in runs]),
        runs=[len(at) for at in runs],
    )


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("eval")
    make(folder / "original.mp4", hide=False)
    make(folder / "hidden.mp4", hide=True)
    make(folder / "short.mp4", hide=True, frames=FRAMES - 2)
    (folder / "junk.mp4").write_bytes(b"junk")
    with (folder / "truth.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("frame", "track_id", "x", "y", "w", "h"))
        for index in range(FRAMES):
            for track, (x, y, w, h) in BOXES.items():
                table.writerow((index, track, x + 3 * index, y, w, h))
    write_masks(folder / "masks.npz", FRAMES)
    write_masks(folder / "few.npz", FRAMES - 1)
    (folder / "zone.json").write_text('{"polygons": [[[0, 0.75], [1, 0.75], [1, 1], [0, 1]]]}')
    (folder / "no.json").write_text('{"polygons": []}')
    (folder / "bad.csv").write_text("frame,x\n0,1\n")
    return folder


@pytest.fixture
def call(clips: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(clips)

    def invoke(redacted: str, *args: str, truth: str = "truth.csv", zone: str = "zone.json"):
        given = ["eval", "original.mp4", redacted, "--truth", truth, "--zone", zone, *args]
        return CliRunner().invoke(cli, given, prog_name="redact")

    return invoke


def test_someone_who_is_hidden_has_not_leaked(call):
    result: Result = call("hidden.mp4", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    plain = json.loads(result.stdout)
    assert (plain["outside"], plain["leaked"], plain["inside"]) == (FRAMES, 0, FRAMES)
    assert plain["frames_match"] is True


def test_someone_who_is_not_hidden_has_leaked_in_every_frame(call):
    plain = json.loads(call("original.mp4", "--json").stdout)
    assert plain["leaked"] == FRAMES
    assert plain["leaked_tracks"] == 1
    assert plain["longest_leak_seconds"] == pytest.approx(FRAMES / 10)


def test_the_table_says_the_same_and_names_the_track(call):
    result = call("original.mp4")
    assert result.exit_code == 0
    assert f"{FRAMES} (100.00 %)" in result.stdout
    assert "1 of 1" in result.stdout
    assert "leak: " not in result.stdout


def test_each_leak_is_named_on_request(call):
    lines = [x for x in call("original.mp4", "--list-leaks").stdout.splitlines() if "leak: " in x]
    assert len(lines) == FRAMES
    assert lines[3].startswith("leak: frame 3 (0.300 s), track 1: head ")
    assert "leak: " not in call("hidden.mp4", "--list-leaks").stdout


def test_exact_masks_add_figures_to_the_table_and_to_json(call):
    plain = json.loads(call("original.mp4", "--json", "--masks", "masks.npz").stdout)
    masked = plain["by_masks"]
    assert (masked["outside"], masked["shown"], masked["shown_tracks"]) == (FRAMES, FRAMES, 1)
    assert masked["longest_shown_seconds"] == pytest.approx(FRAMES / 10)
    assert masked["people"][0] == {"frame": 0, "track_id": 1, "pixels": 24 * 60, "share": 1.0}
    table = call("original.mp4", "--list-leaks", "--masks", "masks.npz").stdout
    assert "longest shown" in table
    assert "shown: frame 3 (0.300 s), track 1: 100% of 1440 pixels" in table
    hidden = json.loads(call("hidden.mp4", "--json", "--masks", "masks.npz").stdout)
    assert (hidden["by_masks"]["outside"], hidden["by_masks"]["shown"]) == (FRAMES, 0)
    without = call("original.mp4").stdout
    assert "shown" not in without
    assert "of those well inside 0 of 12 (0.00 %)" in " ".join(without.split())


def test_frames_that_are_missing_are_warned_of(call):
    result = call("short.mp4")
    assert result.exit_code == 0
    assert "2 MISSING" in result.stdout
    assert result.stderr.startswith("redact: warning: short.mp4: 2 frames are missing")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("redacted", "files", "code", "said"),
    [
        ("absent.mp4", {}, 5, "absent.mp4"),
        ("junk.mp4", {}, 5, "junk.mp4"),
        ("hidden.mp4", {"truth": "bad.csv"}, 2, "bad.csv: line 1: no column track_id"),
        ("hidden.mp4", {"truth": "absent.csv"}, 2, "absent.csv: cannot read the truth"),
        ("hidden.mp4", {"zone": "no.json"}, 2, "no.json: there is no polygon"),
        ("hidden.mp4", {"zone": "absent.json"}, 2, "absent.json: cannot read the zone"),
    ],
)
def test_what_cannot_be_measured_is_one_line(call, redacted, files, code, said):
    result = call(redacted, "--json", **files)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("redact: error: ")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("absent.npz", "absent.npz: cannot read the masks"),
        ("truth.csv", "truth.csv: not an npz file of masks"),
        ("few.npz", "few.npz: masks of 11 frames, but the clip has 12"),
    ],
)
def test_masks_that_do_not_fit_are_one_line(call, file, said):
    result = call("hidden.mp4", "--json", "--masks", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"redact: error: {said}")
    assert result.stderr.count("\n") == 1


def test_an_option_that_is_left_out_is_one_line(clips, monkeypatch):
    monkeypatch.chdir(clips)
    given = ["eval", "original.mp4", "hidden.mp4", "--zone", "zone.json"]
    result = CliRunner().invoke(cli, given, prog_name="redact")
    assert result.exit_code == 2
    assert result.stderr == ("redact: error: missing option '--truth'; see `redact eval --help`\n")


def test_a_real_process_prints_json_alone(clips):
    result = subprocess.run(
        [sys.executable, "-m", "redact", "eval", "original.mp4", "hidden.mp4", "--truth",
         "truth.csv", "--zone", "zone.json", "--json"],
        capture_output=True, text=True, cwd=clips, env={"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["leaked"] == 0
