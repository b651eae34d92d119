"""Fixtures that every room may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real footage and test weights, which is no part of the project."""
    path = Path(os.environ.get("REDACT_SHARED") or _BESIDE)
    if not (path / "footage").is_dir():
        pytest.skip("shared footage is absent: set REDACT_SHARED")
    return path
