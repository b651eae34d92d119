"""The generated clips of `tests/media` for this room, and the model that hears voices."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

from mediaclips import clip

from redact.detectors.speech import HOW, SpeechModel
from redact.errors import MissingDependencyError

__all__ = ["clip"]


@pytest.fixture(scope="session")
def model() -> SpeechModel:
    try:
        return SpeechModel()
    except MissingDependencyError:
        pytest.skip(f"silero-vad is not installed: {HOW}")
