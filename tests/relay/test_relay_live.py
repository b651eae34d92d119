"""The relay between real RTSP servers: whatever happens, no frame leaves unredacted."""

from __future__ import annotations

import json
import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rtsp_scenes import RtspServer, fine_detail, luma, wait_for
from running_relay import SECRET, Relay

TWO_CAMERAS = """
look_back = 5
[motion]
warmup_alone = 0.0
[policy]
outside = "all"
[cameras.all]
url = "rtsp://user:${{CAMERA_PASSWORD}}@127.0.0.1:{port}/camera"
everyone = true
stall = 2
retry = 1
outputs = [
    {{ kind = "segments", folder = "all", seconds = 4 }},
    {{ kind = "rtsp", url = "rtsp://user:${{CAMERA_PASSWORD}}@127.0.0.1:{other}/record" }},
]
[cameras.half]
url = "rtsp://127.0.0.1:{port}/camera"
zone = "half.json"
stall = 2
retry = 1
key_seconds = 1
outputs = [
    {{ kind = "segments", folder = "half", seconds = 3 }},
    {{ kind = "hls", folder = "hls", seconds = 1 }},
]
"""
HALF = {"polygons": [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]}


@pytest.mark.slow
def test_two_cameras_cut_changed_and_a_server_killed(
    tmp_path: Path, server: RtspServer, second_server: RtspServer
) -> None:
    (tmp_path / "half.json").write_text(json.dumps(HALF))
    server.start()
    second_server.start()
    relay = Relay(tmp_path, TWO_CAMERAS.format(port=server.port, other=second_server.port))
    try:
        both = ("all", "half")
        wait_for(lambda: all(relay.frames_out(name) > 30 for name in both))
        wait_for(lambda: relay.camera("all")["outputs"]["1-rtsp"]["up"])
        for size in ((320, 240), (480, 272), (480, 272)):  # cut three times, changed once
            server.kill()
            time.sleep(2)
            server.start(*size)
            before = {name: relay.frames_out(name) for name in both}
            wait_for(lambda before=before: all(relay.frames_out(n) > before[n] + 45 for n in both))
            early = relay.rss()
        second_server.kill()
        time.sleep(1)
        second_server.start()
        wait_for(lambda: relay.camera("all")["outputs"]["1-rtsp"]["up"], 40)
        time.sleep(4)
        late, health, metrics = relay.rss(), relay.health(), relay.get("/metrics")
        playlist = hls_frames(tmp_path / "hls")
        assert relay.stop() == 0, relay.log.read_text()
    finally:
        relay.process.kill()
    check_pictures(tmp_path, second_server, playlist)
    check_words(tmp_path, health, metrics)
    assert late - early < 40


def hls_frames(folder: Path) -> list[tuple[float, Any]]:
    """What a player would get of the live playlist, which has no end."""
    lines = (folder / "live.m3u8").read_text().splitlines()
    init = next(line.split('"')[1] for line in lines if line.startswith("#EXT-X-MAP"))
    parts = [init, *(line for line in lines if line.endswith(".m4s"))]
    whole = folder.parent / "hls.mp4"
    whole.write_bytes(b"".join((folder / part).read_bytes() for part in parts))
    return luma(whole)


def check_pictures(folder: Path, pushed: RtspServer, playlist: list[tuple[float, Any]]) -> None:
    shapes = set()
    for path in sorted((folder / "all").glob("*.mp4")):
        frames = luma(path)
        assert frames
        shapes |= {picture.shape for _, picture in frames}
        assert max(fine_detail(picture) for _, picture in frames) < 4, path
    assert shapes == {(240, 320), (272, 480)}
    for path in pushed.recordings:
        frames = luma(path)
        assert len(frames) > 20
        assert max(fine_detail(picture) for _, picture in frames) < 4, path
    shown = 0
    for frames in (playlist, *map(luma, sorted((folder / "half").glob("*.mp4")))):
        assert frames
        for _, picture in frames:
            middle = picture.shape[1] // 2
            assert fine_detail(picture[:, middle + 16 :]) < 4
            shown += fine_detail(picture[:, : middle - 16]) > 30
    assert shown > 100
    assert not list(folder.rglob(".*partial*"))
    assert not list(folder.rglob("*.tmp"))


def check_words(folder: Path, health: dict[str, Any], metrics: str) -> None:
    said = (folder / "relay.log").read_text()
    for text in (said, json.dumps(health), metrics):
        assert SECRET not in text
    assert health["all"]["frames_lost"] >= 3
    assert health["all"]["frames_connects"] >= 4
    assert (
        health["half"]["latency_p99"] < 5 / 15 + 1.0 + 3.0
    )  # look-back, budget, and a busy machine
    assert 'redact_frames_total{camera="half",what="out"}' in metrics
    assert 'redact_latency_seconds{camera="all",quantile="0.99"}' in metrics
    assert "went away" in said or "cannot be opened" in said


def test_a_camera_that_stalls_is_given_up_and_comes_back(
    tmp_path: Path, server: RtspServer
) -> None:
    """A server that is stopped, not dead: the connection stays open and nothing comes."""
    server.start()
    (tmp_path / "half.json").write_text(json.dumps(HALF))
    text = TWO_CAMERAS.format(port=server.port, other=1).split("[cameras.half]")
    relay = Relay(tmp_path, text[0].split("[cameras.all]")[0] + "[cameras.half]" + text[1])
    try:
        wait_for(lambda: relay.frames_out("half") > 10)
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: not relay.camera("half")["connected"], 10)
        server.process.send_signal(signal.SIGCONT)
        before = relay.frames_out("half")
        wait_for(lambda: relay.frames_out("half") > before + 15)
        assert relay.stop() == 0
    finally:
        relay.process.kill()
    for path in (tmp_path / "half").glob("*.mp4"):
        times = [t for t, _ in luma(path)]
        assert all(b > a for a, b in pairwise(times))
