"""The relay's own RTSP server, before real clients: several at once, each from a key frame on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from rtsp_scenes import RtspServer, fine_detail, free_port, luma, wait_for
from running_relay import SECRET, Relay

import redact
from redact.config import OutputOptions
from redact.errors import ConfigError, MissingDependencyError, SinkError
from redact.relay import load_relay_config
from redact.sinks.live import serve
from redact.sinks.live.encoder import LiveEncoder
from redact.sinks.live.serve import Access, ServeOutput
from redact.sinks.live.serve import RtspServer as OwnServer
from redact.testing import MemorySink, SyntheticSource

HALF = {"polygons": [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]}
CONFIG = """
models = []
look_back = 3
[motion]
warmup_alone = 0.0
[policy]
outside = "all"
[cameras.half]
url = "rtsp://127.0.0.1:{camera}/camera"
zone = "half.json"
stall = 2
retry = 1
key_seconds = 1
outputs = [{{ kind = "rtsp_server", listen = "127.0.0.1:{port}", path = "yard/front"{more} }}]
[cameras.all]
url = "rtsp://127.0.0.1:{camera}/camera"
everyone = true
stall = 2
retry = 1
key_seconds = 1
outputs = [{{ kind = "rtsp_server", listen = "127.0.0.1:{port}"{more} }}]
"""


class Serving(Relay):
    """Two cameras at one address. more: words for both outputs."""

    def __init__(self, folder: Path, camera: int, more: str) -> None:
        (folder / "half.json").write_text(json.dumps(HALF))
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        super().__init__(folder, CONFIG.format(camera=camera, port=port, more=more))

    @property
    def child(self) -> int:
        """The process of the server."""
        pid = self.process.pid
        told = Path(f"/proc/{pid}/task").glob("*/children")
        pids = [n for path in told for n in path.read_text().split()]
        (child,) = [n for n in pids if b"rtsp_child" in Path(f"/proc/{n}/cmdline").read_bytes()]
        return int(child)

    def output(self, name: str) -> dict[str, Any]:
        return dict(self.camera(name)["outputs"]["0-rtsp_server"])


@pytest.fixture
def relay(tmp_path: Path, server: RtspServer, request: pytest.FixtureRequest) -> Iterator[Serving]:
    server.start()
    relay = Serving(tmp_path, server.port, getattr(request, "param", ""))
    try:
        wait_for(lambda: all(relay.frames_out(name) > 20 for name in ("half", "all")))
        yield relay
        assert relay.stop() == 0, relay.log.read_text()
    finally:
        relay.process.kill()


def opened(url: str, transport: str = "tcp") -> av.container.InputContainer:
    options = {"rtsp_transport": transport}
    return av.open(url, container_options=options, timeout=(15, 15))


def patiently(url: str) -> av.container.InputContainer:
    """Once the path is there, which it is from the first packet on."""
    while True:
        try:
            return opened(url)
        except av.error.HTTPNotFoundError:
            time.sleep(0.1)


def check_half(picture: av.VideoFrame) -> None:
    """What is on the property shows, what is beyond it does not."""
    grey = picture.to_ndarray()[: picture.height]
    middle = picture.width // 2
    assert fine_detail(grey[:, middle + 16 :]) < 4
    assert fine_detail(grey[:, : middle - 16]) > 15


def watch(url: str, frames: int, transport: str = "tcp") -> list[float]:
    """Look at so many frames of the half; when each came, by this machine's clock."""
    came: list[float] = []
    with opened(url, transport) as file:
        for packet in file.demux(video=0):
            assert came or packet.is_keyframe
            for picture in packet.decode():
                came.append(time.monotonic())
                check_half(picture)
            if len(came) >= frames:
                return came
    raise AssertionError(f"the stream ended after {len(came)} frames")


