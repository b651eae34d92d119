"""`redact filter` between two real programs: what goes in comes out redacted, frame for frame."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

import redact
from redact.errors import SinkError, SourceError
from redact.reading import open_pipe
from redact.sinks import PipeSink
from redact.sources import PipeSource, PyAVSource, SandboxedPipe
from redact.sources.sandbox import pipe as sandboxed_pipe
from redact.structures import RedactedFrame
from redact.testing import MemorySink, SyntheticSource

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "samples" / "driveway_small.mp4"
ZONE = ROOT / "samples" / "driveway_small.zone.json"
RAW = {"y4m": ["-f", "yuv4mpegpipe"], "nut": ["-f", "nut", "-c:v", "rawvideo"]}
Picture = tuple[Fraction, bytes]


def raw(path: Path, kind: str, frames: int = 60, *more: str) -> bytes:
    """The first frames of a clip as ffmpeg writes them to a pipe."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-frames:v", str(frames), *more]
    done = subprocess.run(
        [*command, "-fps_mode", "passthrough", *RAW[kind], "-"], capture_output=True, check=True
    )
    return done.stdout


def run_filter(data: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "redact", "filter", *options]
    return subprocess.run(command, input=data, capture_output=True, cwd=ROOT)


def pictures(data: bytes) -> list[Picture]:
    """Time and planes of every frame, as PyAV reads them."""
    with av.open(io.BytesIO(data)) as file:
        return [
            (frame.pts * frame.time_base, frame.to_ndarray().tobytes())
            for frame in file.decode(video=0)
        ]


def planes(frame: RedactedFrame) -> bytes:
    return b"".join(np.ascontiguousarray(p).tobytes() for p in (frame.y, frame.u, frame.v))


def redacted_at_once(clip: Path) -> list[Picture]:
    """What `redact.run` makes of a file."""
    sink = MemorySink()
    with PyAVSource(clip) as source:
        redact.run(source, sink, redact.Config(zone=redact.load_zone(ZONE)))
    return [(frame.time, planes(frame)) for frame in sink.frames]


@pytest.fixture(scope="module")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filter") / "short.mp4"
    command = ["ffmpeg", "-v", "error", "-i", CLIP, "-frames:v", "60", "-bf", "0", path]
    subprocess.run(list(map(str, command)), check=True)
    return path


