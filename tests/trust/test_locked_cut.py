"""Parts of an opened original are cut by a locked process, which sees it through a descriptor."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
from pathlib import Path

import av
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

from sandboxed import saying

from redact.errors import RedactError, SinkError, SourceError
from redact.sealing.span import cut
from redact.sources.cutting import cut as cut_here
from redact.sources.sandbox import locks
from redact.sources.sandbox import process as sandbox
from redact.sources.sandbox.cutting import _Sent
from redact.sources.sandbox.messages import Plain


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "a.mp4"
    words = "-f lavfi -i testsrc2=s=64x48:r=25:d=4 -f lavfi -i sine=d=4 -c:v libx264 -g 25 -c:a aac"
    subprocess.run(["ffmpeg", "-v", "error", *words.split(), str(path)], check=True)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_the_part_is_as_in_process(
    original: Path, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov"}[suffix]
    here = io.BytesIO()
    with original.open("rb") as source:
        expected = cut_here(source, here, "part", form, 1.5, 3.0)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the original is read in this process")

    monkeypatch.setattr(av, "open", refuse)
    part = tmp_path / f"part{suffix}"
    with original.open("rb") as source, part.open("w+b") as target:
        assert cut(source, target, part, 1.5, 3.0) == expected
    monkeypatch.undo()
    assert expected[0] == pytest.approx(1.0, abs=0.1)
    here.seek(0)
    with av.open(str(part)) as file, av.open(here) as other:
        packets = [
            [(p.stream.index, p.pts, bytes(p)) for p in each.demux()] for each in (file, other)
        ]
    assert packets[0] == packets[1]


@pytest.mark.parametrize(
    ("words", "kind"),
    [("", SinkError), ("-f lavfi -i sine=d=1 -c:a aac", SourceError)],
    ids=["no recording", "no video"],
)
def test_errors_are_those_of_the_process_itself(
    words: str, kind: type[RedactError], tmp_path: Path
) -> None:
    given = tmp_path / "given.mp4"
    given.write_bytes(b"no video " * 999)
    if words:
        subprocess.run(["ffmpeg", "-v", "error", "-y", *words.split(), str(given)], check=True)
    said = []
    for way in (
        lambda source, target: cut(source, target, tmp_path / "part.mp4", 0.0, None),
        lambda source, target: cut_here(
            source, target, str(tmp_path / "part.mp4"), "mp4", 0.0, None
        ),
    ):
        with given.open("rb") as source, (tmp_path / "t").open("w+b") as target:
            with pytest.raises(kind) as caught:
                way(source, target)
            said.append(str(caught.value))
    assert said[0].partition("(")[0] == said[1].partition("(")[0]


def test_each_write_allows_time_for_the_next_one() -> None:
    """A long part takes longer than the processor time of one step."""

    class Owner:
        def tell(self, message: Plain) -> None: ...

    before = resource.getrlimit(resource.RLIMIT_CPU)
    try:
        locks.allow_time(1000)
        first = resource.getrlimit(resource.RLIMIT_CPU)[0]
        _Sent(Owner(), 5000).write(b"x")
        assert resource.getrlimit(resource.RLIMIT_CPU)[0] >= first + 3000
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, before)


SAYS = """
    import os, socket, sys, msgspec
    from redact.sources.sandbox.messages import *
    end = socket.socket(fileno=int(sys.argv[1]))
    tell = lambda message: end.send(msgspec.msgpack.encode(message))
"""
LIES = {
    "beyond": ("tell(Written(1 << 40, b'x')); end.recv(9)", "not asked for"),
    "without end": (
        "end.settimeout(20)\n    while True: tell(Written(0, b'x' * 12000))",
        "not asked for",
    ),
    "pictures": ("tell(Ended(0)); end.recv(9)", "is no message"),
    "no time": ("tell(WasCut(float('nan'), 1.0)); end.recv(9)", "not asked for"),
    "dies": ("os.kill(os.getpid(), 11)", "crashed .SIGSEGV"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_child_that_lies_is_not_believed(
    original: Path, tmp_path: Path, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, words = LIES[lie]
    stand_in = saying(SAYS + "    " + code)
    monkeypatch.setattr(
        sandbox, "start", lambda order, end, memory, _: stand_in(order, end, memory)
    )
    with (
        original.open("rb") as source,
        (tmp_path / "t").open("w+b") as target,
        pytest.raises(SourceError, match=f"the original: its decoder .*{words}"),
    ):
        cut(source, target, tmp_path / "part.mp4", 0.0, None)
    assert (tmp_path / "t").stat().st_size == (12_000 if lie == "without end" else 0)
