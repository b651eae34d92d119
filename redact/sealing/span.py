"""A span of an opened original, cut by a locked process where there is one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from redact.sinks.containers import container_for


def cut(
    source: BinaryIO, target: BinaryIO, name: Path, start: float, end: float | None
) -> tuple[float, float]:
    """Copy picture and sound from the key frame at or before `start` up to `end` (seconds from
    the beginning). name: tells the container to write. Returns the seconds really written.

    Raises ConfigError, SourceError, SinkError.
    """
    form = container_for(name).format
    if sys.platform == "linux":
        from redact.sources.sandbox.cutting import sandboxed_cut

        return sandboxed_cut(source, target, name, form, start, end)
    from redact.sources.cutting import cut as cut_here

    return cut_here(source, target, str(name), form, start, end)