def test_many_clients_at_once_begin_at_a_key_frame_and_do_not_disturb_each_other(
    relay: Serving, tmp_path: Path
) -> None:
    half, whole = f"rtsp://{relay.address}/yard/front", f"rtsp://{relay.address}/all"
    seen: list[list[float]] = []
    first = threading.Thread(target=lambda: seen.append(watch(half, 90)))
    first.start()
    copy = ["ffmpeg", "-v", "error", "-rtsp_transport", "udp", "-i", half, "-c", "copy"]
    subprocess.run([*copy, "-frames:v", "30", str(tmp_path / "udp.mp4")], check=True, timeout=60)
    launch = f"rtspsrc location={half} protocols=tcp latency=0 ! rtph264depay ! h264parse"
    launch += f" ! mpegtsmux ! filesink buffer-mode=unbuffered location={tmp_path / 'gst.ts'}"
    with subprocess.Popen(
        ["gst-launch-1.0", "-q", *launch.split()], stderr=subprocess.DEVNULL
    ) as rude:
        time.sleep(3)
        rude.kill()  # without a word
    watch(half, 15)
    with opened(whole) as file:
        for _, picture in zip(range(20), file.decode(video=0), strict=False):
            assert fine_detail(picture.to_ndarray()[: picture.height]) < 4
    first.join(60)
    assert max(b - a for a, b in pairwise(seen[0])) < 5
    for path in (tmp_path / "udp.mp4", tmp_path / "gst.ts"):
        pictures = luma(path)
        assert len(pictures) > 10
        for _, grey in pictures:
            assert fine_detail(grey[:, grey.shape[1] // 2 + 16 :]) < 4
            assert fine_detail(grey[:, : grey.shape[1] // 2 - 16]) > 15
    assert relay.output("half")["dropped"] == 0


def test_another_size_ends_the_session_and_the_next_one_has_it(
    relay: Serving, server: RtspServer
) -> None:
    url = f"rtsp://{relay.address}/yard/front"
    with opened(url) as file:
        sizes = {(f.width, f.height) for _, f in zip(range(5), file.decode(video=0), strict=False)}
        assert sizes == {(320, 240)}
        server.kill()
        server.start(480, 272)
        sizes = {(f.width, f.height) for f in file.decode(video=0)}  # until it ends
    assert sizes == {(320, 240)}
    with opened(url) as file:
        picture = next(file.decode(video=0))
        assert (picture.width, picture.height) == (480, 272)
        check_half(picture)


@pytest.mark.parametrize(
    "relay", [', user = "nvr", password = "${CAMERA_PASSWORD}"'], indirect=True
)
def test_a_password_is_asked_for_and_told_nowhere(relay: Serving) -> None:
    path = f"{relay.address}/yard/front"
    for who in ("", "nvr:wrong@", f"other:{SECRET}@"):
        with pytest.raises(av.error.HTTPUnauthorizedError):
            opened(f"rtsp://{who}{path}")
    watch(f"rtsp://nvr:{SECRET}@{path}", 5)
    secret = SECRET.encode()
    for pid in (relay.process.pid, relay.child):
        assert secret not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert secret not in Path(f"/proc/{relay.child}/environ").read_bytes()
    assert SECRET not in relay.log.read_text() + relay.get("/metrics") + str(relay.health())


def test_a_server_that_is_killed_comes_back(relay: Serving) -> None:
    url = f"rtsp://{relay.address}/yard/front"
    watch(url, 5)
    before = relay.child
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: relay.output("half")["failures"])
    wait_for(lambda: relay.output("half")["up"])
    wait_for(lambda: relay.output("all")["up"])
    watch(url, 15)
    assert relay.child != before


# -- without cameras ---------------------------------------------------------------------------


@pytest.mark.usefixtures("gstreamer")
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_both_codecs_of_the_relay_are_served_with_their_own_times(codec: str) -> None:
    source, sink = SyntheticSource(frames=60, width=320, height=240), MemorySink()
    redact.run(source, sink, redact.Config(zone=redact.Zone.nothing(), models=(), look_back=0))
    options = OutputOptions(codec="h265" if codec == "hevc" else "h264")
    encoder = LiveEncoder(
        source.info, sink.frames[0], options, "test", generation=1, key_seconds=0.5 / 90
    )
    coded = [
        replace(packet, pts=90 * packet.pts, duration=90 * packet.duration)
        for frame in sink.frames
        for packet in encoder.encode(frame)
    ]
    port, ended, step = free_port(), threading.Event(), 9000
    server = OwnServer("127.0.0.1", port, {"/a": Access()})
    output = ServeOutput(server, "/a")
    output.start(encoder.stream)

    def play() -> None:
        """Over and over, at its own pace."""
        began, round_ = time.monotonic(), 0
        while not ended.is_set():
            for packet in coded:
                pts = packet.pts + round_ * 60 * step
                time.sleep(max(0.0, began + pts / 90_000 - time.monotonic()))
                output.write(replace(packet, pts=pts))
            round_ += 1

    playing = threading.Thread(target=play)
    playing.start()
    try:
        with patiently(f"rtsp://127.0.0.1:{port}/a") as file:
            assert file.streams.video[0].codec_context.name == codec
            told = [packet.pts for _, packet in zip(range(30), file.demux(video=0), strict=False)]
    finally:
        ended.set()
        playing.join()
        output.finish()
        server.close()
    assert {b - a for a, b in pairwise(told[2:])} == {step}


def test_what_is_missing_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python without GStreamer's bindings, as that of a virtual environment."""
    monkeypatch.setattr(serve, "DEBIAN_PYTHON", sys.executable)
    monkeypatch.setattr(serve.importlib.util, "find_spec", lambda _name: None)
    server = OwnServer("127.0.0.1", free_port(), {"/a": Access()})
    with pytest.raises(MissingDependencyError, match=r"gi.*apt-get install .*gst-rtsp-server"):
        server.start()


@pytest.mark.usefixtures("gstreamer")
def test_an_address_that_is_taken_ends_the_relay_before_the_first_frame(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "half.json").write_text(json.dumps(HALF))
        (tmp_path / "relay.toml").write_text(CONFIG.format(camera=1, port=port, more=""))
        command = [sys.executable, "-m", "redact", "relay", str(tmp_path / "relay.toml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == SinkError.exit_code
    assert f"cannot listen at 127.0.0.1:{port}" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('listen = "8554"', "host:port"),
        ('listen = "127.0.0.1:99999"', "host:port"),
        ('path = "../x"', "path"),
        ('user = "a"', "user and password"),
        ('user = "a", password = ""', "empty"),
        ('user = "a", password = "${NOT_SET_1}"', "NOT_SET_1"),
        ('listen = "0.0.0.0:8554"', "others can reach"),
        ('listen = "192.0.2.1:8554"', "others can reach"),
        ('path = "b"', "two outputs have the path /b"),
        ('user = "a", password = "hush"', "or none"),
    ],
)
def test_what_cannot_be_served_is_refused(tmp_path: Path, words: str, said: str) -> None:
    camera = '[cameras.{0}]\nurl = "x.mp4"\neveryone = true\noutputs = [{1}]\n'
    first = camera.format("a", f'{{ kind = "rtsp_server", {words} }}')
    second = camera.format("b", '{ kind = "rtsp_server" }')
    (tmp_path / "relay.toml").write_text(first + second)
    with pytest.raises(ConfigError) as raised:
        load_relay_config(tmp_path / "relay.toml")
    assert said in str(raised.value)
    assert "hush" not in str(raised.value)
