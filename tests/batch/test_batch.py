"""The library behind `run`: plans without reading a frame, and how outcomes add up."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from redact.batch import BatchReport, Job, Outcome, State, plan, run_batch
from redact.batch.failures import describe, failed
from redact.batch.folders import Folders
from redact.batch.stale import remove_stale
from redact.config import Config
from redact.errors import ConfigError, SinkError, StageError
from redact.geometry import Zone


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def _planned(root: Path, *inputs: str, out: str = "out", inside: bool = False) -> dict[str, str]:
    jobs = plan([root / name for name in inputs], root / out, inside=inside)
    return {str(job.source.relative_to(root)): str(job.output.relative_to(root)) for job in jobs}


def test_folders_keep_their_tree_and_only_videos_count(tmp_path: Path) -> None:
    _touch(tmp_path, "in/b.MP4", "in/a.webm", "in/sub/c.mov", "in/notes.txt", "in/.hidden.mp4")
    _touch(tmp_path, "in/.trash/d.mp4")
    assert _planned(tmp_path, "in") == {
        "in/a.webm": "out/a.mp4",
        "in/b.MP4": "out/b.MP4",
        "in/sub/c.mov": "out/sub/c.mov",
    }


def test_a_dot_in_a_folder_of_outputs_is_no_suffix(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.mp4")
    assert _planned(tmp_path, "in/a.mp4", out="out.2026") == {"in/a.mp4": "out.2026/a.mp4"}


def test_a_file_that_is_named_twice_is_planned_once(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.mp4")
    (tmp_path / "link.mp4").symlink_to("in/a.mp4")
    assert len(_planned(tmp_path, "in", "in/a.mp4", "link.mp4")) == 1


def test_outputs_below_an_input_are_skipped_by_place_and_by_report(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.mp4", "in/out/old.mp4", "in/done.mp4")
    (tmp_path / "in/done.mp4.redact.json").write_text(json.dumps({"output": {"name": "done.mp4"}}))
    assert _planned(tmp_path, "in", out="in/out", inside=True) == {"in/a.mp4": "in/out/a.mp4"}


def test_a_report_that_cannot_be_read_still_marks_an_output(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.mp4", "in/b.mp4", "in/b.mp4.redact.json")
    assert list(_planned(tmp_path, "in")) == ["in/a.mp4"]


def test_an_input_folder_below_the_output_folder_is_fine(tmp_path: Path) -> None:
    _touch(tmp_path, "all/in/a.mp4")
    assert _planned(tmp_path, "all/in", out="all") == {"all/in/a.mp4": "all/a.mp4"}


def test_no_output_is_the_input_of_another(tmp_path: Path) -> None:
    _touch(tmp_path, "a.avi", "a.mp4")
    with pytest.raises(ConfigError, match="is an input"):
        _planned(tmp_path, "a.avi", "a.mp4", out=".")


def test_a_link_to_the_input_folder_does_not_hide_that_out_lies_in_it(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.mp4")
    (tmp_path / "link").symlink_to("in")
    with pytest.raises(ConfigError, match="inside"):
        _planned(tmp_path, "in", out="link/out")


@pytest.mark.parametrize(("codes", "code"), [((), 0), ((5,), 5), ((5, 5), 5), ((5, 6), 1)])
def test_the_exit_code_is_that_of_the_one_kind_of_failure(
    codes: tuple[int, ...], code: int
) -> None:
    job = Job(Path("a"), Path("b"), "a")
    failures = [Outcome(job, State.FAILED, error="x", exit_code=c) for c in codes]
    assert BatchReport((Outcome(job, State.SKIPPED), *failures)).exit_code == code


def test_partials_of_the_living_and_other_files_stay(tmp_path: Path) -> None:
    mine, dead = f".a.partial-{os.getpid()}-abcdef.mp4", ".a.partial-4194304-abcdef.mp4"
    elsewhere = ".b.partial-4194304-abcdef.mp4"  # by a process of another container, just now
    _touch(tmp_path, mine, dead, elsewhere, "a.partial-4194304-abcdef.mp4", ".other")
    for name in (mine, dead):
        os.utime(tmp_path / name, (1, 1))
    remove_stale([Job(Path("a"), tmp_path / "a.mp4", "a")])
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([mine, elsewhere, "a.partial-4194304-abcdef.mp4", ".other"])


def test_folders_that_got_nothing_go_away_and_others_stay(tmp_path: Path) -> None:
    folders = Folders()
    folders.make(tmp_path / "a/b/c")
    folders.make(tmp_path / "a/d")
    (tmp_path / "a/d/x").touch()
    folders.remove_empty()
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == [
        "a",
        "a/d",
        "a/d/x",
    ]
    with pytest.raises(SinkError, match="cannot make the folder"):
        folders.make(tmp_path / "a/d/x/y")


def test_a_batch_that_is_stopped_before_it_begins_does_nothing(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.mp4")
    stop = threading.Event()
    stop.set()
    jobs = plan([tmp_path / "in"], tmp_path / "out")
    report = run_batch(jobs, Config(zone=Zone.nothing()), stop=stop)
    assert report.count(State.STOPPED) == 1
    assert not (tmp_path / "out").exists()


def test_models_are_checked_before_any_file_is_touched(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.mp4", "out/.a.partial-4194304-abcdef.mp4")
    jobs = plan([tmp_path / "in"], tmp_path / "out")
    config = Config(zone=Zone.nothing(), models=(tmp_path / "no.onnx",))
    with pytest.raises(ConfigError, match=r"no\.onnx"):
        run_batch(jobs, config)
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_failure_quotes_no_values() -> None:
    """A message of another library may quote the picture that it failed on."""
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    errors = [ValueError(f"bad {picture!r}"), KeyError(str(picture)), ValueError(picture.tolist())]
    for error in errors:
        try:
            try:
                raise error
            except Exception as cause:
                raise StageError("frame 3: tracker: failed") from cause
        except StageError as stage:
            outcome = failed(Job(Path("a"), Path("b"), "a"), stage)
        assert "frame 3" in outcome.error
        assert "values left out" in outcome.trace
        assert "5, 6" not in outcome.trace
        assert "5  6" not in outcome.trace
        assert "values left out" in describe(error)
    assert describe(KeyError("surprise")).startswith("unexpected error: KeyError: 'surprise'")
