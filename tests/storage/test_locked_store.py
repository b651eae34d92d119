"""Objects of a store are decoded in a locked process as files are: it asks for their bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from stores import KEY, SECRET

import redact
from redact.config import MotionOptions, OutputOptions
from redact.errors import SourceError
from redact.reading import kept_sound, key_times, open_file
from redact.sources import PyAVSource, SandboxedCodedSound, SandboxedSource
from redact.sources.sandbox import feeding
from redact.storage import ObjectPath, forget
from redact.storage import reading as store_reading
from redact.testing import ScriptedDetector

CONFIG = redact.Config(
    zone=redact.Zone.nothing(),
    look_back=2,
    motion=MotionOptions(enabled=False),
    output=OutputOptions(audio="keep"),
)


@pytest.fixture
def no_reading_here(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def refuse() -> None:
        def opened(file: object, mode: str | None = None, *args: object, **more: object) -> object:
            assert mode == "w", f"{file} is read in this process"
            return real(file, mode, *args, **more)  # type: ignore[call-overload]

        real = av.open
        monkeypatch.setattr(av, "open", opened)

    return refuse


@pytest.mark.parametrize("whole", [True, False], ids=["in memory", "in blocks"])
@pytest.mark.parametrize("name", ["a.mp4", "b.mkv", "deep/c.avi"])
def test_an_object_is_decoded_as_in_process(
    filled: ObjectPath, name: str, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not whole:
        monkeypatch.setattr(store_reading, "_WHOLE", 0)
    path = filled / "in" / name
    with PyAVSource(path) as here, SandboxedSource(path) as boxed:
        assert boxed.info == here.info
        for a, b in zip(here, boxed, strict=True):
            assert a.pts == b.pts
            assert np.array_equal(a.y, b.y)


def test_nothing_of_an_object_is_read_in_this_process(
    filled: ObjectPath, no_reading_here: Callable[[], None]
) -> None:
    no_reading_here()
    detector = ScriptedDetector({})
    report = redact.run(filled / "in/a.mp4", filled / "out/a.mp4", CONFIG, detector=detector)
    assert report.frames == 30
    assert isinstance(open_file(filled / "in/a.mp4"), SandboxedSource)
    assert key_times(filled / "in/a.mp4", CONFIG)[0]
    sound = kept_sound(filled / "in/a.mp4", filled / "out/a.mp4", CONFIG)
    assert sound is None or isinstance(sound, SandboxedCodedSound)


def test_a_locked_process_of_an_object_can_open_no_file_and_knows_no_secret(
    filled: ObjectPath,
) -> None:
    with SandboxedSource(filled / "in/a.mp4") as boxed:
        home = Path(f"/proc/{boxed._child.pid}")
        environment = (home / "environ").read_bytes()
        opened = {os.readlink(link) for link in (home / "fd").iterdir()}  # noqa: PTH115
    for secret in (KEY, SECRET):
        assert secret.encode() not in environment
    assert {name.partition(":")[0] for name in opened} <= {"/dev/null", "socket", "/memfd"}


def test_a_store_that_fails_meanwhile_is_one_clear_error(
    filled: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter(range(1000))
    real = feeding.Feeder._bytes

    def failing(self: feeding.Feeder, at: int, size: int) -> bytes:
        return b"" if next(count) >= 1 else real(self, at, size)

    monkeypatch.setattr(feeding.Feeder, "_bytes", failing)
    with (
        pytest.raises(SourceError, match=r"s3://.*/in/b\.mkv"),
        SandboxedSource(filled / "in/b.mkv") as boxed,
    ):
        list(boxed)


@pytest.mark.parametrize("slow", ["store", "child"])
def test_a_slow_store_is_waited_for_and_a_slow_child_is_not(
    filled: ObjectPath, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many answers of less than the patience, together more."""
    real = feeding.Feeder._bytes

    def slowly(self: feeding.Feeder, at: int, size: int) -> bytes:
        time.sleep(0.8)
        return real(self, at, size)

    if slow == "child":  # that asks more often than any reader would
        monkeypatch.setattr(feeding, "_FEW", 0)
        monkeypatch.setattr(feeding, "_PASSES", 0)
    path = filled / "in/b.mkv"
    SandboxedSource(path).close()  # what forks is there
    monkeypatch.setattr(feeding.Feeder, "_bytes", slowly)
    began = time.monotonic()
    if slow == "child":
        with pytest.raises(SourceError, match="gave no frame for 1 s"):
            SandboxedSource(path, patience=1)
    else:
        with SandboxedSource(path, patience=1) as boxed:
            assert time.monotonic() - began > 1.2
            assert boxed.info.width


def test_what_is_asked_for_beyond_the_end_or_too_much_is_not_given(filled: ObjectPath) -> None:
    """The child may ask for anything."""
    forget()
    with feeding.Feeder(filled / "in/a.mp4") as feeder:
        end = feeder.end
        for at, count, given in ((1 << 60, 10, 0), (0, 1 << 31, 1 << 16), (feeder.size - 3, 9, 3)):
            end.send(feeding._ASK.pack(at, count))
            assert len(end.recv(1 << 20)) == min(given, feeder.size)
        end.send(b"what")
        assert end.recv(9) == b""


def test_config_without_sandbox_reads_objects_here(filled: ObjectPath) -> None:
    reads = msgspec.structs.replace(CONFIG.input, sandbox=False)
    config = msgspec.structs.replace(CONFIG, input=reads)
    assert isinstance(redact.reading.open_source(filled / "in/a.mp4", config), PyAVSource)
