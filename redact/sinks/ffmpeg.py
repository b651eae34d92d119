"""FfmpegSink: redacted frames through the system's ffmpeg, for encoders that PyAV's wheels lack."""

from __future__ import annotations

import os
from array import array
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from redact.config import OutputOptions
from redact.errors import ConfigError, SinkError
from redact.programs import GLOBAL, Child, composer, local
from redact.sinks.containers import Container, container_for
from redact.sinks.errors import writing
from redact.sinks.partial import Partial
from redact.sinks.pipe import PipeSink
from redact.sinks.verification import Written, verify
from redact.structures import RedactedFrame, StreamInfo

_RANGES = {False: "tv", True: "pc"}
_BY_CRF = ("libx264", "libx265", "libsvtav1")


class FfmpegSink:
    """Writes one file: video alone. `options.encoder` names the encoder, such as h264_vaapi.

    The pictures go as raw video through a pipe, and nothing but the hidden partial file beside
    `path` is written; leaving the `with` block verifies and publishes it, an error discards it.
    Raises ConfigError, SinkError, MissingDependencyError.
    """

    def __init__(
        self,
        path: str | Path,
        options: OutputOptions,
        *,
        audio_from: str | Path | None = None,
    ) -> None:
        self._path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links
        self._name = str(path)
        self._options = options
        self._container: Container = container_for(Path(path))
        if options.audio != "drop":
            raise ConfigError(
                f"{path}: output.encoder = {options.encoder!r} keeps no sound; "
                'write it with audio = "drop"'
            )
        with suppress(OSError):
            if audio_from is not None and self._path.samefile(audio_from):
                raise ConfigError(f"{path}: is the input itself; choose another output")
        self._partial: Partial | None = None
        self._child: Child | None = None
        self._pipe: PipeSink | None = None
        self._info: StreamInfo | None = None
        self._times = array("q")
        self.notes: tuple[str, ...] = ()

    def open(self, info: StreamInfo) -> None:
        """Raises SinkError when the partial file cannot be made."""
        if self._info is not None:
            raise SinkError(f"{self._name}: was opened already; use one sink per file")
        command = self._command(info, partial := self._made())
        self._info, self._partial = info, partial
        with writing(self._name):
            self._child = Child(command, reads=True)
        self._pipe = PipeSink(self._child.pipe, "nut", self._name)  # type: ignore[arg-type]
        self._pipe.open(info)

    def _made(self) -> Partial:
        with writing(self._name):
            return Partial(self._path)

    def _command(self, info: StreamInfo, partial: Partial) -> list[str]:
        options, colour = self._options, info.colour
        picture = composer().input("pipe:0", f="nut", copyts=None)["v:0"]
        coded: dict[str, object] = {"c:v": options.encoder}
        if options.encoder.endswith("_vaapi"):
            picture = picture.filter("format", "nv12").filter("hwupload")
        else:
            coded["pix_fmt"] = "yuv420p"
        if options.encoder in _BY_CRF:
            coded |= {"crf": options.crf}
        coded |= {
            "color_range": _RANGES[colour.full_range],
            "colorspace": colour.matrix,
            "color_primaries": colour.primaries,
            "color_trc": colour.transfer,
            "bf": 0,
            "fps_mode": "passthrough",
            "enc_time_base": -1,
            "map_metadata": -1,
            "f": self._container.format,
        }
        coded |= self._container.options(info.time_base) | dict(options.encoder_options)
        composed = picture.output(local(partial.path), **coded)
        return list(composed.global_args(*GLOBAL, "-y").compile())

    def write(self, frame: RedactedFrame) -> None:
        """Hand one frame on. Frames must follow each other in time and fit what was opened."""
        if not isinstance(frame, RedactedFrame):
            raise SinkError(f"{self._name}: only redacted frames are written")
        if self._pipe is None or self._child is None:
            raise SinkError(f"{self._name}: is not open; call open() before write()")
        if frame.pts < 0:
            raise SinkError(f"{self._name}: frame {frame.index}: begins before zero")
        try:
            self._pipe.write(frame)
        except SinkError as error:
            raise SinkError(
                f"{error} ({self._child.wait() or 'its own words are missing'})"
            ) from error
        self._times.append(frame.pts)

    def _finish(self) -> None:
        if self._pipe is None or self._child is None or self._partial is None:
            return
        if not self._times:
            raise SinkError(f"{self._name}: no frame was written; nothing to publish")
        self._pipe.__exit__(None, None, None)
        if why := self._child.wait():
            raise SinkError(f"{self._name}: ffmpeg: {why}; nothing was published")
        assert self._info is not None
        base, tick = self._info.time_base, self._container.tick
        size = self._info.width, self._info.height
        with writing(self._name):
            # A pipe does not say how long its last frame lasts: no more is claimed of the end.
            verify(self._partial.path, Written(self._times, base, None, *size, None), tick)
            self._partial.publish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            if self._child is not None:
                self._child.kill()
            if self._partial is not None:
                self._partial.discard()
            self._pipe = None
