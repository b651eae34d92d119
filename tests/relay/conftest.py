"""Real servers, or a reason why not."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rtsp_scenes import DEBIAN_PYTHON, RtspServer

_PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); import gi.repository.GstRtspServer"


@pytest.fixture(scope="session")
def gstreamer() -> None:
    done = subprocess.run([DEBIAN_PYTHON, "-c", _PROBE], capture_output=True)
    if done.returncode or shutil.which("gst-launch-1.0") is None:
        pytest.skip("Debian's gst-rtsp-server is not installed: see .ci/run")


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RtspServer]:
    request.getfixturevalue("gstreamer")
    server = RtspServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def second_server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RtspServer]:
    request.getfixturevalue("gstreamer")
    server = RtspServer(tmp_path)
    yield server
    server.kill()
