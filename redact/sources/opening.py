"""Open a file for reading: only a local file, only formats that hold video, only one stream."""

from __future__ import annotations

import stat
from collections import Counter

import av
import av.error
import av.stream
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from redact.errors import SourceError
from redact.sources.errors import reading
from redact.sources.wholeness import check_whole
from redact.storage import Place, medium

# Demuxers that may be probed. Left out on purpose: those that open further files or the
# network (hls, dash, concat, sdp, image2) and those that turn any text into video (tty).
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,nut,ivf,"
    "mxf,ogg,h264,hevc,vvc,av1,obu,m4v,h263,mjpeg,mjpeg_2000,mpjpeg,dv,wtv,dhav,yuv4mpegpipe,rm,"
    "mp3,wav,aac,flac,aiff,amr,caf"
)
_RAW = frozenset({"h264", "hevc", "vvc", "av1", "obu", "m4v", "h263", "mpegvideo", "mjpeg"})
_CONTAINERS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".flv", ".3gp"})
DEFAULT_MAX_PIXELS = 8192 * 8192
OUTPUT_CORRUPT = 1 << 3  # AV_CODEC_FLAG_OUTPUT_CORRUPT: damaged frames come out, marked


def check_file(path: Place) -> None:
    """Raise SourceError unless `path` is a readable, non-empty regular file."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file; check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{path}: cannot be read: {reason}; check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"{path}: is a folder; name a video file in it")
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{path}: is not a regular file; copy the video to a file first")
    if status.st_size == 0:
        raise SourceError(f"{path}: is empty (0 bytes); the recording was never written")
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read: {error.strerror or error}; check its permissions"
        ) from error


def open_container(
    path: Place, max_pixels: int, blocks: Counter[int] | None = None
) -> InputContainer:
    """Open with the allow-list of formats and the local file protocol alone. blocks: as in
    `check_whole`."""
    check_file(path)
    with reading(f"{path}: is not a video file that can be read", "check that it plays"):
        check_whole(path, Counter() if blocks is None else blocks)
        try:
            container = _open(path, max_pixels)
        except av.error.ArgumentError as error:
            raise SourceError(
                f"{path}: is not in a format that is read here; convert it to .mp4 first"
            ) from error
        _check_kind(path, container)
        return container


def _check_kind(path: Place, container: InputContainer) -> None:
    """Raise SourceError for coded pictures without a container under the name of one: a header that
    is damaged makes FFmpeg look for those, and all that the container promised is then lost."""
    found = container.format.name
    if found in _RAW and path.suffix.lower() in _CONTAINERS:
        container.close()
        raise SourceError(
            f"{path}: its header is damaged: it looks like raw {found}; copy it again, or name "
            f"it .{found} if that is what it is"
        )


def _open(path: Place, max_pixels: int) -> InputContainer:
    return av.open(
        medium(path),
        "r",
        options={"max_pixels": str(max_pixels)},
        container_options={"format_whitelist": FORMATS, "protocol_whitelist": "file"},
        metadata_errors="replace",
    )


def is_cover(stream: VideoStream) -> bool:
    """True for a picture that stands for the file, which is no video."""
    picture = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    return bool(stream.disposition & picture)


def video_stream(path: Place, container: InputContainer, max_pixels: int) -> VideoStream:
    """The first video stream that is not a cover picture, set up for decoding.

    Raises SourceError when there is none, no decoder for it, or its pictures are too large.
    """
    streams = [s for s in container.streams.video if not is_cover(s)]
    if not streams:
        what = "only a cover picture" if container.streams.video else "no video"
        raise SourceError(f"{path}: has {what}; give a file with a video stream")
    stream = streams[0]
    context = stream.codec_context
    if context is None:
        raise SourceError(f"{path}: its video codec is not known; convert it to H.264 first")
    if context.width * context.height > max_pixels:
        raise SourceError(
            f"{path}: {context.width}x{context.height} is more than {max_pixels} pixels; "
            "raise max_pixels if the file is trusted"
        )
    context.thread_type = ThreadType.AUTO
    context.flags |= OUTPUT_CORRUPT
    context.options = {"max_pixels": str(max_pixels)}
    for other in container.streams:
        if other.index != stream.index and other.type not in ("audio", "video"):
            other.discard = av.stream.Discard.all
    return stream
