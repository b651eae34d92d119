"""Audio, when it is kept: the same packets, or AAC, in step with the picture; or no audio."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from mediaclips import X264, Clips, ffmpeg, lavfi, pass_through

from redact.config import OutputOptions
from redact.errors import SinkError
from redact.sinks import PyAVSink
from redact.sinks.audio import FORMATS
from redact.sources import PyAVSource
from redact.sources.opening import FORMATS as SOURCE_FORMATS
from redact.structures import redacted

# Silence, then a tone from 0.4 s on.
LATE = "aevalsrc=0.5*sin(2*PI*440*t)*gt(t\\,0.4):d=0.96:s=8000"


def packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        found = [p for p in file.demux(stream) if p.size and not p.is_discard]
        return [(p.pts * p.time_base, bytes(p)) for p in found]


def onset(path: Path) -> float:
    """Seconds at which the tone begins, on the file's own clock."""
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            sound = np.abs(frame.to_ndarray().astype(float)).max(axis=0)
            loud = np.flatnonzero(sound > 0.25 * np.iinfo(np.int16).max * _scale(frame))
            if len(loud):
                return frame.time + loud[0] / frame.sample_rate
    raise AssertionError("no tone")


def _scale(frame: av.AudioFrame) -> float:
    return 1 / np.iinfo(np.int16).max if frame.format.name.startswith("flt") else 1.0


def kinds(path: Path) -> list[str]:
    with av.open(str(path)) as file:
        return [s.type for s in file.streams]


def test_audio_is_dropped_unless_kept(clip: Clips, tmp_path: Path) -> None:
    pass_through(clip("aac.mp4"), tmp_path / "out.mp4")
    assert kinds(tmp_path / "out.mp4") == ["video"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("name", ["aac.mp4", "aac.mkv", "edited.mp4"])
def test_aac_is_copied_packet_by_packet(
    clip: Clips, name: str, suffix: str, tmp_path: Path
) -> None:
    """All that is heard; what an edit list cuts off does not travel along."""
    out = tmp_path / f"out{suffix}"
    pass_through(clip(name), out, audio="keep")
    given, got = packets(clip(name)), packets(out)
    assert [data for _, data in got] == [data for _, data in given]
    assert max(abs(a - b) for (a, _), (b, _) in zip(given, got, strict=True)) <= Fraction(1, 1000)
    with av.open(str(out)) as file:
        assert len(list(file.demux(file.streams.audio[0]))) == len(got) + 1


def test_aac_of_a_transport_stream_is_copied_without_its_wrapping(
    clip: Clips, tmp_path: Path
) -> None:
    pass_through(clip("aac.ts"), tmp_path / "out.mp4", audio="keep")
    given, got = packets(clip("aac.ts")), packets(tmp_path / "out.mp4")
    assert len(got) == len(given)
    assert all(data.endswith(bare) for (_, data), (_, bare) in zip(given, got, strict=True))
    assert abs(given[0][0] - got[0][0]) < Fraction(1, 1000)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("kind", [".mov", ".avi"])
def test_g711_becomes_aac_in_step(kind: str, suffix: str, tmp_path: Path) -> None:
    source, out = tmp_path / f"in{kind}", tmp_path / f"out{suffix}"
    lavfi(source, *X264, "-bf", "0", "-c:a", "pcm_alaw", sound=LATE)
    pass_through(source, out, audio="keep")
    with av.open(str(out)) as file:
        context = file.streams.audio[0].codec_context
        assert (context.name, context.sample_rate) == ("aac", 8000)
    assert onset(source) == pytest.approx(0.4, abs=0.01)
    assert onset(out) == pytest.approx(onset(source), abs=0.02)


def test_g711_stays_in_mov(clip: Clips, tmp_path: Path) -> None:
    pass_through(clip("alaw.mov"), tmp_path / "out.mov", audio="keep")
    given, got = packets(clip("alaw.mov")), packets(tmp_path / "out.mov")
    assert b"".join(d for _, d in got) == b"".join(d for _, d in given)


def test_a_later_start_is_the_same_for_picture_and_sound(tmp_path: Path) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out.mp4"
    lavfi(source, *X264, "-c:a", "pcm_alaw", "-output_ts_offset", "5", sound=LATE)
    pass_through(source, out, audio="keep")
    assert onset(out) == pytest.approx(5.4, abs=0.02)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_missing_audio_is_fine(clip: Clips, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    pass_through(clip("constant.mp4"), out, audio="keep")
    assert kinds(out) == ["video"]


def test_sound_and_picture_are_interleaved(tmp_path: Path) -> None:
    """A player that streams the file finds both within a second of each other."""
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    long = "testsrc2=s=128x96:r=25:d=8"
    lavfi(source, *X264, "-c:a", "aac", picture=long, sound="sine=d=8")
    pass_through(source, out, audio="keep")
    seen = {"video": Fraction(0), "audio": Fraction(0)}
    with av.open(str(out)) as file:
        for packet in file.demux():
            if packet.size:
                seen[packet.stream.type] = packet.pts * packet.time_base
                assert abs(seen["video"] - seen["audio"]) < 1


def test_both_rooms_read_the_same_formats() -> None:
    assert FORMATS == SOURCE_FORMATS


def test_audio_that_cannot_be_read_is_one_clear_error(clip: Clips, tmp_path: Path) -> None:
    missing = tmp_path / "missing.mp4"
    options = OutputOptions(preset="ultrafast", audio="keep")
    out = tmp_path / "out.mp4"
    said = 'missing.mp4: its audio cannot be kept: No such file or directory; .*audio = "drop"'
    with PyAVSource(clip("constant.mp4")) as source, pytest.raises(SinkError, match=said):
        copy(source, PyAVSink(out, options, audio_from=missing))
    assert list(tmp_path.iterdir()) == []


def copy(source: PyAVSource, sink: PyAVSink) -> None:
    with sink:
        sink.open(source.info)
        for frame in source:
            sink.write(redacted(frame, None, 0))


def test_only_the_first_of_several_streams_is_kept(clip: Clips, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    both = ("-i", clip("aac.mp4"), "-i", clip("aac.mkv"), "-map", "0", "-map", "1")
    ffmpeg(*both, "-c", "copy", source)
    assert len(kinds(source)) == 4
    pass_through(source, out, audio="keep")
    assert kinds(out) == ["video", "audio"]
