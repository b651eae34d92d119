"""`redact doctor`: says what works, breaks loudly, and reaches nothing outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from redact import doctor
from redact.cli import cli
from redact.doctor import Check, Examination, State, examine

ROOT = Path(__file__).parents[2]


def call(*args: object) -> Result:
    return CliRunner().invoke(cli, ["doctor", *map(str, args)], prog_name="redact")


def found(result: Result) -> dict[tuple[str, str], dict[str, str]]:
    report = json.loads(result.stdout)
    return {(group, c["name"]): c for group, checks in report["checks"].items() for c in checks}


def test_a_working_machine_is_told_so_line_by_line():
    result = call()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "all that is needed works"
    assert f"versions: numpy: ok: {metadata.version('numpy')}" in result.stdout


def test_json_names_versions_codecs_runtimes_and_devices():
    result = call("--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["working"] is True
    checks = found(result)
    for what in (
        ("versions", "redact"),
        ("versions", "python"),
        ("media", "PyAV"),
        ("media", "OpenCV"),
        ("media", "reads hevc"),
        ("media", "reads libdav1d"),
        ("media", "writes libx264"),
        ("inference", "OpenVINO"),
        ("inference", "devices"),
    ):
        assert checks[what]["state"] == "ok", what
    assert "CPU" in checks["inference", "devices"]["said"]


def test_a_model_is_named_with_family_digest_and_licence(shared: Path):
    path = shared / "weights/yunet_n_dynamic.onnx"
    checks = found(call("--json", "--model", path))
    model = checks["models", path.stem]
    assert model["state"] == "ok"
    assert model["said"].startswith("yunet for face")
    assert (
        "sha256 104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12" in model["said"]
    )
    licence = checks["licences", path.stem]
    assert licence["state"] == "absent"
    assert "model description" in licence["advice"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.onnx", None, "cannot read the model"),
        ("empty.onnx", b"", "is empty"),
        ("junk.onnx", b"junk", "cannot read the model"),
        ("notes.md", b"#", "not a model: expected"),
        ("bad.toml", b"family = 1", "not a model description"),
    ],
)
def test_a_model_that_does_not_load_is_broken_and_exits_with_1(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    result = call("--json", "--model", path)
    assert result.exit_code == 1
    check = found(result)["models", str(path)]
    assert check["state"] == "broken"
    assert said in check["said"]
    assert json.loads(result.stdout)["working"] is False


def test_what_is_needed_and_fails_is_broken_and_says_what_to_do(monkeypatch):
    def fails() -> str:
        raise RuntimeError("libGL.so.1:\nno such file")

    monkeypatch.setattr(doctor, "_opencv_works", fails)
    result = call()
    assert result.exit_code == 1
    line = next(x for x in result.stdout.splitlines() if x.startswith("media: OpenCV"))
    assert line == (
        "media: OpenCV: broken: RuntimeError: libGL.so.1: no such file -> "
        "pip install --force-reinstall opencv-python-headless"
    )
    assert result.stdout.splitlines()[-1] == "1 broken: see what is said there"


@pytest.mark.parametrize(
    ("name", "state", "code"),
    [("msgspec", State.BROKEN, 1), ("torch", State.ABSENT, 0), ("ultralytics", State.ABSENT, 0)],
)
def test_a_missing_package_breaks_only_where_it_is_needed(monkeypatch, name, state, code):
    version = metadata.version

    def lookup(package: str) -> str:
        if package == name:
            raise metadata.PackageNotFoundError(package)
        return version(package)

    monkeypatch.setattr(metadata, "version", lookup)
    examination = examine()
    check = next(c for c in examination.checks if c.name == name)
    assert (check.state, check.said) == (state, "not installed")
    assert "pip install" in check.advice
    assert examination.exit_code == code


def test_an_absent_encoder_is_told_and_breaks_only_where_nothing_could_be_written(monkeypatch):
    monkeypatch.setattr(doctor, "_ENCODERS", {"libx264": "a", "no_such_codec": "only for x"})
    examination = examine()
    check = next(c for c in examination.checks if c.name == "writes no_such_codec")
    assert check.state is State.ABSENT
    assert check.advice.startswith("only for x")
    assert examination.exit_code == 0


def test_only_broken_parts_count():
    ok = Check("a", "b", State.OK, "1")
    absent, broken = Check("a", "c", State.ABSENT, "no"), Check("a", "d", State.BROKEN, "x", "do")
    assert Examination((ok, absent)).exit_code == 0
    assert Examination((ok, broken)).to_dict()["checks"]["a"][1] == {
        "name": "d",
        "state": "broken",
        "said": "x",
        "advice": "do",
    }


_WATCHED = """
import sys
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request"):
        print("NETWORK", event, args, file=sys.stderr)
    if event == "import" and args[0] in ("torch", "ultralytics", "onnxruntime"):
        print("IMPORT", args[0], file=sys.stderr)
sys.addaudithook(watch)
from redact.cli import main
main()
"""


def test_nothing_is_sent_and_nothing_is_left_in_the_home_folder(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", _WATCHED, "doctor", "--json"],
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["working"] is True
    assert list(tmp_path.iterdir()) == []
