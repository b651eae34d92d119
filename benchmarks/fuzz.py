"""Damaged files, thousands of them: does any crash the decoder, hang it, or lose frames in silence?

    python -m benchmarks fuzz --files 10000 --seed 1 [--json FILE] [--keep FOLDER]

Small clips of every container and codec are generated, damaged at random (the same way for the same
seed) and read to the end, each in a forked process with the locks that `redact run` decodes under.

crash: the process died, or raised anything but SourceError. hang: no end within 10 s of computing,
or 120 s on the clock. silent loss: it ended without an error, with fewer frames than the clip has.
It counts as `told` where the container notes no length or index at all (MPEG-TS, raw streams), so
that nobody can know: README.md says so; where a file of fragments ends exactly between two; and
where a note, which goes into the report, says so.
Whoever keeps files that went wrong keeps what is in them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from redact.errors import SourceError
from redact.sources import PyAVSource
from redact.sources.sandbox import locks

FRAMES, WIDTH, HEIGHT = 16, 96, 64
PATIENCE = 10  # seconds of processor time for one small file
ASLEEP = 120.0  # seconds on the clock: also for one that waits for what never comes
MEMORY = 2 << 30
# name: (codec, options of the codec, options of the container)
CLIPS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "h264.mp4": ("libx264", {"g": "8", "bf": "2"}, {}),
    "h264-fast.mp4": ("libx264", {"g": "8"}, {"movflags": "faststart"}),
    "pieces.mp4": ("libx264", {"g": "4"}, {"movflags": "frag_keyframe+empty_moov"}),
    "hevc.mp4": ("libx265", {"x265-params": "log-level=none:pools=1:keyint=8"}, {}),
    "av1.mp4": ("libsvtav1", {"preset": "12"}, {}),
    "mjpeg.mov": ("mjpeg", {}, {}),
    "mpeg4.mp4": ("mpeg4", {"g": "8"}, {}),
    "h264.mkv": ("libx264", {"g": "8", "bf": "2"}, {}),
    "vp9.webm": ("libvpx-vp9", {"cpu-used": "8"}, {}),
    "hevc.mkv": ("libx265", {"x265-params": "log-level=none:pools=1:keyint=8"}, {}),
    "mjpeg.avi": ("mjpeg", {}, {}),
    "h264.avi": ("libx264", {"g": "8"}, {}),
    "h264.flv": ("libx264", {"g": "8"}, {}),
    "h264.ts": ("libx264", {"g": "8"}, {}),
    "mpeg2.ts": ("mpeg2video", {"g": "8"}, {}),
    "raw.h264": ("libx264", {"g": "8"}, {}),
    "raw.hevc": ("libx265", {"x265-params": "log-level=none:pools=1:keyint=8"}, {}),
}
PROMISE_NOTHING = {"h264.ts", "mpeg2.ts", "raw.h264", "raw.hevc"}
FIELDS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1")


@dataclass
class Tally:
    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)  # clip, number and what became of it

    def to_dict(self) -> dict[str, object]:
        named = ("whole", "refused", "told", "silent loss", "crash", "hang")
        counts = {name: self.outcomes[name] for name in named}
        return {"files": self.files, **counts, "bad": self.bad}


# -- clips ----------------------------------------------------------------------------------


def make_clips(folder: Path) -> dict[str, bytes]:
    """Every clip that the installed codecs can make, made in a process of its own, so that none of
    an encoder's threads is here when processes are forked."""
    child = os.fork()
    if child == 0:
        for name, (codec, options, container) in CLIPS.items():
            try:
                _encode(folder / name, codec, options, container)
            except av.error.FFmpegError:
                (folder / name).unlink(missing_ok=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise SystemExit("the clips could not be made")
    return {name: (folder / name).read_bytes() for name in CLIPS if (folder / name).exists()}


def _encode(path: Path, codec: str, options: dict[str, str], container: dict[str, str]) -> None:
    column, row = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    with av.open(str(path), "w", container_options=container) as file:
        stream = file.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for index in range(FRAMES):
            grey = (column * 2 + row + 9 * index) % 256
            picture = av.VideoFrame.from_ndarray(grey.astype(np.uint8), format="gray")
            picture = picture.reformat(format=stream.pix_fmt)
            picture.pts, picture.time_base = index, Fraction(1, 25)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))


# -- damage ---------------------------------------------------------------------------------


def flip_bits(data: bytearray, chance: random.Random, _other: bytes) -> None:
    for _ in range(chance.choice((1, 2, 8, 64))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def overwrite(data: bytearray, chance: random.Random, _other: bytes) -> None:
    at, length = chance.randrange(len(data)), chance.randrange(1, 200)
    data[at : at + length] = chance.randbytes(len(data[at : at + length]))


def set_field(data: bytearray, chance: random.Random, _other: bytes) -> None:
    """A number that means trouble, mostly in the header, where sizes and counts stand."""
    whole = chance.random() < 0.3
    at = chance.randrange(len(data) if whole else min(len(data), 1500))
    if not whole and chance.random() < 0.5:
        at = len(data) - 1 - at  # an index at the end
    data[at : at + 4] = chance.choice(FIELDS)


def remove(data: bytearray, chance: random.Random, _other: bytes) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.choice((1, 4, 100, 1000))]


