"""Fields to frames: FFmpeg's bwdif, one frame out per frame in, times untouched."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame

from redact.errors import SourceError
from redact.sources.timing import Decoded


class Deinterlacer:
    """Weaves or interpolates only the frames that are flagged interlaced; others pass as they
    are. Runs one frame late. Field order is each frame's own."""

    def __init__(self, first: VideoFrame, where: str) -> None:
        self._where = where
        self._waiting: deque[Decoded] = deque()
        self._graph = Graph()
        self._graph.threads = 1
        source = self._graph.add(
            "buffer",
            f"video_size={first.width}x{first.height}:pix_fmt={first.format.name}"
            f":time_base={first.time_base}:colorspace={first.colorspace}"
            f":range={first.color_range}",
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def push(self, decoded: Decoded) -> Iterator[Decoded]:
        decoded.picture.pts = decoded.pts
        self._waiting.append(decoded)
        self._graph.vpush(decoded.picture)
        return self._pull()

    def flush(self) -> Iterator[Decoded]:
        self._graph.vpush(None)
        yield from self._pull()
        if self._waiting:
            raise SourceError(f"{self._where}: the deinterlacer lost {len(self._waiting)} frames")

    def _pull(self) -> Iterator[Decoded]:
        while True:
            try:
                picture = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            decoded = self._waiting.popleft()
            if (picture.pts or 0) * (picture.time_base or 0) != decoded.time:
                raise SourceError(f"{self._where}: the deinterlacer changed a presentation time")
            yield replace(decoded, picture=picture)
