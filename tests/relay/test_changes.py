"""What a stream may do while it runs: another codec, sound without pictures, over HTTP."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from redact.errors import SourceLostError
from redact.sources.live import LiveSource
from redact.sources.live_clock import LiveClock

PATTERN = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=15"]


def mpegts(path: Path, *words: str) -> bytes:
    command = ["ffmpeg", "-v", "error", "-y", *words, "-f", "mpegts", str(path)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return path.read_bytes()


def video(path: Path, codec: str, frames: int) -> bytes:
    coded = ["-c:v", codec, "-g", "15", "-bf", "0", "-pix_fmt", "yuv420p", "-preset", "ultrafast"]
    return mpegts(path, *PATTERN, "-frames:v", str(frames), *coded)


@contextmanager
def camera(*streams: tuple[bytes, float]) -> Iterator[str]:
    """A camera over HTTP: each (data, seconds it takes), one after the other."""

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.send_header("Content-Length", str(sum(len(data) for data, _ in streams)))
            self.end_headers()
            for data, seconds in streams:
                step = max(1, len(data) // 100)
                for start in range(0, len(data), step):
                    try:
                        self.wfile.write(data[start : start + step])
                    except OSError:
                        return
                    time.sleep(seconds / 100)

        def log_message(self, *_words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/stream.ts?key=s3cr3t"
    server.shutdown()


def read(url: str, timeout: float) -> tuple[list[bool], str]:
    """Whether each frame was corrupt, and why the camera was lost."""
    corrupt: list[bool] = []
    with (
        LiveSource(url, "front", LiveClock(), timeout=timeout) as source,
        pytest.raises(SourceLostError) as lost,
    ):
        corrupt.extend(frame.corrupt for frame in source)
    return corrupt, str(lost.value)


def test_a_camera_over_http_is_read_to_its_end(tmp_path: Path) -> None:
    with camera((video(tmp_path / "a.ts", "libx264", 45), 0.5)) as url:
        corrupt, lost = read(url, timeout=5)
    assert len(corrupt) in (44, 45)
    assert not any(corrupt[:-1])
    assert lost == "front: the camera ended the stream"


def test_another_codec_in_mid_stream_ends_the_session_and_nothing_broken_is_shown(
    tmp_path: Path,
) -> None:
    first = video(tmp_path / "a.ts", "libx264", 30)
    second = video(tmp_path / "b.ts", "libx265", 150)
    with camera((first, 0.2), (second, 8)) as url:
        corrupt, lost = read(url, timeout=1.5)
    assert len([c for c in corrupt if not c]) <= 30
    assert lost == "front: sends no picture that can be decoded"


def test_sound_alone_is_a_stall(tmp_path: Path) -> None:
    tone = ["-f", "lavfi", "-i", "sine=sample_rate=16000"]
    coded = ["-c:v", "libx264", "-g", "15", "-bf", "0", "-c:a", "aac", "-pix_fmt", "yuv420p"]
    both = mpegts(tmp_path / "both.ts", *PATTERN, *tone, "-t", "2", *coded)
    alone = mpegts(tmp_path / "tone.ts", *tone, "-t", "60", "-c:a", "aac", "-streamid", "0:257")
    with camera((both, 0.2), (alone, 8)) as url:
        corrupt, lost = read(url, timeout=1.5)
    assert len(corrupt) > 20
    assert lost == "front: sends no picture that can be decoded"
