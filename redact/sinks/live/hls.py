"""HlsOutput: fragmented mp4 and a rolling playlist, for browsers and Home Assistant."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from redact.sinks.errors import writing
from redact.sinks.live import Coded, CodedStream
from redact.sinks.live.muxing import Muxer


class HlsOutput:
    """folder: for this stream alone; its old segments go. seconds: per segment. count: of
    segments in the playlist. Each file appears complete, by a rename."""

    def __init__(self, folder: Path, seconds: float, count: int) -> None:
        self._folder = folder
        self._seconds = seconds
        self._count = count
        self._muxer: Muxer | None = None

    def start(self, stream: CodedStream) -> None:
        self.finish()
        with writing(str(self._folder)):
            self._folder.mkdir(parents=True, exist_ok=True)
            for pattern in ("*.m4s", "*.m4s.tmp", "init-*.mp4", "live.m3u8*"):
                for path in self._folder.glob(pattern):
                    with suppress(OSError):
                        path.unlink()
            began = str(int(time.time()))
            options = {
                "hls_time": f"{self._seconds:g}",
                "hls_list_size": str(self._count),
                "hls_segment_type": "fmp4",
                "hls_flags": "delete_segments+temp_file+independent_segments+omit_endlist",
                "hls_fmp4_init_filename": f"init-{began}.mp4",
                "hls_segment_filename": f"{self._folder}/part-%d.m4s",
                "start_number": began,  # players take a number that falls for an old list
            }
            self._muxer = Muxer(str(self._folder / "live.m3u8"), "hls", stream, options)

    def write(self, packet: Coded) -> None:
        if self._muxer is not None:
            with writing(str(self._folder)):
                self._muxer.write(packet)

    def event(self, name: str, active: bool) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        muxer, self._muxer = self._muxer, None
        if muxer is not None:
            with writing(str(self._folder)):
                muxer.close()

    def abandon(self) -> None:
        muxer, self._muxer = self._muxer, None
        if muxer is not None:
            muxer.drop()
