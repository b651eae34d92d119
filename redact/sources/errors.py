"""The one door for PyAV's errors on the reading side: each becomes a SourceError that says
what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import av.error

from redact.errors import SourceError


def plain(error: BaseException) -> str:
    """FFmpeg's own words for an error, without errno, file name or class."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().rstrip(".")


@contextmanager
def reading(where: str, advice: str) -> Iterator[None]:
    """Inside, any error of PyAV or of the operating system leaves as a SourceError.

    where: how the message starts, such as "gate.mp4: frame 7". advice: what to do about it.
    MemoryError is mapped too: it is how a resource limit on a decoder shows itself.
    """
    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise SourceError(f"{where}: {plain(error)}; {advice}") from error
