"""The promises of ARCHITECTURE.md that a reader cannot check at a glance."""

from __future__ import annotations

import ast
import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from redact.h264 import CodedPicture
from redact.structures import Frame, RedactedFrame, redacted

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "redact"
HEAVY = ("cv2", "av", "openvino", "torch", "onnxruntime", "ultralytics")
LONGEST_FILE = 400  # lines
_SEAL = {"_EFFECT_ONLY", "made_by", "_made_by"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


# -- the import rule ------------------------------------------------------------------------


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command as lint; lint()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def copy_of_the_package(folder: Path) -> Path:
    shutil.copytree(PACKAGE, folder / "redact", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder / "redact"


def test_a_floor_imports_only_from_floors_below() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("where", "line", "said"),
    [
        ("stray.py", "", "redact.stray"),
        ("sources/stray.py", "import redact.sinks", "redact.sinks"),
        ("policies/stray.py", "import cv2", "cv2"),
        ("batch/stray.py", "import click", "click"),
    ],
    ids=["module without a floor", "room to room", "vision in the heart", "terminal below cli"],
)
def test_a_breach_of_the_import_rule_is_found(
    tmp_path: Path, where: str, line: str, said: str
) -> None:
    (copy_of_the_package(tmp_path) / where).write_text(line + "\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert said in " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    "code",
    [
        "import redact",
        "import redact; redact.Config, redact.load_zone, redact.Zone, redact.Redactor",
        "import redact.cli",
        "import redact.batch, redact.build",
    ],
)
def test_importing_loads_no_heavy_library(code: str) -> None:
    code += f"; import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- only effects seal frames ---------------------------------------------------------------


def name_of(node: ast.AST) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def reaches_for_the_seal(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(module="redact.structures"):
            return any(name.name in {"redacted", "*"} | _SEAL for name in node.names)
        case ast.ImportFrom(module="redact"):  # whole modules, whose attributes are not followed
            return any(name.name == "structures" for name in node.names)
        case ast.Import():
            return any(name.name == "redact.structures" for name in node.names)
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.Constant(value=name):
            return name in _SEAL
        case ast.Call():  # `RedactedFrame(...)`, `object.__new__(RedactedFrame)`
            made = node.args if name_of(node.func) == "__new__" else [node.func]
            return "RedactedFrame" in map(name_of, made)
    return False


def seals(tree: ast.AST) -> Iterator[int]:
    """Lines that reach for what makes a RedactedFrame."""
    return (node.lineno for node in ast.walk(tree) if reaches_for_the_seal(node))


@pytest.mark.parametrize(
    "code",
    [
        "from redact.structures import redacted",
        "from redact.structures import Frame, redacted as seal",
        "from redact.structures import *",
        "import redact.structures as s; s.redacted(frame, None, 0)",
        "s._EFFECT_ONLY",
        "getattr(s, '_EFFECT_ONLY')",
        "RedactedFrame(y, u, v)",
        "structures.RedactedFrame(y, u, v)",
        "object.__new__(RedactedFrame)",
        "object.__setattr__(frame, '_made_by', seal)",
    ],
)
def test_a_way_around_the_seal_is_found(code: str) -> None:
    assert list(seals(ast.parse(code)))


def test_only_effects_seal_a_frame() -> None:
    allowed = {PACKAGE / "structures.py", *(PACKAGE / "effects").glob("*.py")}
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules()
        if path not in allowed
        for line in seals(ast.parse(path.read_text()))
    ]
    assert found == []


def frame() -> Frame:
    chroma = np.zeros((2, 2), np.uint8)
    return Frame(np.zeros((4, 4), np.uint8), chroma, chroma, 0, Fraction(1, 25))


def test_a_redacted_frame_cannot_be_made_without_the_seal() -> None:
    f = frame()
    for seal in (None, object(), True):
        with pytest.raises(TypeError, match="only an effect"):
            RedactedFrame(f.y, f.u, f.v, 0, f.time_base, 0, 0, 0, None, seal)


def test_a_redacted_frame_cannot_be_changed() -> None:
    sealed = redacted(frame(), None, 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sealed.y = frame().y  # type: ignore[misc]


def test_the_pixels_of_a_redacted_frame_cannot_be_replaced() -> None:
    sealed = redacted(frame(), None, 0)
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(sealed, y=np.ones((4, 4), np.uint8))


def muted_sound(tree: ast.AST) -> Iterator[int]:
    """Lines that reach for what makes a MutedBlock."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="redact.sound"):
                if any(name.name in {"muted", "_MUTER_ONLY", "*"} for name in node.names):
                    yield node.lineno
            case ast.ImportFrom(module="redact"):
                if any(name.name == "sound" for name in node.names):
                    yield node.lineno
            case ast.Import():
                if any(name.name == "redact.sound" for name in node.names):
                    yield node.lineno
            case ast.Attribute(attr="_MUTER_ONLY") | ast.Constant(value="_MUTER_ONLY"):
                yield node.lineno
            case ast.Call():
                made = node.args if name_of(node.func) == "__new__" else [node.func]
                if "MutedBlock" in map(name_of, made):
                    yield node.lineno


@pytest.mark.parametrize(
    "code",
    [
        "from redact.sound import muted",
        "from redact import sound",
        "import redact.sound",
        "s._MUTER_ONLY",
        "MutedBlock(0, samples)",
        "object.__new__(MutedBlock)",
    ],
)
def test_a_way_to_pass_sound_unheard_is_found(code: str) -> None:
    assert list(muted_sound(ast.parse(code)))


def test_only_the_muter_seals_sound() -> None:
    allowed = {PACKAGE / "sound.py", PACKAGE / "muting.py"}
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules()
        if path not in allowed
        for line in muted_sound(ast.parse(path.read_text()))
    ]
    assert found == []


# -- coded pictures reach a sink in sealed frames alone ----------------------------------------


def coded_pictures(tree: ast.AST) -> Iterator[int]:
    """Lines that make a coded picture, or take one from a frame or out of a stream."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="coded") | ast.Constant(value="coded"):
                yield node.lineno
            case ast.Call() if name_of(node.func) == "CodedPicture":
                yield node.lineno


@pytest.mark.parametrize(
    "code", ["frame.coded", "getattr(frame, 'coded')", "h264.CodedPicture(b'', 0, 0)"]
)
def test_a_way_to_a_coded_picture_is_found(code: str) -> None:
    assert list(coded_pictures(ast.parse(code)))


def test_only_sources_make_coded_pictures_and_only_the_splicer_takes_them() -> None:
    """And it takes them from what `structures.redacted` sealed, as no other frame gets there."""
    allowed = {PACKAGE / "structures.py", PACKAGE / "sinks" / "splicing.py"}
    allowed |= set((PACKAGE / "sources").rglob("*.py"))
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules()
        if path not in allowed
        for line in coded_pictures(ast.parse(path.read_text()))
    ]
    assert found == []


def test_a_coded_picture_stays_with_its_frame_only_where_nothing_was_painted() -> None:
    coded = CodedPicture(b"picture", 1, 0)
    f = dataclasses.replace(frame(), coded=coded, owner=object())
    painted = (f.y.copy(), f.u.copy(), f.v.copy())
    assert redacted(f, None, 0).coded is coded
    for sealed in (
        redacted(f, painted, 1),
        redacted(f, painted, 0),
        redacted(f, None, 1),
        redacted(dataclasses.replace(f, corrupt=True), None, 0),
        redacted(dataclasses.replace(f, owner=None), None, 0),  # not the decoder's planes
    ):
        assert sealed.coded is None
        with pytest.raises((TypeError, ValueError)):
            dataclasses.replace(sealed, coded=coded)


# -- style ----------------------------------------------------------------------------------


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    files = [*modules(), *(ROOT / "benchmarks").glob("*.py"), *(ROOT / "samples").glob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [path for path in modules() if path.stem in empty] == []
