"""What every detector promises, checked on fakes and on the real weights that are at hand."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import heads
import numpy as np
import onnx_graphs
import pytest
from pictures import flat, footage, truth

from redact.config import DetectorOptions
from redact.detectors import load_detector
from redact.detectors.ensemble import Looking
from redact.detectors.suppression import overlaps
from redact.protocols import Detector
from redact.structures import Detections, Frame, Label

PERSON_MODELS = {  # least share of clearly visible people of PETS09 that a model must find
    "deimv2_hgnetv2_atto_coco.onnx": 0.6,
    "deimv2_hgnetv2_femto_coco.onnx": 0.8,
    "nanodet-plus-m_coco_dyn.onnx": 0.9,
    "yolo11n_coco_640_int8.xml": 0.8,
    "yolo11n_coco_dyn.onnx": 0.8,
    "yolo26n_coco_dyn.onnx": 0.8,
    "yolov5n_coco_640_fp16.onnx": 0.85,
    "yolox_nano_coco_416.onnx": 0.8,
}
FACE_MODELS = [
    "face-detection-0204-int8.xml",
    "scrfd_2.5g_kps.onnx",
    "scrfd_500m_kps.onnx",
    "yolov8n-face_dyn.onnx",
    "yunet_n_dynamic.onnx",
]
OPTIONS = DetectorOptions(threads=1)


@lru_cache
def real(path: Path) -> Looking:
    return load_detector([path], OPTIONS)


@pytest.fixture(params=[*heads.HEADS, *PERSON_MODELS, *FACE_MODELS])
def detector(request: pytest.FixtureRequest, tmp_path: Path) -> Looking:
    if request.param in heads.HEADS:
        return load_detector([onnx_graphs.save_head(tmp_path, request.param)], OPTIONS)
    return real(weights(request.getfixturevalue("shared"), request.param))


def weights(shared: Path, name: str) -> Path:
    path = shared / "weights" / name
    if not path.exists():
        pytest.skip(f"test weights {name} are absent: set REDACT_SHARED")
    return path


def noise(width: int, height: int) -> Frame:
    frame = flat(width, height)
    rng = np.random.default_rng(width)
    planes = [rng.integers(0, 255, p.shape, np.uint8) for p in (frame.y, frame.u, frame.v)]
    return Frame(planes[0], planes[1], planes[2], 0, frame.time_base)


def same(a: Detections, b: Detections) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("xyxy", "score", "label")
    )


def test_it_fits_the_protocol_and_says_what_it_is(detector: Looking) -> None:
    assert isinstance(detector, Detector)
    assert detector.labels
    assert detector.labels <= {Label.PERSON, Label.FACE}
    (info,) = detector.describe()
    assert set(info.labels) == {label.name.lower() for label in detector.labels}
    assert len(info.sha256) in (64, 129)


def test_it_answers_each_frame_in_order_whatever_its_shape(detector: Looking) -> None:
    frames = [noise(320, 240), noise(97, 331), noise(640, 65), noise(320, 240)]
    together = detector.detect(frames)
    assert len(together) == 4
    assert same(together[0], together[3])
    for frame, found in zip(frames[:3], together, strict=False):
        assert same(detector.detect([frame])[0], found)
        assert set(found.label) <= set(detector.labels)
        floor = {Label.PERSON: OPTIONS.hide_score, Label.FACE: OPTIONS.face_score}
        for label, score in zip(found.label, found.score, strict=True):
            assert floor[Label(label)] - 1e-6 <= score <= 1
        assert (found.xyxy[:, 2:] >= found.xyxy[:, :2]).all()
    assert list(detector.detect([])) == []


def test_many_threads_may_share_it(tmp_path: Path) -> None:
    one = load_detector([onnx_graphs.save_head(tmp_path, head) for head in ("yolo", "yunet")])
    share(one, [flat(320, 240), flat(64, 640), flat(640, 64), flat(300, 300)])


def test_many_threads_may_share_a_real_network(shared: Path) -> None:
    clip = shared / "footage" / "pets09_s2l1.mp4"
    share(real(weights(shared, "yunet_n_dynamic.onnx")), footage(clip, 0, 60, 120, 180))


def share(detector: Looking, frames: Sequence[Frame]) -> None:
    alone = detector.detect(frames)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda i: (i % 4, detector.detect([frames[i % 4]])[0]), range(24)))
    for index, found in results:
        assert same(found, alone[index])


@pytest.mark.parametrize("name", PERSON_MODELS)
def test_a_person_model_finds_the_people_of_real_footage(shared: Path, name: str) -> None:
    detector = real(weights(shared, name))
    clip = shared / "footage" / "pets09_s2l1.mp4"
    labels = truth(shared / "footage" / "pets09_s2l1.gt.csv")
    frames = footage(clip, 20, 70, 120, 170, 200)
    hit, total = 0, 0
    for frame, found in zip(frames, detector.detect(frames), strict=True):
        for box in labels[frame.index]:
            total += 1
            hit += int(len(found) > 0 and overlaps(box[None], found.xyxy).max() >= 0.4)
    assert total >= 20
    assert hit / total >= PERSON_MODELS[name]


@pytest.mark.parametrize("name", FACE_MODELS)
def test_a_face_model_finds_a_near_face_and_no_face_in_an_empty_picture(
    shared: Path, name: str
) -> None:
    detector = real(weights(shared, name))
    (frame,) = footage(shared / "footage" / "street_near_faces.mp4", 120)
    found, nothing = detector.detect([frame, flat()])
    near = np.array([[1045, 0, 1138, 105]], np.float32)  # read off the picture by eye
    assert overlaps(near, found.xyxy)[0].max() > 0.4
    assert found.score[overlaps(near, found.xyxy)[0].argmax()] > 0.5
    assert len(nothing) == 0


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = (
        "import sys, redact.detectors as d; assert d.load_description\n"
        "print([m for m in ('cv2', 'openvino', 'torch', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


_QUIET = """
import os, sys
seen = []
def watch(event, args):
    if event.startswith(("socket.", "subprocess.", "os.mkdir", "os.fork", "os.exec", "os.posix")):
        seen.append((event, str(args)))
    if event == "open" and (args[1] or "r")[0] != "r":
        seen.append((event, str(args)))
