"""Clips around events: real packets, real files, and every frame says which one it is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import redact
from redact.config import MotionOptions, OutputOptions
from redact.relay.feed import Feed
from redact.relay.health import OutputHealth
from redact.sinks.live import Coded
from redact.sinks.live.encoder import LiveEncoder
from redact.sinks.live.files import ClipOutput, Recorder, SegmentOutput
from redact.testing import MemorySink, ScriptedDetector, SyntheticSource

ROOT = Path(__file__).resolve().parents[2]
FRAMES, RATE, KEY = 110, 10, 10  # a key frame a second
ALL = redact.Zone.of([[(0, 0), (1, 0), (1, 1), (0, 1)]])


@cache
def coded() -> tuple[LiveEncoder, tuple[Coded, ...]]:
    """A stream of which frame n has the grey 2 n + 20."""

    def draw(index: int, planes: tuple[np.ndarray, ...]) -> None:
        planes[0][:] = 2 * index + 20

    source, sink = SyntheticSource(FRAMES, 64, 48, rate=RATE, draw=draw), MemorySink()
    config = redact.Config(zone=ALL, motion=MotionOptions(enabled=False), look_back=0)
    redact.run(source, sink, config, detector=ScriptedDetector({}))
    options = OutputOptions(crf=1)
    encoder = LiveEncoder(
        source.info, sink.frames[0], options, "t", generation=1, key_seconds=1 / 90
    )
    packets = [p for frame in sink.frames for p in encoder.encode(frame)]
    ticks = 90_000 // 1000
    return encoder, tuple(
        replace(p, pts=p.pts * ticks, dts=p.dts * ticks, duration=p.duration * ticks)
        for p in packets
    )


def frames_of(path: Path) -> list[int]:
    """Which frames a file shows. It begins with a key frame, or not all of them can be decoded."""
    with av.open(str(path)) as file:
        shown = [float(f.to_ndarray()[: f.height].mean()) for f in file.decode(video=0)]
    with av.open(str(path)) as file:
        assert next(p for p in file.demux(video=0) if p.size).is_keyframe
    return [round((grey - 20) / 2) for grey in shown]


def clips(folder: Path, events: list[tuple[int, int]], before: float, after: float) -> list[Path]:
    """events: frames at which each begins and ends."""
    encoder, packets = coded()
    output = ClipOutput(Recorder(folder, "c-person", 0, 0), "person", before, after)
    output.start(encoder.stream)
    changes = {began: True for began, _ in events} | {ended: False for _, ended in events}
    seen: set[Path] = set()
    for index, packet in enumerate(packets):
        if index in changes:
            output.event("person", changes[index])
        output.write(packet)
        for path in set(folder.glob("[!.]*")) - seen:
            assert frames_of(path)  # whole from the moment on that it is there
            seen.add(path)
    output.finish()
    assert not list(folder.glob(".*"))
    return sorted(folder.glob("*.mp4"), key=lambda path: frames_of(path)[0])


def test_a_clip_begins_at_the_key_frame_before_and_ends_on_time(tmp_path: Path) -> None:
    (path,) = clips(tmp_path, [(37, 45)], before=1.5, after=2.0)
    assert frames_of(path) == list(range(20, 44 + 20 + 1))  # 37 - 15 = 22: the key frame is 20
    with av.open(str(path)) as file:
        times = [float(f.time or 0) for f in file.decode(video=0)]
    assert times == pytest.approx([i / RATE for i in range(45)])


def test_events_near_each_other_are_one_clip_and_others_are_not(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    (one,) = clips(near, [(20, 25), (40, 45)], before=0.5, after=2.0)
    assert frames_of(one) == list(range(10, 65))
    first, second = clips(far, [(20, 25), (60, 65)], before=0.5, after=2.0)
    assert frames_of(first) == list(range(10, 45))
    assert frames_of(second) == list(range(50, 85))


@given(
    edges=st.lists(st.integers(0, FRAMES - 1), min_size=2, max_size=8, unique=True),
    before=st.integers(0, 40),
    after=st.integers(0, 40),
)
@settings(max_examples=15, deadline=None)
def test_every_event_lies_whole_in_one_clip(edges: list[int], before: int, after: int) -> None:
    edges = sorted(edges[: len(edges) // 2 * 2])
    events = list(zip(edges[::2], edges[1::2], strict=True))
    with tempfile.TemporaryDirectory() as name:
        made = [frames_of(path) for path in clips(Path(name), events, before / RATE, after / RATE)]
    begins = {max(0, (began - before) // KEY * KEY) for began, _ in events}
    for shown in made:
        assert shown == list(range(shown[0], shown[-1] + 1))
        assert shown[0] in begins
    for began, ended in events:
        whole = [shown for shown in made if {began, ended - 1} <= set(shown)]
        owed = range(max(0, began - before), min(FRAMES, ended + after))
        assert set(owed) <= set(whole[0])


def test_a_change_of_stream_in_an_event_goes_on_in_another_file(tmp_path: Path) -> None:
    encoder, packets = coded()
    output = ClipOutput(Recorder(tmp_path, "c", 0, 0), "person", 0.0, 2.0)
    output.start(encoder.stream)
    for index, packet in enumerate(packets[:60]):
        if index in (10, 25):
            output.event("person", index == 10)
        if index == 30:  # in the post-roll
            output.start(encoder.stream)
        output.write(packet)
    output.finish()
    first, second = sorted(map(frames_of, tmp_path.glob("*.mp4")))
    assert first == list(range(10, 30))
    assert second == list(range(30, 45))


def test_an_event_that_an_output_was_too_busy_for_is_not_lost(tmp_path: Path) -> None:
    """The output hangs while an event comes and goes; its packets wait in the queue."""
    encoder, packets = coded()
    free = threading.Event()

    class Slow(ClipOutput):
        def write(self, packet: Coded) -> None:
            free.wait(20)
            super().write(packet)

    health = OutputHealth("clips")
    output = Slow(Recorder(tmp_path, "c", 0, 0), "person", 1.0, 1.0)
    feed = Feed(output, health, "test", lambda _text: None)
    feed.start(encoder.stream)
    for index, packet in enumerate(packets):
        if index in (35, 40):
            feed.event("person", index == 35)
        feed.packet(packet)
    free.set()
    assert feed.close(30)
    (path,) = tmp_path.glob("*.mp4")
    assert frames_of(path) == list(range(20, 50))


RECORD = """
import sys; sys.path.insert(0, {tests!r})
import test_clips as t
encoder, packets = t.coded()
output = t.ClipOutput(t.Recorder(t.Path({folder!r}), "c", 0, 0), "person", 1.0, 9.0)
output.start(encoder.stream)
output.event("person", True)
for packet in packets[:50]:
    output.write(packet)
