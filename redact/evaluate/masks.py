"""Exact masks: whose pixel is whose, in every frame.

A NumPy archive (`.npz`, as `numpy.savez_compressed` writes it) of four arrays of whole numbers:

- `shape`: height and width of every frame;
- `values`, `lengths`: the runs of equal pixels of all frames, row by row, frame after frame. A
  value is the track_id of the truth that is seen there; any other number is nobody;
- `runs`: how many runs each frame has. Those of one frame add up to height * width.

Only visible pixels belong to somebody: who stands behind another has what is left.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from redact.errors import ConfigError

Integers = npt.NDArray[np.integer]
Label = npt.NDArray[np.integer]

MOST_BYTES = 256 << 20  # of all arrays, unpacked; the sample's 16 s at 720p are 3 MB
_LONGEST_SIDE = 16384  # pixels
_NAMES = ("shape", "values", "lengths", "runs")
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,  # encrypted
    UnicodeDecodeError,  # in a name
)
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_HOW = "write shape, values, lengths and runs with numpy.savez_compressed"


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """Labels of `frames` frames of `height` x `width` pixels, unpacked one at a time.

    values, lengths: (n,) runs. ends: (frames + 1,) int64, where those of each frame begin and end.
    step: the runs have so many times as many rows and columns, see `scaled`.
    """

    height: int
    width: int
    values: Integers
    lengths: Integers
    ends: npt.NDArray[np.int64]
    where: str = "masks"
    step: int = 1

    @property
    def frames(self) -> int:
        return len(self.ends) - 1

    def at(self, frame: int) -> Label:
        """(height, width) track ids of one frame. Raises IndexError beyond the last."""
        if not 0 <= frame < self.frames:
            raise IndexError(f"frame {frame} of {self.frames}")
        runs = slice(int(self.ends[frame]), int(self.ends[frame + 1]))
        flat = np.repeat(self.values[runs], self.lengths[runs].astype(np.int64))
        whole = flat.reshape(self.height * self.step, self.width * self.step)
        return whole[self.step // 2 :: self.step, self.step // 2 :: self.step]

    def scaled(self, width: int, height: int) -> Masks:
        """The same for a copy of the clip that is a whole number of times smaller: the label of
        each pixel is that of its middle. Raises ConfigError for any other size."""
        step = self.width // width if width else 0
        if step < 1 or (width * step, height * step) != (self.width, self.height):
            raise ConfigError(
                f"{self.where}: masks of {self.width}x{self.height} pixels do not fit a picture of "
                f"{width}x{height}"
            )
        return Masks(
            height, width, self.values, self.lengths, self.ends, self.where, self.step * step
        )


def load_masks(path: str | Path) -> Masks:
    """Read and check masks. Never reads pickles, nor more than `MOST_BYTES`, whatever the file
    promises. Raises ConfigError for anything that is wrong."""
    where = str(path)
    try:
        if Path(path).stat().st_size > MOST_BYTES:
            raise ConfigError(f"{where}: {_too_much()}")
        with zipfile.ZipFile(path) as archive:
            arrays = _arrays(archive, where)
    except OSError as error:
        raise ConfigError(f"{where}: cannot read the masks: {error.strerror or error}") from error
    except _UNREADABLE as error:
        raise ConfigError(f"{where}: not an npz file of masks: {error}; {_HOW}") from error
    height, width = _size(arrays["shape"], where)
    values, lengths, runs = (arrays[name] for name in _NAMES[1:])
    _check_runs(height * width, values, lengths, runs, where)
    ends = np.concatenate([[0], np.cumsum(runs, dtype=np.int64)])
    return Masks(height, width, values, lengths, ends, where)


def _arrays(archive: zipfile.ZipFile, where: str) -> dict[str, Integers]:
    entries = archive.infolist()
    if sorted(entry.filename for entry in entries) != sorted(f"{name}.npy" for name in _NAMES):
        held = ", ".join(repr(entry.filename[:40]) for entry in entries[:5]) or "nothing"
        raise ConfigError(f"{where}: holds {held} and not the arrays {', '.join(_NAMES)}; {_HOW}")
    if any(entry.compress_type not in _PACKINGS for entry in entries):
        # Others unpack a block at once, however large it turns out to be.
        raise ConfigError(f"{where}: is packed in another way than deflate; {_HOW}")
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise ConfigError(f"{where}: {_too_much()}")
    return {name: _array(archive, f"{name}.npy", f"{where}: {name}") for name in _NAMES}


def _too_much() -> str:
    return f"is more than {MOST_BYTES >> 20} MiB of masks; evaluate a shorter clip"


def _array(archive: zipfile.ZipFile, name: str, what: str) -> Integers:
    """One array of whole numbers. No more is unpacked than the archive's list says, and nothing is
    allocated before the header has been held against that."""
    entry = archive.getinfo(name)
    with archive.open(entry) as file:
        try:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"version {version}")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        except (ValueError, SyntaxError, TypeError, tokenize.TokenError) as error:
            said = str(error).partition("\n")[0][:80]
            raise ConfigError(f"{what}: not an array: {said}; {_HOW}") from error
        if dtype.kind not in "iu" or len(shape) != 1:
            raise ConfigError(
                f"{what}: {len(shape)} dimensions of {dtype}, not one of whole numbers; {_HOW}"
            )
        size = shape[0] * dtype.itemsize
        data = file.read(size) if 0 <= size <= entry.file_size else b""
        if len(data) != size or file.read(1):
            raise ConfigError(f"{what}: is not {shape[0]} numbers as it says; {_HOW}")
    return np.frombuffer(data, dtype)


def _size(shape: Integers, where: str) -> tuple[int, int]:
    if len(shape) != 2 or shape.min() < 1 or shape.max() > _LONGEST_SIDE:
        raise ConfigError(
            f"{where}: shape must be height and width, 1 to {_LONGEST_SIDE} pixels, not "
            f"{shape[:5].tolist()}"
        )
    return int(shape[0]), int(shape[1])


def _check_runs(
    pixels: int, values: Integers, lengths: Integers, runs: Integers, where: str
) -> None:
    if not len(runs) or runs.min() < 1 or runs.max() > len(values):
        raise ConfigError(f"{where}: runs must say for each frame how many it has, from 1")
    total = int(runs.sum(dtype=np.int64))
    if not total == len(values) == len(lengths):
        raise ConfigError(
            f"{where}: runs add up to {total}, but there are {len(values)} values and "
            f"{len(lengths)} lengths"
        )
    if lengths.min() < 1 or lengths.max() > pixels:
        raise ConfigError(f"{where}: lengths must be from 1 to {pixels}, the pixels of a frame")
    starts = np.cumsum(runs, dtype=np.int64) - runs.astype(np.int64)
    sums = np.add.reduceat(lengths, starts, dtype=np.int64)
    wrong = np.flatnonzero(sums != pixels)
    if len(wrong):
        frame = int(wrong[0])
        raise ConfigError(
            f"{where}: frame {frame}: runs of {int(sums[frame])} pixels instead of {pixels}"
        )
