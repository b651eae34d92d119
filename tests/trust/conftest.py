"""Fixtures of the tests of seals and logs: keys, a clip, a finished run with both."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from redact.cli import cli
from redact.sealing import KeyPair, make_key_pair, write_key_pair

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from cliclips import make_clip

Call = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with in/a.mp4 in it."""
    make_clip(tmp_path / "in/a.mp4", frames=12)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(here: Path) -> Call:  # noqa: ARG001 - the working folder
    def invoke(*args: str) -> Result:
        return CliRunner().invoke(cli, list(args), prog_name="redact")

    return invoke


@pytest.fixture
def pair(here: Path) -> KeyPair:
    """The owner's key pair, in owner.key and owner.key.pub."""
    pair = make_key_pair()
    write_key_pair(pair, here / "owner.key")
    return pair


@pytest.fixture
def logged(call: Call, here: Path) -> Path:
    """out/a.mp4, with its run in audit.jsonl, among runs of other clips."""
    for name in ("x", "a", "y"):
        make_clip(here / f"in/{name}.mp4", frames=12, seed=ord(name))
        done = call("run", f"in/{name}.mp4", "-o", "out", "--everyone", "--audit", "audit.jsonl")
        assert done.exit_code == 0, done.stderr
    return here / "audit.jsonl"
