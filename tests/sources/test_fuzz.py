"""A small part of `python -m benchmarks fuzz`: damaged files neither crash nor hang the decoder,
nor lose frames in silence where their container promises any."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_hundred_damaged_files() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "fuzz", "--files", "100", "--seed", "7"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=300,
    )
    found = json.loads(ran.stdout)
    assert found["bad"] == []
    assert (found["crash"], found["hang"], found["silent loss"]) == (0, 0, 0)
    assert found["refused"] > 30, "the damage is real"
    assert found["whole"] > 10, "and what still decodes is read"
    assert ran.returncode == 0