@pytest.fixture(scope="module")
def uneven_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every third frame is missing: times are not on a grid of the frame rate."""
    path = tmp_path_factory.mktemp("filter") / "uneven.mkv"
    drop = ["-vf", "select='mod(n,3)'", "-fps_mode", "passthrough", "-c:v", "ffv1"]
    command = ["ffmpeg", "-v", "error", "-i", CLIP, "-frames:v", "40", *drop, path]
    subprocess.run(list(map(str, command)), check=True)
    return path


@pytest.mark.parametrize("kind", ["y4m", "nut"])
def test_the_filter_hides_what_run_hides_bit_for_bit(short_clip: Path, kind: str) -> None:
    done = run_filter(raw(short_clip, kind), "--zone", str(ZONE))
    assert done.returncode == 0, done.stderr
    made, wanted = pictures(done.stdout), redacted_at_once(short_clip)
    assert [planes for _, planes in made] == [planes for _, planes in wanted]
    assert [time - made[0][0] for time, _ in made] == [time - wanted[0][0] for time, _ in wanted]
    assert made != pictures(raw(short_clip, kind))


def test_nut_keeps_the_time_of_every_frame(uneven_clip: Path) -> None:
    data = raw(uneven_clip, "nut")
    done = run_filter(data, "--zone", str(ZONE))
    assert done.returncode == 0, done.stderr
    times = [time for time, _ in pictures(done.stdout)]
    assert times == [time for time, _ in pictures(data)]
    assert len({after - before for before, after in pairwise(times)}) > 1


def test_odd_sizes_stay_odd() -> None:
    out = io.BytesIO()
    source = SyntheticSource(frames=8, width=65, height=33)
    with PipeSource(io.BytesIO(_synthetic_y4m(source))) as piped:
        redact.run(
            piped, PipeSink(out, "y4m"), redact.Config(zone=redact.Zone.nothing(), look_back=2)
        )
    with PipeSource(io.BytesIO(out.getvalue())) as again:
        assert (again.info.width, again.info.height) == (65, 33)
        assert len(list(again)) == 8


def _synthetic_y4m(source: SyntheticSource) -> bytes:
    header = f"YUV4MPEG2 W{source.info.width} H{source.info.height} F10:1 Ip A1:1 C420jpeg\n"
    body = [b"FRAME\n" + b"".join(p.tobytes() for p in (f.y, f.u, f.v)) for f in source]
    return header.encode() + b"".join(body)


def test_sound_stays_outside_and_that_is_said(short_clip: Path) -> None:
    command = ["ffmpeg", "-v", "error", "-i", str(short_clip), "-f", "lavfi", "-i", "sine=d=2"]
    data = subprocess.run(
        [*command, "-frames:v", "30", *RAW["nut"], "-"], capture_output=True, check=True
    ).stdout
    done = run_filter(data, "--zone", str(ZONE))
    assert done.returncode == 0
    assert b"sound" in done.stderr
    with av.open(io.BytesIO(done.stdout)) as file:
        assert [stream.type for stream in file.streams] == ["video"]


@pytest.fixture
def pipe() -> Iterator[Callable[[bytes], int]]:
    """A pipe that the data comes through, and which then ends."""
    opened: list[int] = []

    def write(data: bytes) -> int:
        reading, writing = os.pipe()
        opened.append(reading)

        def send() -> None:
            with os.fdopen(writing, "wb") as end, suppress(BrokenPipeError):
                end.write(data)

        threading.Thread(target=send, daemon=True).start()
        return reading

    yield write
    for descriptor in opened:
        os.close(descriptor)


@pytest.mark.parametrize("kind", ["y4m", "nut"])
def test_a_locked_process_reads_the_same(
    short_clip: Path, kind: str, pipe: Callable[[bytes], int]
) -> None:
    data = raw(short_clip, kind, 20)
    with SandboxedPipe(pipe(data)) as boxed, PipeSource(io.BytesIO(data)) as here:
        assert (boxed.format, boxed.audio, boxed.info) == (here.format, here.audio, here.info)
        assert "limits" in boxed.locks
        for one, other in zip(boxed, here, strict=True):
            assert one.pts == other.pts
            assert all(np.array_equal(getattr(one, n), getattr(other, n)) for n in "yuv")


def test_the_filter_reads_nothing_itself(
    short_clip: Path, pipe: Callable[[bytes], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(file: object, mode: str | None = None, **more: object) -> object:
        assert mode == "w", f"{file} is read in this process"
        return real(file, mode, **more)  # type: ignore[call-overload]

    real, out = av.open, io.BytesIO()
    monkeypatch.setattr(av, "open", opened)
    config = redact.Config(zone=redact.Zone.nothing(), look_back=2)
    with (
        os.fdopen(os.dup(pipe(raw(short_clip, "nut", 12))), "rb") as stream,
        open_pipe(stream, config, 2) as source,
    ):
        redact.run(source, PipeSink(out, source.format), config)
    monkeypatch.undo()
    assert len(pictures(out.getvalue())) == 12


@pytest.mark.parametrize("what", ["no descriptors", "memory that cannot be sealed"])
def test_a_pipe_whose_locked_process_cannot_start_is_not_read_here(
    what: str, pipe: Callable[[bytes], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    def sealed(name: str, flags: int) -> int:
        memory = real(name, flags)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL)
        return memory

    real = os.memfd_create
    monkeypatch.setattr(os, "memfd_create", none if what == "no descriptors" else sealed)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("read in this process")

    monkeypatch.setattr(redact.sources, "PipeSource", refuse)
    data = b"YUV4MPEG2 W64 H64 F25:1\n" + (b"FRAME\n" + bytes(6144)) * 3
    with (
        os.fdopen(os.dup(pipe(data)), "rb") as stream,
        pytest.raises(SourceError, match="standard input"),
    ):
        open_pipe(stream, redact.Config(zone=redact.Zone.nothing()), 2)


def test_a_filter_whose_decoder_dies_ends_with_one_line(
    short_clip: Path, pipe: Callable[[bytes], int]
) -> None:
    with SandboxedPipe(pipe(raw(short_clip, "y4m", 30))) as source:
        frames = iter(source)
        next(frames)
        os.kill(source._child.pid, signal.SIGSEGV)
        with pytest.raises(SourceError, match=r"standard input: frame \d+: .*crashed \(SIGSEGV\)"):
            list(frames)


def test_a_pipe_that_is_silent_for_long_is_waited_for(
    short_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a file's decoder may take for a frame."""
    monkeypatch.setattr(sandboxed_pipe, "PATIENCE", 1)
    reading, writing = os.pipe()
    data = raw(short_clip, "y4m", 3)

    def slowly() -> None:
        with os.fdopen(writing, "wb") as end:
            end.write(data[: len(data) // 2])
            end.flush()
            time.sleep(1.5)
            end.write(data[len(data) // 2 :])

    threading.Thread(target=slowly, daemon=True).start()
    with SandboxedPipe(reading) as source:
        assert len(list(source)) == 3
    os.close(reading)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "ended before it began"),
        (b"hello, this is text\n" * 50, "neither y4m nor NUT"),
        (b"YUV4MPEG2 W0 H0 F25:1\nFRAME\n", "standard input"),
    ],
    ids=["nothing", "text", "no size"],
)
def test_what_is_no_raw_video_is_refused_in_one_line(data: bytes, said: str) -> None:
    done = run_filter(data, "--everyone")
    assert done.returncode == 5
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr.decode()


@pytest.mark.parametrize("kind", ["y4m", "nut"])
def test_an_input_that_breaks_off_within_a_frame_is_an_error(short_clip: Path, kind: str) -> None:
    done = run_filter(raw(short_clip, kind, 30)[:-1000], "--zone", str(ZONE))
    assert done.returncode == 5, done.stderr


def test_a_reader_that_goes_away_ends_it_with_one_line(short_clip: Path) -> None:
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "redact", "filter", "--everyone", "--look-back", "2"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    os.close(reading)
    _, said = process.communicate(raw(short_clip, "y4m"))
    assert process.returncode == 6
    assert len(said.splitlines()) == 1


def test_y4m_refuses_times_that_it_cannot_tell(uneven_clip: Path) -> None:
    done = run_filter(raw(uneven_clip, "nut"), "--zone", str(ZONE), "--to", "y4m")
    assert done.returncode == 6
    assert "--to nut" in done.stderr.decode()


def test_frames_must_follow_each_other() -> None:
    source = SyntheticSource(frames=3)
    sink = MemorySink()
    redact.run(source, sink, redact.Config(zone=redact.Zone.nothing(), look_back=0))
    with PipeSink(io.BytesIO(), "nut") as pipe:
        pipe.open(source.info)
        pipe.write(sink.frames[1])
        with pytest.raises(SinkError, match="does not follow"):
            pipe.write(sink.frames[0])


def test_a_source_is_read_once() -> None:
    with PipeSource(io.BytesIO(_synthetic_y4m(SyntheticSource(frames=3)))) as source:
        list(source)
        with pytest.raises(SourceError, match="read already"):
            list(source)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["y4m", "nut"])
def test_with_a_model_every_pixel_is_as_from_a_run_where_the_matrix_is_told(
    tmp_path: Path, kind: str
) -> None:
    """A pipe does not carry it: a clip tagged otherwise than its size suggests would be shown
    to the model in other colours, and boxes would differ a little."""
    clip = tmp_path / "tagged.mp4"
    tag = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    coded = ["-frames:v", "45", "-c:v", "libx264", "-crf", "18", "-bf", "0", *tag]
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(CLIP), *coded, str(clip)], check=True)
    sink = MemorySink()
    config = redact.Config(zone=redact.load_zone(ZONE), models=(Path("embedded"),))
    with PyAVSource(clip) as source:
        assert source.info.colour.matrix == 1
        redact.run(source, sink, config)
    words = ("--zone", str(ZONE), "--model", "embedded", "--matrix", "bt709")
    done = run_filter(raw(clip, kind, 45), *words)
    assert done.returncode == 0, done.stderr
    assert [p for _, p in pictures(done.stdout)] == [planes(frame) for frame in sink.frames]
