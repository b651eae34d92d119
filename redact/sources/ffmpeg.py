"""FfmpegSource: a file as the system's ffmpeg decodes it, for codecs that PyAV's wheels lack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame

from redact.errors import SourceError
from redact.programs import GLOBAL, Child, composer, local
from redact.sources.opening import DEFAULT_MAX_PIXELS, FORMATS, check_file
from redact.sources.pipe import PipeSource
from redact.sources.planes import UNSPECIFIED
from redact.sources.wholeness import check_whole
from redact.structures import Colour, Frame

_SAFE = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
_STRICT = {"xerror": None, "err_detect": "+crccheck+bitstream+buffer+explode"}
# ffprobe's names for the code points of H.273, which raw video has no place for.
_MATRICES = {"bt709": 1, "bt470bg": 5, "smpte170m": 6, "bt2020nc": 9, "bt2020c": 10}
_PRIMARIES = {"bt709": 1, "bt470bg": 5, "smpte170m": 6, "bt2020": 9}
_TRANSFERS = {"bt709": 1, "smpte170m": 6, "bt2020-10": 14, "smpte2084": 16, "arib-std-b67": 18}


class FfmpegSource(PipeSource):
    """Reads one video file once, as `PyAVSource` does, through a pipe. Raises SourceError.

    hwaccel: of ffmpeg, such as vaapi, qsv or videotoolbox; decoded pictures come back to memory.
    A file in which anything is damaged is refused: which frame it is, the pipe does not say.
    """

    def __init__(
        self, path: str | Path, *, hwaccel: str = "", max_pixels: int = DEFAULT_MAX_PIXELS
    ) -> None:
        path = Path(path)
        self._file = path
        check_file(path)
        check_whole(path, Counter())
        ffmpeg = composer()
        self._told = _probe(ffmpeg, path)
        given = {**_SAFE, **_STRICT, "max_pixels": max_pixels}
        given |= {"hwaccel": hwaccel} if hwaccel else {}
        stream = ffmpeg.input(local(path), **given)["v:0"]
        if self._told.get("field_order", "progressive") not in ("progressive", "unknown"):
            stream = stream.filter("yadif", deint="interlaced")
        raw = {"f": "nut", "c:v": "rawvideo", "fps_mode": "passthrough", "enc_time_base": -1}
        composed = stream.output("pipe:1", **raw, copyts=None)
        self._child = Child(composed.global_args(*GLOBAL).compile(), reads=False)
        try:
            super().__init__(self._child.pipe, str(path), max_pixels=max_pixels)  # type: ignore[arg-type]
        except SourceError as error:
            why = self._ended()
            raise SourceError(f"{path}: {why or error}; check that it plays") from error
        self._info = replace(self._info, codec=str(self._told.get("codec_name", "")))
        self._path, self._info = path, replace(self._info, name=path.name)

    def _colour_of(self, picture: VideoFrame) -> Colour:
        told = self._told
        return Colour(
            told.get("color_range") == "pc" or super()._colour_of(picture).full_range,
            _MATRICES.get(told.get("color_space", ""), UNSPECIFIED),
            _PRIMARIES.get(told.get("color_primaries", ""), UNSPECIFIED),
            _TRANSFERS.get(told.get("color_transfer", ""), UNSPECIFIED),
        )

    def _frames(self) -> Iterator[Frame]:
        yield from super()._frames()
        if why := self._ended():
            raise SourceError(f"{self._path}: ffmpeg: {why}; the output would not be whole")

    def _ended(self) -> str:
        self._child.pipe.read()  # what it still writes, so that it can end
        return self._child.wait().replace(local(self._file), str(self._file))

    def close(self) -> None:
        self._child.kill()
        super().close()


def _probe(ffmpeg: Any, path: Path) -> dict[str, str]:
    """What ffprobe says of the first video stream. Raises SourceError."""
    try:
        told = ffmpeg.probe(local(path), select_streams="v:0", **_SAFE)
    except ffmpeg.Error as error:
        lines = error.stderr.decode("utf-8", "replace").strip().splitlines() or ["unreadable"]
        said = lines[-1].replace(local(path), str(path))
        raise SourceError(f"{path}: ffprobe: {said}; check that it plays") from error
    if not told.get("streams"):
        raise SourceError(f"{path}: has no video; give a file with a video stream")
    return {str(key): str(value) for key, value in told["streams"][0].items()}
