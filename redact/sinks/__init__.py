"""Where redacted frames go. `PyAVSink` writes video files; PyAV is imported at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redact.sinks.partial import is_partial

if TYPE_CHECKING:
    from redact.sinks.pyav import PyAVSink

__all__ = ["PyAVSink", "is_partial"]


def __getattr__(name: str) -> Any:
    if name == "PyAVSink":
        from redact.sinks.pyav import PyAVSink

        return PyAVSink
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
