"""Sources that a locked process reads where there is one, and this process where there is none."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from redact.protocols import Source
from redact.sources.span import Span
from redact.storage import Place
from redact.structures import Frame


def open_still(path: Path) -> Source:
    """A picture file as a clip of one frame. Raises SourceError."""
    from redact.sources.sandbox.source import SandboxedSource
    from redact.sources.still import StillSource

    return SandboxedSource(path, what="still") if sys.platform == "linux" else StillSource(path)


def open_piece(source: Place, span: Span, locked: bool) -> Source:
    """Raises SourceError."""
    from redact.sources.piece import PieceSource
    from redact.sources.sandbox.source import SandboxedSource

    if isinstance(source, Path) and locked:
        return SandboxedSource(source, what="piece", span=span)
    return PieceSource(source, span)


def past_frames(
    source: Place, span: Span, lesson: int, locked: bool
) -> Generator[Frame, None, None]:
    """What the motion net is to see before a piece; nothing is opened before it is asked for."""
    from redact.sources.piece import PastSource
    from redact.sources.sandbox.source import SandboxedSource

    if not span.past:
        return
    past: Source
    if isinstance(source, Path) and locked:
        past = SandboxedSource(source, what="past", span=span, lesson=lesson)
    else:
        past = PastSource(source, span, lesson)
    with closing(past):
        yield from past
