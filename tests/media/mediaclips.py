"""Small clips of every kind, made at test time by real encoders. Each maker writes one file.

Most come from the ffmpeg program, so that files of another writer are read; what that cannot
make (display matrices, mirrored pictures, irregular times) comes from PyAV.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from redact.config import Config, OutputOptions
from redact.geometry import Zone
from redact.reading import kept_sound
from redact.sinks import PyAVSink
from redact.sources import PyAVSource
from redact.structures import Frame, Plane, StreamInfo, redacted

WIDTH, HEIGHT, RATE, COUNT = 128, 96, 25, 24
PICTURE = f"testsrc2=s={WIDTH}x{HEIGHT}:r={RATE}:d={COUNT / RATE}"
Maker = Callable[[Path], None]


def ffmpeg(*arguments: str | Path) -> None:
    """Run the ffmpeg program quietly; a failure fails the test."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)


def lavfi(out: Path, *arguments: str, picture: str = PICTURE, sound: str = "") -> None:
    """Encode a generated picture, and sound when asked."""
    audio = ["-f", "lavfi", "-i", sound] if sound else []
    ffmpeg("-f", "lavfi", "-i", picture, *audio, *arguments, out)


X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "12", "-threads", "1")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=1")


def pictures(
    count: int = COUNT, width: int = WIDTH, height: int = HEIGHT, name: str = "yuv420p"
) -> Iterable[av.VideoFrame]:
    """A gradient that moves, with a bright mark in its top left corner."""
    column, row = np.meshgrid(np.arange(width), np.arange(height))
    for index in range(count):
        rgb = np.stack([(column + 4 * index) % 256, row * 2 % 256, 60 + 0 * row], axis=-1)
        rgb[: height // 4, : width // 4] = (235, 235, 20)
        yield av.VideoFrame.from_ndarray(rgb.astype(np.uint8), format="rgb24").reformat(format=name)


def encode(
    out: Path,
    frames: Iterable[av.VideoFrame],
    *,
    times: Iterable[int] | None = None,
    time_base: Fraction = Fraction(1, 12800),
    step: int = 512,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    rotation: int | None = None,
    mirrored: bool = False,
    matrix: list[int] | None = None,
    container: dict[str, str] | None = None,
) -> None:
    """Encode frames at given times with PyAV."""
    settings = {"preset": "ultrafast", "x264-params": "bframes=2"} if codec == "libx264" else {}
    iterator = iter(frames)
    first = next(iterator)
    with av.open(str(out), "w", container_options=container or {}) as file:
        stream = file.add_stream(codec, rate=RATE, time_base=time_base, options=settings)
        stream.options.update(options or {})
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format.name
        if rotation is not None:
            stream.set_display_rotation(-rotation, hflip=mirrored)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        clock = iter(times) if times is not None else iter(range(0, 1 << 40, step))
        for frame in [first, *iterator]:
            frame.pts, frame.time_base, frame.pict_type = next(clock), time_base, 0
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


IRREGULAR = [0, 512, 700, 2048, 2049, 4096, 9000, 9512, 9513, 12800, 20000, 20001, 20500, 25600]


def _rotated(degrees: int, mirrored: bool = False) -> Maker:
    return lambda out: encode(out, pictures(), rotation=degrees, mirrored=mirrored)


def _irregular(out: Path) -> None:
    encode(out, pictures(len(IRREGULAR)), times=IRREGULAR)


def _milliseconds(out: Path) -> None:
    times = [0, 40, 41, 100, 280, 281, 282, 700, 1500, 1501]
    encode(out, pictures(len(times)), times=times, time_base=Fraction(1, 1000))


def _edit_list(out: Path) -> None:
    whole = out.with_name("whole-" + out.name)
    lavfi(whole, *X264, "-c:a", "aac", sound="sine=d=0.96")
    ffmpeg("-ss", "0.3", "-i", whole, "-c", "copy", out)


def _interlaced(order: str) -> Maker:
    """A bar that moves by 4 pixels per field; each frame holds two fields."""

    def woven() -> Iterable[av.VideoFrame]:
        for index in range(COUNT):
            grey = np.full((HEIGHT, WIDTH), 60, np.uint8)
            for half in (0, 1):
                left = 4 * (2 * index + half) % (WIDTH - 24)
                grey[(half if order == "tff" else 1 - half) :: 2, left : left + 24] = 200
            rgb = np.repeat(grey[..., None], 3, axis=2)
            yield av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")

    options = {"flags": "+ildct+ilme", "x264-params": f"{order}=1:bframes=0", "crf": "10"}
    return lambda out: encode(out, woven(), options=options)


def _captions(out: Path) -> None:
    """SEI user data that would tell a place, in every key frame."""
    marked = "h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+LATLON51.5N0.1W"
    lavfi(out, *X264, "-bsf:v", marked)


CLIPS: dict[str, Maker] = {
    "constant.mp4": lambda out: lavfi(out, *X264),
    "irregular.mp4": _irregular,
    "irregular.mkv": _milliseconds,
    "ntsc.mp4": lambda out: lavfi(out, *X264, picture=PICTURE.replace("r=25", "r=30000/1001")),
    "turned90.mp4": _rotated(90),
    "turned180.mp4": _rotated(180),
    "turned270.mov": _rotated(270),
    "mirrored.mp4": _rotated(0, mirrored=True),
    "mirrored90.mp4": _rotated(90, mirrored=True),
    "hevc.mp4": lambda out: lavfi(out, *X265),
    "hevc10.mp4": lambda out: lavfi(out, *X265, "-pix_fmt", "yuv420p10le"),
    "h264-10.mp4": lambda out: lavfi(out, *X264, "-pix_fmt", "yuv420p10le"),
    "h264-422.mp4": lambda out: lavfi(out, *X264, "-pix_fmt", "yuv422p"),
    "h264-full.mp4": lambda out: lavfi(
        out, *X264, "-pix_fmt", "yuvj420p", "-color_range", "pc", "-colorspace", "bt709"
    ),
    "bt709.mkv": lambda out: lavfi(
        out, *X264, "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"
    ),
    "hlg.mp4": lambda out: lavfi(
        out,
        *X265,
        *("-pix_fmt", "yuv420p10le", "-colorspace", "bt2020nc"),
        *("-color_primaries", "bt2020", "-color_trc", "arib-std-b67"),
    ),
    "grey.mp4": lambda out: lavfi(out, *X264, "-pix_fmt", "gray"),
    "interlaced.mp4": _interlaced("tff"),
    "lower-first.mp4": _interlaced("bff"),
    "odd.mkv": lambda out: encode(
        out, pictures(width=127, height=95, name="yuvj420p"), codec="mjpeg", options={"qmax": "2"}
    ),
    "motion.avi": lambda out: lavfi(out, "-c:v", "mjpeg", "-q:v", "2"),
    "motion422.avi": lambda out: lavfi(out, "-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj422p"),
    "vp9.webm": lambda out: lavfi(out, "-c:v", "libvpx-vp9", "-cpu-used", "8", "-b:v", "1M"),
    # Not libsvtav1: as root it gives the calling thread real-time priority, for good.
    "av1.mp4": lambda out: lavfi(out, "-c:v", "libaom-av1", "-cpu-used", "8", "-b:v", "1M"),
    "anamorphic.mp4": lambda out: lavfi(out, "-vf", "setsar=4/3", *X264),
    "aac.mp4": lambda out: lavfi(out, *X264, "-c:a", "aac", sound="sine=d=1.2"),
    "aac.mkv": lambda out: lavfi(out, *X264, "-c:a", "aac", sound="sine=d=1.2"),
    "aac.ts": lambda out: lavfi(out, *X264, "-c:a", "aac", sound="sine=d=1.2"),
    "alaw.mov": lambda out: lavfi(
        out, *X264, "-c:a", "pcm_alaw", "-ar", "8000", sound="sine=d=0.96"
    ),
    "alaw.avi": lambda out: lavfi(
        out, "-c:v", "mjpeg", "-c:a", "pcm_alaw", "-ar", "8000", sound="sine=d=0.96"
    ),
    "edited.mp4": _edit_list,
    "later.mp4": lambda out: lavfi(out, *X264, "-output_ts_offset", "5.04"),
    "later.mkv": lambda out: lavfi(out, *X264, "-output_ts_offset", "5.04"),
    "pieces.mp4": lambda out: lavfi(out, *X264, "-movflags", "frag_keyframe+empty_moov"),
    "bframes.avi": lambda out: lavfi(out, *X264),
    "untimed.h264": lambda out: lavfi(out, *X264, "-bf", "0"),
    "flash.flv": lambda out: lavfi(
        out, *X264, picture="testsrc2=s=128x96:r=25:d=3", sound="sine=d=3:r=44100"
    ),
    "mpeg2.ts": lambda out: lavfi(out, "-c:v", "mpeg2video", "-bf", "2"),
    "userdata.mp4": _captions,
}


class Clips:
    """Makes a clip at first use and keeps it for the session."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            CLIPS[name](path)
        return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp("clips"))


def painted(frame: Frame) -> tuple[Plane, Plane, Plane]:
    """The planes of a frame copied into one fresh I420 buffer, as an effect hands them on."""
    planes = (frame.y, frame.u, frame.v)
    buffer = np.empty(sum(p.size for p in planes), np.uint8)
    out, at = [], 0
    for plane in planes:
        part = buffer[at : at + plane.size].reshape(plane.shape)
        part[:] = plane
        out.append(part)
        at += plane.size
    return out[0], out[1], out[2]


@dataclass
class Passed:
    """What went through a pass-through effect: the input's description, and its frames."""

    info: StreamInfo
    times: list[Fraction]
    end: Fraction
    planes: list[list[np.ndarray]]
    notes: tuple[str, ...] = ()


def small(frame: Frame) -> list[np.ndarray]:
    """Copies of the planes, to compare with."""
    return [frame.y.copy(), frame.u.copy(), frame.v.copy()]


def read(path: Path) -> Passed:
    """Decode a whole file."""
    with PyAVSource(path) as source:
        times, planes, end = [], [], Fraction(0)
        for frame in source:
            times.append(frame.time)
            planes.append(small(frame))
            end = frame.time + frame.duration * frame.time_base
        return Passed(source.info, times, end, planes)


def pass_through(source_path: Path, out: Path, *, paint: bool = False, **options: Any) -> Passed:
    """Source to sink with nothing hidden; painted: through fresh planes, as hiding makes them."""
    settings = OutputOptions(**{"preset": "superfast", "crf": 10} | options)
    kept = kept_sound(source_path, out, Config(zone=Zone.nothing(), output=settings))
    with PyAVSource(source_path) as source, PyAVSink(out, settings, kept=kept) as sink:
        sink.open(source.info)
        times, planes, end = [], [], Fraction(0)
        for frame in source:
            sink.write(redacted(frame, painted(frame) if paint else None, 0))
            times.append(frame.time)
            planes.append(small(frame))
            end = frame.time + frame.duration * frame.time_base
    return Passed(source.info, times, end, planes, sink.notes)
