"""From paths to what reads them: in a locked process, in this one, or through the system's ffmpeg,
as the configuration and the place demand."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from redact.config import Config
from redact.errors import ConfigError, SinkError, SourceError
from redact.protocols import Source
from redact.readback import ReadBack, Reader
from redact.sound import KeptSound
from redact.sources import Span
from redact.storage import ObjectPath, Place, place_of
from redact.structures import Frame

if TYPE_CHECKING:
    from redact.sources import PipeSource, SandboxedPipe
    from redact.sources.live import LiveSource
    from redact.sources.live_clock import LiveClock
    from redact.sources.sandbox.camera import SandboxedCamera


def warm(config: Config) -> None:
    """Let what decodes files load beside the models; returns at once."""
    if locked_here(config) and config.input.decoder != "ffmpeg":
        from redact.sources.sandbox.nursery import NURSERY

        NURSERY.warm()


def locked_here(config: Config) -> bool:
    """Whether files are decoded in a locked process."""
    return config.input.sandbox and sys.platform == "linux"


def open_source(path: str | Place, config: Config) -> Source:
    """A file, decoded as the configuration says, for one who wants each frame once. Raises
    SourceError, MissingDependencyError."""
    if config.input.decoder == "ffmpeg":
        from redact.sources import FfmpegSource

        return FfmpegSource(file_of(path), hwaccel=config.input.hwaccel)
    if config.input.hwaccel:
        raise ConfigError('input.hwaccel is of the ffmpeg backend; set input.decoder = "ffmpeg"')
    return open_file(path, locked=locked_here(config), private=True)


def open_file(
    path: str | Place,
    *,
    locked: bool = sys.platform == "linux",
    deinterlace: bool = True,
    private: bool = False,
) -> Source:
    """A clip, decoded by PyAV. locked: in a process that can do nothing else. private: as in
    `SandboxedSource`. Raises SourceError."""
    from redact.sources import PyAVSource, SandboxedSource

    place = place_of(path)
    if locked:
        return SandboxedSource(place, deinterlace=deinterlace, private=private)
    return PyAVSource(place, deinterlace=deinterlace)


def open_pipe(stream: BinaryIO, config: Config, matrix: int) -> PipeSource | SandboxedPipe:
    """Raw video from a stream that cannot be rewound. matrix: as in `PipeSource`. Raises
    SourceError."""
    from redact.sources import PipeSource, SandboxedPipe

    pipe: int | None = None
    with suppress(OSError):  # it has none, and cannot be handed on
        pipe = stream.fileno()
    if locked_here(config) and pipe is not None:
        return SandboxedPipe(pipe, matrix=matrix)
    return PipeSource(stream, matrix=matrix)


def open_camera(
    url: str, name: str, clock: LiveClock, *, locked: bool = True, **more: Any
) -> LiveSource | SandboxedCamera:
    """A camera, with what `LiveSource` takes. locked: read by a process that can do nothing else,
    where there is one (Linux) and it is no device of this machine. Raises SourceError."""
    from redact.sources.live import LiveSource
    from redact.sources.sandbox.camera import SandboxedCamera

    if locked and sys.platform == "linux" and not url.startswith("v4l2:"):
        return SandboxedCamera(url, name, clock, **more)
    return LiveSource(url, name, clock, **more)


def open_still(path: Path) -> Source:
    """A picture file as a clip of one frame, decoded in a locked process where there is one. Raises
    SourceError."""
    from redact.sources import SandboxedSource
    from redact.sources.still import StillSource

    return SandboxedSource(path, what="still") if sys.platform == "linux" else StillSource(path)


def key_times(source: Place, config: Config) -> tuple[list[int], Fraction]:
    """Where a clip can be split: times of its key frames in ticks, and a tick in seconds. Raises
    SourceError."""
    if locked_here(config):
        from redact.sources.sandbox.lists import sandboxed_key_times

        return sandboxed_key_times(source)
    from redact.sources.piece import key_times

    return key_times(source)


def open_piece(source: Place, span: Span, config: Config) -> Source:
    from redact.sources import PieceSource, SandboxedSource

    if locked_here(config):
        return SandboxedSource(source, what="piece", span=span, private=True)
    return PieceSource(source, span)


def past_frames(source: Place, span: Span, config: Config) -> Generator[Frame, None, None]:
    """What the motion net is to see before a piece; nothing is opened before it is asked for."""
    from redact.sources import SandboxedSource
    from redact.sources.piece import PastSource

    if not span.past:
        return
    lesson = config.look_back + 1
    past: Source
    if locked_here(config):
        past = SandboxedSource(source, what="past", span=span, lesson=lesson)
    else:
        past = PastSource(source, span, lesson)
    with closing(past):
        yield from past


def reader_for(config: Config) -> Reader:
    """What reads an output back that holds copied pictures: decoded where the input is."""
    from redact.sinks.verification import in_process

    def locked(path: Place) -> ReadBack:
        from redact.sources.sandbox.lists import sandboxed_read_back

        try:
            return sandboxed_read_back(path)
        except SourceError as error:
            raise SinkError(f"does not verify: {error}") from error

    return locked if locked_here(config) else in_process


def kept_sound(source: Place, output: Place, config: Config) -> KeptSound | None:
    """The sound of a file where it is to be kept, for that output: as it is coded, or decoded where
    the output's container cannot hold that. None where there is none. Raises ConfigError,
    SourceError."""
    if config.output.audio != "keep":
        return None
    from redact.sinks.containers import container_for
    from redact.sources import PyAVCodedSound, PyAVSound, SandboxedCodedSound, SandboxedSound

    codecs = container_for(output).audio
    if locked_here(config):
        return SandboxedCodedSound.of(source, codecs) or SandboxedSound.of(source)
    return PyAVCodedSound.of(source, codecs) or PyAVSound.of(source)


def file_of(path: str | Place) -> Path:
    """Raises ConfigError for what lies in a store, where the ffmpeg backend cannot reach."""
    place = place_of(path)
    if isinstance(place, ObjectPath):
        raise ConfigError(f"{place}: the ffmpeg backend works with files; leave it out for buckets")
    return place
