"""PyAVSink writes real files: whole and checked, or not at all; and nothing but what it must."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from mediaclips import (
    COUNT,
    X264,
    Clips,
    ffmpeg,
    lavfi,
    painted,
    pass_through,
    read,
)

from redact.config import Config, OutputOptions
from redact.effects.planes import blank
from redact.errors import ConfigError, SinkError
from redact.geometry import Zone
from redact.protocols import Sink
from redact.reading import kept_sound
from redact.sinks import PyAVSink, is_partial
from redact.sinks.containers import container_for
from redact.sinks.partial import Draft
from redact.sinks.pictures import Pictures
from redact.sinks.verification import Written, verify
from redact.sources import PyAVSource
from redact.structures import Frame, RedactedFrame, StreamInfo, redacted

FAST = OutputOptions(preset="ultrafast", crf=30)
INFO = StreamInfo(width=64, height=48, time_base=Fraction(1, 1000), frame_rate=Fraction(25))


def frame(index: int, pts: int, info: StreamInfo = INFO, size: tuple[int, int] | None = None):
    width, height = size or (info.width, info.height)
    half = ((height + 1) // 2, (width + 1) // 2)
    made = Frame(
        np.full((height, width), 40 + index % 100, np.uint8),
        np.full(half, 128, np.uint8),
        np.full(half, 128, np.uint8),
        pts=pts,
        time_base=info.time_base,
        index=index,
    )
    return redacted(made, (made.y, made.u, made.v), 1)


def frames(times: list[int], info: StreamInfo = INFO) -> Iterator[RedactedFrame]:
    return (frame(index, pts, info) for index, pts in enumerate(times))


def send(sink: PyAVSink, given: Iterable[RedactedFrame], info: StreamInfo = INFO) -> PyAVSink:
    with sink:
        sink.open(info)
        for one in given:
            sink.write(one)
    return sink


def write(path: Path, times: list[int], info: StreamInfo = INFO) -> PyAVSink:
    return send(PyAVSink(path, FAST), frames(times, info), info)


# ---- published whole, or not at all -------------------------------------------------------


def test_it_is_a_sink(tmp_path: Path) -> None:
    assert isinstance(PyAVSink(tmp_path / "out.mp4", FAST), Sink)


def test_only_a_hidden_partial_exists_until_a_clean_exit(tmp_path: Path) -> None:
    with PyAVSink(tmp_path / "out.mp4", FAST) as sink:
        sink.open(INFO)
        for one in frames([0, 40, 80]):
            sink.write(one)
            (only,) = tmp_path.iterdir()
            assert only.name.startswith(".out.partial-")
            assert is_partial(only)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("after", [0, 1, 30])
def test_an_error_leaves_nothing_and_keeps_an_older_output(
    tmp_path: Path, error: type[BaseException], after: int
) -> None:
    out = tmp_path / "out.mp4"
    out.write_text("older")
    with pytest.raises(error), PyAVSink(out, FAST) as sink:  # noqa: PT012
        sink.open(INFO)
        for one in frames(list(range(0, 40 * after, 40))):
            sink.write(one)
        raise error
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    assert out.read_text() == "older"


def test_an_older_output_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_text("older")
    write(out, [0, 40])
    assert read(out).times == [0, Fraction(40, 1000)]


def test_leaving_without_having_opened_publishes_nothing(tmp_path: Path) -> None:
    with PyAVSink(tmp_path / "out.mp4", FAST):
        pass
    assert list(tmp_path.iterdir()) == []


def test_no_frame_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(SinkError, match="no frame was written"),
        PyAVSink(tmp_path / "out.mp4", FAST) as sink,
    ):
        sink.open(INFO)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.avi", "out.ts", "out.webm", "out", "out.mp4.txt"])
def test_containers_that_lose_times_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"\.mp4"):
        PyAVSink(tmp_path / name, FAST)


def test_the_input_is_never_the_output(clip: Clips) -> None:
    path = clip("constant.mp4")
    with pytest.raises(ConfigError, match="is the input itself"):
        PyAVSink(path, FAST, original=path)


def test_a_folder_in_the_way_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with (
        pytest.raises(SinkError, match=r"out\.mp4: is a folder"),
        PyAVSink(tmp_path / "out.mp4", FAST) as sink,
    ):
        sink.open(INFO)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_a_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    with (
        pytest.raises(SinkError, match="create the folder first"),
        PyAVSink(tmp_path / "no" / "out.mp4", FAST) as sink,
    ):
        sink.open(INFO)


def test_a_folder_without_permission_is_one_clear_error(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    for folder in [tmp_path, *tmp_path.parents[:3]]:
        folder.chmod(0o755)
    script = (
        "import os, sys, redact.sinks.pyav as p, redact.structures as s\n"
        "if os.getuid() == 0: os.setegid(65534); os.seteuid(65534)\n"
        "try: p.PyAVSink(sys.argv[1]).open(s.StreamInfo(64, 48))\n"
        "except Exception as e: print(type(e).__name__, e)"
    )
    out = locked / "out.mp4"
    ran = subprocess.run(
        [sys.executable, "-c", script, out], capture_output=True, text=True, check=True
    )
    said = f"SinkError {out}: cannot be written: Permission denied; check the folder's permissions"
    assert ran.stdout.strip() == said


@pytest.mark.parametrize("room", [4_000, 40_000])
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(
    clip: Clips, tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on file size stands for the disk: the writes themselves fail in the same way."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # or half of a module's is kept
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = clip("constant.mp4")
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(SinkError, match=r"out\.mp4: .*File too large; raise the file size"):
            pass_through(path, tmp_path / "out.mp4", crf=1, copy=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_no_other_file_is_opened_for_writing(
    clip: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of the kernel after every frame: unredacted pixels have no way to a disk."""
    outputs, scratch = tmp_path / "outputs", tmp_path / "scratch"
    outputs.mkdir()
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("TMPDIR", str(scratch))
    before, path = _written_files(), clip("aac.mkv")
    options = OutputOptions(preset="ultrafast", audio="keep")
    kept = kept_sound(path, outputs / "out.mp4", Config(zone=Zone.nothing(), output=options))
    with (
        PyAVSource(path) as source,
        PyAVSink(outputs / "out.mp4", options, kept=kept) as sink,
    ):
        sink.open(source.info)
        for one in source:
            sink.write(redacted(one, None, 0))
            names = {Path(name).name for name in _written_files() - before}
            assert all(is_partial(name) for name in names)
            assert len(names) <= 1
    assert [p.name for p in outputs.iterdir()] == ["out.mp4"]
    assert list(scratch.iterdir()) == []


