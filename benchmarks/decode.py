"""What do decoding and encoding alone cost? The same 1080p clip, one way after another.

The wall counts all of a clip; `cpu_ms` counts every core. Rounds are interleaved.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2

from benchmarks import clips
from benchmarks.harness import interleaved, spend
from benchmarks.peers import ENCODE
from benchmarks.provenance import command, ffmpeg_version, machine, today
from benchmarks.schema import Decode, Media, Spread

Way = Callable[[Path], tuple[float, float]]
"""clip -> seconds by the wall, seconds of all cores"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clip", type=Path, help="default: the busy clip, 20 s")
    parser.add_argument(
        "--work", type=Path, help="keep the clips here; default: a folder that goes"
    )


def _decoded(clip: Path) -> Iterator[Any]:
    with av.open(str(clip)) as file:
        file.streams.video[0].thread_type = "AUTO"
        yield from file.decode(video=0)


def _timed(work: Callable[[Path], None]) -> Way:
    def way(clip: Path) -> tuple[float, float]:
        began, used = time.perf_counter(), time.process_time()
        work(clip)
        return time.perf_counter() - began, time.process_time() - used

    return way


def our_source(clip: Path) -> None:
    from redact.sources import PyAVSource

    source = PyAVSource(clip)
    try:
        for _ in source:
            pass
    finally:
        source.close()


def pyav(clip: Path) -> None:
    for _ in _decoded(clip):
        pass


def pyav_bgr(clip: Path) -> None:
    for frame in _decoded(clip):
        frame.to_ndarray(format="bgr24")


def opencv(clip: Path) -> None:
    capture = cv2.VideoCapture(str(clip))
    while capture.read()[0]:
        pass


def key_frames(clip: Path) -> None:
    with av.open(str(clip)) as file:
        file.streams.video[0].codec_context.skip_frame = "NONKEY"
        for _ in file.decode(video=0):
            pass


def ffmpeg(clip: Path) -> tuple[float, float]:
    spent = spend(["ffmpeg", "-v", "error", "-i", str(clip), "-f", "null", "-"], "ffmpeg")
    return spent.seconds, spent.cpu


def encoder(preset: str, clip: Path) -> Way:
    """Encodes pictures of the clip that are decoded before."""
    frames = [frame for frame, _ in zip(_decoded(clip), range(60), strict=False)]
    count = clips.frame_count(clip)

    def encode(_: Path) -> None:
        with av.open(os.devnull, "w", format="null") as file:
            options = {"preset": preset, "crf": ENCODE[-1]}
            stream: Any = file.add_stream("libx264", rate=clips.RATE, options=options)
            stream.width, stream.height = frames[0].width, frames[0].height
            for index in range(count):
                at = index % (2 * len(frames) - 2 or 1)
                frame = frames[min(at, 2 * len(frames) - 2 - at)]
                frame.pts, frame.pict_type = index, 0
                stream.encode(frame)
            stream.encode(None)

    return _timed(encode)


def run(given: argparse.Namespace) -> Decode:
    with tempfile.TemporaryDirectory(prefix="redact-decode-") as folder:
        seconds = 0.5 if given.quick else 20
        clip = given.clip or clips.busy(given.work or Path(folder), seconds)
        return _measure(given, clip)


def _measure(given: argparse.Namespace, clip: Path) -> Decode:
    ways: dict[tuple[str, str], Way] = {
        ("decode", "redact's source"): _timed(our_source),
        ("decode", "PyAV, planes"): _timed(pyav),
        ("decode", "PyAV, to BGR"): _timed(pyav_bgr),
        ("decode", "cv2.VideoCapture"): _timed(opencv),
        ("decode", "PyAV, key frames alone"): _timed(key_frames),
    }
    absent = {}
    if ffmpeg_version():
        ways["decode", "ffmpeg -f null"] = ffmpeg
    else:
        absent["ffmpeg -f null"] = "no ffmpeg on the PATH (apt install ffmpeg)"
    for preset in ("superfast", "ultrafast"):
        ways["encode", f"x264 {preset}"] = encoder(preset, clip)
    asks = {" | ".join(key): (lambda _, w=way: w(clip)) for key, way in ways.items()}
    answers = interleaved(asks, 1 if given.quick else given.rounds or 3, warmup=not given.quick)
    frames = clips.frame_count(clip)
    rows = [_row(key, answers[" | ".join(key)], frames) for key in ways]
    return Decode(
        date=today(),
        command=command(),
        quick=given.quick,
        machine=machine(ffmpeg=ffmpeg_version() or "absent"),
        absent=absent,
        clip=clip.name,
        frames=frames,
        rows=rows,
    )


def _row(key: tuple[str, str], spent: list[tuple[float, float]], frames: int) -> Media:
    return Media(
        what=key[0],  # type: ignore[arg-type]
        how=key[1],
        fps=Spread.of([frames / wall for wall, _ in spent]),
        cpu_ms=Spread.of([1e3 * cpu / frames for _, cpu in spent]),
    )
