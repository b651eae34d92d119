"""A real RTSP server in a process of its own, and clips with a pattern that hiding destroys."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

HERE = Path(__file__).parent
DEBIAN_PYTHON = "/usr/bin/python3"
Picture = npt.NDArray[np.uint8]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class RtspServer:
    """start() and kill() as often as a test likes; the port stays."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    recordings: list[Path] = field(default_factory=list)

    @property
    def camera(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/camera"

    @property
    def record(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/record"

    def start(self, width: int = 320, height: int = 240, fps: int = 15) -> None:
        self.recordings.append(self.folder / f"{self.port}-{len(self.recordings)}.ts")
        words = [str(n) for n in (self.port, width, height, fps, self.recordings[-1])]
        self.process = subprocess.Popen(
            [DEBIAN_PYTHON, str(HERE / "rtsp_server.py"), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder)},
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def wait_for(what: object, seconds: float = 30.0) -> None:
    """Until `what()` is true."""
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def luma(path: Path) -> list[tuple[float, Picture]]:
    """Time and luma of every frame that can be decoded of a file."""
    frames: list[tuple[float, Picture]] = []
    with suppress(av.error.FFmpegError), av.open(str(path)) as file:
        frames.extend(
            (float(frame.time or 0), frame.to_ndarray()[: frame.height])
            for frame in file.decode(video=0)
        )
    return frames


def fine_detail(picture: Picture) -> float:
    """Grey levels between pixels four apart: about 60 in chequers, about 0 in what is hidden."""
    grey = picture.astype(np.int16)
    return float(np.abs(grey[:, 4:] - grey[:, :-4]).mean())


def chequers(width: int, height: int, seed: int) -> Picture:
    """8-pixel chequers, as GStreamer's, with a camera's noise so that every frame is coded."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    noise = np.random.default_rng(seed).integers(-3, 4, (height, width))
    return (np.where((x // 8 + y // 8) % 2, 200, 40) + noise).astype(np.uint8)


def make_clip(path: Path, sizes: list[tuple[int, int, int]], fps: int = 15, key: int = 15) -> Path:
    """Chequers as raw H.264 in MPEG-TS: (frames, width, height) one after the other."""
    with path.open("wb") as file:
        for frames, width, height in sizes:
            coder = av.CodecContext.create("libx264", "w")
            coder.width, coder.height, coder.pix_fmt = width, height, "yuv420p"
            coder.time_base, coder.framerate = Fraction(1, fps), Fraction(fps)
            coder.options = {"g": str(key), "tune": "zerolatency", "preset": "ultrafast"}
            for index in range(frames):
                planes = np.full((height * 3 // 2, width), 128, np.uint8)
                planes[:height] = chequers(width, height, index)
                picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                picture.pts = index
                file.writelines(bytes(packet) for packet in coder.encode(picture))
            file.writelines(bytes(packet) for packet in coder.encode(None))
    return path
