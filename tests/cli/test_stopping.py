"""Signals, killed processes, and what a run touches: real processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cliclips import Spawn, frames_of, make_clip, tree

RUN = ("run", "long", "-o", "out", "--everyone", "--model", "none")


def _partials(here: Path) -> list[str]:
    return [name for name in tree(here) if ".partial-" in name]


def _wait(what: Callable[[], object], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("long") / "x.mp4", frames=1500, size=(320, 240))


@pytest.fixture
def long(here: Path, long_clip: Path) -> Path:
    """A folder of two clips that take a few seconds each."""
    for name in ("long/x.mp4", "long/y.mp4"):
        (here / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(long_clip, here / name)
    return here


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly_and_leaves_nothing(
    spawn: Spawn, long: Path, jobs: str, number: int, code: int
) -> None:
    before = tree(long)
    process = spawn(*RUN, "--jobs", jobs)
    _wait(lambda: len(_partials(long)) == int(jobs))
    # A terminal sends Ctrl-C to the whole group; a service manager's TERM goes to one.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert "error" not in errors
    assert tree(long) == before


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_second_signal_quits_at_once_and_still_removes_partials(
    spawn: Spawn, long: Path, jobs: str
) -> None:
    process = spawn(*RUN, "--jobs", jobs)
    _wait(lambda: len(_partials(long)) == int(jobs))
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    assert _partials(long) == []
    assert not (long / "out/x.mp4").exists()


def test_a_killed_run_publishes_nothing_and_the_next_one_tidies_up(
    spawn: Spawn, long: Path
) -> None:
    process = spawn(*RUN)
    _wait(lambda: _partials(long))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert _partials(long)
    assert not (long / "out/x.mp4").exists()
    alive = long / f"out/.z.partial-{os.getpid()}-abcdef.mp4"  # of someone who still writes
    alive.touch()
    for name in _partials(long):
        os.utime(long / name, (1, 1))  # long ago
    (long / "long/y.mp4").unlink()
    make_clip(long / "long/x.mp4")
    process = spawn(*RUN)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert tree(long / "out") == [alive.name, "x.mp4", "x.mp4.redact.json"]


def test_a_killed_worker_fails_its_file_and_no_other(spawn: Spawn, long: Path) -> None:
    process = spawn(*RUN, "--jobs", "2")
    _wait(lambda: len(_partials(long)) == 2)
    (victim,) = re.findall(r"\.x\.partial-(\d+)-", " ".join(_partials(long)))
    os.kill(int(victim), signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "long/x.mp4: the worker process ended: killed by SIGKILL" in errors
    assert tree(long / "out") == ["y.mp4", "y.mp4.redact.json"]


def test_workers_end_when_their_parent_is_killed(spawn: Spawn, long: Path) -> None:
    process = spawn(*RUN, "--jobs", "2")
    _wait(lambda: len(_partials(long)) == 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _wait(lambda: not _partials(long))
    assert [name for name in tree(long / "out") if name.endswith(".json")] == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_run_writes_the_partial_the_output_and_the_report_and_nothing_else(
    spawn: Spawn, here: Path
) -> None:
    trace = here / "trace.txt"
    calls = "openat,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,symlink"
    strace = ("strace", "-f", "-qq", "-s", "4096", "-e", f"trace={calls}", "-o", str(trace))
    process = spawn("run", "in/a.mp4", "-o", "out", "--zone", "zone.json", before=strace)
    _, errors = process.communicate(timeout=120)
    if "ptrace" in errors.lower() or not trace.exists():
        pytest.skip(f"strace may not trace here: {errors}")
    assert process.returncode == 0, errors
    touched = {
        re.sub(r"\d+-[0-9a-f]{6}", "#", path)
        for line in trace.read_text(errors="replace").splitlines()
        if re.search(
            r"O_WRONLY|O_RDWR|O_CREAT|\b(creat|rename|unlink|mkdir|link|symlink)\w*\(", line
        )
        and " = -1 " not in line
        for path in re.findall(r'"([^"]*)"', line)
    }
    ours = {
        path if not path.startswith(str(here)) else str(Path(path).relative_to(here))
        for path in touched
        if not path.startswith(("/dev/", "/proc/")) and "__pycache__" not in path
    }
    assert ours == {
        "out",
        "out/a.mp4",
        "out/.a.partial-#.mp4",
        "out/a.mp4.redact.json",
        "out/.a.mp4.redact.partial-#.json",
    }


def test_a_terminal_sees_bars_and_a_pipe_sees_lines(here: Path) -> None:
    import pty
    import sys

    ours, theirs = pty.openpty()
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TERM": "xterm",
        "COLUMNS": "100",
    }
    command = [sys.executable, "-m", "redact", "run", "in", "-o", "out", "--everyone"]
    process = subprocess.Popen(command, cwd=here, env=environment, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    assert process.wait() == 0
    text = seen.decode()
    assert "all 3 files" in text
    assert "━" in text
    assert "a.mp4: 6 frames" in text


# -- watch ------------------------------------------------------------------------------------

WATCH = ("watch", "cam", "out", "--everyone", "--interval", "0.1", "--settle", "0.8")


def test_watch_waits_for_a_file_that_is_written_slowly_and_survives_a_bad_one(
    spawn: Spawn, here: Path
) -> None:
    cam = here / "cam"
    cam.mkdir()
    (cam / "bad.mp4").write_bytes(b"rubbish")
    clip = (here / "in/a.mp4").read_bytes()
    process = spawn(*WATCH)
    with (cam / "slow.mp4").open("wb") as file:
        for start in range(0, len(clip), len(clip) // 6 + 1):
            file.write(clip[start : start + len(clip) // 6 + 1])
            file.flush()
            assert not (here / "out/slow.mp4").exists()
            time.sleep(0.3)
    _wait((here / "out/slow.mp4.redact.json").exists)
    assert frames_of(here / "out/slow.mp4") == 6
    (cam / "bad.mp4").write_bytes(clip)  # repaired: it is tried again
    _wait((here / "out/bad.mp4.redact.json").exists)
    make_clip(cam / "slow.mp4", frames=9)  # the camera went on: our own output is replaced
    _wait(lambda: frames_of(here / "out/slow.mp4") == 9)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert output == ""
    assert [line for line in errors.splitlines() if "error" in line] == [
        line for line in errors.splitlines() if "cam/bad.mp4" in line
    ]
    assert sum("error" in line for line in errors.splitlines()) == 1
    assert len(tree(here / "out")) == 4


def test_watch_once_does_what_is_there_and_says_what_failed(spawn: Spawn, here: Path) -> None:
    (here / "in/bad.mp4").write_bytes(b"rubbish")
    process = spawn("watch", "in", "out", "--everyone", "--once", *WATCH[4:])
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 5, errors
    assert sum(name.endswith(".redact.json") for name in tree(here / "out")) == 3


def test_watch_waits_for_a_folder_that_went_away(spawn: Spawn, here: Path) -> None:
    cam = here / "cam"
    cam.mkdir()
    process = spawn(*WATCH)
    shutil.copyfile(here / "in/a.mp4", cam / "a.mp4")
    _wait((here / "out/a.mp4.redact.json").exists)
    cam.rename(here / "gone")
    time.sleep(0.5)
    (here / "gone").rename(cam)
    shutil.copyfile(here / "in/b.mkv", cam / "b.mkv")
    _wait((here / "out/b.mkv.redact.json").exists)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.count("is gone; waiting") == 1
