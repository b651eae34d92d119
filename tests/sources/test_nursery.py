"""The process that decoding processes are forked from: quick, clean, and nobody waits in vain."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mediaclips import Clips

from redact.errors import SourceError
from redact.sources import SandboxedSource
from redact.sources.sandbox import process
from redact.sources.sandbox.nursery import Nursery

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def nursery(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nursery]:
    mine = Nursery()
    monkeypatch.setattr(process, "start", mine.start)
    yield mine
    mine.close()


def pid_of(nursery: Nursery) -> int:
    assert nursery._process is not None
    return nursery._process.pid


def frames_of(path: Path) -> int:
    with SandboxedSource(path) as source:
        return len(list(source))


def test_many_at_once_come_from_one_process(nursery: Nursery, clip: Clips) -> None:
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(frames_of, [clip("constant.mp4")] * 12)) == {24}
    first = pid_of(nursery)
    assert frames_of(clip("constant.mp4")) == 24
    assert pid_of(nursery) == first


def test_it_forks_alone_and_holds_nothing_of_its_children(nursery: Nursery, clip: Clips) -> None:
    """Threads would make forking unsafe; descriptors left open would be the next child's."""
    nursery.warm()
    for _ in range(5):
        frames_of(clip("constant.mp4"))
    home = Path(f"/proc/{pid_of(nursery)}")
    assert len(list((home / "task").iterdir())) == 1
    assert len(list((home / "fd").iterdir())) <= 6


@pytest.mark.usefixtures("nursery")
def test_a_child_holds_its_own_descriptors_alone(clip: Clips) -> None:
    with SandboxedSource(clip("constant.mp4")) as one, SandboxedSource(clip("hevc.mp4")) as other:
        for source in (one, other):
            held = [p.stat() for p in Path(f"/proc/{source._child.pid}/fd").iterdir()]
            mine = {Path("/dev/null").stat().st_ino, source._path.stat().st_ino}
            mine |= {os.fstat(source._memory).st_ino}
            others = [s for s in held if s.st_ino not in mine]
            assert [stat.S_ISSOCK(s.st_mode) for s in others] == [True]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_was_killed_is_replaced(
    nursery: Nursery, clip: Clips, how: signal.Signals
) -> None:
    assert frames_of(clip("constant.mp4")) == 24
    first = pid_of(nursery)
    os.kill(first, how)
    assert frames_of(clip("constant.mp4")) == 24
    assert pid_of(nursery) != first


def test_a_child_outlives_it(nursery: Nursery, clip: Clips) -> None:
    with SandboxedSource(clip("constant.mp4")) as source:
        frames = iter(source)
        next(frames)
        os.kill(pid_of(nursery), signal.SIGKILL)
        assert len(list(frames)) == 23


@pytest.mark.usefixtures("nursery")
def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next_one(
    clip: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(socket, "recv_fds", interrupted)
        with pytest.raises(KeyboardInterrupt):
            frames_of(clip("constant.mp4"))
    with SandboxedSource(clip("constant.mp4")) as source:
        os.kill(source._child.pid, signal.SIGSEGV)
        with pytest.raises(SourceError, match="SIGSEGV"):
            list(source)


@pytest.mark.usefixtures("nursery")
def test_where_none_can_be_started_that_is_one_clear_error(
    clip: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SourceError, match="no process can be started to decode"):
        frames_of(clip("constant.mp4"))


@pytest.mark.usefixtures("nursery")
def test_paths_are_relative_to_where_this_process_is(
    clip: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert frames_of(clip("constant.mp4")) == 24
    (tmp_path / "mine.mp4").write_bytes(clip("constant.mp4").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert frames_of(Path("mine.mp4")) == 24


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_it_ends_with_its_owner(clip: Clips, end: str) -> None:
    script = f"""
        import os, signal, sys
        from redact.sources import SandboxedSource
        from redact.sources.sandbox.nursery import NURSERY
        list(SandboxedSource(sys.argv[1]))
        print(NURSERY._process.pid, flush=True)
        {end}
    """
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), str(clip("constant.mp4"))],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stderr == ""
    until = time.monotonic() + 10
    while Path(f"/proc/{int(ran.stdout)}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{int(ran.stdout)}").exists()


def test_a_forked_owner_starts_its_own(nursery: Nursery, clip: Clips) -> None:
    assert frames_of(clip("constant.mp4")) == 24
    pid = os.fork()
    if pid == 0:
        try:
            first = pid_of(nursery)
            good = frames_of(clip("constant.mp4")) == 24 and pid_of(nursery) != first
            nursery.close()
            os._exit(0 if good else 1)
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    assert frames_of(clip("constant.mp4")) == 24
