"""Where frames come from: `PyAVSource` reads video files, `SandboxedSource` does so in a process of
its own, `FfmpegSource` reads what the system's ffmpeg decodes, `PipeSource` standard input.
`PyAVSound` and `SandboxedSound` read the sound of files, `PyAVCodedSound` and `SandboxedCodedSound`
do so without decoding it.

PyAV is imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redact.sources.span import Span

if TYPE_CHECKING:
    from redact.sources.coded_sound import PyAVCodedSound
    from redact.sources.ffmpeg import FfmpegSource
    from redact.sources.piece import PieceSource
    from redact.sources.pipe import PipeSource
    from redact.sources.pyav import DEFAULT_MAX_PIXELS, PyAVSource
    from redact.sources.sandbox.pipe import SandboxedPipe
    from redact.sources.sandbox.sound import SandboxedCodedSound, SandboxedSound
    from redact.sources.sandbox.source import SandboxedSource
    from redact.sources.sound import PyAVSound

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "FfmpegSource",
    "PieceSource",
    "PipeSource",
    "PyAVCodedSound",
    "PyAVSound",
    "PyAVSource",
    "SandboxedCodedSound",
    "SandboxedPipe",
    "SandboxedSound",
    "SandboxedSource",
    "Span",
]


def __getattr__(name: str) -> Any:
    if name == "PipeSource":
        from redact.sources.pipe import PipeSource

        return PipeSource
    if name == "PieceSource":
        from redact.sources.piece import PieceSource

        return PieceSource
    if name == "FfmpegSource":
        from redact.sources.ffmpeg import FfmpegSource

        return FfmpegSource
    if name == "SandboxedSource":
        from redact.sources.sandbox.source import SandboxedSource

        return SandboxedSource
    if name == "SandboxedSound":
        from redact.sources.sandbox.sound import SandboxedSound

        return SandboxedSound
    if name == "SandboxedCodedSound":
        from redact.sources.sandbox.sound import SandboxedCodedSound

        return SandboxedCodedSound
    if name == "SandboxedPipe":
        from redact.sources.sandbox.pipe import SandboxedPipe

        return SandboxedPipe
    if name == "PyAVCodedSound":
        from redact.sources.coded_sound import PyAVCodedSound

        return PyAVCodedSound
    if name == "PyAVSound":
        from redact.sources.sound import PyAVSound

        return PyAVSound
    if name in __all__:
        from redact.sources import pyav

        return getattr(pyav, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
