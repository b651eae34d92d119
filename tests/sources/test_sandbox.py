"""SandboxedSource: what PyAVSource reads, in the same words, whatever becomes of its process."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from functools import reduce
from operator import or_
from pathlib import Path
from threading import Timer

import numpy as np
import pytest
from mediaclips import CLIPS, Clips, lavfi
from sandboxed import saying
from test_bad_files import BAD

from redact.errors import SourceError
from redact.protocols import Source
from redact.sources import PyAVSource, SandboxedPipe, SandboxedSource
from redact.sources.sandbox import process as sandbox
from redact.structures import Frame

ROOT = Path(__file__).resolve().parents[2]


def facts(frame: Frame) -> tuple[object, ...]:
    coded = frame.coded and (frame.coded.data, frame.coded.run, frame.coded.order)
    times = frame.pts, frame.duration, frame.index, frame.time_base
    return *times, frame.colour, frame.corrupt, coded


@pytest.mark.parametrize("name", CLIPS)
def test_everything_is_as_in_process(clip: Clips, name: str) -> None:
    with PyAVSource(clip(name)) as plain, SandboxedSource(clip(name)) as boxed:
        assert isinstance(boxed, Source)
        assert boxed.info == plain.info
        assert boxed.notes == plain.notes
        for one, other in zip(plain, boxed, strict=True):
            assert facts(one) == facts(other)
            for name_ in "yuv":
                assert np.array_equal(getattr(one, name_), getattr(other, name_))


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_file_fails_in_the_same_words(clip: Clips, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    BAD[name][0](clip, path)
    said = []
    for kind in (PyAVSource, SandboxedSource):
        with pytest.raises(SourceError) as caught, kind(path) as source:
            list(source)
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.fixture
def boxed(clip: Clips) -> Iterator[SandboxedSource]:
    with SandboxedSource(clip("constant.mp4")) as source:
        source._patience = 2  # from here on: the start may take long on a busy machine
        source._end.settimeout(2)
        yield source


def test_frames_are_this_processs_own_and_outlive_the_source(boxed: SandboxedSource) -> None:
    kept = list(boxed)
    gc.collect()
    assert len(kept) == 24
    assert len({frame.y.tobytes() for frame in kept}) > 12
    assert not any(plane.flags.writeable for f in kept for plane in (f.y, f.u, f.v))
    with pytest.raises(SourceError, match="open it again"):
        iter(boxed)


def test_its_process_is_gone_at_the_end_and_when_nobody_wants_it(boxed: SandboxedSource) -> None:
    list(boxed)
    assert boxed._child.returncode is not None
    other = SandboxedSource(boxed._path)
    child = other._child
    del other
    gc.collect()
    assert child.wait(5) is not None


@pytest.mark.parametrize("when", ["before", "while"])
def test_another_thread_may_close(boxed: SandboxedSource, when: str) -> None:
    frames = iter(boxed)
    next(frames)
    if when == "before":
        boxed.close()
    else:
        os.kill(boxed._child.pid, signal.SIGSTOP)
        Timer(0.3, boxed.close).start()
    with pytest.raises(SourceError, match="was closed while it was read"):
        list(frames)
    boxed.close()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_decoder_that_crashes_is_one_clear_error(
    boxed: SandboxedSource, number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    frames = iter(boxed)
    next(frames)
    os.kill(boxed._child.pid, number)
    with pytest.raises(SourceError, match=rf"frame \d+: its decoder crashed \({number.name}\); "):
        list(frames)
    assert capfd.readouterr() == ("", "")


def test_a_decoder_that_hangs_is_killed(boxed: SandboxedSource) -> None:
    frames = iter(boxed)
    next(frames)
    os.kill(boxed._child.pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(SourceError, match="gave no frame for 2 s; the file is damaged or hostile"):
        list(frames)
    assert time.monotonic() - began < 5
    assert boxed._child.returncode == -signal.SIGKILL


def test_a_crash_leaves_nothing_of_the_output(
    clip: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import redact

    def die(source: SandboxedSource) -> Iterator[Frame]:
        for frame in real(source):
            if frame.index == 10:
                os.kill(source._child.pid, signal.SIGSEGV)
            yield frame

    real = SandboxedSource._frames
    monkeypatch.setattr(SandboxedSource, "_frames", die)
    config = redact.Config(zone=redact.Zone.nothing())
    with pytest.raises(SourceError, match="SIGSEGV"):
        redact.run(clip("constant.mp4"), tmp_path / "out.mp4", config)
    assert list(tmp_path.iterdir()) == []


# -- a child that lies ----------------------------------------------------------------------

SAYS = """
    import os, socket, sys, msgspec
    from redact.sources.sandbox.messages import *
    end = socket.socket(fileno=int(sys.argv[1])); memory = int(sys.argv[2])
    opened = Opened(64, 64, (1, 25), None, False, 2, 2, 2, 0, (1, 1), 8, False, "h264", None,
                    None, None, 0, (), ())
    tell = lambda message: end.send(msgspec.msgpack.encode(message))
