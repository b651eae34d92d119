"""The system's ffmpeg as source and sink: the same frames at the same times as by PyAV, or an
error; and nothing of a picture anywhere but in pipes and in the one hidden partial file."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mediaclips import CLIPS, Clips, Passed, ffmpeg, painted, read, small

import redact
from redact.config import InputOptions, OutputOptions
from redact.errors import ConfigError, MissingDependencyError, SinkError, SourceError
from redact.geometry import Zone
from redact.protocols import Sink, Source
from redact.sinks import FfmpegSink, is_partial
from redact.sources import FfmpegSource
from redact.structures import Frame, redacted

X264 = OutputOptions(encoder="libx264", crf=10, encoder_options={"preset": "superfast"})
LATER = {"bframes.avi"}  # avi has no times: ffmpeg lets the first picture wait for the decoder


def by_ffmpeg(path: Path) -> Passed:
    with FfmpegSource(path) as source:
        assert isinstance(source, Source)
        times, planes, end = [], [], Fraction(0)
        for frame in source:
            times.append(frame.time)
            planes.append(small(frame))
            end = frame.time + frame.duration * frame.time_base
        return Passed(source.info, times, end, planes)


def send(sink: FfmpegSink, source: FfmpegSource, frames: Iterable[Frame]) -> None:
    with sink:
        sink.open(source.info)
        for frame in frames:
            sink.write(redacted(frame, painted(frame), 1))


@pytest.mark.parametrize("name", sorted(CLIPS))
def test_it_reads_the_same_frames_at_the_same_times(clip: Clips, name: str) -> None:
    given, got = read(clip(name)), by_ffmpeg(clip(name))
    later = got.times[0] if name in LATER else Fraction(0)
    assert [time - later for time in got.times] == given.times
    assert (got.info.width, got.info.height) == (given.info.width, given.info.height)
    assert got.info.colour.matrix == given.info.colour.matrix
    assert got.info.colour.full_range == given.info.colour.full_range
    assert got.info.sample_aspect == given.info.sample_aspect
    for one, other in zip(given.planes, got.planes, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.abs(a.astype(int) - b).mean() < 1


@pytest.mark.parametrize(
    "name", ["constant.mp4", "irregular.mp4", "ntsc.mp4", "bt709.mkv", "later.mp4", "h264-full.mp4"]
)
def test_it_writes_the_same_frames_at_the_same_times(
    clip: Clips, name: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    with FfmpegSource(clip(name)) as source:
        send(FfmpegSink(out, X264), source, source)
    given, got = read(clip(name)), read(out)
    assert got.times == given.times
    assert got.info.colour == given.info.colour
    for one, other in zip(given.planes, got.planes, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.abs(a.astype(int) - b).mean() < 3
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_only_a_hidden_partial_exists_until_a_clean_exit(clip: Clips, tmp_path: Path) -> None:
    with (
        FfmpegSource(clip("constant.mp4")) as source,
        FfmpegSink(tmp_path / "out.mp4", X264) as sink,
    ):
        assert isinstance(sink, Sink)
        sink.open(source.info)
        for frame in source:
            sink.write(redacted(frame, painted(frame), 1))
            (only,) = tmp_path.iterdir()
            assert is_partial(only)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("after", [0, 1, 20])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_nothing_and_keeps_an_older_output(
    clip: Clips, tmp_path: Path, after: int, error: type[BaseException]
) -> None:
    out = tmp_path / "out.mp4"
    out.write_text("older")
    with FfmpegSource(clip("constant.mp4")) as source:
        frames = list(source)[:after]
        with pytest.raises(error), FfmpegSink(out, X264) as sink:  # noqa: PT012
            sink.open(source.info)
            for frame in frames:
                sink.write(redacted(frame, painted(frame), 1))
            raise error
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    assert out.read_text() == "older"


def test_a_frame_that_no_effect_made_is_refused(clip: Clips, tmp_path: Path) -> None:
    with FfmpegSource(clip("constant.mp4")) as source:
        raw = next(iter(source))
        with FfmpegSink(tmp_path / "o.mp4", X264) as sink:
            sink.open(source.info)
            with pytest.raises(SinkError, match="only redacted"):
                sink.write(raw)  # type: ignore[arg-type]
            sink.write(redacted(raw, painted(raw), 1))


# -- failing closed --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_damage_anywhere_is_an_error(clip: Clips, seed: int, tmp_path: Path) -> None:
    """Over a pipe no frame can be marked, so that one that was damaged would be looked at as
    if it were sound."""
    data = bytearray(clip("constant.mp4").read_bytes())
    chance = random.Random(seed)
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    for _ in range(40):
        data[chance.randrange(start, end)] ^= 1 << chance.randrange(8)
    path = tmp_path / "flipped.mp4"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"flipped\.mp4"):
        by_ffmpeg(path)


@pytest.mark.parametrize("flags", ["+faststart", "frag_keyframe+empty_moov"])
def test_a_file_that_is_cut_is_an_error(clip: Clips, flags: str, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    ffmpeg("-i", clip("constant.mp4"), "-c", "copy", "-movflags", flags, whole)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    with pytest.raises(SourceError, match=r"cut\.mp4"):
        by_ffmpeg(cut)


@pytest.mark.parametrize("content", [b"", b"no video at all"], ids=["empty", "text"])
def test_what_is_no_video_is_an_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.ts"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"bad\.ts"):
        by_ffmpeg(path)


@pytest.mark.parametrize("which", ["decoder", "encoder"])
def test_a_program_that_dies_leaves_no_output(
    clip: Clips, which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for ffmpeg that is killed in the middle of the clip, without a word."""
    real = os.environ["PATH"]
    middle = "head -c 200000" if which == "decoder" else "head -c 200000 > /dev/null"
    side = "pipe:1" if which == "decoder" else "pipe:0"
    shim = tmp_path / "bin" / "ffmpeg"
    shim.parent.mkdir()
    shim.write_text(
        f'#!/bin/sh\nPATH={real}\ncase "$*" in\n*{side}*) '
        + (f'ffmpeg "$@" | {middle};;' if which == "decoder" else f"{middle};;")
        + '\n*) exec ffmpeg "$@";;\nesac\n'
    )
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{real}")
    (tmp_path / "out").mkdir()
    decoder = InputOptions(decoder="ffmpeg" if which == "decoder" else "pyav")
    output = X264 if which == "encoder" else OutputOptions(preset="ultrafast")
    config = redact.Config(zone=Zone.nothing(), input=decoder, output=output)
    with pytest.raises((SourceError, SinkError)):
        redact.run(clip("constant.mp4"), tmp_path / "out" / "out.mp4", config)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (OutputOptions(encoder="h264_none"), "h264_none"),
        (OutputOptions(encoder="libx264", encoder_options={"preset": "none"}), "preset"),
        (OutputOptions(encoder="libx264", audio="keep"), "no sound"),
    ],
)
def test_what_cannot_be_encoded_is_one_clear_error(
    clip: Clips, options: OutputOptions, said: str, tmp_path: Path
) -> None:
    config = redact.Config(zone=Zone.nothing(), output=options)
    with pytest.raises((SinkError, ConfigError), match=said):
        redact.run(clip("constant.mp4"), tmp_path / "out.mp4", config)
    assert list(tmp_path.iterdir()) == []


def test_without_the_program_it_says_what_to_install(
    clip: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="apt-get install ffmpeg"):
        FfmpegSource(clip("constant.mp4"))
