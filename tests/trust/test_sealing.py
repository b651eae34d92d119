"""Sealed originals: only ciphertext reaches the disk, only the owner opens it, whole or not."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from cliclips import make_clip, tree
from conftest import Call

from redact.errors import ConfigError, SinkError, TamperedError
from redact.pipeline import Stopped
from redact.sealing import (
    KeyPair,
    SealedCopy,
    load_identities,
    make_key_pair,
    parse_recipients,
    recovery_sheet,
    unseal,
)

SEALED = "out/a.mp4.original.mp4.age"
ROOT = Path(__file__).resolve().parents[2]
RUN = ("run", "in/a.mp4", "-o", "out", "--everyone")


def seal(here: Path, pair: KeyPair, data: bytes) -> Path:
    import io

    with SealedCopy(here / "x.bin.age", [pair.public]) as copy:
        copy.fill(io.BytesIO(data))
        copy.publish()
    return here / "x.bin.age"


def test_the_original_lies_sealed_beside_the_output_and_its_owner_opens_it(
    call: Call, here: Path, pair: KeyPair
) -> None:
    done = call(*RUN, "--seal-to", pair.public)
    assert done.exit_code == 0, done.stderr
    assert tree(here / "out") == ["a.mp4", "a.mp4.original.mp4.age", "a.mp4.redact.json"]
    opened = call("unseal", "--identity", "owner.key", SEALED, "-o", "clear.mp4")
    assert opened.exit_code == 0, opened.stderr
    assert (here / "clear.mp4").read_bytes() == (here / "in/a.mp4").read_bytes()
    assert stat.S_IMODE((here / "clear.mp4").stat().st_mode) == 0o600


def test_by_default_no_original_is_kept(call: Call, here: Path) -> None:
    call(*RUN)
    assert tree(here / "out") == ["a.mp4", "a.mp4.redact.json"]


def test_several_people_may_open_it_and_nobody_else(call: Call, here: Path, pair: KeyPair) -> None:
    call("keygen", "-o", "friend.key")
    call("keygen", "-o", "stranger.key")
    assert call(*RUN, "--seal-to", pair.public, "--seal-to", "friend.key.pub").exit_code == 0
    for name in ("owner", "friend"):
        opened = call("unseal", "--identity", f"{name}.key", SEALED, "-o", f"{name}.mp4")
        assert opened.exit_code == 0, opened.stderr
    refused = call("unseal", "--identity", "stranger.key", SEALED, "-o", "no.mp4")
    assert refused.exit_code == 2
    assert "not sealed to this key" in refused.stderr
    assert not (here / "no.mp4").exists()


def test_a_finished_file_is_skipped_only_while_its_sealed_original_is_there(
    call: Call, here: Path, pair: KeyPair
) -> None:
    run = (*RUN, "--seal-to", pair.public)
    call(*run)
    assert "skipped" in call(*run).stderr
    (here / SEALED).unlink()
    assert call(*run).exit_code == 6
    assert call(*RUN).exit_code == 6  # sealed before, and now not


def test_a_sealed_original_is_never_replaced_unasked(call: Call, here: Path, pair: KeyPair) -> None:
    (here / "out").mkdir()
    (here / SEALED).write_bytes(b"the only one left")
    done = call(*RUN, "--seal-to", pair.public)
    assert done.exit_code == 6
    assert "sealed original is there already" in done.stderr
    assert (here / SEALED).read_bytes() == b"the only one left"
    assert not (here / "out/a.mp4").exists()


def test_watch_seals_as_well(call: Call, here: Path, pair: KeyPair) -> None:
    done = call(
        *("watch", "in", "out", "--once", "--settle", "0", "--everyone"),
        *("--seal-to", pair.public),
    )
    assert done.exit_code == 0, done.stderr
    assert SEALED.removeprefix("out/") in tree(here / "out")


def test_two_processes_seal_as_well(call: Call, here: Path, pair: KeyPair) -> None:
    make_clip(here / "in/b.mp4", seed=4)
    done = call("run", "in", "-o", "out", "--everyone", "--jobs", "2", "--seal-to", pair.public)
    assert done.exit_code == 0, done.stderr
    assert len(tree(here / "out")) == 6


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("age1qqqq", "no public age key"),
        ("nowhere.pub", "cannot be read"),
        ("empty.pub", "holds no public key"),
        ("owner.key", "holds a secret key"),
    ],
)
@pytest.mark.parametrize("command", ["run", "watch"])
def test_a_malformed_key_is_refused_and_nothing_is_written(
    call: Call, here: Path, pair: KeyPair, to: str, said: str, command: str
) -> None:
    (here / "empty.pub").write_text("# nothing\n")
    words = ("run", "in", "-o", "out") if command == "run" else ("watch", "in", "out", "--once")
    done = call(*words, "--everyone", "--seal-to", to)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert pair.secret not in done.stderr
    assert not (here / "out").exists()


def test_a_secret_key_given_by_mistake_is_not_repeated(
    call: Call, here: Path, pair: KeyPair
) -> None:
    done = call(*RUN, "--seal-to", pair.secret)
    assert done.exit_code == 2
    assert "secret key" in done.stderr
    assert pair.secret[15:] not in done.stderr + done.stdout
    assert not (here / "out").exists()


def test_without_the_library_nothing_is_written(
    call: Call, here: Path, pair: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    done = call(*RUN, "--seal-to", pair.public)
    assert done.exit_code == 3
    assert "redact[trust]" in done.stderr
    assert not (here / "out").exists()


def test_an_original_that_cannot_be_redacted_is_not_kept_sealed_either(
    call: Call, here: Path, pair: KeyPair
) -> None:
    (here / "in/a.mp4").write_bytes((here / "in/a.mp4").read_bytes()[:-900])
    done = call(*RUN, "--seal-to", pair.public)
    assert done.exit_code == 5
    assert tree(here) == ["in", "in/a.mp4", "owner.key", "owner.key.pub"]


def test_every_altered_or_missing_byte_is_found_and_nothing_is_written(
    here: Path, pair: KeyPair
) -> None:
    sealed = seal(here, pair, np.random.default_rng(1).bytes(200_000))
    whole, keys = sealed.read_bytes(), load_identities(here / "owner.key")
    rng = np.random.default_rng(2)
    flipped = [0, len(whole) - 1, *rng.integers(0, len(whole), 60).tolist()]
    cuts = [0, 1, len(whole) - 1, 65_536, *rng.integers(0, len(whole), 20).tolist()]
    damaged = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in flipped]
    damaged += [whole[:i] for i in cuts] + [whole + b"x", whole + whole]
    found = 0
    for data in damaged:
        sealed.write_bytes(data)
        with pytest.raises((TamperedError, ConfigError)):
            unseal(sealed, here / "clear.bin", keys)
        found += 1
    assert found == len(damaged)
    assert not [name for name in tree(here) if "clear" in name]


def test_a_span_begins_at_the_key_frame_before_it(call: Call, here: Path, pair: KeyPair) -> None:
    make_clip(here / "in/a.mp4", frames=80)
    call(*RUN, "--seal-to", pair.public)
    opened = call(
        *("unseal", "--identity", "owner.key", SEALED, "-o", "part.mp4"),
        *("--from", "1", "--to", "0:03"),
    )
    assert opened.exit_code == 0, opened.stderr
    with av.open(str(here / "part.mp4")) as part:
        count = sum(1 for _ in part.decode(video=0))
    assert 20 <= count < 50
    late = call("unseal", "--identity", "owner.key", SEALED, "-o", "no.mp4", "--to", "0")
    assert late.exit_code != 0
    assert not (here / "no.mp4").exists()


def test_unseal_replaces_nothing_unasked(call: Call, here: Path, pair: KeyPair) -> None:
    call(*RUN, "--seal-to", pair.public)
    opens = ("unseal", "--identity", "owner.key", SEALED, "-o", "mine.mp4")
    (here / "mine.mp4").write_bytes(b"mine")
    assert call(*opens).exit_code == 2
    assert (here / "mine.mp4").read_bytes() == b"mine"
    assert call(*opens, "--overwrite").exit_code == 0
    assert (here / "mine.mp4").read_bytes() == (here / "in/a.mp4").read_bytes()


def test_a_killed_unseal_leaves_no_clear_byte(here: Path, pair: KeyPair) -> None:
    """The clear file has no name until it is genuine."""
    marker = b"a face that nobody may see " * 40_000
    sealed = seal(here, pair, marker * 8)
    code = (
        "import os, pathlib; import redact.sealing.opening as o; from redact.sealing import *\n"
        "real = o.decrypt\n"
        "def die(*a):\n    real(*a); a[1].flush(); os.kill(os.getpid(), 9)\n"
        "o.decrypt = die\n"
        f"unseal(pathlib.Path({str(sealed)!r}), pathlib.Path('clear.bin'),"
        " load_identities(pathlib.Path('owner.key')))"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=env, capture_output=True)
    assert done.returncode == -9, done.stderr
    for path in here.rglob("*"):
        assert not path.is_file() or marker[:27] not in path.read_bytes(), path


def test_an_endless_stream_is_sealed_in_bounded_memory_and_can_be_stopped(
    here: Path, pair: KeyPair
) -> None:
    stop, given = threading.Event(), 0

    class Endless:
        def read(self, size: int = -1, /) -> bytes:
            nonlocal given
            given += size
            if given > 20_000_000:
                stop.set()
            assert 0 < size <= 1 << 20
            return bytes(size)

    with SealedCopy(here / "live.age", [pair.public]) as copy, pytest.raises(Stopped):
        copy.fill(Endless(), stop)
    assert "live.age" not in "".join(tree(here))


def test_a_full_disk_while_sealing_is_an_error_and_leaves_nothing(
    here: Path, pair: KeyPair
) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with SealedCopy(here / "x.age", [pair.public]) as copy:
        import io
        import signal

        held = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            with pytest.raises(SinkError, match="cannot be sealed"):
                copy.fill(io.BytesIO(bytes(1_000_000)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, held)
    assert not list(here.glob("*.age"))
    assert not list(here.glob(".*"))


# -- keys -----------------------------------------------------------------------------------


def test_a_secret_key_is_for_its_owner_alone_and_never_replaced(call: Call, here: Path) -> None:
    made = call("keygen", "-o", "k", "--sheet", "sheet.html")
    assert made.exit_code == 0, made.stderr
    for name in ("k", "sheet.html"):
        assert stat.S_IMODE((here / name).stat().st_mode) == 0o600
    secret = (here / "k").read_text().splitlines()[-1]
    assert secret.startswith("AGE-SECRET-KEY-1")
    assert secret not in made.stdout + made.stderr
    assert made.stdout.strip() == (here / "k.pub").read_text().strip()
    again = call("keygen", "-o", "k")
    assert again.exit_code == 2
    assert (here / "k").read_text().endswith(secret + "\n")
    taken = call("keygen", "-o", "new", "--sheet", "sheet.html")
    assert taken.exit_code == 2
    assert not (here / "new").exists()


def test_a_secret_key_shows_in_no_repr() -> None:
    pair = make_key_pair()
    assert pair.secret not in repr(pair)


def test_the_code_on_the_recovery_sheet_holds_the_secret_key() -> None:
    """Drawn from the sheet's own SVG path, and read by a decoder that is not the encoder."""
    import re

    pair = make_key_pair()
    sheet = recovery_sheet(pair, "2026-01-01")
    path = re.search(r'class="qrline"[^>]* d="([^"]+)"', sheet)
    size = re.search(r'viewBox="0 0 (\d+) ', sheet)
    assert path is not None
    assert size is not None
    scale = float((re.search(r"scale\(([\d.]+)\)", sheet) or [0, "1"])[1])
    cells = round(int(size[1]) / scale)
    picture = np.full((cells, cells), 255, np.uint8)
    x, y = 0.0, 0.0
    for kind, args in re.findall(r"([MmhH])([^MmhH]*)", path[1]):
        numbers = [float(n) for n in re.findall(r"-?\d*\.?\d+", args)]
        if kind == "M":
            x, y = numbers
        elif kind == "m":
            x, y = x + numbers[0], y + numbers[1]
        else:
            picture[int(y), int(x) : int(x + numbers[0])] = 0
            x += numbers[0]
    large = cv2.resize(picture, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    # Each of OpenCV's two readers fails on two of a hundred codes, but not on the same ones.
    readers = (cv2.QRCodeDetector(), cv2.QRCodeDetectorAruco())
    assert pair.secret in [reader.detectAndDecode(large)[0] for reader in readers]


def test_a_key_typed_from_the_sheet_opens_and_a_typing_error_is_noticed(
    here: Path, pair: KeyPair
) -> None:
    typed = here / "typed.key"
    groups = [pair.secret[i : i + 6] for i in range(0, len(pair.secret), 6)]
    typed.write_text(" ".join(groups).lower() + "\n")
    sealed = seal(here, pair, b"hello")
    unseal(sealed, here / "clear.bin", load_identities(typed))
    assert (here / "clear.bin").read_bytes() == b"hello"
    wrong = "Q" if pair.secret[-1] != "Q" else "P"
    typed.write_text(pair.secret[:-1] + wrong)
    with pytest.raises(ConfigError, match="checksum") as caught:
        load_identities(typed)
    assert pair.secret[20:40] not in str(caught.value)


def test_recipients_are_sorted_and_each_once(here: Path, pair: KeyPair) -> None:
    other = make_key_pair().public
    (here / "all.pub").write_text(f"# both\n{other}\n{pair.public}\n")
    found = parse_recipients([pair.public, "all.pub"])
    assert found == tuple(sorted({other, pair.public}))
