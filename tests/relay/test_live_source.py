"""Damage, changes and odd clocks, on real streams that are broken on purpose."""

from __future__ import annotations

import json
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av.logging
import numpy as np
import pytest
from rtsp_scenes import RtspServer, fine_detail, luma, make_clip, wait_for

from redact.errors import ConfigError, SourceLostError
from redact.relay import load_relay_config, run_relay
from redact.sources.live import LiveSource
from redact.sources.live_clock import LiveClock
from redact.web.clip import Clip
from redact.web.opening import open_any

HIDE_OUTSIDE = """
look_back = 3
models = []
[motion]
warmup_alone = 0.0
[policy]
outside = "all"
[status]
listen = ""
[cameras.c]
url = "{clip}"
zone = "all.json"
realtime = false
key_seconds = 0.5
outputs = [{{ kind = "segments", folder = "out", seconds = 1000 }}]
"""
EVERYWHERE = {"polygons": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}


def relay_all(folder: Path, clip: Path) -> list[Path]:
    """The whole picture is property, so that only what is damaged is hidden."""
    (folder / "all.json").write_text(json.dumps(EVERYWHERE))
    (folder / "relay.toml").write_text(HIDE_OUTSIDE.format(clip=clip))
    said: list[str] = []
    config = load_relay_config(folder / "relay.toml")
    code = run_relay(config, threading.Event(), lambda _camera, text: said.append(text))
    assert code == 0, said
    return sorted((folder / "out").glob("*.mp4"), key=lambda p: p.stat().st_mtime_ns)


def frames_of(clip: Path) -> list[tuple[int, bool]]:
    with LiveSource(str(clip), "clip", LiveClock(), realtime=False) as source:
        return [(frame.pts, frame.corrupt) for frame in source]


def damage(clip: Path, at: float, count: int = 400) -> Path:
    """Overwrite bytes in the middle of the coded pictures."""
    data = bytearray(clip.read_bytes())
    start = int(len(data) * at)
    data[start : start + count] = np.random.default_rng(1).bytes(count)
    broken = clip.with_name("broken.h264")
    broken.write_bytes(data)
    return broken


def lose(clip: Path, which: range) -> Path:
    """Leave whole pictures out, as a network that loses packets."""
    parts = clip.read_bytes().split(b"\x00\x00\x00\x01")
    slices = [i for i, part in enumerate(parts) if part[:1] and part[0] & 31 in (1, 5)]
    gone = {slices[i] for i in which}
    broken = clip.with_name("lost.h264")
    kept = [part for i, part in enumerate(parts) if i not in gone]
    broken.write_bytes(b"\x00\x00\x00\x01".join(kept))
    return broken


def test_a_sound_stream_is_shown_where_it_is_property(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "sound.h264", [(45, 320, 240)])
    assert not any(corrupt for _, corrupt in frames_of(clip))
    (out,) = relay_all(tmp_path, clip)
    frames = luma(out)
    assert len(frames) == 45
    assert min(fine_detail(picture) for _, picture in frames) > 30


