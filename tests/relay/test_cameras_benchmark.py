"""The benchmark of cameras runs, and its figures are those of a relay that ran."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_short_run_tells_frames_latency_and_memory(tmp_path: Path) -> None:
    out = tmp_path / "cameras.json"
    words = "--counts 1 --seconds 6 --size 320x180 --fps 5 --model none --json"
    command = [sys.executable, "-m", "benchmarks", "cameras", *words.split(), str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(out.read_text())["rows"]
    assert row["cameras"] == 1
    assert row["frames"] > 10
    assert row["latency_p50_s"] > 0
    assert 20 < row["rss_mb"] < 2000
