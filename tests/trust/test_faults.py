"""Faults of every stage, at random: nothing unredacted is left, shown or told.

The stages of the file mode (`redact run`, `watch`) and of the live mode (`Redactor` with
on_failure="hide") are broken in turn; a scanner looks for a planted pattern in all that remains.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import planted
import pytest
from faulty import (
    FRAMES,
    STAGES,
    Broken,
    broken_redactor,
    config_of,
    environment,
    limits,
    quotes,
    raise_,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redact.build import make_redactor
from redact.errors import RedactError
from redact.pipeline import Pipeline
from redact.sinks import PyAVSink
from redact.structures import Frame


@st.composite
def faults(draw: st.DrawFn) -> tuple[str, str, int, int]:
    stage = draw(st.sampled_from(sorted(STAGES)))
    kind = draw(st.sampled_from(sorted(STAGES[stage][2])))
    return stage, kind, draw(st.integers(0, FRAMES - 1)), draw(st.sampled_from([1, 2, FRAMES]))


def test_the_scanner_finds_what_is_there(tmp_path: Path) -> None:
    """Unredacted, it is found: as a video, as a raw dump, in a cut file, in a hidden one."""
    source = planted.source_of(6 * FRAMES)
    planted.encode(tmp_path / ".x.mkv", 6 * FRAMES)
    whole = (tmp_path / ".x.mkv").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) * 2 // 3])
    (tmp_path / "raw").write_bytes(b"?" + source.frame(3).y.tobytes())
    (tmp_path / "grey.txt").write_bytes(bytes(5000))
    assert planted.clear_pixels(tmp_path) == [".x.mkv", "cut", "raw"]
    assert planted.shows(source.frame(0).y)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(fault=faults(), kind=st.sampled_from(["blur", "fill", "erase"]))
def test_a_broken_stage_leaves_nothing_unredacted_in_files(
    fault: tuple[str, str, int, int], kind: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, source = Path(name), planted.source_of(FRAMES)
        redactor = broken_redactor(source.info, fault, kind, "raise")
        said = ""
        try:
            Pipeline(source, redactor, PyAVSink(folder / "out.mp4")).run()
        except (RedactError, MemoryError) as error:
            said = str(error)
        assert sorted(path.name for path in folder.iterdir()) == ([] if said else ["out.mp4"])
        assert not quotes(said)
        assert planted.clear_pixels(folder) == []


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(fault=faults(), kind=st.sampled_from(["blur", "fill", "erase"]))
def test_a_broken_stage_shows_nothing_unredacted_live(
    fault: tuple[str, str, int, int], kind: str
) -> None:
    source = planted.source_of(FRAMES)
    redactor = broken_redactor(source.info, fault, kind, "hide")
    shown, said = [], ""
    try:
        for frame in source:
            shown += redactor.push(frame)
        shown += redactor.flush()
    except (RedactError, MemoryError) as error:
        said = str(error)
    assert not quotes(said)
    assert [frame.index for frame in shown if planted.shows(frame.y)] == []


@pytest.mark.parametrize("stage", ["source", "sink", "observer"])
@pytest.mark.parametrize("at", [0, FRAMES - 1])
@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), OSError(28, "No space left")])
def test_a_fault_around_the_redactor_leaves_nothing(
    tmp_path: Path, stage: str, at: int, error: Exception
) -> None:
    source = planted.source_of(FRAMES, fails=(at, error) if stage == "source" else None)
    redactor = make_redactor(source.info, config_of(), planted.detector())
    sink: Any = PyAVSink(tmp_path / "out.mp4")
    watcher: Any = None
    if stage == "sink":
        real = sink.write
        sink.write = lambda f: raise_(error) if f.index == at else real(f)
    if stage == "observer":

        class Watcher:
            def on_start(self, _info: Any) -> None: ...
            def on_frame(self, frame: Any, _decision: Any) -> None:
                if frame.index == at:
                    raise error

        watcher = Watcher()
    with pytest.raises((RedactError, type(error))):
        Pipeline(source, redactor, sink, watcher).run()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stage", ["_detector", "_motion", "_effect"])
def test_a_stage_that_hangs_publishes_nothing_and_can_be_stopped(
    tmp_path: Path, stage: str
) -> None:
    source, free, stop = planted.source_of(FRAMES), threading.Event(), threading.Event()
    redactor = make_redactor(source.info, config_of(), planted.detector())
    method = {"_detector": "detect", "_motion": "push", "_effect": "apply"}[stage]
    hang = Broken(getattr(redactor, stage), method, lambda real: (free.wait(20), real)[1], 4, 1)
    setattr(redactor, stage, hang)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            Pipeline(source, redactor, PyAVSink(tmp_path / "out.mp4"), None, stop).run()
        except RedactError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.5)
    assert not (tmp_path / "out.mp4").exists()
    assert planted.clear_pixels(tmp_path) == []
    stop.set()
    free.set()
    thread.join(20)
    assert not thread.is_alive()
    assert raised
    assert list(tmp_path.iterdir()) == []


# -- processes that die ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 s with the pattern in it, which the motion net hides without a model."""
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    planted.encode(path, 240, 30)
    return path


DEATHS: dict[str, tuple[int | None, int | None, int | None]] = {
    "killed": (None, None, signal.SIGKILL),
    "aborted": (None, None, signal.SIGABRT),  # would leave a core
    "segfault": (None, None, signal.SIGSEGV),
    "out of memory": (500 << 20, None, None),
    "disk full": (None, 6_000, None),
}


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("mode", ["run", "watch"])
def test_a_process_that_dies_leaves_no_clear_pixel_on_the_disk(
    tmp_path: Path, clip: Path, death: str, mode: str
) -> None:
    """In no output, partial, temporary or core file, no log, no report, nothing that was said."""
    from redact.sealing import make_key_pair

    memory, size, number = DEATHS[death]
    (tmp_path / "in").mkdir()
    (tmp_path / "tmp").mkdir()
    original = Path(shutil.copy(clip, tmp_path / "in/a.mp4"))
    words = ["run", "in", "-o", "out"] if mode == "run" else ["watch", "in", "out", "--once"]
    words += ["--settle", "0"] if mode == "watch" else []
    words += ["--everyone", "--seal-to", make_key_pair().public, "--audit", "audit.jsonl"]
    env = environment(tmp_path)
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "redact", *words],
            cwd=tmp_path,
            env=env,
            stdout=said,
            stderr=said,
            preexec_fn=limits(memory, size),
        )
        if number is not None:
            until = time.monotonic() + 90
            while not list(tmp_path.glob("out/.a.*partial*mp4")) and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(random.Random(death + mode).uniform(0, 0.15))
            process.send_signal(number)
        code = process.wait(120)
    assert (tmp_path / "out/a.mp4").exists() == (code == 0)  # memory may suffice elsewhere
    assert code != 0 or death == "out of memory"
    assert not list(tmp_path.rglob("core*"))
    assert planted.clear_pixels(tmp_path, frozenset({original})) == []


def test_the_original_is_what_the_scanner_would_have_found(clip: Path) -> None:
    assert planted.clear_pixels(clip.parent) == ["a.mp4"]


def test_frames_appear_in_no_message_and_no_repr() -> None:
    frame: Frame = planted.source_of(1).frame(0)
    assert "[[" not in repr(frame)
    assert len(repr(frame)) < 300
