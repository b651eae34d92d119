"""Everything that is read of a file from elsewhere is read by a locked process: pieces, key frames,
still pictures, finished outputs; and nothing of it in this one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import msgspec
import numpy as np
import pytest
from mediaclips import X264, Clips, lavfi
from sandboxed import saying

import redact
from redact.config import MotionOptions, OutputOptions
from redact.errors import SinkError, SourceError
from redact.readback import read_back
from redact.reading import key_times, open_still
from redact.sources import PieceSource, SandboxedSource, Span
from redact.sources.piece import PastSource
from redact.sources.piece import key_times as key_times_here
from redact.sources.sandbox import process as sandbox
from redact.sources.sandbox.lists import sandboxed_key_times, sandboxed_read_back
from redact.sources.sandbox.messages import ListMessage, Order, Times
from redact.sources.still import StillSource
from redact.structures import Frame
from redact.testing import ScriptedDetector
from redact.web.opening import open_any

CONFIG = redact.Config(zone=redact.Zone.nothing(), look_back=2, motion=MotionOptions(enabled=False))
NOBODY = ScriptedDetector({})


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three groups of H.264 pictures, which are copied where nothing is hidden."""
    path = tmp_path_factory.mktemp("quiet") / "quiet.mp4"
    how = ("-c:v", "libx264", "-preset", "veryfast", "-g", "12", "-sc_threshold", "0", "-bf", "0")
    lavfi(path, *how, picture="testsrc2=s=128x96:r=25:d=1.44")
    return path


def same(one: Frame, other: Frame) -> bool:
    planes = (np.array_equal(getattr(one, name), getattr(other, name)) for name in "yuv")
    return (one.pts, one.duration) == (other.pts, other.duration) and all(planes)


def test_a_piece_and_its_past_are_as_in_process(quiet: Path) -> None:
    keys, tick = key_times_here(quiet)
    assert sandboxed_key_times(quiet) == (keys, tick)
    assert len(keys) == 3
    span = Span(keys[1], keys[2], None, 0, past=(keys[0],))
    with PieceSource(quiet, span) as here, SandboxedSource(quiet, what="piece", span=span) as boxed:
        assert boxed.info == here.info
        assert all(same(a, b) for a, b in zip(here, boxed, strict=True))
    with SandboxedSource(quiet, what="past", span=span, lesson=5) as boxed:
        seen = list(boxed)
    with PastSource(quiet, span, 5) as past:
        assert all(same(a, b) for a, b in zip(past, seen, strict=True))
    assert len(seen) == 5


def test_a_still_picture_is_as_in_process(tmp_path: Path) -> None:
    path = tmp_path / "gate.png"
    cv2.imwrite(str(path), np.random.default_rng(1).integers(0, 255, (31, 42, 3), np.uint8))
    with SandboxedSource(path, what="still") as boxed:
        (frame,) = boxed
        assert (boxed.info.width, boxed.info.height) == (42, 30)
        assert "limits" in boxed.locks
    assert same(frame, next(iter(StillSource(path))))
    (tmp_path / "no.png").write_bytes(b"\x89PNG\r\n" + bytes(100))
    with pytest.raises(SourceError, match="is not a picture"):
        open_still(tmp_path / "no.png")


def test_a_finished_file_is_read_back_as_in_process(quiet: Path, clip: Clips) -> None:
    for path in (quiet, clip("aac.mp4"), clip("aac.mkv")):
        assert sandboxed_read_back(path) == read_back(str(path))
    (damaged := quiet.with_name("no.mp4")).write_bytes(b"no video" * 99)
    with pytest.raises(SourceError, match=r"no\.mp4"):
        sandboxed_read_back(damaged)


# -- nothing in this process ----------------------------------------------------------------


