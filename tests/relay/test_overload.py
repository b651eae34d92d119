"""When analysis does not keep up: frames are dropped before it, or hidden whole, never passed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from rtsp_scenes import fine_detail, luma, make_clip

from redact.relay import load_relay_config
from redact.relay.camera import Camera
from redact.structures import Detections, Frame, Label

CONFIG = """
look_back = 2
[detector]
interval = 0.0
[motion]
enabled = false
[status]
listen = ""
[cameras.c]
url = "{clip}"
zone = "all.json"
budget = 0.4
overload = "{policy}"
key_seconds = 0.5
outputs = [{{ kind = "segments", folder = "out", seconds = 1000 }}]
"""


class Slow:
    """A detector that finds nobody, and takes three frames' time for it."""

    labels = frozenset({Label.PERSON})

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        time.sleep(0.2)
        return [Detections.empty() for _ in frames]


@pytest.mark.parametrize("policy", ["drop", "hide"])
def test_a_slow_detector_never_lets_a_frame_pass_unseen(tmp_path: Path, policy: str) -> None:
    """The whole picture is property, so that what was looked at is shown as it is."""
    clip = make_clip(tmp_path / "clip.h264", [(75, 320, 240)])
    everywhere = {"polygons": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}
    (tmp_path / "all.json").write_text(json.dumps(everywhere))
    (tmp_path / "relay.toml").write_text(CONFIG.format(clip=clip, policy=policy))
    (config,) = load_relay_config(tmp_path / "relay.toml").cameras
    camera = Camera(config, Slow(), lambda _camera, _text: None)
    camera.start()
    assert camera.join(60)
    counts = camera.health.counts
    gone = counts["dropped"] + counts["overflowed"]
    (out,) = (tmp_path / "out").glob("*.mp4")
    detail = [fine_detail(picture) for _, picture in luma(out)]
    assert len(detail) == counts["out"] == counts["in"] - gone
    if policy == "drop":
        assert gone > 10
        assert counts["hidden_late"] == 0
        assert min(detail) > 30
    else:
        assert counts["hidden_late"] > 10
        hidden = sum(value < 4 for value in detail)
        assert hidden >= counts["hidden_late"]
        assert hidden == counts["hidden_whole"]
        assert max(camera.health.latency) < 10
