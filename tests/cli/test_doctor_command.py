"""`redact doctor`: tries each part, says what to do, and tells nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from redact import doctor
from redact.cli import cli
from redact.doctor import State, examine

WATCHED = """
import sys
def refuse(event, args):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "socket.gethostbyname")):
        sys.stderr.write(f"NETWORK {event}\\n")
    ours = args and args[0] == sys.executable  # a child that tries the locks of the sandbox
    if event in ("subprocess.Popen", "os.system", "os.posix_spawn") and not ours:
        sys.stderr.write(f"PROGRAM {event} {args}\\n")
sys.addaudithook(refuse)
sys.argv = ["redact", "doctor", "--json"]
from redact.cli import main
main()
"""


def test_everything_that_is_needed_works_here_and_nobody_is_told(tmp_path):
    """In a process of its own, with a home that must stay empty."""
    result = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["working"] is True
    assert set(found["checks"]) == {"versions", "media", "inference", "models", "licences"}
    assert list(tmp_path.iterdir()) == []


def test_plain_lines_where_there_is_no_terminal():
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "all that is needed works"
    assert "media: round trip: ok" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_part_that_fails_is_broken_and_says_what_to_do(monkeypatch):
    def fails() -> str:
        raise OSError("libx264.so.165: cannot open\nshared object file")

    monkeypatch.setattr(doctor, "_round_trip", fails)
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == 1
    (line,) = [part for part in result.stdout.splitlines() if "round trip" in part]
    assert "broken: OSError: libx264.so.165: cannot open shared object file -> pip" in line


def test_an_optional_package_that_is_absent_breaks_nothing(monkeypatch):
    monkeypatch.setattr(doctor, "_OPTIONAL", {"no-such-package": "not needed"})
    monkeypatch.setattr(doctor, "_media", lambda: iter(()))
    monkeypatch.setattr(doctor, "_inference", lambda: iter(()))
    found = examine()
    assert found.exit_code == 0
    (check,) = (c for c in found.checks if c.name == "no-such-package")
    assert check.state is State.ABSENT


def test_a_needed_package_that_is_absent_is_broken(monkeypatch):
    monkeypatch.setattr(doctor, "_NEEDED", ("no-such-package",))
    assert examine().exit_code == 1


def test_a_model_that_does_not_load_is_broken(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"junk")
    found = examine([path])
    assert found.exit_code == 1
    assert [c.state for c in found.checks if c.group == "models"] == [State.OK, State.BROKEN]


def test_the_embedded_detector_is_loaded_and_its_licence_told():
    told = {(c.group, c.name): (c.state, c.said) for c in examine().checks}
    state, said = told["models", "redact-n (INT8)"]
    assert state is State.OK
    assert "face and person" in said
    assert "verified" in said
    assert told["licences", "redact-n (INT8)"] == (State.OK, "Apache-2.0")


@pytest.mark.slow
def test_a_model_is_loaded_and_its_licence_told(shared: Path, tmp_path: Path):
    model = shared / "weights" / "yunet_n_dynamic.onnx"
    described = tmp_path / "faces.toml"
    described.write_text(
        f'name = "YuNet"\nfile = "{model}"\nfamily = "yunet"\nlicence = "Apache-2.0"\n'
        'sha256 = "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12"\n'
        '[labels]\nface = 0\n[input]\ncolour = "bgr"\nstd = [1, 1, 1]\n'
    )
    found = examine([model, described])
    licences = [(c.name, c.state, c.said) for c in found.checks if c.group == "licences"]
    assert licences == [
        ("redact-n (INT8)", State.OK, "Apache-2.0"),
        ("yunet_n_dynamic", State.ABSENT, "not stated"),
        ("YuNet", State.OK, "Apache-2.0"),
    ]
    assert found.exit_code == 0
