"""Fixtures of the command line's tests: a folder of clips, and a way to call `redact`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from redact.cli import cli

sys.path.insert(0, str(Path(__file__).parent))

from cliclips import Call, Spawn, make_clip

ZONE = {"polygons": [[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]]}


@pytest.fixture(scope="session")
def clip_bytes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        suffix: make_clip(folder / f"clip{suffix}").read_bytes()
        for suffix in (".mp4", ".mkv", ".avi")
    }


@pytest.fixture
def here(tmp_path: Path, clip_bytes: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: `zone.json`, and `in/` with three clips in a tree."""
    (tmp_path / "zone.json").write_text(json.dumps(ZONE))
    for name in ("in/a.mp4", "in/b.mkv", "in/deep/er/c.avi"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clip_bytes[path.suffix])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(here: Path) -> Call:  # noqa: ARG001 - the working folder
    def invoke(*args: str) -> Result:
        return CliRunner().invoke(cli, list(args), prog_name="redact")

    return invoke


@pytest.fixture
def spawn(here: Path) -> Spawn:  # noqa: ARG001 - the working folder
    """Start a real `redact` in a process group of its own, with the usual signals."""

    def usual() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def start(*args: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*before, sys.executable, "-m", "redact", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=usual,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )

    return start
