"""Fixtures of the pages' tests: a real server in its own process, and a real browser."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import pytest
from click.testing import CliRunner

from redact.cli import cli

sys.path.insert(0, str(Path(__file__).parent))

from served import SMALL, Served, launched


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Start `redact ...` in a folder of its own and wait for the address that it prints."""
    with ExitStack() as running:
        yield lambda *words: running.enter_context(launched(tmp_path, *words))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # the gate may share its machine
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a fresh profile; a complaint of the browser fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda m: (
            complaints.append(m.text)
            if m.type == "error" and "Failed to load resource" not in m.text
            else None
        ),
    )
    yield opened
    context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short outputs with their reports; the property is the whole lower part."""
    folder = tmp_path_factory.mktemp("made")
    clip = folder / "in" / "2026-11-20_14-05.mp4"
    clip.parent.mkdir()
    with av.open(str(SMALL)) as source, av.open(str(clip), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None and packet.pts * packet.time_base < 3:
                packet.stream = stream
                target.mux(packet)
    shutil.copy(clip, clip.with_name("2026-11-20_16-30.mp4"))
    zone = folder / "zone.json"
    zone.write_text(json.dumps({"polygons": [[[0, 0.3], [1, 0.3], [1, 1], [0, 1]]]}))
    words = ("--zone", zone, "-o", folder / "out", "--model", "none", "--quiet")
    command = [str(word) for word in ("run", folder / "in", *words)]
    done = CliRunner().invoke(cli, command, prog_name="redact")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "out", tmp_path / "out")
    return tmp_path / "out"
