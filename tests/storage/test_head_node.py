"""The head node of a cluster dies, and with it all that Ray knows: one line says so, and the next
run, on a cluster that it starts itself, goes on where that one ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cliclips import make_clip, tree

pytest.importorskip("ray", reason="ray has no wheel for this platform")

ROOT = Path(__file__).parents[2]
# As `redact`, with less patience.
REDACT = (
    "from redact.batch import connecting as c; c._AWAY = 4.0; from redact.cli import main; main()"
)


def test_a_head_node_that_dies_is_one_error_and_the_next_run_goes_on(
    tmp_path: Path, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    for name in ("a", "b", "c"):
        make_clip(tmp_path / "in" / f"{name}.mp4", 400, (160, 120))
    head = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    words = [sys.executable, "-c", REDACT, "run", "in", "-o", "out", "--model", "none"]
    words += ["--zone", str(clips / "zone.json"), "--engine", "ray"]
    run = subprocess.Popen(
        [*words, "--address", cluster.address],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        end = time.monotonic() + 120
        while not (tmp_path / "out" / "a.mp4.redact.json").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        cluster.remove_node(cluster.head_node, allow_graceful=False)
        said = run.communicate(timeout=100)[0]
    finally:
        run.kill()
        cluster.shutdown()
    assert run.returncode == 1, said
    errors = [line for line in said.splitlines() if "error" in line.lower()]
    assert len(errors) == 1, said
    assert "the head node of the Ray cluster at" in errors[0]
    assert "start the cluster again, then the same command" in errors[0]
    there = tree(tmp_path / "out")
    assert not any("partial" in name for name in there)
    finished = [name for name in there if name.endswith(".redact.json")]

    again = subprocess.run(
        [*words, "--jobs", "1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert again.returncode == 0, again.stderr
    assert f"{3 - len(finished)} done, {len(finished)} skipped" in again.stdout + again.stderr