"""
LIES = {
    "noise": ("end.send(b'\\xc1\\xff' * 40)", "what is no message"),
    "nothing": ("end.send(b'')", "too early"),
    "leaves": ("sys.exit(0)", "too early"),
    "no stream": ("tell(Ended(3))", "no description of a stream"),
    "a size without end": (
        "tell(msgspec.structs.replace(opened, width=1 << 20, height=1 << 20))",
        "no description of a stream",
    ),
    "a size of nothing": (
        "tell(msgspec.structs.replace(opened, width=0))",
        "what is no message",
    ),
    "a rate of 1/0": (
        "tell(msgspec.structs.replace(opened, time_base=(1, 0)))",
        "what is no message",
    ),
    "a slot that is not there": (
        "tell(opened); end.recv(9); tell(Ready(7, 0, 1, False, None))",
        "no mes",
    ),
    "time that stands still": (
        "tell(opened); end.recv(9)\n    for slot in (0, 1): tell(Ready(slot, 5, 1, False, None))",
        "no next frame",
    ),
    "more frames than came": ("tell(opened); end.recv(9); tell(Ended(9))", "no next frame"),
    "memory that cannot be sealed": (
        "import fcntl; fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL)\n"
        "    tell(opened); end.recv(9)",
        "shares no memory",
    ),
    "no frame": ("tell(opened); end.recv(9); tell(Ended(0))", "no next frame"),
    "smaller memory": (
        "tell(opened); end.recv(9)\n"
        "    try: os.ftruncate(memory, 0)\n"
        "    except OSError: sys.exit(0)\n"
        "    tell(Ready(0, 0, 1, False, None))",
        "too early",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_child_that_lies_is_not_believed(
    clip: Clips, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, words = LIES[lie]
    monkeypatch.setattr(sandbox, "start", saying(SAYS + "    " + code))
    with pytest.raises(SourceError, match=words), SandboxedSource(clip("constant.mp4")) as source:
        list(source)


def test_the_words_of_a_child_reach_no_terminal_as_commands(
    clip: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = SAYS + "    tell(Failed('x\\x1b[2Jy\\nz')); end.recv(9)"
    monkeypatch.setattr(sandbox, "start", saying(script))
    with pytest.raises(SourceError) as caught:
        SandboxedSource(clip("constant.mp4"))
    assert str(caught.value).isprintable()


# -- limits ---------------------------------------------------------------------------------


def test_a_picture_that_needs_more_memory_than_allowed_is_one_clear_error(tmp_path: Path) -> None:
    """A bomb: some kilobytes that become gigabytes."""
    bomb = tmp_path / "bomb.mp4"
    lavfi(bomb, "-c:v", "libx264", "-preset", "ultrafast", picture="color=black:s=8000x8000:d=0.08")
    assert bomb.stat().st_size < 200_000
    with pytest.raises(SourceError, match=str(bomb)) as caught:
        list(SandboxedSource(bomb, memory=600 << 20))
    assert ";" in str(caught.value)


TRIES = {
    "open another file": "open('/etc/passwd')",
    "write a file": "open('new', 'w')",
    "change the file": "open(path, 'r+')",
    "list a folder": "os.listdir('/')",
    "delete the file": "os.unlink(path)",
    "connect": "socket.create_connection(('127.0.0.1', PORT))",
    "make a socket": "socket.socket()",
    "start a program": "os.posix_spawn('/bin/true', ['true'], {})",
    "fork": "os.fork() or os._exit(0)",
    "make code": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "write in memory on disk": "os.write(disk, b'x')",
    "end another process": "os.kill(os.getppid(), 0)",
}
WITHOUT_SECCOMP = {"make a socket", "fork", "make code", "end another process", "start a program"}


@pytest.mark.parametrize("with_seccomp", [True, False], ids=["seccomp", "without"])
def test_a_locked_process_reads_its_file_and_can_do_nothing_else(
    clip: Clips, tmp_path: Path, with_seccomp: bool
) -> None:
    if with_seccomp:
        pytest.importorskip("pyseccomp", reason="needs the extra: pip install '.[sandbox]'")
    hidden = "" if with_seccomp else "sys.modules['pyseccomp'] = None"
    script = f"""
        import os, sys, socket, mmap
        from pathlib import Path
        from redact.sources.sandbox import locks
        {hidden}
        path, disk = Path(sys.argv[1]), os.open('before', os.O_CREAT | os.O_RDWR)
        server = socket.create_server(('127.0.0.1', 0)); PORT = server.getsockname()[1]
        import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        locks.limit(4 << 30); held = locks.confine(path)
        def attempt(what, code):
            try: exec(code, globals()); print('could', what)
            except OSError: pass
        for what, code in {TRIES!r}.items(): attempt(what, code)
        print(len(path.read_bytes()), *held)
    """
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(clip("constant.mp4").read_bytes())
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(mine)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    *could, held = ran.stdout.splitlines() or [ran.stderr]
    size, *locks = held.split()
    assert int(size) == mine.stat().st_size
    if "landlock" not in locks:
        pytest.skip("this kernel has no Landlock")
    assert ("seccomp" in locks) is with_seccomp
    allowed = set() if with_seccomp else WITHOUT_SECCOMP
    assert {line.removeprefix("could ") for line in could} <= allowed, ran.stderr


def test_the_process_is_locked_down(boxed: SandboxedSource) -> None:
    assert "limits" in boxed.locks
    status = Path(f"/proc/{boxed._child.pid}/limits").read_text()
    assert "Max file size             0 " in status
    assert "Max core file size        0 " in status
    assert powers(boxed) & ~READ_ALL == 0


READ_ALL = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def powers(boxed: SandboxedSource) -> int:
    """All capabilities that it has or can get."""
    status = Path(f"/proc/{boxed._child.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    lines = [line.split() for line in status.splitlines() if line.startswith("Cap")]
    return reduce(or_, (int(value, 16) for name, value in lines if name != "CapBnd:"))


def test_root_reads_what_others_keep_for_themselves(clip: Clips, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can")
    theirs = tmp_path / "theirs.mp4"
    theirs.write_bytes(clip("constant.mp4").read_bytes())
    theirs.chmod(0o600)
    os.chown(theirs, 65534, 65534)
    with SandboxedSource(theirs) as boxed:
        assert len(list(boxed)) == 24


def test_where_there_is_no_file_to_read_no_power_is_left() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"YUV4MPEG2 W64 H64 F25:1\nFRAME\n" + bytes(6144))
    os.close(writing)
    with SandboxedPipe(reading) as boxed:
        assert powers(boxed) == 0
    os.close(reading)


def test_a_decoder_in_circles_ends_even_if_its_owner_was_killed(clip: Clips) -> None:
    script = """
        import os, signal, sys
        from redact.sources import SandboxedSource
        source = SandboxedSource(sys.argv[1])
        print(source._child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(clip("constant.mp4"))],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    child = int(ran.stdout)
    until = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def test_time_runs_out_for_a_process_that_only_computes() -> None:
    script = "from redact.sources.sandbox import locks; locks.allow_time(1)\nwhile True: pass"
    ran = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60
    )
    assert ran.returncode == -signal.SIGXCPU
