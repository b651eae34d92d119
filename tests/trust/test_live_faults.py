"""Faults in what stands inside pipelines: the relay, the filter and the element of GStreamer.

Their stages are broken in turn, at random, and their processes killed or starved; the scanner looks
for the planted pattern in all that they gave out, left behind or said.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import planted
import pytest
from faulty import (
    FRAMES,
    ROOT,
    STAGES,
    Fault,
    broken_redactor,
    config_of,
    environment,
    limits,
    quotes,
    raise_,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redact.errors import RedactError, SinkError
from redact.pipeline import Pipeline
from redact.relay import camera as relay_camera
from redact.relay import hiding
from redact.relay.options import CameraConfig, CameraSection, HlsOutputOptions, SegmentsOutput
from redact.sinks import PipeSink
from redact.sources import PipeSource
from redact.sources.sandbox import camera as sandboxed_camera
from redact.sources.sandbox.camera import SandboxedCamera

DEBIAN = "/usr/bin/python3"
NEVER = ("detector", "None", 10**6, 1)
QUICK = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    stage = draw(st.sampled_from(sorted(STAGES)))
    kind = draw(st.sampled_from(sorted(STAGES[stage][2])))
    return stage, kind, draw(st.integers(0, FRAMES - 1)), draw(st.sampled_from([1, 2, FRAMES]))


kinds = st.sampled_from(["blur", "fill", "erase"])


# -- the filter -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("raw")
    for name in ("y4m", "nut"):
        planted.encode(folder / f"raw.{name}", FRAMES)
    return {name: (folder / f"raw.{name}").read_bytes() for name in ("y4m", "nut")}


def filtered(data: bytes, out: io.BytesIO, kind: str, fault: Fault, mode: str, to: str) -> str:
    """What `redact filter` does, with one stage broken; returns what it says."""
    try:
        with PipeSource(io.BytesIO(data)) as source:
            redactor = broken_redactor(source.info, fault, kind, mode)
            Pipeline(source, redactor, PipeSink(out, to)).run()  # type: ignore[arg-type]
    except (RedactError, MemoryError) as error:
        return str(error) or "failed"
    return ""


@settings(max_examples=40, **QUICK)  # type: ignore[arg-type]
@given(
    fault=faults(),
    kind=kinds,
    mode=st.sampled_from(["raise", "hide"]),
    to=st.sampled_from(["y4m", "nut"]),
)
def test_a_filter_with_a_broken_stage_passes_nothing_on(
    raw: dict[str, bytes], fault: Fault, kind: str, mode: str, to: str
) -> None:
    out = io.BytesIO()
    said = filtered(raw[to], out, kind, fault, mode, to)
    assert not quotes(said)
    assert not planted.holds(out.getvalue(), to)


def test_a_filter_that_passed_all_on_would_be_found(raw: dict[str, bytes]) -> None:
    assert all(planted.holds(data, name) for name, data in raw.items())


@pytest.mark.parametrize("error", [OSError(28, "No space left"), BrokenPipeError(), MemoryError()])
@pytest.mark.parametrize("at", [0, 3])
def test_a_filter_whose_reader_fails_ends_with_an_error(
    raw: dict[str, bytes], error: Exception, at: int
) -> None:
    class Reader(io.BytesIO):
        calls = 0

        def write(self, data: Any) -> int:
            self.calls += 1
            return raise_(error) if self.calls > at else super().write(data)

    out = Reader()
    assert filtered(raw["nut"], out, "blur", NEVER, "raise", "nut")
    assert not planted.holds(out.getvalue(), "nut")


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_filter_whose_writer_dies_passes_nothing_unredacted(
    raw: dict[str, bytes], cut: float
) -> None:
    out, data = io.BytesIO(), raw["nut"]
    filtered(
        data[: int(len(data) * cut)], out, "blur", ("policy", "None", 10**6, 1), "raise", "nut"
    )
    assert not planted.holds(out.getvalue(), "nut")


# -- the relay ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stream") / "camera.mkv"
    planted.encode(path, 2 * FRAMES)
    return path


class Faulty:
    """Stands for an output, or for the source: fails or hangs from the n-th call on."""

    def __init__(self, real: Any, method: str, fault: Callable[[], Any], at: int) -> None:
        self._real, self._method, self._fault, self._left = real, method, fault, at

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name != self._method:
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                self._fault()
            return real(*args, **kwargs)

        return call


def relayed(
    stream: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault = NEVER,
    kind: str = "blur",
) -> tuple[bool, list[str], relay_camera.Camera]:
    """One camera from a file to recordings and HLS. Returns whether it ended, and what it said."""
    outputs = [
        SegmentsOutput(folder="rec", seconds=0.5),
        HlsOutputOptions(folder="hls", seconds=0.5),
    ]
    camera = CameraConfig(
        name="a",
        url=str(stream),
        config=config_of(kind),
        options=CameraSection(url="x", everyone=True, realtime=False, retry=0.1, outputs=outputs),
        folder=folder,
    )
    said: list[str] = []
    monkeypatch.setattr(
        hiding, "make_redactor", lambda info, *_, **__: broken_redactor(info, fault, kind, "hide")
    )
    running = relay_camera.Camera(camera, None, lambda _name, text: said.append(text))
    running.start()
    return running.join(30), said, running


@settings(max_examples=8, **QUICK)  # type: ignore[arg-type]
@given(fault=faults(), kind=kinds)
def test_a_relay_with_a_broken_stage_shows_nothing(stream: Path, fault: Fault, kind: str) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        ended, said, _ = relayed(stream, Path(name), patch, fault, kind)
        assert ended
        assert not any(map(quotes, said))
        assert planted.clear_pixels(Path(name)) == []


ERRORS = [SinkError("full"), ValueError("x"), MemoryError(), OSError(28, "No space left on device")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("what", ["encoder", "output", "source"])
def test_a_relay_goes_on_around_what_fails(
    stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, error: Exception
) -> None:
    """The second output gets all there is, whatever became of the first."""
    if what == "encoder":
        left = [3]
        real = hiding.LiveEncoder.encode

        def encode(self: Any, frame: Any) -> Any:
            left[0] -= 1
            return raise_(error) if left[0] == 0 else real(self, frame)

        monkeypatch.setattr(hiding.LiveEncoder, "encode", encode)
    elif what == "output":
        make = relay_camera.make_output

        def one_fails(options: Any, camera: Any, servers: Any) -> Any:
            output = make(options, camera, servers)
            fails = isinstance(options, SegmentsOutput)
            return Faulty(output, "write", lambda: raise_(error), 4) if fails else output

        monkeypatch.setattr(relay_camera, "make_output", one_fails)
    else:
        tries = [0]

        class Lost(SandboxedCamera):
            def __iter__(self) -> Any:
                tries[0] += 1
                for index, frame in enumerate(super().__iter__()):
                    if tries[0] == 1 and index == 5:
                        raise error
                    yield frame

        monkeypatch.setattr(sandboxed_camera, "SandboxedCamera", Lost)
    ended, said, camera = relayed(stream, tmp_path, monkeypatch)
    assert ended
    assert said
    assert camera.health.outputs["1-hls"].packets > FRAMES
    assert planted.clear_pixels(tmp_path) == []
    assert not list(tmp_path.rglob(".*partial*"))


def test_an_output_that_hangs_holds_up_nobody(
    stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()
    make = relay_camera.make_output
    monkeypatch.setattr(relay_camera, "_CLOSE", 0.5)

    def one_hangs(options: Any, camera: Any, servers: Any) -> Any:
        output = make(options, camera, servers)
        hangs = isinstance(options, SegmentsOutput)
        return Faulty(output, "write", lambda: free.wait(20), 4) if hangs else output

    monkeypatch.setattr(relay_camera, "make_output", one_hangs)
    try:
        ended, said, camera = relayed(stream, tmp_path, monkeypatch)
    finally:
        free.set()
    assert ended
    assert any("hangs" in text for text in said)
    assert camera.health.outputs["1-hls"].packets == 2 * FRAMES
    assert planted.clear_pixels(tmp_path) == []


# -- the element ----------------------------------------------------------------------------


ELEMENT = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import faulty, redact.gstreamer.element as element
from gi.repository import Gst
Gst.Element.register(None, "faulty", 0, element.RedactElement)
clip, folder, kind = sys.argv[2:5]
for number, fault in enumerate(json.loads(sys.argv[5])):
    element.make_redactor = lambda info, *_, **__: faulty.broken_redactor(
        info, tuple(fault), kind, "hide")
    pipeline = Gst.parse_launch(
        f"filesrc location={clip} ! y4mdec ! faulty everyone=true ! filesink "
        f"location={folder}/{number}.raw")
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(
        20 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    print(number, "nothing" if message is None else message.type.first_value_nick, flush=True)
    if message is not None and message.type == Gst.MessageType.ERROR:
        print(message.parse_error())
    pipeline.set_state(Gst.State.NULL)
"""


