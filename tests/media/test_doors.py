"""Errors of PyAV become ours at one door per room, and none is forgotten."""

from __future__ import annotations

import ast
from pathlib import Path

import av.error
import pytest

import redact.sinks
import redact.sources
from redact.errors import SinkError, SourceError
from redact.sinks.errors import writing
from redact.sources.errors import reading


def kinds(base: type[BaseException]) -> list[type[BaseException]]:
    found = [base]
    for kind in base.__subclasses__():
        found += kinds(kind)
    return found


KINDS = sorted(set(kinds(av.error.FFmpegError)), key=lambda kind: kind.__name__)
OWN = [OSError(28, "No space left on device"), ValueError("no such format"), MemoryError()]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_of_pyav_has_a_door(kind: type[BaseException]) -> None:
    foreign = kind(1, "its own words", "file.mp4")
    with (
        pytest.raises(SourceError, match=r"^x: its own words; do this$") as read,
        reading("x", "do this"),
    ):
        raise foreign
    with pytest.raises(SinkError, match=r"^x: its own words; ") as written, writing("x"):
        raise foreign
    assert read.value.__cause__ is written.value.__cause__ is foreign


@pytest.mark.parametrize("error", OWN, ids=lambda error: type(error).__name__)
def test_errors_of_the_system_have_the_same_doors(error: Exception) -> None:
    with pytest.raises(SourceError, match=r"^x: \S.*; do this$"), reading("x", "do this"):
        raise error
    with pytest.raises(SinkError, match=r"^x: \S.*; \S"), writing("x"):
        raise error


def test_a_full_disk_says_what_to_do() -> None:
    with pytest.raises(SinkError, match="No space left on device; free some space"), writing("x"):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, AssertionError])
def test_what_is_not_theirs_passes_the_doors(error: type[BaseException]) -> None:
    with pytest.raises(error), reading("x", "y"):
        raise error
    with pytest.raises(error), writing("x"):
        raise error


@pytest.mark.parametrize("room", [redact.sources, redact.sinks], ids=["sources", "sinks"])
def test_files_and_functions_stay_small(room: object) -> None:
    for path in Path(room.__file__).parent.glob("*.py"):  # type: ignore[attr-defined]
        text = path.read_text()
        assert len(text.splitlines()) <= 250, path.name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno < 45, f"{path.name}: {node.name}"
