"""The contract of places, over files and objects alike, and what drafts promise in a store."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import SECRET, Failing, keys

from redact.errors import ConfigError, SinkError
from redact.sinks.partial import draft_of, write_whole
from redact.storage import (
    ObjectPath,
    Place,
    claim,
    identity,
    is_partial,
    medium,
    place_of,
    same_place,
    version_of,
)
from redact.storage import reading as reading_module
from redact.storage.parts import PartWriter


@pytest.fixture(params=["folder", "bucket"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return tmp_path
    bucket: ObjectPath = request.getfixturevalue("bucket")
    return bucket / "some/where"


def _fill(place: Place, data: bytes) -> None:
    """Through a draft, as sinks do."""
    draft = draft_of(place)
    target = draft.target()
    if isinstance(target, str):
        Path(target.removeprefix("file:")).write_bytes(data)
    else:
        target.write(data)
    draft.close()
    assert draft.path.read_bytes() == data
    draft.publish()
    draft.discard()


def test_a_place_has_the_parts_of_its_name(folder: Place) -> None:
    place = folder / "a.b.mp4"
    assert (place.name, place.stem, place.suffix) == ("a.b.mp4", "a.b", ".mp4")
    assert place.parent == folder
    assert place.with_name("x.mkv") == folder / "x.mkv"
    assert place.with_name("x.mkv").parent == folder
    assert str(place).endswith("/a.b.mp4")
    assert same_place(place_of(str(place)), place) or not place.exists()


def test_what_is_written_is_there_with_its_size(folder: Place) -> None:
    place = folder / "a.bin"
    assert not place.exists()
    write_whole(place, b"one")
    assert place.exists()
    assert place.is_file()
    assert not place.is_dir()
    assert not place.is_symlink()
    assert folder.is_dir()
    assert place.read_bytes() == b"one"
    assert place.stat().st_size == 3
    with place.open("rb") as file:
        file.seek(1)
        assert file.read() == b"ne"
    assert same_place(place, place_of(str(place)))
    assert identity(place) == identity(place_of(str(place)))
    place.unlink()
    assert not place.exists()
    place.unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        place.unlink()
    with pytest.raises(FileNotFoundError):
        place.read_bytes()
    with pytest.raises(FileNotFoundError):
        place.stat()


@pytest.mark.parametrize("name", ["ä b%20c+&=.mp4", "a'b\"c(1).mp4", "x?versionId=1.mp4", "*.mp4"])
def test_names_that_mean_something_elsewhere_are_only_names(folder: Place, name: str) -> None:
    _fill(folder / name, b"data")
    assert (folder / name).read_bytes() == b"data"
    assert (folder / name).stat().st_size == 4
    (folder / name).unlink()
    assert not (folder / name).exists()


def test_a_draft_is_hidden_until_it_is_published_and_leaves_nothing(folder: Place) -> None:
    place = folder / "clip.mp4"
    draft = draft_of(place)
    assert is_partial(draft.path.name)
    assert not place.exists()
    draft.discard()
    assert not place.exists()
    assert not draft.path.exists()
    _fill(place, b"x" * 1000)
    assert place.read_bytes() == b"x" * 1000
    if isinstance(folder, ObjectPath):
        assert keys(ObjectPath(folder.bucket, "")) == ["some/where/clip.mp4"]
    else:
        assert [path.name for path in folder.iterdir()] == ["clip.mp4"]


def test_a_draft_of_a_folder_is_refused(folder: Place) -> None:
    write_whole(folder / "clip.bin", b"x")
    with pytest.raises(SinkError, match="is a folder"):
        draft_of(folder)


def test_of_two_drafts_one_is_published_in_a_store(bucket: ObjectPath) -> None:
    place = claim(bucket / "clip.mp4")
    assert isinstance(place, ObjectPath)
    first, second = draft_of(place), draft_of(place)
    for draft, data in ((first, b"first"), (second, b"second")):
        draft.target().write(data)
        draft.close()
    first.publish()
    with pytest.raises(SinkError, match="another run has published it"):
        second.publish()
    second.discard()
    assert place.read_bytes() == b"first"
    assert keys(bucket) == ["clip.mp4"]
    with pytest.raises(SinkError, match="another run has written it"):
        write_whole(place, b"third")


def test_what_was_claimed_is_replaced(bucket: ObjectPath) -> None:
    write_whole(bucket / "a", b"old")
    before = version_of(bucket / "a")
    _fill(claim(bucket / "a"), b"new")
    assert (bucket / "a").read_bytes() == b"new"
    assert version_of(bucket / "a") != before
    bucket_of_old = bucket / "a"
    bucket_of_old.unlink_version(before)  # by someone who knows only the old one
    assert bucket_of_old.exists()


def test_a_large_object_goes_out_and_comes_in_by_blocks(
    bucket: ObjectPath, proxy: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.random.default_rng(1).integers(0, 256, 19 << 20, dtype=np.uint8).tobytes()
    _fill(bucket / "large", data)
    assert sum("partNumber" in call for call in proxy.calls) == 4  # 8 + 8 + 3 MiB, and a copy
    monkeypatch.setattr(reading_module, "_WHOLE", 1 << 20)
    proxy.calls.clear()
    file = medium(bucket / "large")
    assert not isinstance(file, str)
    assert file.read(10) == data[:10]
    assert file.seek(-10, io.SEEK_END) == len(data) - 10
    assert file.read() == data[-10:]
    assert sum(call.startswith("GET") for call in proxy.calls) == 2
    file.seek(0)
    assert file.read() == data


@given(
    st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 15), st.binary(min_size=1, max_size=8)), max_size=4),
)
def test_parts_joined_are_what_was_written(
    appended: list[bytes], patches: list[tuple[int, bytes]]
) -> None:
    """part: 16 bytes, so that everything crosses borders."""
    sent: dict[int, bytes] = {}
    expected = bytearray()
    writer = PartWriter(sent.__setitem__, 16)
    for data in appended:
        writer.write(data)
        expected += data
    for at, data in patches:
        data = data[: max(0, min(16, len(expected)) - at)]
        writer.seek(at)
        if data:
            writer.write(data)
            expected[at : at + len(data)] = data
    writer.finish()
    assert b"".join(sent[number] for number in sorted(sent)) == bytes(expected)
    assert sorted(sent) == list(range(1, len(sent) + 1))
    assert all(len(sent[number]) == 16 for number in sorted(sent)[:-1])


def test_a_step_back_behind_the_first_part_is_an_error_not_a_hole() -> None:
    writer = PartWriter(lambda _number, _data: None, 16)
    writer.write(b"x" * 40)
    writer.seek(20)
    with pytest.raises(OSError, match="went back"):
        writer.write(b"y")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3://key:secret@bucket/a", "do not belong"),
        ("gs://bucket/a", "only s3://"),
        ("s3://", "s3://BUCKET/KEY"),
        ("s3://bucket/../a", "s3://BUCKET/KEY"),
        ("s3://bucket/a//b", "s3://BUCKET/KEY"),
    ],
)
def test_addresses_that_mean_nothing_are_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        place_of(text)
    assert "secret" not in str(caught.value)


def test_a_path_stays_a_path() -> None:
    assert place_of("a/b.mp4") == Path("a/b.mp4")
    assert place_of("S3://b/k/") == ObjectPath("b", "k")


def test_errors_of_the_store_name_no_secret(
    bucket: ObjectPath, proxy: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redact.storage import store

    with pytest.raises(FileNotFoundError, match="no such object"):
        ObjectPath("b-other-bucket", "x").read_bytes()
    error = store._known(ValueError(f"signed with {SECRET}"), "s3://b/x")
    assert isinstance(error, store.StoreError)
    assert SECRET not in str(error)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PermissionError, match="no credentials: set AWS_ACCESS_KEY_ID"):
        (bucket / "a").exists()
    assert not any(SECRET in call for call in proxy.calls)
