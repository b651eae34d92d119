"""The element `redact` in real pipelines of gst-launch: what `redact run` hides, bit for bit."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import redact
from redact.gstreamer import install, uninstall
from redact.gstreamer.planes import Layout
from redact.sources import PyAVSource

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "samples" / "driveway_small.mp4"
ZONE = ROOT / "samples" / "driveway_small.zone.json"
FRAMES = 60
DEBIAN = "/usr/bin/python3"
# y4menc writes padding along; there and back, without loss, leaves none.
COMPACT = (
    "videoconvert",
    "video/x-raw,format=YV12",
    "videoconvert",
    "video/x-raw,format=I420",
    "y4menc",
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where GStreamer finds the element, and nothing else of ours."""
    if shutil.which("gst-launch-1.0") is None:
        pytest.skip("GStreamer is not installed: see .ci/run")
    found = subprocess.run(
        [DEBIAN, "-c", "import sys, gi; print(sys.version_info[:2])"],
        capture_output=True,
        text=True,
    )
    if found.stdout.strip() != str(sys.version_info[:2]):
        pytest.skip(f"GStreamer's Python is {found.stdout.strip() or 'without gi'}")
    home = tmp_path_factory.mktemp("gstreamer")
    install(home / "plugins")
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "GST_PLUGIN_PATH": str(home / "plugins"),
        "GST_REGISTRY": str(home / "registry.bin"),
    }


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "short.mp4"
    command = ["ffmpeg", "-v", "error", "-i", CLIP, "-frames:v", FRAMES, "-bf", 0, path]
    subprocess.run(list(map(str, command)), check=True)
    return path


