"""Where frames come from: `PyAVSource` reads video files, `PipeSource` standard input,
`FfmpegSource` what the system's ffmpeg decodes.

PyAV is imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redact.sources.ffmpeg import FfmpegSource
    from redact.sources.pipe import PipeSource
    from redact.sources.pyav import DEFAULT_MAX_PIXELS, PyAVSource

__all__ = ["DEFAULT_MAX_PIXELS", "FfmpegSource", "PipeSource", "PyAVSource"]


def __getattr__(name: str) -> Any:
    if name == "PipeSource":
        from redact.sources.pipe import PipeSource

        return PipeSource
    if name == "FfmpegSource":
        from redact.sources.ffmpeg import FfmpegSource

        return FfmpegSource
    if name in __all__:
        from redact.sources import pyav

        return getattr(pyav, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
