"""Quiet pictures are copied, busy ones encoded: bit-exact where copied, hidden where not, and one
file that every reader plays."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Collection
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mediaclips import Clips, lavfi

from redact import h264
from redact.config import OutputOptions
from redact.sinks import PyAVSink
from redact.sources import PyAVSource
from redact.structures import Frame, RedactedFrame, redacted

COUNT, GOP = 48, 12
PICTURE = f"testsrc2=s=128x96:r=25:d={COUNT / 25}"
GREY = 60
CODED = {
    "plain": ("-bf", "0"),
    "reordered": ("-bf", "3", "-x264-params", "b-pyramid=normal:b-adapt=0"),
    "baseline": ("-profile:v", "baseline", "-bf", "0", "-slices", "3"),
    "other ids": ("-bf", "0", "-x264-params", "sps-id=1"),
}


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    folder = tmp_path_factory.mktemp("coded")

    def make(name: str, suffix: str = ".mp4") -> Path:
        path = folder / f"{name}{suffix}"
        if not path.exists():
            how = ("-c:v", "libx264", "-preset", "veryfast", "-g", str(GOP), "-threads", "1")
            lavfi(path, *how, "-sc_threshold", "0", *CODED[name], picture=PICTURE)
        return path

    return make


def hidden(frame: Frame) -> RedactedFrame:
    """The frame painted over, as an effect does it."""
    grey, half = np.full_like(frame.y, GREY), np.full_like(frame.u, 128)
    return redacted(frame, (grey, half, half.copy()), 1)


def splice(
    source_path: Path,
    out: Path,
    busy: Collection[int],
    change: Callable[[Frame], Frame] = lambda frame: frame,
    **options: object,
) -> PyAVSink:
    """From source to sink, with these frames hidden."""
    chosen = OutputOptions(**{"crf": 20, **options})  # type: ignore[arg-type]
    with PyAVSource(source_path) as source, PyAVSink(out, chosen) as sink:
        sink.open(source.info)
        for frame in map(change, source):
            sink.write(hidden(frame) if frame.index in busy else redacted(frame, None, 0))
    return sink


def planes(path: Path) -> dict[Fraction, tuple[np.ndarray, ...]]:
    with PyAVSource(path) as source:
        return {f.time: (f.y.copy(), f.u.copy(), f.v.copy()) for f in source}


def copied(source: Path, out: Path) -> list[bool]:
    """Per frame: the output is bit for bit the input."""
    before, after = planes(source), planes(out)
    assert list(before) == list(after)
    return [
        all(map(np.array_equal, one, other))
        for one, other in zip(before.values(), after.values(), strict=True)
    ]


def assert_hidden(out: Path, busy: Collection[int]) -> None:
    for index, (y, _, _) in enumerate(planes(out).values()):
        assert (index in busy) == bool(np.abs(y.astype(int) - GREY).max() < 4), index


def complaints(path: Path) -> str:
    """What the ffmpeg program says while it decodes all of it."""
    command = ["ffmpeg", "-nostdin", "-v", "warning", "-i", path, "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stderr


def expected(busy: Collection[int], before: Callable[[int], bool]) -> list[bool]:
    """A run is copied from its start to before the first group in which something is hidden."""
    out: list[bool] = []
    for start in range(0, COUNT, GOP):
        open_, group = True, []
        for index in range(start, start + GOP):
            group.append(index)
            if before(index - start):
                open_ = open_ and not any(i in busy for i in group)
                out += [open_] * len(group)
                group = []
        out += [False] * len(group)
    return out


# -- what is copied -------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("name", CODED)
def test_a_quiet_clip_is_copied_whole_and_bit_exact(
    coded: Callable[..., Path], name: str, suffix: str, tmp_path: Path
) -> None:
    out = tmp_path / f"out{suffix}"
    sink = splice(coded(name), out, busy=())
    assert sink.copied == COUNT
    if suffix == ".mp4":
        assert all(copied(coded(name), out))
    assert complaints(out) == ""


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".flv", ".mov"])
def test_packets_of_every_container_that_notes_times_are_copied(
    coded: Callable[..., Path], suffix: str, tmp_path: Path
) -> None:
    sink = splice(coded("plain", suffix), tmp_path / "out.mp4", busy=())
    assert sink.copied == COUNT
    assert complaints(tmp_path / "out.mp4") == ""


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(["plain", "baseline", "other ids"]),
    parts=st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(1, 9)), max_size=4),
)
def test_any_pattern_of_hiding_copies_up_to_what_is_hidden_and_encodes_the_rest(
    coded: Callable[..., Path], tmp_path: Path, name: str, parts: list[tuple[int, int]]
) -> None:
    busy = {i for start, length in parts for i in range(start, min(start + length, COUNT))}
    out = tmp_path / "out.mp4"
    sink = splice(coded(name), out, busy)
    same = copied(coded(name), out)
    told = expected(busy, lambda _: True)
    assert [s or not t for s, t in zip(same, told, strict=True)] == [True] * COUNT
    assert sink.copied == sum(told)
    assert_hidden(out, busy)
    assert complaints(out) == ""


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(1, 9)), max_size=4))
def test_reordered_pictures_are_copied_in_whole_groups_alone(
    coded: Callable[..., Path], tmp_path: Path, parts: list[tuple[int, int]]
) -> None:
    busy = {i for start, length in parts for i in range(start, min(start + length, COUNT))}
    out = tmp_path / "out.mp4"
    splice(coded("reordered"), out, busy)
    same = copied(coded("reordered"), out)
    # x264 without adaption: I BBBP BBBP ..., so groups end at 0, 4, 8, 11
    told = expected(busy, lambda i: i % 4 == 0 or i == GOP - 1)
    assert [s or not t for s, t in zip(same, told, strict=True)] == [True] * COUNT
    assert_hidden(out, busy)
    assert complaints(out) == ""


def test_any_frame_is_found_by_seeking(coded: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    splice(coded("reordered"), out, busy={5, 6, 7, 30})
    told = planes(out)
    chance = random.Random(1)
    with av.open(str(out)) as file:
        stream = file.streams.video[0]
        for time in chance.sample(list(told), 24):
            file.seek(int(time / stream.time_base), stream=stream)
            found = next(f for f in file.decode(stream) if f.pts * stream.time_base >= time)
            assert found.pts * stream.time_base == time
            assert np.array_equal(found.to_ndarray()[:96], told[time][0])


# -- what is not ------------------------------------------------------------------------------


def as_it_is(frame: Frame) -> Frame:
    return frame


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({"copy": False}, as_it_is),
        ({"codec": "h265"}, as_it_is),
        ({}, lambda frame: replace(frame, corrupt=True)),
        ({}, lambda frame: replace(frame, coded=None)),
    ],
    ids=["switched off", "another codec", "damaged", "unknown"],
)
def test_nothing_is_copied(
    coded: Callable[..., Path], options: dict, change: Callable[[Frame], Frame], tmp_path: Path
) -> None:
    assert splice(coded("plain"), tmp_path / "out.mp4", (), change, **options).copied == 0


@pytest.mark.parametrize(
    "how",
    [
        ("-c:v", "libx265", "-x265-params", "log-level=none"),
        ("-c:v", "libx264", "-pix_fmt", "yuv420p10le"),
        ("-c:v", "libx264", "-pix_fmt", "yuv444p"),
        ("-c:v", "libx264", "-flags", "+ilme+ildct"),
        ("-c:v", "libx264", "-vf", "pad=128:96,crop=100:90,scale=100:90", "-x264-params",
         "crop-rect=16,0,0,0"),
        ("-c:v", "mjpeg"),
    ],
    ids=["H.265", "10 bits", "4:4:4", "interlaced", "cropped at the left", "MJPEG"],
)  # fmt: skip
def test_other_kinds_of_video_are_encoded_anew(how: tuple[str, ...], tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    lavfi(source, "-preset", "ultrafast", *how, picture=PICTURE)
    with PyAVSource(source) as opened:
        assert opened.info.coding is None
    assert splice(source, tmp_path / "out.mp4", ()).copied == 0


@pytest.mark.parametrize("name", ["turned90.mp4", "mirrored.mp4", "bframes.avi", "interlaced.mp4"])
def test_turned_or_untimed_pictures_are_encoded_anew(
    clip: Clips, name: str, tmp_path: Path
) -> None:
    assert splice(clip(name), tmp_path / "out.mp4", ()).copied == 0


def test_open_groups_are_copied_only_up_to_their_border(tmp_path: Path) -> None:
    """Key pictures of open groups are no IDR pictures: what is shown before them looks across."""
    source, out = tmp_path / "open.mp4", tmp_path / "out.mp4"
    how = ("-c:v", "libx264", "-g", str(GOP), "-bf", "2", "-x264-params", "open-gop=1:b-adapt=0")
    lavfi(source, *how, "-sc_threshold", "0", picture=PICTURE)
    splice(source, out, busy={COUNT - 20})
    same = copied(source, out)
    assert all(same[: COUNT - 26])
    assert not any(same[COUNT - 20 :])
    assert complaints(out) == ""


def test_parameter_sets_that_change_end_the_copying(tmp_path: Path) -> None:
    parts = []
    for name, extra in (("a", "ref=1"), ("b", "ref=4:cabac=0")):
        parts.append(tmp_path / f"{name}.ts")
        how = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-x264-params", extra)
        lavfi(parts[-1], *how, "-output_ts_offset", "0" if name == "a" else "2", picture=PICTURE)
    whole, out = tmp_path / "whole.ts", tmp_path / "out.mp4"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    sink = splice(whole, out, busy=())
    assert 0 < sink.copied <= COUNT
    assert complaints(out) == ""


def test_a_lost_packet_ends_the_run(coded: Callable[..., Path], tmp_path: Path) -> None:
    """A decoder may not even complain, but each one makes up another picture for it."""
    path = tmp_path / "lost.mkv"
    with av.open(str(coded("plain"))) as whole, av.open(str(path), "w") as part:
        stream = whole.streams.video[0]
        target = part.add_stream_from_template(stream)
        for index, packet in enumerate(whole.demux(stream)):
            if packet.dts is not None and index != 5:
                packet.stream = target
                part.mux(packet)
    with PyAVSource(path) as source:
        given = [frame.coded is not None for frame in source]
    assert given[:5] == [True] * 5
    assert not any(given[5 : GOP - 1])
    assert all(given[GOP:])


# -- what is copied along ---------------------------------------------------------------------


def test_no_user_data_is_copied_along(clip: Clips, tmp_path: Path) -> None:
    """x264 names itself and its settings in every stream; captions and places lie there too."""
    source, out = clip("constant.mp4"), tmp_path / "out.mp4"
    assert b"x264 - core" in source.read_bytes()
    assert splice(source, out, busy={20}).copied > 0
    assert b"x264" not in out.read_bytes()
    with av.open(str(out)) as file:
        kinds = {
            h264.kind(unit)
            for packet in file.demux(file.streams.video[0])
            for unit in h264.units(bytes(packet), 4)
        }
    assert kinds == {h264.SLICE, h264.IDR}


def test_a_coded_picture_shows_itself_in_no_text(coded: Callable[..., Path]) -> None:
    with PyAVSource(coded("plain")) as source:
        frame = next(iter(source))
    assert frame.coded is not None
    assert len(repr(frame.coded)) < 60