sys.addaudithook(watch)
import numpy as np
from pictures import flat
from redact.detectors import load_detector
found = load_detector([sys.argv[1]]).detect([flat()])
assert len(found[0]) == 3, found
assert not seen, seen
assert "openvino" in sys.modules and not sys.modules.get("openvino_telemetry"), "telemetry"
import socket
assert not seen
socket.socket().close()
assert seen, "the watch itself works"
"""


def quiet(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).parent
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=False
    )


def test_importing_compiling_and_running_open_no_socket_and_write_nothing(tmp_path: Path) -> None:
    model = onnx_graphs.save_head(tmp_path, "yolo")
    home = tmp_path / "home"
    home.mkdir()
    done = quiet([sys.executable, "-c", textwrap.dedent(_QUIET), str(model)], home)
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []


def test_no_system_call_opens_a_socket_or_writes_a_file(tmp_path: Path) -> None:
    strace = "/usr/bin/strace"
    if not os.access(strace, os.X_OK):
        pytest.skip("strace is not installed")
    model = onnx_graphs.save_head(tmp_path, "yolo")
    home, log = tmp_path / "home", tmp_path / "log"
    home.mkdir()
    script = textwrap.dedent(_QUIET).split("import socket")[0]
    calls = "trace=%network,open,openat,creat,mkdir,mkdirat,rename,renameat2,unlink,unlinkat"
    command = [strace, "-f", "-qq", "-e", calls, "-o", str(log)]
    done = quiet([*command, sys.executable, "-c", script, str(model)], home)
    if "ptrace" in done.stderr.lower():
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    lines = log.read_text().splitlines()
    assert lines
    loud = ("socket(", "connect(", "sendto(", "O_WRONLY", "O_RDWR", "O_CREAT", "mkdir", "rename")
    harmless = ("/dev/null", "/dev/shm", "/dev/tty")
    assert [
        x for x in lines if any(w in x for w in loud) and not any(h in x for h in harmless)
    ] == []
    assert list(home.iterdir()) == []
