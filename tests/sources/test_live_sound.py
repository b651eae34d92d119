"""Sound of a camera that is no sound."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from redact.sources.live import LiveSource
from redact.sources.live_clock import LiveClock
from redact.sources.sandbox.camera import SandboxedCamera


def _clip(path: Path, rate: float) -> Path:
    """Ten pictures and some sound, which claims to have `rate` samples per second."""
    with av.open(str(path), "w", format="matroska") as out:
        pictures = out.add_stream("mpeg4", rate=10)
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        sound = out.add_stream("pcm_s16le", rate=8000)
        sound.codec_context.layout = "stereo"
        for k in range(10):
            picture = av.VideoFrame(64, 64, "yuv420p")
            picture.pts = k
            out.mux(pictures.encode(picture))
            if k == 5:
                samples = AudioFrame.from_ndarray(np.ones((1, 6000), np.int16), "s16", "stereo")
                samples.sample_rate, samples.pts = 8000, 4000
                samples.time_base = Fraction(1, 8000)
                out.mux(sound.encode(samples))
        out.mux(pictures.encode(None))
    said = b"\xb5\x88" + struct.pack(">d", 8000.0)  # the element SamplingFrequency
    data = path.read_bytes()
    assert data.count(said) == 1
    path.write_bytes(data.replace(said, b"\xb5\x88" + struct.pack(">d", rate)))
    return path


@pytest.mark.parametrize("kind", [LiveSource, SandboxedCamera])
@pytest.mark.parametrize(("rate", "heard"), [(8000.0, True), (1.0, False), (3999.0, False)])
def test_what_is_too_slow_for_sound_is_left_out(
    kind: type[LiveSource | SandboxedCamera], rate: float, heard: bool, tmp_path: Path
) -> None:
    """To play one sample a second at 48,000 would take gigabytes for what fits in a packet."""
    path, got = _clip(tmp_path / "clip.mkv", rate), list[int]()

    def on_sound(frame: AudioFrame, _pts: int) -> None:
        got.append(frame.samples)

    source = kind(str(path), "cam", LiveClock(), realtime=False, on_sound=on_sound)
    frames = list(source)
    source.close()
    assert len(frames) == 10
    assert bool(got) is heard
