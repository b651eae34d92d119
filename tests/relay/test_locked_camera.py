"""Cameras are read by a locked process: what it gives is what `LiveSource` gives, it can do nothing
else, and when it dies or lies the camera is lost as any other."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from rtsp_scenes import RtspServer, make_clip

from redact.errors import SourceError, SourceLostError
from redact.reading import open_camera
from redact.relay import load_relay_config, run_relay
from redact.sources.live import LiveSource
from redact.sources.live_clock import LiveClock
from redact.sources.sandbox import process as sandbox
from redact.sources.sandbox.camera import SandboxedCamera
from redact.structures import Frame

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))
from sandboxed import saying

RELAY = """
models = []
[policy]
outside = "all"
[status]
listen = ""
[cameras.c]
url = "{clip}"
zone = "all.json"
realtime = false
{more}
outputs = [{{ kind = "segments", folder = "out", seconds = 1000 }}]
"""


def facts(frame: Frame) -> tuple[Any, ...]:
    return frame.index, frame.colour, frame.corrupt, frame.width, frame.height, frame.time_base


def test_a_file_is_read_as_in_process_whatever_its_sizes(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.h264", [(9, 320, 240), (2, 64, 48), (9, 400, 304)])
    given = str(clip), "clip"
    with (
        LiveSource(*given, LiveClock(), realtime=False) as here,
        SandboxedCamera(*given, LiveClock(), realtime=False) as boxed,
    ):
        assert boxed.rate == here.rate
        count = 0
        for one, other in zip(here, boxed, strict=True):
            assert facts(one) == facts(other)
            assert all(np.array_equal(getattr(one, n), getattr(other, n)) for n in "yuv")
            count += 1
    assert count == 20


def test_sound_is_as_in_process(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mkv"
    words = "-f lavfi -i testsrc2=s=64x48:d=2 -f lavfi -i sine=d=2:r=8000 -c:a pcm_s16le"
    subprocess.run(["ffmpeg", "-v", "error", *words.split(), str(clip)], check=True)
    heard: dict[type, list[tuple[int, np.ndarray]]] = {LiveSource: [], SandboxedCamera: []}
    for kind, into in heard.items():

        def keep(frame: av.AudioFrame, pts: int, into: list[Any] = into) -> None:
            samples = frame.to_ndarray().astype(np.float32)
            into.append((pts, samples / (1 << 15 if frame.format.name == "s16" else 1)))

        clock = LiveClock(lambda: 0.0)
        with kind(str(clip), "clip", clock, realtime=False, on_sound=keep) as source:
            assert source.sound == (8000, 1)
            list(source)
    here, boxed = heard.values()
    assert boxed[0][0] == here[0][0]
    joined = [np.concatenate([part.reshape(-1) for _, part in each]) for each in (here, boxed)]
    np.testing.assert_allclose(*joined, atol=1e-4)


def test_a_camera_is_read_through_both_transports(server: RtspServer) -> None:
    server.start()
    for transport in ("tcp", "udp"):
        with SandboxedCamera(server.camera, "front", LiveClock(), transport=transport) as camera:
            frames = [frame for frame, _ in zip(camera, range(12), strict=False)]
            assert camera.live
        assert {(frame.width, frame.height) for frame in frames} == {(320, 240)}
        assert all(a.pts < b.pts for a, b in pairwise(frames))


def test_a_camera_over_http_is_found_by_its_name(tmp_path: Path) -> None:
    clip = tmp_path / "clip.ts"
    words = "-f lavfi -i testsrc2=s=64x48:d=1 -c:v libx264 -bf 0"
    subprocess.run(["ffmpeg", "-v", "error", *words.split(), str(clip)], check=True)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        url = f"http://localhost:{http.server_address[1]}/clip.ts"
        with SandboxedCamera(url, "front", LiveClock()) as camera:
            seen = []
            with pytest.raises(SourceLostError, match="front: the camera ended the stream"):
                seen.extend(iter(camera))
        http.shutdown()


def test_the_same_words_without_the_password() -> None:
    url = "rtsp://root:s3cr3t@127.0.0.1:1/camera"
    said = []
    for kind in (LiveSource, SandboxedCamera):
        with pytest.raises(SourceLostError) as caught:
            kind(url, "front", LiveClock(), timeout=1)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "s3cr3t" not in said[0]


def test_the_relay_reads_nothing_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "clip.h264", [(20, 320, 240)])

    def opened(file: object, mode: str | None = None, *args: object, **more: object) -> object:
        assert mode == "w", f"{file} is read in this process"
        return real(file, mode, *args, **more)  # type: ignore[call-overload]

    real = av.open
    monkeypatch.setattr(av, "open", opened)
    said: list[str] = []
    assert relayed(tmp_path, clip, said) == 0, said
    (out,) = (tmp_path / "out").glob("*.mp4")
    with real(str(out)) as file:
        assert len(list(file.decode(video=0))) == 20


def relayed(folder: Path, clip: Path, said: list[str], more: str = "") -> int:
    (folder / "all.json").write_text(json.dumps({"polygons": [[[0, 0], [1, 0], [1, 1]]]}))
    (folder / "relay.toml").write_text(RELAY.format(clip=clip, more=more))
    config = load_relay_config(folder / "relay.toml")
    return run_relay(config, threading.Event(), lambda _camera, text: said.append(text))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_decoder_that_dies_is_a_lost_camera(server: RtspServer, number: signal.Signals) -> None:
    server.start()
    with SandboxedCamera(server.camera, "front", LiveClock()) as camera:
        frames = iter(camera)
        next(frames)
        os.kill(camera._child.pid, number)
        with pytest.raises(SourceError, match=f"front: frame .*crashed .{number.name}"):
            list(frames)
    with SandboxedCamera(server.camera, "front", LiveClock()) as camera:
        assert next(iter(camera)).width == 320


def test_closing_wakes_whoever_waits_for_a_frame(server: RtspServer) -> None:
    server.start()
    camera = SandboxedCamera(server.camera, "front", LiveClock())
    frames = iter(camera)
    next(frames)
    os.kill(camera._child.pid, signal.SIGSTOP)
    threading.Timer(0.5, camera.close).start()
    with pytest.raises(SourceError, match="was closed"):
        list(frames)


def test_devices_of_this_machine_are_read_here() -> None:
    with pytest.raises(SourceLostError) as caught:
        open_camera("v4l2:/dev/none", "door", LiveClock())
    assert "door" in str(caught.value)


# -- a child that lies ---------------------------------------------------------------------------

SAYS = """
    import os, socket, sys, msgspec
    from redact.sources.sandbox.messages import *
    end = socket.socket(fileno=int(sys.argv[1]))
    tell = lambda message: end.send(msgspec.msgpack.encode(message))
    begin = lambda: tell(Connected((25, 1), None, ()))
    view = View(0, (0, 1), False, False, 1, 1, 1)
