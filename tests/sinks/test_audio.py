"""Audio, when it is kept: the same packets, or AAC, in step with the picture; or no audio."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from mediaclips import X264, Clips, ffmpeg, lavfi, pass_through

from redact.config import Config, OutputOptions
from redact.errors import ConfigError, SinkError, SourceError
from redact.geometry import Zone
from redact.reading import kept_sound
from redact.sinks import PyAVSink
from redact.sound import CodedSound, CodedSource, KeptSound, SoundCoding
from redact.sources import (
    PyAVCodedSound,
    PyAVSound,
    PyAVSource,
    SandboxedCodedSound,
    SandboxedSound,
)
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


# codec: container of the input, options, container of the output; all may be copied
COPIED = {
    "mp3": (".mkv", ("-c:a", "libmp3lame"), ".mp4"),
    "alac": (".mov", ("-c:a", "alac"), ".mp4"),
    "opus": (".mkv", ("-c:a", "libopus"), ".mp4"),
    "opus out of mp4": (".mp4", ("-c:a", "libopus"), ".mkv"),
    "flac": (".mkv", ("-c:a", "flac", "-ac", "2"), ".mp4"),
    "pcm": (".mov", ("-c:a", "pcm_s16le"), ".mkv"),
    "pcm out of avi": (".avi", ("-c:a", "pcm_s16le", "-ac", "2"), ".mov"),
    "g711": (".avi", ("-c:a", "pcm_mulaw", "-ar", "8000"), ".mov"),
    "surround": (".mkv", ("-c:a", "aac", "-ac", "6"), ".mp4"),
}


@pytest.mark.parametrize("name", COPIED)
def test_what_the_output_can_hold_is_copied(name: str, tmp_path: Path) -> None:
    """Another program hears the same in both, sample by sample, where no run-in is cut off."""
    before, how, after = COPIED[name]
    source, out = tmp_path / f"in{before}", tmp_path / f"out{after}"
    lavfi(source, *X264, "-bf", "0", *how, sound="sine=d=0.96:r=48000")
    pass_through(source, out, audio="keep")
    given, got = packets(source), packets(out)
    assert b"".join(data for _, data in got) == b"".join(data for _, data in given)
    assert abs(got[0][0] - given[0][0]) <= Fraction(1, 1000)
    told, samples = heard(out)
    expected, given_samples = heard(source)
    assert told == expected
    assert samples == given_samples or name in ("mp3", "opus")


@pytest.mark.parametrize("codec", ["libvorbis", "ac3", "eac3"])
def test_what_has_tags_in_its_header_or_is_looked_into_by_muxers_is_coded_anew(
    codec: str, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    tag = ("-metadata:s:a", "location=N52.52 E13.40 SECRET")
    lavfi(source, *X264, "-bf", "0", "-c:a", codec, *tag, sound="sine=d=0.96:r=48000")
    assert b"SECRET" in source.read_bytes()
    pass_through(source, out, audio="keep")
    assert kinds(out) == ["video", "audio"]
    assert "aac" in heard(out)[0]
    assert b"SECRET" not in out.read_bytes()


def heard(path: Path) -> tuple[str, bytes]:
    """Codec, rate and channels, and what ffmpeg decodes."""
    told = ("ffprobe", "-v", "error", "-select_streams", "a", "-show_entries")
    what = "stream=codec_name,sample_rate,channels"
    said = subprocess.run([*told, what, "-of", "csv=nk=1", path], capture_output=True, check=True)
    plain = ("ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-f", "f32le", "-")
    return said.stdout.decode().partition(",side")[0].strip(), subprocess.run(
        plain, capture_output=True, check=True
    ).stdout


def kept(source: Path, out: Path, *, locked: bool = True) -> KeptSound | None:
    options = Config(zone=Zone.nothing(), output=OutputOptions(audio="keep"))
    reads = msgspec.structs.replace(options.input, sandbox=locked)
    return kept_sound(source, out, msgspec.structs.replace(options, input=reads))


@pytest.mark.parametrize("name", ["aac.ts", "edited.mp4", "alaw.mov", "aac.mkv"])
def test_a_locked_process_reads_the_same(clip: Clips, name: str, tmp_path: Path) -> None:
    """Copied or decoded: what it is depends on the output."""
    for suffix in (".mov", ".mkv"):
        out = tmp_path / f"out{suffix}"
        here, boxed = kept(clip(name), out, locked=False), kept(clip(name), out)
        if isinstance(boxed, CodedSource):
            assert isinstance(here, PyAVCodedSound)
            assert here.coding == boxed.coding
            assert list(here) == list(boxed)
        else:
            assert isinstance(here, PyAVSound)
            assert isinstance(boxed, SandboxedSound)
            assert here.info == boxed.info
            assert [b.start for b in here] == [b.start for b in boxed]


def test_audio_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    for locked in (True, False):
        with pytest.raises(SourceError, match=r"missing\.mp4: no such file"):
            kept(tmp_path / "missing.mp4", tmp_path / "out.mp4", locked=locked)


@pytest.mark.parametrize("name", ["aac.mp4", "alaw.avi"])
def test_when_the_process_that_reads_sound_dies_nothing_is_published(
    clip: Clips, name: str, tmp_path: Path
) -> None:
    source = tmp_path / f"in{clip(name).suffix}"
    long = (*X264, "-c:a", "aac" if "aac" in name else "pcm_alaw", "-ar", "8000")
    lavfi(source, *long, picture="testsrc2=s=128x96:r=25:d=60", sound="sine=d=60:r=8000")
    out = tmp_path / "out.mp4"
    sound = kept(source, out)
    assert isinstance(sound, SandboxedCodedSound | SandboxedSound)
    os.kill(sound._child.pid, signal.SIGSEGV)
    said = r'out\.mp4: the audio cannot be kept: .*crashed \(SIGSEGV\).*audio = "drop"'
    with PyAVSource(source) as pictures, pytest.raises(SinkError, match=said):
        copy(pictures, PyAVSink(out, OutputOptions(preset="ultrafast", audio="keep"), kept=sound))
    assert list(tmp_path.iterdir()) == [source]


def test_sound_that_cannot_be_decoded_is_silent_and_told(tmp_path: Path) -> None:
    """Where it is made into another codec; what is copied is as broken as it was."""
    source, out = tmp_path / "in.mkv", tmp_path / "out.mov"
    lavfi(source, *X264, "-bf", "0", "-c:a", "libvorbis", sound="sine=d=0.96:r=48000")
    data = bytearray(source.read_bytes())
    found = [bytes(p) for p in _sound_packets(source)]
    for broken in found[10:14]:
        at = data.find(broken)
        data[at : at + len(broken)] = b"\xff" * len(broken)
    source.write_bytes(data)
    notes = pass_through(source, out, audio="keep").notes
    assert [note for note in notes if "missing in the input, and silent" in note]
    assert kinds(out) == ["video", "audio"]


def _sound_packets(path: Path) -> list[av.Packet]:
    with av.open(str(path)) as file:
        return [p for p in file.demux(file.streams.audio[0]) if p.size]


def test_sound_is_kept_where_it_is_asked_for_alone(clip: Clips, tmp_path: Path) -> None:
    sound = kept(clip("aac.mp4"), tmp_path / "out.mp4")
    with pytest.raises(ConfigError, match="where it is asked for"):
        PyAVSink(tmp_path / "out.mp4", OutputOptions(), kept=sound)


def test_packets_that_a_muxer_would_look_into_are_left_out(clip: Clips, tmp_path: Path) -> None:
    class Wrapped:
        coding = SoundCoding("aac", 48000, "mono", b"\x11\x88", Fraction(1, 48000))

        def __iter__(self) -> Iterator[CodedSound]:
            for index in range(9):
                data = b"\xff\xf1" + bytes(20) if index % 3 == 1 else bytes([0, index])
                yield CodedSound(1024 * index, 1024 * index, 1024, data)

        def close(self) -> None: ...

    options = OutputOptions(preset="ultrafast", audio="keep")
    with PyAVSource(clip("constant.mp4")) as pictures:
        copy(pictures, PyAVSink(tmp_path / "out.mp4", options, kept=Wrapped()))
    assert [data[1] for _, data in packets(tmp_path / "out.mp4")] == [0, 2, 3, 5, 6, 8]


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
