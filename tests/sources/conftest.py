"""The generated clips of `tests/media`, for this room too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

from mediaclips import clip

__all__ = ["clip"]
