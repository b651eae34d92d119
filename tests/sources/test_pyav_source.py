"""PyAVSource over real files: times, views, turns, colours, fields."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from threading import Thread

import av
import numpy as np
import pytest
from mediaclips import (
    COUNT,
    HEIGHT,
    IRREGULAR,
    RATE,
    WIDTH,
    Clips,
    encode,
    ffmpeg,
    pictures,
    read,
)

from redact.errors import SourceError
from redact.protocols import Source
from redact.sources import PyAVSource
from redact.sources.timing import Clock
from redact.structures import Colour, Frame


def frames_of(path: Path, **options: bool) -> list[Frame]:
    with PyAVSource(path, **options) as source:
        return list(source)


def by_ffmpeg(path: Path, width: int, height: int) -> np.ndarray:
    """The first frame's luma as the ffmpeg program shows it, turned upright by it."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", "1"]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"], capture_output=True, check=True
    ).stdout
    return np.frombuffer(raw, np.uint8)[: width * height].reshape(height, width)


def test_importing_the_room_imports_no_codec() -> None:
    script = "import sys, redact.sources, redact.sinks; print('av' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_it_is_a_source_and_knows_the_stream_before_the_first_frame(clip: Clips) -> None:
    with PyAVSource(clip("constant.mp4")) as source:
        assert isinstance(source, Source)
        info = source.info
    assert (info.width, info.height, info.codec) == (WIDTH, HEIGHT, "h264")
    assert (info.frame_rate, info.frame_count) == (RATE, COUNT)
    assert info.duration == Fraction(COUNT, RATE)
    assert info.name == "constant.mp4"
    assert not info.interlaced
    assert not info.live


def test_planes_are_read_only_views_of_the_decoders_memory(clip: Clips) -> None:
    for frame in frames_of(clip("constant.mp4")):
        picture = frame.owner
        assert isinstance(picture, av.VideoFrame)
        for plane, memory in zip((frame.y, frame.u, frame.v), picture.planes, strict=True):
            address = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
            assert plane.__array_interface__["data"][0] == address
            assert plane.strides == (memory.line_size, 1)
            assert not plane.flags.writeable


def test_padding_at_the_end_of_rows_is_no_picture(clip: Clips) -> None:
    first = frames_of(clip("odd.mkv"))[0]
    assert first.y.shape == (95, 127)
    assert first.u.shape == (48, 64)
    assert first.y.strides[0] > 127


def test_frames_outlive_their_source(clip: Clips) -> None:
    kept = frames_of(clip("constant.mp4"))
    again = read(clip("constant.mp4"))
    for frame, planes in zip(kept, again.planes, strict=True):
        assert np.array_equal(frame.y, planes[0])


def test_frames_are_numbered_and_their_times_are_exact(clip: Clips) -> None:
    frames = frames_of(clip("irregular.mp4"))
    assert [f.index for f in frames] == list(range(len(IRREGULAR)))
    assert [f.time for f in frames] == [Fraction(t, 12800) for t in IRREGULAR]


def test_each_frame_lasts_until_the_next_one(clip: Clips) -> None:
    """The file's own durations, between decoding times, say something else here."""
    frames = frames_of(clip("irregular.mp4"))
    gaps = [b - a for a, b in pairwise(IRREGULAR)]
    assert [f.duration for f in frames] == [*gaps, 512]


def test_a_second_view_is_left_out_and_said(clip: Clips, tmp_path: Path) -> None:
    both = tmp_path / "both.mkv"
    inputs = ("-i", clip("constant.mp4"), "-i", clip("motion.avi"), "-map", "0", "-map", "1")
    ffmpeg(*inputs, "-c", "copy", both)
    with PyAVSource(both) as source:
        assert source.info.codec == "h264"
        assert source.notes == (f"{both.name}: only the first of 2 video streams is read",)
        assert sum(1 for _ in source) == COUNT
    with PyAVSource(clip("constant.mp4")) as source:
        assert source.notes == ()


def test_a_variable_rate_is_not_given_a_number(clip: Clips) -> None:
    with PyAVSource(clip("irregular.mp4")) as source:
        assert source.info.frame_rate is None


def test_reading_twice_is_an_error(clip: Clips) -> None:
    with PyAVSource(clip("constant.mp4")) as source:
        assert sum(1 for _ in source) == COUNT
        with pytest.raises(SourceError, match="open it again"):
            iter(source)


def test_closing_while_reading_is_an_error_and_no_crash(clip: Clips) -> None:
    source = PyAVSource(clip("constant.mp4"))
    frames = iter(source)
    next(frames)
    source.close()
    with pytest.raises(SourceError, match="was closed while it was read"):
        list(frames)
    source.close()


def test_another_thread_may_close(clip: Clips) -> None:
    for _ in range(10):
        source = PyAVSource(clip("constant.mp4"))
        closer = Thread(target=source.close)
        with suppress(SourceError):
            for index, _frame in enumerate(source):
                if index == 3:
                    closer.start()
        closer.join()


@pytest.mark.parametrize(
    ("name", "turn"),
    [("turned90.mp4", 90), ("turned180.mp4", 180), ("turned270.mov", 270)],
)
def test_turned_pictures_come_upright(clip: Clips, name: str, turn: int) -> None:
    with PyAVSource(clip(name)) as source:
        info, first = source.info, next(iter(source))
    assert info.rotation == turn
    assert (info.width, info.height) == ((HEIGHT, WIDTH) if turn % 180 else (WIDTH, HEIGHT))
    assert first.owner is None
    assert first.y.flags.c_contiguous
    assert not first.y.flags.writeable
    assert np.array_equal(first.y, by_ffmpeg(clip(name), info.width, info.height))


