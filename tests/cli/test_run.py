"""`redact run` over real clips: trees, reports, resume, overwrite, output for machines."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cliclips import Call, frames_of, make_clip, tree

ALL = ["a.mp4", "a.mp4.redact.json", "b.mkv", "b.mkv.redact.json", "deep", "deep/er"]
ALL += ["deep/er/c.mp4", "deep/er/c.mp4.redact.json"]


def test_a_folder_becomes_the_same_tree_with_a_report_beside_each_output(
    call: Call, here: Path
) -> None:
    result = call("run", "in", "-o", "out", "--zone", "zone.json")
    assert result.exit_code == 0, result.stderr
    assert tree(here / "out") == ALL
    assert frames_of(here / "out/deep/er/c.mp4") == 6
    lines = result.stderr.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("[1/3] a.mp4: 6 frames")
    assert lines[-1] == "3 files: 3 done"
    assert result.stdout == ""


def test_one_file_becomes_one_file(call: Call, here: Path) -> None:
    assert call("run", "in/a.mp4", "-o", "new/x.mov", "--everyone").exit_code == 0
    assert tree(here / "new") == ["x.mov", "x.mov.redact.json"]


def test_the_report_says_what_made_the_output_and_nothing_of_where(call: Call, here: Path) -> None:
    source = here / "in/a.mp4"
    call("run", str(source), "-o", str(here / "out"), "--zone", str(here / "zone.json"))
    text = (here / "out/a.mp4.redact.json").read_text()
    record = json.loads(text)
    assert str(here) not in text
    assert "/" not in text
    assert record["schema"] == 1
    assert record["input"]["name"] == "a.mp4"
    assert record["input"]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    output = (here / "out/a.mp4").read_bytes()
    assert record["output"]["sha256"] == hashlib.sha256(output).hexdigest()
    assert record["frames"]["all"] == 6
    assert set(record["digests"]) == {"zone", "settings", "models"}


def test_finished_files_are_skipped_and_the_rest_is_done(call: Call, here: Path) -> None:
    call("run", "in", "-o", "out", "--everyone")
    before = (here / "out/a.mp4").stat().st_mtime_ns
    (here / "out/b.mkv.redact.json").unlink()
    (here / "out/b.mkv").unlink()
    result = call("run", "in", "-o", "out", "--everyone")
    assert result.exit_code == 0
    assert "3 files: 1 done, 2 skipped" in result.stderr
    assert (here / "out/a.mp4").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "change",
    ["other settings", "other zone", "other input", "output altered", "no report", "other version"],
)
def test_an_output_that_does_not_fit_is_replaced_only_when_asked(
    call: Call, here: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ["run", "in/a.mp4", "-o", "out", "--everyone"]
    assert call(*run).exit_code == 0
    if change == "other settings":
        run += ["--crf", "30"]
    elif change == "other zone":
        run[-1:] = ["--zone", "zone.json"]
    elif change == "other input":
        make_clip(here / "in/a.mp4", frames=7)
    elif change == "output altered":
        with (here / "out/a.mp4").open("r+b") as file:
            file.seek(-1, 2)
            file.write(b"?")
    elif change == "no report":
        (here / "out/a.mp4.redact.json").unlink()
    else:
        monkeypatch.setattr("redact.__version__", "0.0.0")
    held = (here / "out/a.mp4").read_bytes()
    result = call(*run)
    assert result.exit_code == 6
    assert "--overwrite" in result.stderr
    assert ("made by version" in result.stderr) == (change == "other version")
    assert (here / "out/a.mp4").read_bytes() == held
    assert call(*run, "--overwrite").exit_code == 0
    assert "skipped" in call(*run).stderr


def test_json_is_all_that_stdout_holds(call: Call, here: Path) -> None:
    (here / "in/bad.mp4").write_bytes(b"no video at all")
    result = call("run", "in", "-o", "out", "--everyone", "--json", "--quiet")
    said = json.loads(result.stdout)
    assert result.exit_code == said["exit_code"] == 5
    assert said["counts"] == {"done": 3, "skipped": 0, "failed": 1, "stopped": 0}
    assert [file["state"] for file in said["files"]] == ["done", "done", "failed", "done"]
    assert said["files"][0]["report"]["frames"]["all"] == 6
    assert len(result.stderr.splitlines()) == 1


def test_a_bad_file_stops_no_other_and_is_told_at_the_end(call: Call, here: Path) -> None:
    (here / "in/bad.mp4").write_bytes(b"no video at all")
    (here / "in/cut.mkv").write_bytes((here / "in/b.mkv").read_bytes()[:600])
    result = call("run", "in", "-o", "out", "--everyone")
    assert result.exit_code == 5
    assert tree(here / "out") == ALL
    errors = [line for line in result.stderr.splitlines() if line.startswith("redact: error:")]
    assert len(errors) == 2
    assert result.stderr.splitlines()[-2:] == errors
    assert "in/bad.mp4" in errors[0]
    assert "in/cut.mkv" in errors[1]


def test_failures_of_two_kinds_give_exit_code_1(call: Call, here: Path) -> None:
    (here / "in/bad.mp4").write_bytes(b"no video at all")
    (here / "out").mkdir()
    (here / "out/a.mp4").write_bytes(b"mine")
    result = call("run", "in", "-o", "out", "--everyone")
    assert result.exit_code == 1
    assert (here / "out/a.mp4").read_bytes() == b"mine"


def test_two_processes_do_what_one_does(call: Call, here: Path) -> None:
    (here / "in/bad.mp4").write_bytes(b"no video at all")
    result = call("run", "in", "-o", "out", "--everyone", "--jobs", "2")
    assert result.exit_code == 5, result.stderr
    assert tree(here / "out") == ALL
    assert "in/bad.mp4" in result.stderr.splitlines()[-1]
    assert "3 skipped" in call("run", "in", "-o", "out", "--everyone").stderr


def test_unexpected_errors_ask_for_a_report_and_show_lines_only_when_asked(
    call: Call, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("redact.build.run", broken)
    run = ("run", "in/a.mp4", "-o", "out", "--everyone")
    result = call(*run)
    assert result.exit_code == 1
    assert result.stderr.startswith("redact: error: in/a.mp4: unexpected error: KeyError")
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" in call(*run, "--debug").stderr
    assert not (here / "out").exists()


def test_flags_override_the_file_whose_paths_are_its_own(call: Call, here: Path) -> None:
    folder = here / "conf"
    folder.mkdir()
    (here / "zone.json").rename(folder / "zone.json")
    (folder / "redact.toml").write_text('[zone]\nfile = "zone.json"\n[output]\ncrf = 40\n')
    run = ("run", "in/a.mp4", "-o", "out", "--config", "conf/redact.toml")
    assert call(*run).exit_code == 0
    assert "skipped" in call(*run, "--crf", "40").stderr
    assert call(*run, "--crf", "20").exit_code == 6


def test_outputs_are_never_read(call: Call, here: Path) -> None:
    run = ("run", "in", "-o", "in/out", "--everyone", "--out-inside")
    assert call(*run).exit_code == 0
    held = tree(here / "in")
    assert "3 files: 3 skipped" in call(*run).stderr
    assert tree(here / "in") == held
    assert "3 files: 3 done" in call("run", "in", "-o", "other", "--everyone").stderr


def test_a_name_of_any_bytes_is_just_a_name(call: Call, here: Path) -> None:
    clip = (here / "in/a.mp4").read_bytes()
    odd = here / "odd"
    odd.mkdir()
    for name in ("[bold]x[red].mp4", "new\nline.mp4", "-dash.mp4", "ü \u202e.mp4", "\udcff.mp4"):
        (odd / name).write_bytes(clip)
    result = call("run", "odd", "-o", "out", "--everyone", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["counts"]["done"] == 5
    assert len(result.stderr.splitlines()) == 6


def test_opencv_gets_one_thread_unless_it_was_told_otherwise() -> None:
    code = (
        "import sys; sys.argv = ['redact', '--version']\n"
        "from redact.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import cv2; print(cv2.getNumThreads())"
    )
    for told, threads in (({}, "1"), ({"OPENCV_FOR_THREADS_NUM": "2"}, "2")):
        clean = {k: v for k, v in os.environ.items() if k != "OPENCV_FOR_THREADS_NUM"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=clean | told, capture_output=True, text=True
        )
        assert done.stdout.split()[-1] == threads, done.stderr