@pytest.fixture
def no_reading_here(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called: whatever would be opened for reading in this process is an error."""

    def refuse() -> None:
        def opened(file: object, mode: str | None = None, *args: object, **more: object) -> object:
            assert mode == "w", f"{file} is read in this process"
            return real(file, mode, *args, **more)  # type: ignore[call-overload]

        def decoded(*_: object, **__: object) -> None:
            raise AssertionError("a picture is decoded in this process")

        real = av.open
        monkeypatch.setattr(av, "open", opened)
        monkeypatch.setattr(cv2, "imdecode", decoded)

    return refuse


def test_a_run_that_copies_reads_nothing_in_this_process(
    quiet: Path, tmp_path: Path, no_reading_here: Callable[[], None]
) -> None:
    no_reading_here()
    report = redact.run(quiet, tmp_path / "out.mp4", CONFIG, detector=NOBODY)
    assert report.frames_copied == report.frames == 36


@pytest.mark.parametrize(("suffix", "codec"), [(".mov", "pcm_alaw"), (".mp4", "aac")])
@pytest.mark.parametrize("copies", [True, False])
def test_kept_sound_is_not_read_in_this_process(
    tmp_path: Path, suffix: str, codec: str, copies: bool, no_reading_here: Callable[[], None]
) -> None:
    """Neither what is copied nor what is made into another codec; nor when it is read back."""
    source, out = tmp_path / "in.mov", tmp_path / f"out{suffix}"
    lavfi(source, *X264, "-c:a", "pcm_alaw", "-ar", "8000", sound="sine=d=0.96")
    keep = OutputOptions(audio="keep", copy=copies)
    config = msgspec.structs.replace(CONFIG, output=keep)
    real = av.open
    if copies or codec == "pcm_alaw":  # else all of the output was encoded here
        no_reading_here()
    redact.run(source, out, config, detector=NOBODY)
    with real(str(out)) as file:
        assert [s.codec_context.name for s in file.streams] == ["h264", codec]


def test_pages_read_nothing_in_this_process(
    quiet: Path, tmp_path: Path, no_reading_here: Callable[[], None]
) -> None:
    cv2.imwrite(str(tmp_path / "gate.jpg"), np.full((64, 64, 3), 90, np.uint8))
    no_reading_here()
    for what in (quiet, tmp_path / "gate.jpg"):
        source = open_any(str(what))
        try:
            assert next(iter(source)).height in (64, 96)
        finally:
            source.close()


def test_key_frames_for_pieces_are_not_read_in_this_process(
    quiet: Path, no_reading_here: Callable[[], None]
) -> None:
    no_reading_here()
    assert len(key_times(quiet, CONFIG)[0]) == 3


# -- a child that lies, or dies --------------------------------------------------------------

SAYS = """
    import os, socket, sys, msgspec
    from redact.sources.sandbox.messages import *
    end = socket.socket(fileno=int(sys.argv[1]))
    back = Back(1, 1, (1, 25), 0, 3, 3, (128, 96), False, (-1, 1), (36, 25), (36, 25), ())
    tell = lambda message: end.send(msgspec.msgpack.encode(message))
"""
LIES = {
    "leaves": ("sys.exit(0)", "ended too early"),
    "dies": ("os.kill(os.getpid(), 11)", "crashed .SIGSEGV"),
    "noise": ("end.send(b'xyz'); end.recv(9)", "answered what is no message"),
    "key frames instead": ("tell(Keys((1, 25))); end.recv(9)", "what was not asked for"),
    "no time at all": ("tell(back); end.recv(9)", "36 frames were written, 0 are in it"),
    "damage": ("tell(msgspec.structs.replace(back, damaged=True)); end.recv(9)", "is damaged"),
    "too many times": ("tell(Times((0,) * 1501)); end.recv(9)", "answered what is no message"),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_cannot_be_read_back_is_not_published(
    quiet: Path, tmp_path: Path, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lies = sandbox.start, saying(SAYS + "    " + LIES[lie][0])
    began: list[str] = []

    def start(order: Order, end: socket.socket, memory: int) -> Any:
        began.append(order.what)
        return (lies if order.what == "readback" else real)(order, end, memory)

    monkeypatch.setattr(sandbox, "start", start)
    with pytest.raises(SinkError, match=LIES[lie][1]):
        redact.run(quiet, tmp_path / "out.mp4", CONFIG, detector=NOBODY)
    assert began == ["video", "readback"]
    assert list(tmp_path.iterdir()) == []


def test_the_process_that_reads_back_is_locked(quiet: Path, tmp_path: Path) -> None:
    """The real one, which tries the locks as soon as it says that it has them."""
    script = """
        import socket, sys, msgspec
        from redact.sources.sandbox import child, locks
        child.load_all()
        confine = locks.confine
        def confined(path):
            held = confine(path)
            print(*held, flush=True)
            for name in ("/etc/passwd", "other"):
                try: open(name, "r" if name[0] == "/" else "w"); print("could", name, flush=True)
                except OSError: pass
            return held
        locks.confine = confined
        order = msgspec.json.decode(sys.argv[1], type=child.Order)
        child.run(order, socket.socket(fileno=int(sys.argv[2])), 0)
    """
    order = Order(os.fsencode(quiet), False, 1 << 26, 4 << 30, 60, "readback")
    end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = msgspec.json.encode(order).decode(), str(other.fileno()), "0"
    with end, other:
        ran = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), *words],
            pass_fds=[other.fileno()],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            cwd=tmp_path,
            text=True,
        )
        end.settimeout(60)
        told = msgspec.msgpack.decode(end.recv(1 << 14), type=ListMessage)
        end.shutdown(socket.SHUT_RDWR)
        said = ran.communicate(timeout=60)[0]
    assert isinstance(told, Times)
    assert len(told.times) == 36
    assert said.startswith("limits")
    could = {line for line in said.splitlines() if line.startswith("could")}
    assert could <= (set() if "landlock" in said else {"could /etc/passwd"})