"""
LIES = {
    "noise": ("end.send(b'\\xc1\\xff' * 40)", "what is no message"),
    "no camera": ("tell(Ended(0))", "no description of a camera"),
    "a frame without a size": ("begin(); tell(view)", "no next frame"),
    "a size without end": ("begin(); tell(Size(1 << 20, 1 << 20))", "no next frame"),
    "no time": (
        "begin(); tell(Size(64, 48)); tell(View(0, (0, 0), False, False, 1, 1, 1))",
        "no message",
    ),
    "sound that nobody asked for": ("begin(); tell(Heard((0, 1), 8000, 1, b'1234'))", "no next"),
    "an end": ("begin(); tell(Ended(0))", "no next frame"),
    "leaves": ("begin()", "too early"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_child_that_lies_is_not_believed(lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, words = LIES[lie]
    monkeypatch.setattr(sandbox, "start", saying(SAYS + "    " + code))
    with (
        pytest.raises(SourceError, match=f"front: frame 0: .*{words}"),
        SandboxedCamera("rtsp://127.0.0.1:1/x", "front", LiveClock()) as camera,
    ):
        list(camera)


@pytest.mark.parametrize("word", ["Heard((0, 1), 8000, 1, b'1234')", "Size(64, 48)"])
def test_a_camera_that_gives_sound_or_sizes_without_end_is_lost(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"""
    begin()
    while True: tell({word})"""
    monkeypatch.setattr(sandbox, "start", saying(SAYS + code))
    url, hear = "rtsp://127.0.0.1:1/x", lambda *_: None
    with SandboxedCamera(url, "front", LiveClock(), on_sound=hear) as camera:
        camera._patience = 1
        camera._end.settimeout(1)
        with pytest.raises(SourceError, match=r"front: frame 0: .*gave no frame for 1 s"):
            list(camera)


def test_a_part_of_a_frame_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "clip.h264", [(2, 64, 48)])
    real = os.preadv
    monkeypatch.setattr(os, "preadv", lambda at, to, start: real(at, [to[0][:99]], start))
    with (
        SandboxedCamera(str(clip), "clip", LiveClock(), realtime=False) as camera,
        pytest.raises(SourceError, match="gave a part of a frame"),
    ):
        list(camera)


def test_memory_that_cannot_be_sealed_is_a_lost_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    def sealed(name: str, flags: int) -> int:
        memory = real(name, flags)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL)
        return memory

    real = os.memfd_create
    monkeypatch.setattr(os, "memfd_create", sealed)
    with pytest.raises(SourceError, match=r"front: .*shares no memory"):
        open_camera("rtsp://127.0.0.1:1/x", "front", LiveClock())


def test_sound_of_a_child_that_lies_is_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
    tell(Connected(None, (8000, 1), ())); tell(Size(64, 48)); end.recv(9)
    tell(view); end.recv(9)
    tell(Heard((0, 1), 8000, 1, b'\\xff' * 4096)); tell(Lost('gone\\x1b[2J')); end.recv(9)"""
    monkeypatch.setattr(sandbox, "start", saying(SAYS + code))
    heard: list[np.ndarray] = []
    hear: Callable[..., None] = lambda frame, _pts: heard.append(frame.to_ndarray())  # noqa: E731
    with (
        pytest.raises(SourceLostError, match=r"^gone.\[2J$") as caught,
        SandboxedCamera("rtsp://127.0.0.1:1/x", "front", LiveClock(), on_sound=hear) as camera,
    ):
        list(camera)
    assert "\x1b" not in str(caught.value)
    assert heard
    assert np.isfinite(heard[0]).all()