print("half", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_relay_left_is_gone_before_the_next_packet(tmp_path: Path) -> None:
    code = RECORD.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
        assert [path.name[0] for path in tmp_path.iterdir()] == ["."]  # nothing to be seen
        child.kill()
    encoder, packets = coded()
    other = tmp_path / f".c-person-20260101T000000Z.partial-{os.getpid()}-abcdef.mp4"
    other.write_bytes(b"being written by another output of this process")
    output = ClipOutput(Recorder(tmp_path, "c", 0, 0), "person", 1.0, 1.0)
    output.start(encoder.stream)
    output.write(packets[0])
    assert list(tmp_path.iterdir()) == [other]


def make_old(folder: Path, name: str, hours: float, size: int = 10) -> Path:
    path = folder / name
    path.write_bytes(bytes(size))
    then = time.time() - 3600 * hours
    os.utime(path, (then, then))
    return path


def test_clips_go_when_they_are_too_old_though_no_event_comes(tmp_path: Path) -> None:
    encoder, packets = coded()
    old = make_old(tmp_path, "c-20260101T000000Z.mp4", 25)
    older = make_old(tmp_path, "c-20250101T000000Z-1.mp4", 9000)
    kept = [
        make_old(tmp_path, "c-20260102T000000Z.mp4", 23),
        make_old(tmp_path, "c-person-20260101T000000Z.mp4", 25),  # of another output
        make_old(tmp_path, "cat.mp4", 9000),
        make_old(tmp_path, "c-notes.txt", 9000),
    ]
    output = ClipOutput(Recorder(tmp_path, "c", 24, 0), "person", 1.0, 1.0)
    output.start(encoder.stream)
    output.write(packets[0])
    assert not old.exists()
    assert not older.exists()
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_the_oldest_go_first_when_there_are_too_many(tmp_path: Path) -> None:
    encoder, packets = coded()
    names = [f"c-2026010{day}T000000Z.mp4" for day in (1, 2, 3, 4)]
    for age, name in enumerate(names):
        make_old(tmp_path, name, 10 - age, 1000)
    output = SegmentOutput(Recorder(tmp_path, "c", 0, 2500), 1000)
    output.start(encoder.stream)
    output.write(packets[0])
    left = sorted(path.name for path in tmp_path.glob("[!.]*"))
    output.abandon()
    assert left == names[2:]