def launch(environment: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    command = ["gst-launch-1.0", "-q", *" ! ".join(map(str, words)).split(" ")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def pictures(path: Path) -> list[bytes]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray().tobytes() for frame in file.decode(video=0)]


def redacted_in_nanoseconds(clip: Path) -> list[bytes]:
    """What the redactor makes of a file whose times are told as GStreamer does, cut to 1e-9 s:
    a thirtieth of a second is then no exact part of any limit."""
    nano = Fraction(1, 1_000_000_000)
    with PyAVSource(clip) as source:
        info = dataclasses.replace(source.info, time_base=nano)
        config = redact.Config(zone=redact.load_zone(ZONE))
        redactor = redact.make_redactor(info, config, redact.load_detector(config))
        out = []
        for frame in source:
            out += redactor.push(
                dataclasses.replace(frame, pts=int(frame.time / nano), time_base=nano)
            )
        out += redactor.flush()
    return [b"".join(np.ascontiguousarray(p).tobytes() for p in (f.y, f.u, f.v)) for f in out]


@pytest.mark.parametrize("kind", ["I420", "NV12"])
def test_the_element_hides_what_run_hides_bit_for_bit(
    environment: dict[str, str], clip: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / "out.y4m"
    done = launch(
        environment,
        f"filesrc location={clip}",
        "decodebin",
        "videoconvert",
        f"video/x-raw,format={kind}",
        f"redact zone={ZONE}",
        *COMPACT,
        f"filesink location={out}",
    )
    assert done.returncode == 0, done.stderr
    made = pictures(out)
    assert len(made) == FRAMES  # EOS lets go of what is held back
    assert made == redacted_in_nanoseconds(clip)


def test_decoders_that_pad_their_planes_are_respected(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """304 pixels are no multiple of a decoder's alignment: offsets differ from the caps'."""
    clip, out = tmp_path / "odd.mp4", tmp_path / "out.y4m"
    scale = ["-vf", "scale=304:170", "-frames:v", "30", "-bf", "0"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(CLIP), *scale, str(clip)], check=True)
    done = launch(
        environment,
        f"filesrc location={clip}",
        "qtdemux",
        "h264parse",
        "avdec_h264",
        f"redact zone={ZONE}",
        *COMPACT,
        f"filesink location={out}",
    )
    assert done.returncode == 0, done.stderr
    assert pictures(out) == redacted_in_nanoseconds(clip)


def test_the_latency_that_it_answers_is_what_it_holds_back(
    environment: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "latency.py"
    script.write_text(
        "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst\n"
        "Gst.init(None)\n"
        "p = Gst.parse_launch('videotestsrc is-live=true ! video/x-raw,width=64,height=64,"
        "format=I420,framerate=10/1 ! redact everyone=true look-back=5 ! fakesink name=s')\n"
        "p.set_state(Gst.State.PLAYING); p.get_state(20 * Gst.SECOND)\n"
        "import time; time.sleep(2)\n"
        "q = Gst.Query.new_latency(); p.get_by_name('s').get_static_pad('sink').peer_query(q)\n"
        "print(q.parse_latency())\n"
        "p.set_state(Gst.State.NULL)\n"
    )
    done = subprocess.run(
        [DEBIAN, str(script)], env=environment, capture_output=True, text=True, timeout=60
    )
    # Five frames of 100 ms, and the one of the source itself.
    assert "live=True, min_latency=600000000" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", "no property is given"),
        ("zone=missing.json", "missing.json"),
        ("everyone=true zone=x.json", "exclude each other"),
        ("everyone=true effect=smear", "smear"),
        ("everyone=true model=missing.onnx", "missing.onnx"),
    ],
)
def test_what_is_wrong_ends_the_pipeline_with_one_message(
    environment: dict[str, str], options: str, said: str
) -> None:
    caps = "video/x-raw,width=64,height=64,format=I420"
    done = launch(
        environment, "videotestsrc num-buffers=3", caps, f"redact {options}".strip(), "fakesink"
    )
    assert done.returncode != 0
    assert said in done.stderr


def test_sizes_may_change_on_the_way(environment: dict[str, str], tmp_path: Path) -> None:
    """Two streams, one after the other: what was held back of the first still comes out."""
    out = tmp_path / "count.log"
    pipeline = [
        "concat name=c",
        "redact everyone=true",
        "fakesink silent=false sync=false -v videotestsrc num-buffers=30",
        "video/x-raw,width=64,height=64,format=I420",
        "c. videotestsrc num-buffers=30",
        "video/x-raw,width=96,height=48,format=I420",
        "c.",
    ]
    command = ["gst-launch-1.0", *" ! ".join(pipeline).replace("-v ", "").split(" ")]
    done = subprocess.run(
        [*command[:1], "-v", *command[1:]],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    sizes = [
        line.split("(")[-1].split(" bytes")[0]
        for line in done.stdout.splitlines()
        if "chain" in line
    ]
    assert sizes == [str(64 * 64 * 3 // 2)] * 30 + [str(96 * 48 * 3 // 2)] * 30
    assert not out.exists()


# -- without GStreamer -------------------------------------------------------------------------


def test_offsets_and_strides_of_a_buffer_are_respected() -> None:
    memory = memoryview(bytearray(np.arange(240, dtype=np.uint8).tobytes()))
    layout = Layout(4, 4, True, (10, 100), (16, 20))
    y, u, v = layout.read(memory.toreadonly())
    assert y[1].tolist() == [26, 27, 28, 29]
    assert u[1].tolist() == [120, 122]
    assert v[1].tolist() == [121, 123]
    blank = tuple(np.zeros_like(plane) for plane in (y, u, v))
    layout.write(memory, blank)  # type: ignore[arg-type]
    kept = [n for n, value in enumerate(memory) if value != n]
    assert kept == [
        *(10 + 16 * row + n for row in range(4) for n in range(4)),
        *(100 + 20 * row + n for row in range(2) for n in range(4)),
    ]


def test_a_buffer_that_is_too_short_is_an_error() -> None:
    with pytest.raises((ValueError, TypeError)):
        Layout(64, 64, False, (0, 4096, 5120), (64, 32, 32)).read(memoryview(bytes(6000)))


def test_the_plugin_file_comes_and_goes(tmp_path: Path) -> None:
    path = install(tmp_path)
    assert path.parent == tmp_path / "python"
    compile(path.read_text(), str(path), "exec")
    assert uninstall(tmp_path) == path
    assert not path.exists()
    with pytest.raises(redact.RedactError, match="cannot be removed"):
        uninstall(tmp_path)