# -- the locks ---------------------------------------------------------------------------------


def test_a_locked_process_connects_to_its_camera_and_can_do_nothing_else(tmp_path: Path) -> None:
    script = """
        import os, socket, sys
        from pathlib import Path
        from redact.sources.sandbox import child, locks
        child.load_all()
        locks.limit(4 << 30)
        camera, other = map(int, sys.argv[1:])
        owner, libc = os.getppid(), __import__("ctypes").CDLL(None, use_errno=True)
        held = locks.confine(None, camera)
        print(*held, flush=True)
        def tried(name, what):
            try: what(); print("could", name, flush=True)
            except OSError: pass
        def connect(port): socket.socket().connect(("127.0.0.1", port))
        tried("connect", lambda: connect(camera))
        tried("send", lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)))
        tried("names", lambda: open("/etc/hosts").close())
        tried("read", lambda: open("/etc/passwd"))
        tried("here", lambda: open(__import__("redact").__file__))
        tried("write", lambda: open("x", "w"))
        tried("program", lambda: os.execv("/bin/true", ["true"]))
        tried("listen", lambda: socket.create_server(("127.0.0.1", 0)))
        tried("unix", lambda: socket.socket(socket.AF_UNIX))
        stream, raw = (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_RAW)
        tried("raw", lambda: socket.socket(*raw, socket.IPPROTO_TCP))
        tried("ping", lambda: socket.socket(*raw, socket.IPPROTO_ICMP))
        tried("mptcp", lambda: socket.socket(*stream, 262))
        tried("sctp", lambda: socket.socket(*stream, 132))
        fast = lambda: socket.socket().sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", other))
        tried("fast open", fast)
        def kill_owner():
            if libc.tgkill(owner, owner, 0): raise OSError
        tried("signals", kill_owner)
        for family in (socket.AF_INET, socket.AF_INET6):
            for kind, number in ((socket.SOCK_STREAM, 6), (socket.SOCK_DGRAM, 17)):
                for protocol in (0, number):
                    tried("socket", lambda: socket.socket(family, kind, protocol))
        tried("elsewhere", lambda: connect(other))
        os._exit(0)
    """
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) for _ in range(2)]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *(str(s.server_port) for s in servers)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        cwd=tmp_path,
        timeout=120,
    )
    for server in servers:
        server.server_close()
    held, *could = done.stdout.splitlines()
    assert {"could connect", "could send", "could names"} <= set(could), done.stderr
    extra = {line.removeprefix("could ") for line in could} - {"connect", "send", "names"}
    if "landlock" in held:
        assert not extra & {"read", "here", "write"}
    if "seccomp" in held:
        assert not extra & {"program", "listen", "unix", "write", "signals"}
        assert not extra & {"raw", "ping", "mptcp", "sctp", "fast open"}
        assert could.count("could socket") == 8
    if os.geteuid() == 0:
        assert "raw" not in extra
    libc_version = _landlock_version()
    if "landlock" in held and libc_version >= 4:
        assert "elsewhere" not in extra


def _landlock_version() -> int:
    import ctypes

    return int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))


def test_the_time_line_is_that_of_the_owner(tmp_path: Path) -> None:
    """A new connection goes on where the one before stopped."""
    clip = make_clip(tmp_path / "clip.h264", [(5, 64, 48)])
    clock, times = LiveClock(), []
    for _ in range(2):
        with SandboxedCamera(str(clip), "clip", clock, realtime=False) as camera:
            times += [frame.pts * Fraction(1, 90_000) for frame in camera]
    assert times == sorted(set(times))
    assert len(times) == 10
