"""Sound through the relay: only where it is asked for, and in step with the delayed pictures."""

from __future__ import annotations

import json
import subprocess
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtsp_scenes import RtspServer, fine_detail, free_port, wait_for
from running_relay import Relay

from redact.errors import ConfigError, SinkError
from redact.relay import load_relay_config, run_relay
from redact.sinks.live.sound import LiveSound
from redact.sources.live_clock import LiveClock

SECONDS = 7
FLASH = "color=black:size=320x240:rate=15,drawbox=t=fill:color=white:enable='lt(mod(t,2),0.2)'"
BEEP = "aevalsrc='if(lt(mod(t,2),0.2),sin(2*PI*800*t),0)':s={}"
RELAY = """
models = []
[status]
listen = ""
[cameras.c]
url = "{clip}"
zone = "all.json"
realtime = false
{more}
outputs = [
    {{ kind = "segments", folder = "rec", seconds = 1000 }},
    {{ kind = "hls", folder = "hls", seconds = 1, count = 100 }},
]
"""
ALL = {"polygons": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}


def flashes_and_beeps(path: Path, *sound: str) -> Path:
    """Every two seconds the picture is white, and a tone is heard."""
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-bf", "0", "-pix_fmt"]
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", FLASH, *sound]
    command += ["-t", str(SECONDS), *coded, "yuv420p", str(path)]
    subprocess.run(command, check=True)
    return path


def relayed(folder: Path, clip: Path, more: str) -> tuple[Path, Path]:
    """The recording, and what HLS made, as one file."""
    (folder / "all.json").write_text(json.dumps(ALL))
    (folder / "relay.toml").write_text(RELAY.format(clip=clip, more=more))
    said: list[str] = []
    config = load_relay_config(folder / "relay.toml")
    assert run_relay(config, threading.Event(), lambda _camera, text: said.append(text)) == 0, said
    (recording,) = (folder / "rec").glob("*.mp4")
    lines = (folder / "hls" / "live.m3u8").read_text().splitlines()
    init = next(line.split('"')[1] for line in lines if line.startswith("#EXT-X-MAP"))
    parts = [init, *(line for line in lines if line.endswith(".m4s"))]
    hls = folder / "hls.mp4"
    hls.write_bytes(b"".join((folder / "hls" / part).read_bytes() for part in parts))
    return recording, hls


