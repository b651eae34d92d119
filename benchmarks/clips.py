"""The clips that whole runs are measured on: 1920x1080 at 15 frames per second, as a camera would
send them (H.264, 4 Mbit/s, a key frame every two seconds, no B-frames).

Made from the rendered sample, so that anybody can make them and nobody real is in them:

- `busy`: the sample forwards and backwards, so that it has no cut. Somebody is beyond the property
  in every frame.
- `quiet`: the empty scene, with a camera's noise. A tenth of it, in the middle, is the sample.

The same libraries make the same bytes; results hold their digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from benchmarks.provenance import SAMPLES
from benchmarks.schema import BenchmarkError

SAMPLE, ZONE = SAMPLES / "driveway.mp4", SAMPLES / "driveway.zone.json"
TRUTH = SAMPLES / "driveway.gt.csv"
RATE = 15
WIDTH, HEIGHT = 1920, 1080
_OPTIONS = {
    "preset": "veryfast",
    "b": "4000000",
    "maxrate": "6000000",
    "bufsize": "8000000",
    "g": "30",
    "bf": "0",
    "threads": "2",  # another number gives other bytes
}
_EVENT = (0.55, 0.65)  # from where to where somebody is in the quiet clip
_NOISE = 1.5  # grey levels, standard deviation: what the codec left of the sample's
_EVERY = 8  # frames of the sample from one look at the scene to the next
_AROUND = 12  # pixels around a person that may be in their shade
_GRAINS = 4  # pictures of noise that are used in turn


def busy(folder: Path, seconds: float) -> Path:
    """Somebody beyond the property all the time."""
    return _made(folder / f"busy-{seconds:g}s.mp4", _busy(round(seconds * RATE)))


def quiet(folder: Path, seconds: float) -> Path:
    """Nobody there but for a tenth of the time."""
    return _made(folder / f"quiet-{seconds:g}s.mp4", _quiet(round(seconds * RATE)))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cut(clip: Path, frames: int, folder: Path | None = None) -> Path:
    """The first frames, copied (beside it, or into `folder`); the clip itself where it has no
    more."""
    if frames >= frame_count(clip):
        return clip
    return _copied(clip, (folder or clip.parent) / f"{clip.stem}-{frames}f.mp4", frames, 1)


def repeated(clip: Path, times: int) -> Path:
    """The clip several times in a row, copied."""
    path = clip.with_name(f"{clip.stem}-x{times}.mp4")
    return _copied(clip, path, frame_count(clip), times)


@lru_cache
def frame_count(clip: Path) -> int:
    with av.open(str(clip)) as file:
        return sum(packet.size > 0 for packet in file.demux(video=0))


def _made(path: Path, frames: Iterable[Any]) -> Path:
    """Encoded under another name first, so that a clip that is there is whole."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.mp4")
    with av.open(str(partial), "w") as file:
        stream: Any = file.add_stream("libx264", rate=RATE, options=_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base, frame.pict_type = index, Fraction(1, RATE), 0
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return partial.rename(path)


def _copied(clip: Path, path: Path, frames: int, times: int) -> Path:
    if path.exists():
        return path
    partial = path.with_suffix(".partial.mp4")
    with av.open(str(partial), "w") as file:
        stream: Any = None
        start = 0
        for _ in range(times):
            with av.open(str(clip)) as source:
                packets = [p for p in source.demux(video=0) if p.size][:frames]
                stream = stream or file.add_stream_from_template(source.streams.video[0])
                ends = max(p.pts + p.duration for p in packets)
                for packet in packets:
                    packet.pts, packet.dts = packet.pts + start, packet.dts + start
                    packet.stream = stream
                    file.mux(packet)
            start += ends
    return partial.rename(path)


def _sample() -> Iterator[Any]:
    if not SAMPLE.exists():
        raise BenchmarkError(f"{SAMPLE.name} is absent: run from a copy of the whole repository")
    with av.open(str(SAMPLE)) as file:
        yield from file.decode(video=0)


def _large(frame: Any) -> Any:
    return frame.reformat(WIDTH, HEIGHT, "yuv420p", interpolation="BICUBIC")


def _busy(count: int) -> Iterator[Any]:
    pictures = [frame.to_ndarray() for frame in _sample()]
    period = 2 * len(pictures) - 2
    for index in range(count):
        at = index % period
        yield _of(pictures[min(at, period - at)])


def _of(planes: np.ndarray) -> Any:
    return _large(av.VideoFrame.from_ndarray(planes, "yuv420p"))


def _quiet(count: int) -> Iterator[Any]:
    pictures = [frame.to_ndarray() for frame in _sample()]
    empty = _empty(np.stack(pictures[::_EVERY]), _people(range(0, len(pictures), _EVERY)))
    rng = np.random.default_rng(0)
    grains = rng.standard_normal((_GRAINS, *empty.shape), np.float32) * np.float32(_NOISE)
    scenes = np.clip(empty + grains, 0, 255).astype(np.uint8)
    first, last = (round(count * share) for share in _EVENT)
    for index in range(count):
        if first <= index < last:
            yield _of(pictures[(index - first) % len(pictures)])
        else:
            yield _of(scenes[rng.integers(_GRAINS)])


def _people(frames: Sequence[int]) -> npt.NDArray[np.bool_]:
    """(n, height, width) bool: where somebody is in these frames of the sample."""
    rows = np.loadtxt(TRUTH, delimiter=",", skiprows=1, usecols=(0, 2, 3, 4, 5))
    with av.open(str(SAMPLE)) as file:
        height, width = file.streams.video[0].height, file.streams.video[0].width
    there = np.zeros((len(frames), height, width), np.bool_)
    for plane, frame in zip(there, frames, strict=True):
        for x, y, w, h in rows[rows[:, 0] == frame, 1:]:
            top, left = max(int(y) - _AROUND, 0), max(int(x) - _AROUND, 0)
            plane[top : int(y + h) + _AROUND, left : int(x + w) + _AROUND] = True
    return there


def _empty(pictures: npt.NDArray[np.uint8], people: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """The scene without anybody, also not who stands still: medians of (n, height * 3 / 2, width)
    I420 pictures over the frames in which nobody is there."""
    _, height, width = people.shape
    half = people.reshape(len(people), height // 2, 2, width // 2, 2).any(axis=(2, 4))
    chroma = half.reshape(len(people), -1, width)
    there = np.concatenate([people, chroma, chroma], axis=1)
    free = len(there) - there.sum(axis=0, dtype=np.int64)
    if not free.all():
        raise BenchmarkError("somebody stands in one place of the sample in all frames")
    rising = np.sort(np.where(there, np.uint8(255), pictures), axis=0)
    return np.take_along_axis(rising, free[None] // 2, axis=0)[0]
