"""The corridor on a device: the same people hidden, the same frames, one word of configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import redact
from redact.config import MotionOptions
from redact.errors import ConfigError
from redact.structures import Frame
from redact.testing import MemorySink, SyntheticSource

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "driveway_small.mp4"
ZONE = ROOT / "samples" / "driveway_small.zone.json"


class Some:
    """The first frames of the sample, as a source."""

    def __init__(self, frames: list[Frame], info: redact.StreamInfo) -> None:
        self.frames, self.info = frames, info

    def __iter__(self):
        return iter(self.frames)

    def close(self) -> None:
        pass


def test_the_whole_corridor_hides_on_a_device_as_without_one() -> None:
    pytest.importorskip("torch", reason="PyTorch is absent: pip install 'redact[cuda]'")
    from redact.sources import PyAVSource

    source = PyAVSource(SAMPLE)
    frames = [frame for frame, _ in zip(source, range(6), strict=False)]
    results = {}
    for device in ("cpu", "torch-cpu"):
        sink = MemorySink()
        config = redact.Config(
            zone=redact.load_zone(ZONE),
            device=device,
            look_back=3,
            motion=MotionOptions(enabled=False),
        )
        report = redact.run(Some(frames, source.info), sink, config)
        assert report.frames == 6
        results[device] = sink.frames
    source.close()
    hidden = [0.0, 0.0]
    for original, plain, card in zip(frames, *results.values(), strict=True):
        assert card.pts == plain.pts
        for at, frame in enumerate((plain, card)):
            hidden[at] += float((frame.y != original.y).mean()) / 6
    assert hidden[0] > 0.01
    assert hidden[1] > 0.9 * hidden[0]


def test_a_device_that_is_not_there_is_one_clear_line_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    pytest.importorskip("torch", reason="PyTorch is absent: pip install 'redact[cuda]'")
    output = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "redact", "run", str(SAMPLE), "--zone", str(ZONE)]
    done = subprocess.run(
        [*command, "--device", "cuda:77", "-o", str(output)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "device cuda:77: no such graphics card" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_a_word_that_is_known_and_part_of_the_digest() -> None:
    zone = redact.Zone.nothing()
    with pytest.raises(ConfigError, match="device"):
        redact.Config(zone=zone, device="gpu")
    plain, card = redact.Config(zone=zone), redact.Config(zone=zone, device="cuda:0")
    assert plain.digest != card.digest
    assert plain.digest == redact.Config(zone=zone, device="cpu").digest


def test_a_synthetic_stream_without_models_needs_no_torch() -> None:
    sink = MemorySink()
    source = SyntheticSource(frames=5)
    redact.run(source, sink, redact.Config(zone=redact.Zone.nothing(), models=()))
    assert len(sink.frames) == 5
    assert np.ptp(sink.frames[0].y) <= 8