def _written_files() -> set[str]:
    out = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            name = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
            lines = Path(f"/proc/self/fdinfo/{number}").read_text().splitlines()
        except OSError:
            continue
        flags = next(int(line.split()[1], 8) for line in lines if line.startswith("flags"))
        if flags & os.O_ACCMODE != os.O_RDONLY and Path(name).is_file():
            out.add(name)
    return out


@pytest.mark.parametrize(
    ("name", "partial"),
    [
        (".gate.partial-12-0a1b2c.mp4", True),
        ("/a/b/.gate 1.partial-1-ffffff.mkv", True),
        ("gate.partial-12-0a1b2c.mp4", False),
        (".gate.mp4", False),
        (".gate.partial-12.mp4", False),
        ("gate.mp4", False),
    ],
)
def test_partials_are_told_by_their_name(name: str, partial: bool) -> None:
    assert is_partial(name) is partial


@pytest.mark.parametrize("stem", ["x" * 250, "ü" * 120, "a b'c%d:e", "-n", "file:x"])
def test_any_name_that_a_file_system_takes_is_written(tmp_path: Path, stem: str) -> None:
    write(tmp_path / f"{stem}.mp4", [0, 40])
    assert [p.name for p in tmp_path.iterdir()] == [f"{stem}.mp4"]


@pytest.mark.parametrize("stem", ["x" * 255, "a\0b"])
def test_a_name_that_no_file_system_takes_is_one_clear_error(tmp_path: Path, stem: str) -> None:
    with pytest.raises(SinkError):
        write(tmp_path / f"{stem}.mp4", [0, 40])
    assert list(tmp_path.iterdir()) == []


# ---- misuse --------------------------------------------------------------------------------


def test_writing_before_opening_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(SinkError, match=r"call open\(\)"),
        PyAVSink(tmp_path / "out.mp4", FAST) as sink,
    ):
        sink.write(frame(0, 0))


def test_writing_after_the_end_is_an_error(tmp_path: Path) -> None:
    sink = write(tmp_path / "out.mp4", [0, 40])
    with pytest.raises(SinkError, match="is not open"):
        sink.write(frame(2, 80))
    with pytest.raises(SinkError, match="opened already"):
        sink.open(INFO)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (frame(1, 40, size=(32, 48)), "is 32x48, not 64x48"),
        (frame(1, 0), "does not follow"),
        (frame(1, -40), "does not follow"),
        (frame(1, 40, replace(INFO, time_base=Fraction(1, 90))), "counts time in 1/90"),
    ],
)
def test_frames_that_do_not_fit_are_errors(
    tmp_path: Path, second: RedactedFrame, words: str
) -> None:
    sink = PyAVSink(tmp_path / "out.mp4", FAST)
    with pytest.raises(SinkError, match=f"frame 1: .*{words}"):
        send(sink, [frame(0, 0), second])
    assert list(tmp_path.iterdir()) == []