def test_from_damage_to_the_next_key_frame_everything_is_hidden_whole(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.h264", [(60, 320, 240)], key=15)
    broken = damage(clip, 0.42)
    corrupt = [flag for _, flag in frames_of(broken)]
    assert any(corrupt)
    assert not corrupt[0]
    assert not all(corrupt)
    (out,) = relay_all(tmp_path, broken)
    detail = [fine_detail(picture) for _, picture in luma(out)]
    assert len(detail) == len(corrupt)
    for flag, value in zip(corrupt, detail, strict=True):
        assert (value < 4) is flag


def test_a_stream_that_begins_without_a_key_frame_is_hidden_until_one_comes(
    tmp_path: Path,
) -> None:
    clip = make_clip(tmp_path / "clip.h264", [(45, 320, 240)], key=15)
    headless = lose(clip, range(0, 3))
    corrupt = [flag for _, flag in frames_of(headless)]
    assert not any(corrupt[-15:])
    sound = corrupt.index(False)
    assert sound in range(0, 31)
    assert not any(corrupt[sound:])


def test_a_change_of_size_begins_a_new_output(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.h264", [(20, 320, 240), (20, 400, 304), (20, 320, 240)])
    files = relay_all(tmp_path, clip)
    shapes = [luma(path)[0][1].shape for path in files]
    assert sorted(shapes) == [(240, 320), (240, 320), (304, 400)]
    assert sum(len(luma(path)) for path in files) == 60


def test_a_camera_that_is_not_there_says_so_without_its_password() -> None:
    url = "rtsp://user:s3cr3t@127.0.0.1:9/stream?key=s3cr3t"
    with pytest.raises(SourceLostError, match="front: cannot be opened") as raised:
        LiveSource(url, "front", LiveClock(), timeout=1)
    assert "s3cr3t" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("url", ["ftp://host/x", "concat://a|b", "data://x", "udp://host:1"])
def test_other_protocols_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="rtsp"):
        LiveSource(url, "front", LiveClock())


# -- the clock -------------------------------------------------------------------------------


class Hand:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run_clock(theirs: list[float | None], step: float = 0.1) -> list[float]:
    hand = Hand()
    clock = LiveClock(hand)
    out = []
    for time in theirs:
        hand.now += step
        out.append(clock.stamp(None if time is None else Fraction(time)) / 90_000)
    return out


def rises(times: list[float]) -> bool:
    return all(b > a for a, b in pairwise(times))


def test_a_camera_s_own_steps_are_kept() -> None:
    out = run_clock([5.0, 5.125, 5.25, 5.3125])
    assert [round(b - out[0], 3) for b in out] == [0, 0.125, 0.25, 0.312]


def test_a_first_frame_without_a_time_is_stamped() -> None:
    assert rises(run_clock([None, 7.0, 7.1, 7.2]))


@pytest.mark.parametrize("jump", [3600.0, -3600.0, -0.01, 0.0])
def test_a_clock_that_jumps_moves_nothing(jump: float) -> None:
    theirs = [0.1 * i for i in range(20)] + [1.9 + jump + 0.1 * i for i in range(20)]
    out = run_clock(list(theirs))
    assert rises(out)
    assert out[-1] - out[0] == pytest.approx(3.9, abs=0.3)


def test_a_drifting_clock_is_drawn_back() -> None:
    """0.5 % too fast for an hour would be 18 s ahead."""
    out = run_clock([0.1005 * i for i in range(36_000)])
    assert rises(out)
    assert out[-1] == pytest.approx(3600, abs=1)


# -- the same source for a page ----------------------------------------------------------------


def test_the_zone_editor_looks_through_the_same_source(server: RtspServer) -> None:
    server.start()
    clip = Clip(open_any(server.camera), seconds=60)
    try:
        assert (clip.info.width, clip.info.height, clip.info.live) == (320, 240, True)
        assert clip.info.name == "127.0.0.1"
        frames = [clip.frame(index) for index in range(15)]
        assert all(frame is not None for frame in frames)
        times = [float(frame.time) for frame in frames if frame is not None]
        assert rises(times)
        server.kill()
        wait_for(lambda: clip.state[1])
        assert "127.0.0.1: " in clip.state[3]  # it is said that the camera went away
    finally:
        clip.close()


def test_the_log_of_ffmpeg_is_on_only_while_a_live_source_listens(tmp_path: Path) -> None:
    """Else a decoder with threads of its own could wait for ever in being freed."""
    clip = make_clip(tmp_path / "a.ts", [(4, 64, 48)])

    def source(path: Path) -> LiveSource:
        return LiveSource(str(path), "clip", LiveClock(), realtime=False)

    assert av.logging.get_level() is None
    first, second = source(clip), source(clip)
    first.close()
    assert av.logging.get_level() == av.logging.WARNING
    second.close()
    second.close()
    assert av.logging.get_level() is None
    with pytest.raises(SourceLostError):
        source(tmp_path / "absent.ts")
    assert av.logging.get_level() is None
