"""Where redacted frames go: `PyAVSink` writes video files, `PipeSink` standard output.

PyAV is imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redact.sinks.partial import is_partial

if TYPE_CHECKING:
    from redact.sinks.pipe import PipeSink
    from redact.sinks.pyav import PyAVSink

__all__ = ["PipeSink", "PyAVSink", "is_partial"]


def __getattr__(name: str) -> Any:
    if name == "PyAVSink":
        from redact.sinks.pyav import PyAVSink

        return PyAVSink
    if name == "PipeSink":
        from redact.sinks.pipe import PipeSink

        return PipeSink
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