def element_runs(folder: Path, faults: list[Fault], kind: str) -> str:
    if shutil.which("gst-launch-1.0") is None:
        pytest.skip("GStreamer is not installed: see .ci/run")
    found = subprocess.run(
        [DEBIAN, "-c", "import sys, gi; print(sys.version_info[:2])"],
        capture_output=True,
        text=True,
    )
    if found.stdout.strip() != str(sys.version_info[:2]):
        pytest.skip(f"GStreamer's Python is {found.stdout.strip() or 'without gi'}")
    planted.encode(folder.parent / "clip.y4m", FRAMES)
    paths = [str(ROOT), str(Path(__file__).parent), *(p for p in sys.path if "packages" in p)]
    words = [json.dumps(paths), str(folder.parent / "clip.y4m"), str(folder), kind]
    done = subprocess.run(
        [DEBIAN, "-c", ELEMENT, *words, json.dumps(faults)],
        env={"PATH": os.defpath, "HOME": str(folder.parent), "GST_REGISTRY": f"{folder.parent}/r"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["blur", "erase"])
def test_an_element_with_a_broken_stage_shows_nothing(tmp_path: Path, kind: str) -> None:
    chance, chosen = random.Random(kind), list[Fault]()
    for stage, (_, _, known) in sorted(STAGES.items()):
        for what in chance.sample(sorted(known), 3):
            calls = chance.choice([1, 2, FRAMES])
            chosen.append((stage, what, chance.randrange(FRAMES), calls))
    (tmp_path / "out").mkdir()
    said = element_runs(tmp_path / "out", chosen, kind)
    assert "nothing" not in said, "it came to an end each time"
    assert not quotes(said)
    made = sorted((tmp_path / "out").iterdir(), key=lambda path: int(path.stem))
    assert len(made) == len(chosen)
    assert sum(path.stat().st_size > 0 for path in made) > len(chosen) // 2
    assert planted.clear_pixels(tmp_path / "out") == []


# -- processes that die ---------------------------------------------------------------------


RELAY = """
look_back = 4
[status]
listen = ""
[cameras.a]
url = "{clip}"
everyone = true
realtime = {realtime}
outputs = [
    {{ kind = "segments", folder = "out", seconds = 1 }},
    {{ kind = "hls", folder = "hls", seconds = 1 }},
]
"""
DEATHS: dict[str, tuple[int | None, int | None, int | None]] = {
    "killed": (None, None, signal.SIGKILL),
    "aborted": (None, None, signal.SIGABRT),
    "out of memory": (500 << 20, None, None),
    "disk full": (None, 6_000, None),
}


@pytest.fixture(scope="module")
def long_clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """8 s, which the motion net hides without a model."""
    folder = tmp_path_factory.mktemp("long")
    for name in ("a.mkv", "a.y4m"):
        planted.encode(folder / name, 240, 30)
    return {"relay": folder / "a.mkv", "filter": folder / "a.y4m"}


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("mode", ["relay", "filter"])
def test_a_live_process_that_dies_leaves_no_clear_pixel(
    tmp_path: Path, long_clips: dict[str, Path], death: str, mode: str
) -> None:
    memory, size, number = DEATHS[death]
    realtime = str(number is not None).lower()
    text = RELAY.format(clip=long_clips["relay"], realtime=realtime)
    if death == "disk full":  # that limit is one of memory shared with decoders as well
        text = text.replace("everyone", "sandbox = false\neveryone")
    (tmp_path / "relay.toml").write_text(text)
    (tmp_path / "tmp").mkdir()
    words = ["relay", "relay.toml"] if mode == "relay" else ["filter", "--everyone"]
    with (
        long_clips[mode].open("rb") as given,
        (tmp_path / "passed.y4m").open("wb") as passed,
        (tmp_path / "said").open("wb") as said,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "redact", *words],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdin=given,
            stdout=passed,
            stderr=said,
            preexec_fn=limits(memory, size),
        )
        if number is not None:
            until = time.monotonic() + 60
            while not _writes(tmp_path) and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(random.Random(death + mode).uniform(0, 0.3))
            process.send_signal(number)
        code = process.wait(60)
    assert code != 0 or death in ("out of memory", "disk full")
    assert number is None or code == -number, (tmp_path / "said").read_text()
    assert not list(tmp_path.rglob("core*"))
    assert planted.clear_pixels(tmp_path) == []


def _writes(folder: Path) -> bool:
    return (folder / "passed.y4m").stat().st_size > 0 or any(folder.glob("out/*"))
