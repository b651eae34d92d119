"""From file to file: what nobody disturbs is copied, whoever passes is hidden, by one flag both."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

import redact
from redact.config import Config, MotionOptions, OutputOptions
from redact.geometry import Zone
from redact.sources import PyAVSource

COUNT, RATE, GOP = 120, 15, 15
SIZE = (96, 128)
PASSES = range(60, 70)  # frames in which somebody passes


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A still street with its sound, along which a bright figure passes."""
    path = tmp_path_factory.mktemp("street") / "street.mp4"
    rest = np.kron(np.random.default_rng(3).integers(70, 110, (12, 16)), np.ones((8, 8)))
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=RATE, options={"crf": "18", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        stream.codec_context.gop_size = GOP
        sound = file.add_stream("aac", rate=16000)
        for index in range(COUNT):
            i420 = np.full((SIZE[0] * 3 // 2, SIZE[1]), 128, np.uint8)
            i420[: SIZE[0]] = rest
            if index in PASSES:
                left = 10 + 10 * (index - PASSES.start)
                i420[30:70, left : left + 14] = 235
            file.mux(stream.encode(av.VideoFrame.from_ndarray(i420, format="yuv420p")))
        for at in range(0, COUNT * 16000 // RATE, 1024):
            tone = np.sin(np.arange(at, at + 1024) / 8).astype(np.float32)[None]
            heard = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            heard.sample_rate, heard.pts = 16000, at
            file.mux(sound.encode(heard))
        file.mux(stream.encode(None))
        file.mux(sound.encode(None))
    return path


def run(street: Path, out: Path, **output: object) -> redact.Report:
    config = Config(
        zone=Zone.nothing(),
        models=(),
        motion=MotionOptions(warmup_alone=0.5),
        output=OutputOptions(**output),  # type: ignore[arg-type]
    )
    return redact.run(street, out, config)


def planes(path: Path) -> list[np.ndarray]:
    with PyAVSource(path) as source:
        return [frame.y.copy() for frame in source]


def test_what_is_quiet_is_copied_and_who_passes_is_hidden(street: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    report = run(street, out)
    before, after = planes(street), planes(out)
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert sum(same) == report.frames_copied
    # Encoded are the first run, as the background was being learned, and from the passer-by on
    # those in which anything is hidden, also after they left.
    assert COUNT // 2 <= report.frames_copied < COUNT - 2 * GOP
    for index in PASSES:
        assert not same[index]
        assert after[index].max() < 200 < before[index].max()


def test_by_a_flag_everything_is_encoded_anew(street: Path, tmp_path: Path) -> None:
    copying, anew = tmp_path / "copying.mp4", tmp_path / "anew.mp4"
    assert (
        run(street, copying).frames_with_hiding == run(street, anew, copy=False).frames_with_hiding
    )
    assert run(street, tmp_path / "again.mp4", copy=False).frames_copied == 0
    assert all(y.max() < 200 for y in planes(anew)[PASSES.start : PASSES.stop])


def test_both_are_told_apart_when_a_run_is_resumed() -> None:
    zone = Zone.nothing()
    assert Config(zone=zone).digest != Config(zone=zone, output=OutputOptions(copy=False)).digest


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_stays_beside_copied_pictures(street: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    assert run(street, out, audio="keep").frames_copied
    with av.open(str(street)) as one, av.open(str(out)) as other:
        told, kept = (
            [bytes(p) for p in f.demux(audio=0) if p.size and not p.is_discard]
            for f in (one, other)
        )
    assert kept == told