def repeat(data: bytearray, chance: random.Random, _other: bytes) -> None:
    at, length = chance.randrange(len(data)), chance.choice((1, 4, 100, 1000))
    data[at:at] = data[at : at + length]


def truncate(data: bytearray, chance: random.Random, _other: bytes) -> None:
    if len(data) > 1:
        del data[chance.randrange(1, len(data)) :]


def splice(data: bytearray, chance: random.Random, other: bytes) -> None:
    at, start, length = (chance.randrange(n) for n in (len(data), len(other), 2000))
    data[at : at + length] = other[start : start + length]


DAMAGES: tuple[Callable[[bytearray, random.Random, bytes], None], ...] = (
    *(flip_bits, overwrite, set_field, remove, repeat, truncate, splice),
)


def damaged(clips: dict[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """(name of the clip, its damaged bytes): always the same for the same seed and number."""
    chance = random.Random(f"{seed}/{number}")
    name, other = chance.choice(sorted(clips)), chance.choice(sorted(clips))
    data = bytearray(clips[name])
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if data:
            chance.choice(DAMAGES)(data, chance, clips[other])
    return name, bytes(data)


def ends_between(data: bytes) -> bool:
    """Whether these are whole fragments of an mp4, without the list of all of them at the end."""
    at, kinds = 0, []
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if length < 8:
            return False
        at, kinds = at + length, [*kinds, kind]
    return at == len(data) and kinds[-2:] == [b"moof", b"mdat"]


# -- reading --------------------------------------------------------------------------------


def outcome_of(path: Path, frames: int, *, promises: bool) -> str:
    """Read `path` to its end in a forked, locked process; `frames` is how many it had whole."""
    inward, outward = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(inward)
        try:
            os.write(outward, _read(path).encode()[:500])
        finally:
            os._exit(0)
    os.close(outward)
    ended = bool(select.select([inward], [], [], ASLEEP)[0])
    if not ended:
        os.kill(child, signal.SIGKILL)
    said = os.read(inward, 1000).decode() if ended else ""
    os.close(inward)
    status = os.waitpid(child, 0)[1]
    if not ended or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        return "hang"
    if os.WIFSIGNALED(status):
        return f"crash {signal.Signals(os.WTERMSIG(status)).name}"
    if said == "told":
        return said
    if not said.isdigit():
        return "refused" if said == "SourceError" else f"crash {said or 'without a word'}"
    if int(said) >= frames:
        return "whole"
    return "silent loss" if promises else "told"


def _read(path: Path) -> str:
    locks.limit(MEMORY)
    locks.confine(path)
    locks.allow_time(PATIENCE)
    try:
        with PyAVSource(path) as source:
            count = sum(1 for _ in source)
            return "told" if count < FRAMES and "left out" in " ".join(source.notes) else str(count)
    except SourceError:
        return "SourceError"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is a finding
        return type(error).__name__


def campaign(
    files: int, seed: int, *, first: int = 0, keep: Path | None = None, told: bool = False
) -> Tally:
    """Damage and read `files` files. keep: where those that went wrong are put."""
    from redact.sources.sandbox.child import load_all

    load_all()
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = make_clips(folder)
        for number in range(first, first + files):
            clip, data = damaged(clips, seed, number)
            path = folder / f"damaged{Path(clip).suffix}"
            path.write_bytes(data)
            promises = clip not in PROMISE_NOTHING and not ends_between(data)
            found = outcome_of(path, FRAMES, promises=promises)
            tally.files += 1
            tally.outcomes[found.partition(" ")[0] if found.startswith("crash") else found] += 1
            if found not in ("whole", "refused", "told"):
                tally.bad.append(f"{clip}, {number}: {found}")
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{number}-{clip}").write_bytes(data)
            if told and tally.files % 500 == 0:
                print(tally.files, dict(tally.outcomes), file=sys.stderr, flush=True)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for files that went wrong")
    args = parser.parse_args()
    began = time.monotonic()
    tally = campaign(args.files, args.seed, first=args.first, keep=args.keep, told=True)
    result = tally.to_dict() | {
        "seed": args.seed,
        "seconds": round(time.monotonic() - began, 1),
        "pyav": av.__version__,
        "ffmpeg": {name: ".".join(map(str, v)) for name, v in av.library_versions.items()},
    }
    print(json.dumps(result, indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(bool(tally.bad))


if __name__ == "__main__":
    main()