def test_a_frame_that_no_effect_made_is_refused(clip: Clips, tmp_path: Path) -> None:
    sink = PyAVSink(tmp_path / "out.mp4", FAST)
    source = PyAVSource(clip("constant.mp4"))
    with source, pytest.raises(SinkError, match="only redacted frames"):
        send(sink, source, source.info)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


# ---- times ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "times"),
    [
        (Fraction(1001, 30000), [0, 1, 2, 5, 6]),
        (Fraction(1, 3), [7, 8, 9, 100]),
        (Fraction(1, 90_000), [132_006, 135_009, 138_012, 138_013]),
        (Fraction(1, 1_000_000), [1, 2, 3_000_000, 3_000_001]),
        (Fraction(1, 1_000_000_000), [0, 33_333_333, 66_666_667, 99_999_999]),
        (Fraction(1, 15_360), [86_400 * 15_360, 86_400 * 15_360 + 1024]),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_every_clock_is_kept_exactly(
    tmp_path: Path, base: Fraction, times: list[int], suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    sink = write(out, times, replace(INFO, time_base=base, frame_rate=None))
    assert read(out).times == [t * base for t in times]
    assert sink.notes == ()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_times_before_zero_move_together_and_it_is_said(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    sink = write(out, [-80, -40, 0, 70])
    assert read(out).times == [Fraction(t, 1000) for t in (0, 40, 80, 150)]
    assert "0.080000 s later" in sink.notes[0]


def test_frames_closer_than_the_container_can_tell_are_refused(tmp_path: Path) -> None:
    info = replace(INFO, time_base=Fraction(1, 90_000))
    with pytest.raises(SinkError, match=r"write \.mp4 instead"):
        write(tmp_path / "out.mkv", [0, 10], info)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_one_frame_is_a_video_too(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"out{suffix}", [40])
    got = read(tmp_path / f"out{suffix}")
    assert got.times == [Fraction(40, 1000)]
    assert got.end == Fraction(80, 1000)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 200), (641, 1)])
def test_tiny_and_narrow_pictures_are_written(tmp_path: Path, size: tuple[int, int]) -> None:
    info = replace(INFO, width=size[0], height=size[1])
    write(tmp_path / "out.mp4", [0, 40, 80], info)
    got = read(tmp_path / "out.mp4").info
    assert (got.width, got.height) == tuple(n + n % 2 for n in size)


