"""Masks are read strictly: sound ones whole, all else is one clear error and costs no memory."""

from __future__ import annotations

import random
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from redact.errors import ConfigError
from redact.evaluate import Masks, load_masks, masks

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
# Two frames of 4 x 6.
SOUND = {
    "shape": np.array([4, 6]),
    "values": np.array([0, 1, 0, 2], np.uint8),
    "lengths": np.array([10, 14, 20, 4], np.uint32),
    "runs": np.array([2, 2]),
}


def stored(tmp_path: Path, **arrays: object) -> Path:
    path = tmp_path / "some.npz"
    np.savez_compressed(path, **{**SOUND, **arrays})  # type: ignore[arg-type]
    return path


def entry(descr: str, shape: str, data: bytes) -> bytes:
    """One array as a file, whatever its header says."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def archive(tmp_path: Path, values: bytes, packing: int = zipfile.ZIP_DEFLATED) -> Path:
    path = stored(tmp_path)
    with zipfile.ZipFile(path) as sound:
        others = {n: sound.read(n) for n in sound.namelist() if n != "values.npy"}
    with zipfile.ZipFile(path, "w", packing) as file:
        for name, data in {**others, "values.npy": values}.items():
            file.writestr(name, data)
    return path


@pytest.mark.parametrize("kind", ["u1", "<i8", ">u4"])
def test_masks_are_the_runs_of_each_frame(tmp_path: Path, kind: str) -> None:
    path = stored(tmp_path, **{name: array.astype(kind) for name, array in SOUND.items()})
    found = load_masks(path)
    assert (found.height, found.width, found.frames) == (4, 6, 2)
    assert found.at(0).ravel().tolist() == [0] * 10 + [1] * 14
    assert found.at(1).ravel().tolist() == [0] * 20 + [2] * 4
    with pytest.raises(IndexError):
        found.at(2)


def test_a_smaller_copy_has_the_labels_of_the_middles_of_its_pixels(tmp_path: Path) -> None:
    half = load_masks(stored(tmp_path)).scaled(3, 2)
    assert (half.height, half.width, half.frames) == (2, 3, 2)
    assert half.at(0).tolist() == [[0, 0, 1], [1, 1, 1]]
    assert half.scaled(3, 2).at(1).tolist() == [[0, 0, 0], [0, 2, 2]]
    for size in ((4, 2), (3, 4), (12, 8), (0, 0)):
        with pytest.raises(ConfigError, match="do not fit a picture of"):
            load_masks(stored(tmp_path)).scaled(*size)


def test_the_masks_of_the_sample_are_sound() -> None:
    found = load_masks(SAMPLES / "driveway.masks.npz")
    assert (found.width, found.height, found.frames) == (1280, 720, 240)
    assert set(np.unique(found.at(100))) <= {*range(10), 255}


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"shape": np.array([4, 6, 1])}, "shape must be height and width"),
        ({"shape": np.array([0, 6])}, "shape must be height and width"),
        ({"shape": np.array([4, 1 << 40])}, "shape must be height and width"),
        ({"shape": np.array([4.0, 6.0])}, "1 dimensions of float64, not one of whole numbers"),
        ({"values": np.zeros((2, 2), np.uint8)}, "values: 2 dimensions of uint8"),
        ({"runs": np.array([], np.int64)}, "runs must say for each frame"),
        ({"runs": np.array([4, 0])}, "runs must say for each frame"),
        ({"runs": np.array([1 << 62, 1 << 62])}, "runs must say for each frame"),
        ({"runs": np.array([2, 1])}, "runs add up to 3, but there are 4 values and 4 lengths"),
        ({"values": np.zeros(5, np.uint8)}, "runs add up to 4, but there are 5 values"),
        ({"lengths": np.array([10, 14, 24, 0])}, "lengths must be from 1 to 24"),
        ({"lengths": np.array([10, 14, -4, 28])}, "lengths must be from 1 to 24"),
        ({"lengths": np.array([10, 14, 20, 2**64 - 1], np.uint64)}, "lengths must be from 1"),
        ({"lengths": np.array([10, 14, 20, 5])}, "frame 1: runs of 25 pixels instead of 24"),
        ({"lengths": np.array([10, 13, 20, 4])}, "frame 0: runs of 23 pixels instead of 24"),
        ({"more": np.array([1])}, "and not the arrays shape, values, lengths, runs"),
    ],
)
def test_arrays_that_are_no_masks_are_one_line(
    tmp_path: Path, arrays: dict[str, object], said: str
) -> None:
    path = stored(tmp_path, **arrays)
    with pytest.raises(ConfigError, match=said) as caught:
        load_masks(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_what_is_no_archive_is_one_line(tmp_path: Path) -> None:
    sound = stored(tmp_path).read_bytes()
    for name, data, said in (
        ("text.npz", b"frame,track_id", "not an npz file of masks"),
        ("one.npy", entry("|u1", "(4,)", b"1234"), "not an npz file of masks"),
        ("short.npz", sound[:-30], "not an npz file of masks"),
        ("empty.npz", b"", "not an npz file of masks"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ConfigError, match=said):
            load_masks(tmp_path / name)
    for path in (tmp_path / "absent.npz", tmp_path):
        with pytest.raises(ConfigError, match="cannot read the masks"):
            load_masks(path)


class Planted:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return (self.path.touch, ())


def test_a_pickle_is_refused_and_never_loaded(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = stored(tmp_path, values=np.array([Planted(mark)] * 4, dtype=object))
    with pytest.raises(ConfigError, match="1 dimensions of object, not one of whole numbers"):
        load_masks(path)
    assert not mark.exists()


def peak_of_refusing(path: Path, said: str) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match=said):
            load_masks(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "MOST_BYTES", 1 << 20)
    bomb = entry("|u1", f"({16 << 20},)", bytes(16 << 20))
    path = archive(tmp_path, bomb)
    assert path.stat().st_size < 1 << 17
    assert peak_of_refusing(path, "is more than 1 MiB of masks") < 1 << 19
    # One that says in the list that it is small.
    data = bytearray(path.read_bytes())
    at = data.rindex(struct.pack("<I", len(bomb)))
    data[at : at + 4] = struct.pack("<I", 1000)
    path.write_bytes(data)
    assert peak_of_refusing(path, "Bad CRC-32 for file 'values.npy'") < 1 << 19
    # One that is packed so that it unpacks all at once.
    path = archive(tmp_path, bomb[: 1 << 18], zipfile.ZIP_LZMA)
    assert peak_of_refusing(path, "packed in another way than deflate") < 1 << 19


def test_nothing_is_allocated_for_what_a_header_promises(tmp_path: Path) -> None:
    for shape in (f"({1 << 40},)", f"({1 << 70},)", "(-1,)"):
        path = archive(tmp_path, entry("<u8", shape, bytes(64)))
        assert peak_of_refusing(path, "values: is not .* numbers as it says") < 1 << 19


def test_damage_is_an_error_of_one_line_or_none(tmp_path: Path) -> None:
    chance, path = random.Random(0), tmp_path / "damaged.npz"
    sound, said = stored(tmp_path).read_bytes(), []
    for _ in range(400):
        damaged = bytearray(sound)
        for _ in range(chance.choice((1, 3))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            assert isinstance(load_masks(path), Masks)
        except ConfigError as error:
            said.append(str(error))
    assert len(said) > 100
    assert "\n" not in "".join(said)
