"""Where frames come from: `PyAVSource` reads video files, `SandboxedSource` does so in a process of
its own, `PipeSource` reads standard input.

PyAV is imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redact.sources.pipe import PipeSource
    from redact.sources.pyav import DEFAULT_MAX_PIXELS, PyAVSource
    from redact.sources.sandbox.source import SandboxedSource

__all__ = ["DEFAULT_MAX_PIXELS", "PipeSource", "PyAVSource", "SandboxedSource"]


def __getattr__(name: str) -> Any:
    if name == "PipeSource":
        from redact.sources.pipe import PipeSource

        return PipeSource
    if name == "SandboxedSource":
        from redact.sources.sandbox.source import SandboxedSource

        return SandboxedSource
    if name in __all__:
        from redact.sources import pyav

        return getattr(pyav, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
