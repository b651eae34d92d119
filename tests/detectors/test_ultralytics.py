"""The ultralytics detector: kept offline, and only with the extra."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import heads
import onnx_graphs
import pytest

from redact.detectors import UltralyticsDetector, load_detector
from redact.errors import ConfigError, MissingDependencyError, ModelError

needs_extra = pytest.mark.skipif(
    importlib.util.find_spec("ultralytics") is None or importlib.util.find_spec("torch") is None,
    reason="the extra is not installed: pip install torch ultralytics",
)


@pytest.fixture(autouse=True)
def _same_environment_afterwards() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "ultralytics", raising=False)
    with pytest.raises(MissingDependencyError, match=r"pip install torch ultralytics"):
        UltralyticsDetector(path)


def test_weights_that_are_not_there_are_never_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="never downloaded"):
        load_detector([tmp_path / "yolo11n.pt"])
    with pytest.raises(ConfigError, match=r"\.pt or \.onnx"):
        UltralyticsDetector(tmp_path / "model.engine")


def test_an_ultralytics_that_was_imported_online_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(b"x")
    online = SimpleNamespace(utils=SimpleNamespace(ONLINE=True, AUTOINSTALL=True))
    monkeypatch.setitem(sys.modules, "ultralytics", online)
    with pytest.raises(ConfigError, match="YOLO_OFFLINE=true YOLO_AUTOINSTALL=false"):
        UltralyticsDetector(path)


_SCRIPT = """
import os, pickle, sys
seen = []
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        seen.append((event, str(args)))
sys.addaudithook(watch)
from pathlib import Path
import numpy as np
from pictures import flat
from redact.detectors import load_detector, UltralyticsDetector
from redact.errors import ConfigError, ModelError
from redact.structures import Label
try:
    load_detector(["evil.pt"])
except ModelError as error:
    print("refused", error)
from ultralytics import YOLO
yolo = YOLO("yolo11n.yaml")
yolo.model.names = {i: n for i, n in enumerate(["person"] + ["thing"] * 79)}
yolo.save("random.pt")
detector = load_detector(["random.pt"])
assert detector.labels == {Label.PERSON}
assert len(detector.detect([flat(), flat(100, 300), flat()])) == 3
onnx = UltralyticsDetector(sys.argv[1])
found = onnx.detect([flat(640, 480)])[0]
ours = load_detector([sys.argv[1]]).detect([flat(640, 480)])[0]
assert len(found) == 3 and np.allclose(found.xyxy, ours.xyxy, atol=0.01), (found, ours)
assert not seen, seen
print(os.environ["YOLO_CONFIG_DIR"])
"""

_EVIL = """
import pickle, sys
class Evil:
    def __reduce__(self):
        return (print, ("CODE OF THE FILE RAN",))
import torch
torch.save({"model": Evil()}, "evil.pt")
"""


@needs_extra
def test_import_loading_and_running_reach_no_network_and_leave_no_file(tmp_path: Path) -> None:
    model = onnx_graphs.save(tmp_path / "fake.onnx", heads.yolo())
    home = tmp_path / "home"
    home.mkdir()
    here = Path(__file__).parent
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])]),
        "TMPDIR": str(tmp_path),
    }

    def python(script: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    python(_EVIL)
    said = python(_SCRIPT, str(model))
    assert "CODE OF THE FILE RAN" not in said
    assert "refused" in said
    settings = Path(said.splitlines()[-1])
    assert settings.parent == tmp_path
    assert not settings.exists()
    assert list(home.iterdir()) == []
