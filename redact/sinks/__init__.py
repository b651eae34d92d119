"""Where redacted frames go: `PyAVSink` writes video files, `PipeSink` standard output,
`FfmpegSink` files by the system's ffmpeg.

PyAV is imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redact.sinks.partial import is_partial

if TYPE_CHECKING:
    from redact.sinks.ffmpeg import FfmpegSink
    from redact.sinks.pipe import PipeSink
    from redact.sinks.pyav import PyAVSink

__all__ = ["FfmpegSink", "PipeSink", "PyAVSink", "is_partial"]


def __getattr__(name: str) -> Any:
    if name == "PyAVSink":
        from redact.sinks.pyav import PyAVSink

        return PyAVSink
    if name == "PipeSink":
        from redact.sinks.pipe import PipeSink

        return PipeSink
    if name == "FfmpegSink":
        from redact.sinks.ffmpeg import FfmpegSink

        return FfmpegSink
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