def flashes(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        told = [(float(f.time or 0), f.to_ndarray()[:240].mean()) for f in file.decode(video=0)]
    return [time for (_, before), (time, now) in pairwise(told) if before < 120 < now]


def beeps(path: Path) -> list[float]:
    """When it becomes loud after half a second of near silence."""
    with av.open(str(path)) as file:
        frames = [(float(f.time or 0), f.to_ndarray(), f.sample_rate) for f in file.decode(audio=0)]
    assert frames[0][1].shape[0] in (1, 2)
    found, last = [], -1.0
    for start, samples, rate in frames:
        for at in np.flatnonzero(np.abs(samples).max(axis=0) > 0.3):
            time = start + at / rate
            if time - last > 0.5:
                found.append(time)
            last = time
    return found


@pytest.mark.parametrize(
    ("name", "rate", "coded"),
    [
        ("alaw.mov", 8000, ["-c:a", "pcm_alaw"]),
        ("stereo.mp4", 44100, ["-c:a", "aac", "-ac", "2"]),
        ("opus.mkv", 48000, ["-c:a", "libopus"]),
    ],
)
def test_sound_of_any_codec_stays_in_step_with_the_delayed_pictures(
    tmp_path: Path, name: str, rate: int, coded: list[str]
) -> None:
    clip = flashes_and_beeps(tmp_path / name, "-f", "lavfi", "-i", BEEP.format(rate), *coded)
    for path in relayed(tmp_path, clip, 'audio = "keep"'):
        with av.open(str(path)) as file:
            assert [s.codec_context.name for s in file.streams.audio] == ["aac"]
        seen, heard = flashes(path), [time for time in beeps(path) if time > 1]
        assert seen == pytest.approx([2.0, 4.0, 6.0], abs=0.02)
        assert heard == pytest.approx(seen, abs=0.03)


@pytest.mark.parametrize("more", ["", 'audio = "drop"'])
def test_sound_is_dropped_unless_it_is_asked_for(tmp_path: Path, more: str) -> None:
    clip = flashes_and_beeps(tmp_path / "a.mp4", "-f", "lavfi", "-i", BEEP.format(16000))
    for path in relayed(tmp_path, clip, more):
        with av.open(str(path)) as file:
            assert [s.type for s in file.streams] == ["video"]


def test_a_camera_without_sound_has_pictures_alone(tmp_path: Path) -> None:
    clip = flashes_and_beeps(tmp_path / "a.mp4")
    for path in relayed(tmp_path, clip, 'audio = "keep"'):
        with av.open(str(path)) as file:
            assert [s.type for s in file.streams] == ["video"]
            assert sum(1 for _ in file.decode(video=0)) == 15 * SECONDS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[cameras.a]\nurl = "x"\neveryone = true\naudio = "mute-speech"', "cameras[...].audio"),
        ('[output]\naudio = "keep"\n[cameras.a]\nurl = "x"\neveryone = true', "by camera"),
    ],
)
def test_another_way_with_sound_is_refused(tmp_path: Path, text: str, said: str) -> None:
    outputs = '\noutputs = [{ kind = "segments", folder = "out" }]\n'
    (tmp_path / "relay.toml").write_text(text + outputs)
    with pytest.raises(ConfigError) as raised:
        load_relay_config(tmp_path / "relay.toml")
    assert said in str(raised.value)


def test_a_live_camera_is_heard_through_the_relay_s_own_server(
    tmp_path: Path, server: RtspServer
) -> None:
    server.start()
    port = free_port()
    text = f"""
    models = []
    look_back = 3
    [motion]
    warmup_alone = 0.0
    [policy]
    outside = "all"
    [cameras.c]
    url = "rtsp://127.0.0.1:{server.port}/sound"
    everyone = true
    audio = "keep"
    key_seconds = 1
    outputs = [{{ kind = "rtsp_server", listen = "127.0.0.1:{port}" }},
               {{ kind = "rtsp", url = "{server.record}-sound" }},
               {{ kind = "segments", folder = "rec", seconds = 1000 }}]
    """
    relay = Relay(tmp_path, text)
    try:
        wait_for(lambda: relay.frames_out("c") > 20)
        url, options = f"rtsp://127.0.0.1:{port}/c", {"rtsp_transport": "tcp"}
        pictures, loud = 0, 0.0
        with av.open(url, container_options=options, timeout=(15, 15)) as file:
            assert sorted(s.codec_context.name for s in file.streams) == ["aac", "h264"]
            for frame in file.decode():
                if isinstance(frame, av.VideoFrame):
                    pictures += 1
                    assert fine_detail(frame.to_ndarray()[: frame.height]) < 4
                else:
                    loud = max(loud, float(np.abs(frame.to_ndarray()).max()))
                if pictures >= 30 and loud > 0.5:
                    break
        wait_for(lambda: relay.camera("c")["outputs"]["1-rtsp"]["packets"] > 200)
        assert relay.stop() == 0, relay.log.read_text()
    finally:
        relay.process.kill()
    wait_for(lambda: server.recordings[0].exists())
    with av.open(str(server.recordings[0])) as file:
        kinds = {frame.__class__.__name__ for frame in file.decode()}
    assert kinds == {"VideoFrame", "AudioFrame"}
    (path,) = (tmp_path / "rec").glob("*.mp4")
    with av.open(str(path)) as file:
        lengths = [float(s.duration * s.time_base) for s in file.streams]
    assert lengths[0] == pytest.approx(lengths[1], abs=1.5)


