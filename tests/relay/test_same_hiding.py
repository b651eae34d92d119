"""What the relay hides is what `redact run` hides, frame for frame: same code, same times."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

import redact
from redact.config import OutputOptions
from redact.relay import load_relay_config, run_relay

ROOT = Path(__file__).resolve().parents[2]
CLIP, ZONE = ROOT / "samples" / "driveway_small.mp4", ROOT / "samples" / "driveway_small.zone.json"
FRAMES = 60
RELAY = f"""
[output]
crf = 12
[status]
listen = ""
[cameras.c]
url = "clip.mp4"
zone = "{ZONE}"
realtime = false
outputs = [{{ kind = "segments", folder = "out", seconds = 1000 }}]
"""


def coarse(path: Path) -> list[npt.NDArray[np.float64]]:
    """Means of blocks of 8 pixels, in which a person who is shown instead of hidden stands out."""
    with av.open(str(path)) as file:
        lumas = [frame.to_ndarray()[: frame.height] for frame in file.decode(video=0)]
    return [luma.reshape(45, 8, 80, 8).mean(axis=(1, 3)) for luma in lumas]


def test_the_relay_hides_what_a_run_hides(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    cut = ["-i", CLIP, "-frames:v", FRAMES, "-c:v", "libx264", "-crf", 12, "-bf", 0, clip]
    subprocess.run(["ffmpeg", "-v", "error", *map(str, cut)], check=True)
    options = OutputOptions(crf=12, copy=False)
    config = redact.Config(zone=redact.load_zone(ZONE), output=options)
    report = redact.run(clip, tmp_path / "run.mp4", config)
    assert report.people_hidden
    (tmp_path / "relay.toml").write_text(RELAY)
    said: list[str] = []
    relay = load_relay_config(tmp_path / "relay.toml")
    assert run_relay(relay, threading.Event(), lambda _camera, text: said.append(text)) == 0, said
    (out,) = (tmp_path / "out").glob("*.mp4")
    given, got = coarse(tmp_path / "run.mp4"), coarse(out)
    assert len(got) == len(given) == FRAMES
    apart = [float(np.abs(a - b).max()) for a, b in zip(given, got, strict=True)]
    assert max(apart) < 10
    shown = [float(np.abs(a - b).max()) for a, b in zip(coarse(clip), got, strict=True)]
    assert min(shown) > 20  # somebody is hidden in every frame, or nothing would be compared