@pytest.mark.parametrize("name", ["irregular.mp4", "ntsc.mp4", "later.mp4", "edited.mp4"])
def test_another_reader_sees_the_same_times(clip: Clips, tmp_path: Path, name: str) -> None:
    """ffprobe, of an older FFmpeg than the one that wrote the file."""
    given = pass_through(clip(name), tmp_path / "out.mp4")
    base = given.info.time_base
    command = ["ffprobe", "-v", "error", "-show_entries", "frame=pts:stream=time_base,duration_ts"]
    seen = subprocess.run(
        [*command, "-of", "default=nk=1:nw=1", tmp_path / "out.mp4"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    *times, told_base, duration = seen
    assert Fraction(told_base) == Fraction(1, base.denominator)
    assert [int(t) * Fraction(told_base) for t in times] == given.times
    assert int(duration) * Fraction(told_base) == given.end - given.times[0]


def test_another_reader_sees_the_same_turn_and_colours(clip: Clips, tmp_path: Path) -> None:
    for name in ("turned90.mp4", "h264-full.mp4"):
        pass_through(clip(name), tmp_path / name)
        told = [_probe(path, "stream") for path in (clip(name), tmp_path / name)]
        kept = ("width", "height", "color_range", "color_space", "rotation")
        for key in kept:
            assert told[0].get(key) == told[1].get(key), key


def _probe(path: Path, what: str) -> dict[str, str]:
    command = ["ffprobe", "-v", "error", "-select_streams", "v", f"-show_{what}s", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def test_the_last_frame_stays_as_long_as_it_did(clip: Clips, tmp_path: Path) -> None:
    given = pass_through(clip("irregular.mp4"), tmp_path / "out.mp4")
    got = read(tmp_path / "out.mp4")
    assert got.end == given.end
    assert got.info.duration == given.end - given.times[0]


# ---- nothing but the video -----------------------------------------------------------------


def laden(clip: Clips, out: Path) -> Path:
    """A file with everything that must not travel: titles, places, chapters, subtitles, a
    cover, an attachment, user data in the stream."""
    folder = out.parent
    notes, titles = folder / "notes.txt", folder / "titles.srt"
    notes.write_text("SECRET-ATTACHMENT")
    titles.write_text("1\n00:00:00,000 --> 00:00:00,500\nSECRET-SUBTITLE\n")
    chapters = folder / "chapters.txt"
    chapters.write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=SECRET-CHAPTER\n"
    )
    tags = ("title=SECRET-TITLE", "location=SECRET-PLACE", "comment=SECRET-COMMENT")
    ffmpeg(
        *("-i", clip("userdata.mp4"), "-i", titles, "-i", chapters, "-map_metadata", "2"),
        *("-attach", notes, "-metadata:s:t", "mimetype=text/plain", "-c:v", "copy"),
        *(part for tag in tags for part in ("-metadata", tag)),
        *("-metadata:s:v", "title=SECRET-STREAM", "-metadata", "creation_time=2020-01-02"),
        out,
    )
    return out


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_nothing_but_the_video_is_in_the_output(
    clip: Clips, tmp_path: Path, suffix: str, codec: str
) -> None:
    source, out = laden(clip, tmp_path / "in.mkv"), tmp_path / f"out{suffix}"
    assert b"SECRET-" in source.read_bytes()
    assert b"LATLON" in source.read_bytes()
    pass_through(source, out, codec=codec)
    data = out.read_bytes()
    assert b"SECRET" not in data
    assert b"LATLON" not in data
    assert b"2020" not in data
    with av.open(str(out)) as file:
        assert [s.type for s in file.streams] == ["video"]
        assert file.chapters() == []
        allowed = {"major_brand", "minor_version", "compatible_brands", "encoder"}
        assert set(file.metadata) <= allowed
        assert file.metadata.get("encoder", "Lavf") == "Lavf"
        kept = {"language", "handler_name", "vendor_id", "DURATION"}
        assert set(file.streams.video[0].metadata) <= kept


def test_captions_and_user_data_are_left_behind(tmp_path: Path) -> None:
    """The source does carry them, on its pictures; the output carries none."""
    raw, source, out = tmp_path / "raw.h264", tmp_path / "in.mp4", tmp_path / "out.mp4"
    marked = "h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+LATLON"
    lavfi(raw, *X264, "-bf", "0", "-bsf:v", marked)
    caption = b"\xb5\x00\x31GA94\x03\xc1\xff\xfc\x94\x2c\xff"
    sei = b"\x00\x00\x00\x01\x06\x04" + bytes([len(caption)]) + caption + b"\x80"
    data = raw.read_bytes()
    for start in (b"\x00\x00\x01\x65", b"\x00\x00\x01\x41"):
        data = data.replace(start, sei + start)
    raw.write_bytes(data)
    ffmpeg("-i", raw, "-c", "copy", source)
    assert {"A53_CC", "SEI_UNREGISTERED"} <= _side_data(source)
    pass_through(source, out)
    assert "A53_CC" not in _side_data(out)
    assert b"GA94" not in out.read_bytes()
    assert b"LATLON" not in out.read_bytes()


def _side_data(path: Path) -> set[str]:
    with av.open(str(path)) as file:
        return {data.type.name for one in file.decode(video=0) for data in one.side_data}


def test_h265_in_mp4_has_the_tag_that_apple_plays(clip: Clips, tmp_path: Path) -> None:
    pass_through(clip("constant.mp4"), tmp_path / "out.mp4", codec="h265")
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert file.streams.video[0].codec_context.codec_tag == "hvc1"


def test_mp4_starts_with_its_index(clip: Clips, tmp_path: Path) -> None:
    pass_through(clip("constant.mp4"), tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


# ---- planes --------------------------------------------------------------------------------


def test_untouched_frames_are_encoded_without_a_copy(clip: Clips) -> None:
    with PyAVSource(clip("constant.mp4")) as source:
        sealed = [redacted(one, None, 0) for one in source]
        pictures = Pictures(source.info, sealed[0])
    clean = [one for one in sealed if not len(one.owner.side_data)]
    assert len(clean) > COUNT / 2
    assert all(pictures(one) is one.owner for one in clean)


def test_a_frame_with_side_data_is_copied_without_it(clip: Clips) -> None:
    with PyAVSource(clip("userdata.mp4")) as source:
        first = redacted(next(iter(source)), None, 0)
    assert len(first.owner.side_data)
    picture = Pictures(source.info, first)(first)
    assert len(picture.side_data) == 0


def test_one_buffer_of_planes_is_encoded_without_a_copy(clip: Clips) -> None:
    with PyAVSource(clip("constant.mp4")) as source:
        first = next(iter(source))
        sealed = redacted(first, painted(first), 1)
        picture = Pictures(source.info, sealed)(sealed)
    for plane, memory in zip((sealed.y, sealed.u, sealed.v), picture.planes, strict=True):
        address = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
        assert plane.__array_interface__["data"][0] == address


@pytest.mark.parametrize("height", [2, 44, 46, 48, 50])
def test_one_buffer_of_any_even_height_is_the_same_picture(height: int) -> None:
    """PyAV counts rows of such a buffer in groups of four."""
    info = StreamInfo(width=64, height=height)
    y, u, v = planes = blank(height, 64)
    y.base[:] = np.random.default_rng(1).integers(0, 256, y.base.shape, np.uint8)
    sealed = redacted(Frame(y, u, v, pts=0, time_base=info.time_base), planes, 1)
    picture = Pictures(info, sealed)(sealed)
    assert (picture.width, picture.height) == (64, height)
    for plane, memory in zip(planes, picture.planes, strict=True):
        got = np.frombuffer(memory, np.uint8).reshape(-1, memory.line_size)
        assert np.array_equal(got[: len(plane), : plane.shape[1]], plane)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("size", [(64, 48), (63, 47), (64, 47)])
def test_planes_of_any_layout_reach_the_encoder(rotation: int, size: tuple[int, int]) -> None:
    """Strided, turned and odd planes: the same samples, turned back to the coded picture."""
    width, height = size
    info = StreamInfo(width=width, height=height, rotation=rotation)
    wide = np.random.default_rng(1).integers(0, 256, (height + 3, width + 9), np.uint8)
    half = ((height + 1) // 2, (width + 1) // 2)
    y, u, v = wide[:height, :width], wide[: half[0], : half[1]], wide[3:, 5:][: half[0], : half[1]]
    made = Frame(y, u, v, pts=0, time_base=info.time_base)
    sealed = redacted(made, (y, u, v), 1)
    picture = Pictures(info, sealed)(sealed)
    for plane, memory in zip((y, u, v), picture.planes, strict=True):
        want = np.rot90(plane, rotation // 90)
        got = np.frombuffer(memory, np.uint8).reshape(memory.height, memory.line_size)
        assert np.array_equal(got[: want.shape[0], : want.shape[1]], want)
    assert picture.width % 2 == picture.height % 2 == 0


# ---- verification --------------------------------------------------------------------------


def written(times: list[int]) -> Written:
    return Written(array("q", times), INFO.time_base, 40, INFO.width, INFO.height, None)


def test_verification_accepts_what_was_written(tmp_path: Path) -> None:
    times = list(range(0, 1000, 40))
    write(tmp_path / "out.mp4", times)
    verify(tmp_path / "out.mp4", written(times), Fraction(0))


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (list(range(0, 1040, 40)), "26 frames were written, 25 are in it"),
        ([*range(0, 960, 40), 961], "frame 24 is at 0.960000 s instead of 0.961000 s"),
    ],
)
def test_verification_finds_lost_and_moved_frames(
    tmp_path: Path, times: list[int], words: str
) -> None:
    write(tmp_path / "out.mp4", list(range(0, 1000, 40)))
    with pytest.raises(SinkError, match=words):
        verify(tmp_path / "out.mp4", written(times), Fraction(0))


def test_verification_finds_pictures_that_do_not_decode(tmp_path: Path) -> None:
    """A partial that rots between writing and publishing is not published."""
    times = list(range(0, 1000, 40))

    class Rotting(PyAVSink):
        def _verify_partial(self, partial: Draft, pictures: Pictures, info: StreamInfo) -> None:
            (path,) = tmp_path.iterdir()
            data = bytearray(path.read_bytes())
            at = data.index(b"mdat") + 4
            data[at : at + 1500] = bytes(1500)
            path.write_bytes(data)
            super()._verify_partial(partial, pictures, info)

    with pytest.raises(SinkError, match="does not verify"):
        send(Rotting(tmp_path / "out.mp4", FAST), frames(times))
    assert list(tmp_path.iterdir()) == []


def test_mkv_is_verified_to_its_own_millisecond(tmp_path: Path) -> None:
    assert container_for(Path("x.mkv")).tick == Fraction(1, 1000)
    info = replace(INFO, time_base=Fraction(1001, 30_000), frame_rate=Fraction(30_000, 1001))
    sink = write(tmp_path / "out.mkv", list(range(30)), info)
    assert "1 ms" in sink.notes[0]