@pytest.mark.parametrize("name", ["mirrored.mp4", "mirrored90.mp4"])
def test_mirrored_pictures_come_upright_and_need_no_turn(clip: Clips, name: str) -> None:
    with PyAVSource(clip(name)) as source:
        info, first = source.info, next(iter(source))
    assert info.rotation == 0
    assert np.array_equal(first.y, by_ffmpeg(clip(name), info.width, info.height))


def test_a_matrix_of_zeros_means_no_turn(tmp_path: Path) -> None:
    encode(tmp_path / "zeros.mp4", pictures(3), matrix=[0] * 9)
    with PyAVSource(tmp_path / "zeros.mp4") as source:
        assert source.info.rotation == 0


def combing(frame: Frame) -> float:
    """The clip shows an upright bar: whatever differs between rows is combing."""
    return float(np.abs(np.diff(frame.y.astype(int), axis=0)).mean())


@pytest.mark.parametrize("name", ["interlaced.mp4", "lower-first.mp4"])
def test_fields_become_frames_one_for_one_in_their_own_time(clip: Clips, name: str) -> None:
    path = clip(name)
    woven, frames = frames_of(path, deinterlace=False), frames_of(path)
    with PyAVSource(path) as source:
        assert source.info.interlaced
    assert [f.pts for f in frames] == [f.pts for f in woven]
    assert len(frames) == COUNT
    assert [f.duration for f in frames] == [f.duration for f in woven]
    assert np.mean([combing(f) for f in frames]) < 0.3 * np.mean([combing(f) for f in woven])


def test_progressive_streams_are_not_filtered(clip: Clips) -> None:
    plain, filtered = frames_of(clip("constant.mp4"), deinterlace=False), read(clip("constant.mp4"))
    for frame, planes in zip(plain, filtered.planes, strict=True):
        assert np.array_equal(frame.y, planes[0])


@pytest.mark.parametrize(
    ("name", "depth", "colour"),
    [
        ("h264-full.mp4", 8, Colour(full_range=True, matrix=1)),
        ("bt709.mkv", 8, Colour(matrix=1, primaries=1, transfer=1)),
        ("hlg.mp4", 10, Colour(matrix=9, primaries=9, transfer=18)),
        ("motion422.avi", 8, Colour(full_range=True, matrix=5)),
        ("h264-10.mp4", 10, Colour()),
    ],
)
def test_colour_tags_are_those_of_the_file(
    clip: Clips, name: str, depth: int, colour: Colour
) -> None:
    with PyAVSource(clip(name)) as source:
        assert source.info.colour == colour
        assert source.info.bit_depth == depth
        assert {frame.colour for frame in source} == {colour}


def test_what_an_edit_list_cuts_off_never_comes(clip: Clips) -> None:
    path = clip("edited.mp4")
    whole = read(path.with_name("whole-edited.mp4"))
    given = read(path)
    assert given.times[0] == 0
    assert given.info.frame_count == len(given.times) < COUNT
    for planes, others in zip(given.planes, whole.planes[-len(given.planes) :], strict=True):
        assert np.array_equal(planes[0], others[0])


def test_a_later_start_is_kept(clip: Clips) -> None:
    assert read(clip("later.mp4")).times[0] == Fraction(504, 100)


def test_avi_pictures_are_shown_at_the_steady_rate_that_the_container_has(clip: Clips) -> None:
    """AVI notes when pictures are decoded; with B-frames that is not when they are shown."""
    given = read(clip("bframes.avi"))
    assert given.times == [Fraction(k, RATE) for k in range(COUNT)]


def test_a_raw_stream_starts_at_zero_at_its_own_rate(clip: Clips) -> None:
    assert read(clip("untimed.h264")).times == [Fraction(k, RATE) for k in range(COUNT)]


def untimed(*times: int | None, duration: int = 0) -> list[av.VideoFrame]:
    out = []
    for time in times:
        picture = av.VideoFrame(16, 16)
        picture.pts, picture.duration = time, duration
        out.append(picture)
    return out


TICK = Fraction(1, 100)


def test_times_that_are_missing_at_the_start_are_counted_backwards() -> None:
    clock = Clock("x", TICK, Fraction(25))
    assert [d.pts for d in clock.stamp(iter(untimed(None, None, 20, 24)))] == [12, 16, 20, 24]


def test_times_that_are_missing_inside_follow_the_duration() -> None:
    clock = Clock("x", TICK, None)
    stamped = clock.stamp(iter(untimed(0, None, None, 30, duration=10)))
    assert [d.pts for d in stamped] == [0, 10, 20, 30]


def test_hundreds_of_frames_without_any_time_are_stamped_without_being_held() -> None:
    clock = Clock("x", TICK, Fraction(25))
    stamped = [d.pts for d in clock.stamp(iter(untimed(*[None] * 700)))]
    assert stamped == list(range(0, 2800, 4))


def test_no_time_and_no_rate_is_an_error() -> None:
    with pytest.raises(SourceError, match="no presentation times"):
        list(Clock("x", TICK, None).stamp(iter(untimed(None, None))))


@pytest.mark.parametrize("second", [7, 3])
def test_a_time_that_does_not_rise_is_an_error(second: int) -> None:
    with pytest.raises(SourceError, match=f"x: frame 1: its time {second} does not follow 7"):
        list(Clock("x", TICK, None).stamp(iter(untimed(7, second))))