# -- the time line -----------------------------------------------------------------------------

RATE = 16_000


def frame(
    samples: int, value: float = 0.5, rate: int = RATE, layout: str = "mono"
) -> av.AudioFrame:
    shape = (1, samples) if layout == "mono" else (2, samples)
    made = av.AudioFrame.from_ndarray(np.full(shape, value, np.float32), "fltp", layout)
    made.sample_rate = rate
    return made


@given(
    steps=st.lists(
        st.tuples(st.integers(-30_000, 2_000_000), st.integers(1, 5000)), min_size=3, max_size=30
    )
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_camera_s_clock_does_packets_follow_each_other(
    steps: list[tuple[int, int]],
) -> None:
    """steps: ticks that the clock is off before each frame, and its samples."""
    sound, pts = LiveSound("t", RATE, 1), 900_000
    for off, samples in steps:
        pts = max(0, pts + off)
        sound.take(frame(samples), pts)
        sound.fill(pts)
        pts += samples * 90_000 // RATE
    packets = sound.until(10**12)
    length = 1024 * 90_000 // RATE
    assert all(b.pts - a.pts >= length for a, b in pairwise(packets))
    assert all(packet.sound and not packet.key for packet in packets)


def test_a_gap_is_silence_a_long_one_stays_and_other_formats_go_on() -> None:
    sound = LiveSound("t", RATE, 1)
    sound.take(frame(RATE), 0)
    sound.take(frame(RATE), 3 * 90_000)  # two seconds are missing
    sound.take(frame(44_100, rate=44_100, layout="stereo"), 4 * 90_000)
    before = sound.until(10**12)
    length = 1024 * 90_000 // RATE
    assert {b.pts - a.pts for a, b in pairwise(before)} == {length}
    assert before[-1].pts + length == pytest.approx(5 * 90_000, abs=3 * length)
    sound.take(frame(RATE), 3600 * 90_000)
    after = sound.until(10**12)
    assert after[2].pts >= 3600 * 90_000  # two packets were still in the encoder
    assert len(after) < 20


@pytest.mark.parametrize("heard", [2, 0])
def test_a_camera_that_falls_silent_is_silence(heard: int) -> None:
    """Outputs wait for sound that was announced: for ever, if none came at all."""
    sound = LiveSound("t", RATE, 1)
    for second in range(10):
        if second < heard:
            sound.take(frame(RATE), second * 90_000)
        sound.fill((second + 1) * 90_000)
    last = sound.until(10**12)[-1]
    assert 8.5 < last.pts / 90_000 < 10


def test_pictures_go_on_when_the_sound_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = flashes_and_beeps(tmp_path / "a.mp4", "-f", "lavfi", "-i", BEEP.format(16000))

    def fails(*_words: object) -> None:
        raise SinkError("sound: broken")

    monkeypatch.setattr(LiveSound, "take", fails)
    for path in relayed(tmp_path, clip, 'audio = "keep"'):
        assert flashes(path) == pytest.approx([2.0, 4.0, 6.0], abs=0.02)


def test_only_sound_that_was_asked_for_waits_for_its_pictures() -> None:
    sound = LiveSound("t", RATE, 1)
    sound.take(frame(2 * RATE), 0)
    early = sound.until(90_000)
    assert early
    assert max(packet.pts for packet in early) <= 90_000
    assert min(packet.pts for packet in sound.until(10**12)) > 90_000


def test_sound_lies_on_the_time_line_of_the_frames() -> None:
    now = [100.0]
    clock = LiveClock(lambda: now[0])
    assert clock.place(Fraction(5)) is None  # nothing is known yet
    now[0] += 1
    pts = clock.stamp(Fraction(50))
    assert clock.place(Fraction(50)) == pts
    assert clock.place(Fraction(99, 2)) == pts - 45_000
    assert clock.place(Fraction(500)) is None  # the other side of a jump
    clock.restart()
    assert clock.place(Fraction(50)) is None
