"""The suite is no part of the package: it is imported from the repository."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))  # `redact` stays the installed one
