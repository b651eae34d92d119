"""The audit log and bundles: whatever is altered in them is found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cliclips import make_clip
from conftest import Call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redact.audit import AuditLog, Statement, verify_bundle, verify_log
from redact.errors import ConfigError, RedactError, SinkError, TamperedError

ROOT = Path(__file__).resolve().parents[2]
OPENSSL = shutil.which("openssl")


def make_log(folder: Path, entries: int = 5) -> Path:
    log = AuditLog(folder / "log.jsonl")
    for number in range(entries):
        log.append("note", Statement(f"Anna {number}", "testing", "consent"), {"n": number})
    return log.path


def test_entries_follow_each_other_and_hold(tmp_path: Path) -> None:
    found = verify_log(make_log(tmp_path))
    assert found.entries == 5
    assert not found.trusted


@pytest.mark.parametrize("what", ["edit", "remove", "swap", "double", "cut", "last", "all", "add"])
def test_any_change_of_the_log_is_found(tmp_path: Path, what: str) -> None:
    path = make_log(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {
        "edit": [lines[0], lines[1].replace(b"Anna 1", b"Otto 1"), *lines[2:]],
        "remove": [*lines[:2], *lines[3:]],
        "swap": [lines[0], lines[2], lines[1], *lines[3:]],
        "double": [*lines[:2], *lines[1:]],
        "cut": [*lines[:4], lines[4][:50]],
        "last": lines[:4],
        "all": [],
        "add": [*lines, lines[4]],
    }[what]
    path.write_bytes(b"".join(changed))
    with pytest.raises(TamperedError):
        verify_log(path)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_changed_byte_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"bytes-{os.getpid()}"
    if not folder.exists():
        folder.mkdir()
        make_log(folder, 4)
        shutil.copyfile(folder / "log.jsonl", folder / "kept")
    whole = (folder / "kept").read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda v: v != whole[at]))
    (folder / "log.jsonl").write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
    with pytest.raises(TamperedError):
        verify_log(folder / "log.jsonl")


def test_a_log_written_anew_with_another_key_is_found_by_whoever_has_the_key(
    tmp_path: Path,
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "forged").mkdir()
    real = AuditLog(make_log(tmp_path / "real"))
    forged = make_log(tmp_path / "forged")
    assert verify_log(forged).entries == 5
    with pytest.raises(TamperedError, match="not signed by this key"):
        verify_log(forged, key=real.public)
    assert verify_log(real.path, key=real.public).trusted


def test_a_rollback_of_log_and_head_is_found_with_a_digest_noted_elsewhere(tmp_path: Path) -> None:
    path = make_log(tmp_path, 3)
    old = path.read_bytes(), AuditLog(path).head.read_bytes()
    noted = AuditLog(path).append("note", Statement("Anna"), {}).digest
    assert verify_log(path, head=noted).digest == noted
    path.write_bytes(old[0])
    AuditLog(path).head.write_bytes(old[1])
    with pytest.raises(TamperedError, match="removed or replaced"):
        verify_log(path, head=noted)


def test_nothing_is_added_to_a_log_whose_end_was_altered(tmp_path: Path) -> None:
    path = make_log(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]))
    with pytest.raises(TamperedError, match="nothing is added"):
        AuditLog(path).append("note", Statement(), {})
    assert path.read_bytes() == b"".join(lines[:3])


def test_a_line_cut_by_a_crash_was_never_acknowledged_and_goes(tmp_path: Path) -> None:
    path = make_log(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"body":{"basis":')
    AuditLog(path).append("note", Statement(), {})
    assert verify_log(path).entries == 6


def test_an_entry_longer_than_a_block_is_followed(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "log.jsonl")
    for size in (10, 200_000, 10):
        log.append("note", Statement(why="x" * size), {})
    assert verify_log(log.path).entries == 3


def test_processes_side_by_side_share_a_log(tmp_path: Path) -> None:
    make_log(tmp_path, 1)
    code = (
        "from redact.audit import *; from pathlib import Path\n"
        "for _ in range(20): AuditLog(Path('log.jsonl')).append('note', Statement('x'), {})"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    at_once = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=env) for _ in "ab"]
    assert [process.wait(60) for process in at_once] == [0, 0]
    assert verify_log(tmp_path / "log.jsonl").entries == 41


def test_a_lost_key_is_no_reason_for_a_new_one(tmp_path: Path) -> None:
    path = make_log(tmp_path)
    AuditLog(path).key.unlink()
    with pytest.raises(ConfigError, match="key of this log is gone"):
        AuditLog(path).append("note", Statement(), {})


# -- what the commands enter ----------------------------------------------------------------


def bodies(log: Path) -> list[dict[str, object]]:
    return [json.loads(line)["body"] for line in log.read_text().splitlines()]


def test_runs_failures_seals_and_unseals_are_entered(call: Call, here: Path) -> None:
    call("keygen", "-o", "k")
    (here / "in/bad.mp4").write_bytes(b"no video")
    said = ("--audit", "audit.jsonl", "--who", "Anna", "--why", "asked", "--basis", "Art. 6")
    done = call("run", "in", "-o", "out", "--everyone", "--seal-to", "k.pub", *said)
    assert done.exit_code == 5
    opened = call(
        *("unseal", "--identity", "k", "out/a.mp4.original.mp4.age", "-o", "x.mp4", *said)
    )
    assert opened.exit_code == 0, opened.stderr
    added = call(
        *("audit", "add", "audit.jsonl", "review", "--who", "Anna"),
        *("--clip", "out/a.mp4", "--decision", "approved"),
    )
    assert added.exit_code == 0, added.stderr
    entered = bodies(here / "audit.jsonl")
    assert [b["event"] for b in entered] == [
        *("run", "seal", "failed", "unseal", "unsealed", "review")
    ]
    assert all(b["who"] == "Anna" for b in entered)
    assert {b["basis"] for b in entered[:4]} == {"Art. 6"}
    checked = call("audit", "verify", "audit.jsonl")
    assert checked.exit_code == 0, checked.stderr
    assert "sound; 6 entries" in checked.stdout


def test_an_attempt_with_the_wrong_key_is_entered(call: Call, here: Path) -> None:
    call("keygen", "-o", "k")
    call("keygen", "-o", "other")
    call("run", "in", "-o", "out", "--everyone", "--seal-to", "k.pub")
    sealed = "out/a.mp4.original.mp4.age"
    tried = call("unseal", "--identity", "other", sealed, "-o", "x.mp4", "--audit", "audit.jsonl")
    assert tried.exit_code == 2
    assert [b["event"] for b in bodies(here / "audit.jsonl")] == ["unseal"]


def test_what_cannot_be_entered_is_not_left(call: Call, here: Path, logged: Path) -> None:
    logged.write_bytes(b"".join(logged.read_bytes().splitlines(keepends=True)[:1]))
    before = sorted(here.glob("out/*"))
    done = call("run", "in/a.mp4", "-o", "new/z.mp4", "--everyone", "--audit", "audit.jsonl")
    assert done.exit_code == 8
    assert not (here / "new").exists()
    assert sorted(here.glob("out/*")) == before


def test_a_log_in_a_folder_that_does_not_exist_is_refused(call: Call, here: Path) -> None:
    done = call("run", "in/a.mp4", "-o", "out", "--everyone", "--audit", "no/audit.jsonl")
    assert done.exit_code == 6
    assert not (here / "out").exists()


def test_the_configuration_may_name_seal_and_log(call: Call, here: Path) -> None:
    call("keygen", "-o", "k")
    (here / "redact.toml").write_text(
        '[seal]\nto = ["k.pub"]\n[audit]\nlog = "audit.jsonl"\nwho = "Anna"\n'
    )
    done = call("run", "in/a.mp4", "-o", "out", "--everyone", "--config", "redact.toml")
    assert done.exit_code == 0, done.stderr
    assert [b["event"] for b in bodies(here / "audit.jsonl")] == ["run", "seal"]


# -- bundles --------------------------------------------------------------------------------


@pytest.fixture
def bundle(call: Call, here: Path, logged: Path) -> Path:
    done = call(
        *("share", "out/a.mp4", "--to", "the police", "--reason", "a theft"),
        *("--audit", str(logged), "-o", "b.zip"),
    )
    assert done.exit_code == 0, done.stderr
    return here / "b.zip"


def test_a_bundle_holds_what_is_needed_and_tells_of_no_other_clip(
    bundle: Path, logged: Path
) -> None:
    found = verify_bundle(bundle, key=AuditLog(logged).public)
    assert found.trusted
    assert found.entries == 4
    with zipfile.ZipFile(bundle) as parts:
        names = parts.namelist()
        excerpt = parts.read("log.jsonl")
        text = b"".join(parts.read(name) for name in names if not name.endswith(".mp4"))
    assert {"a.mp4", "a.mp4.redact.json", "VERIFY.txt", "public.pem"} <= set(names)
    assert b"x.mp4" not in text
    assert b"y.mp4" not in text
    assert b"PRIVATE" not in text
    assert excerpt.count(b'"body":{') == 2  # its run, and its sharing


def test_equal_outputs_of_other_clips_are_not_told_of(call: Call, here: Path, logged: Path) -> None:
    shutil.copy(here / "in/a.mp4", here / "in/twin.mp4")
    done = call("run", "in/twin.mp4", "-o", "out", "--everyone", "--audit", str(logged))
    assert done.exit_code == 0, done.stderr
    assert (here / "out/twin.mp4").read_bytes() == (here / "out/a.mp4").read_bytes()
    told = ("--to", "the police", "--reason", "a theft", "--audit", str(logged), "-o", "b.zip")
    assert call("share", "out/a.mp4", *told).exit_code == 0
    with zipfile.ZipFile(here / "b.zip") as parts:
        excerpt = parts.read("log.jsonl")
    assert b"twin.mp4" not in excerpt
    assert excerpt.count(b'"body":{') == 2


def test_a_clip_renamed_since_its_run_is_told_of_by_its_digest(
    call: Call, here: Path, logged: Path
) -> None:
    make_clip(here / "in/long.mp4", frames=24)
    done = call("run", "in/long.mp4", "-o", "out", "--everyone", "--audit", "audit.jsonl")
    assert done.exit_code == 0, done.stderr
    for end in ("", ".redact.json"):
        (here / f"out/long.mp4{end}").rename(here / f"out/kept.mp4{end}")
    told = ("--to", "the police", "--reason", "a theft", "--audit", str(logged), "-o", "b.zip")
    done = call("share", "out/kept.mp4", *told)
    assert done.exit_code == 0, done.stderr
    with zipfile.ZipFile(here / "b.zip") as parts:
        assert parts.read("log.jsonl").count(b'"body":{') == 2


def test_a_third_party_needs_the_public_key_alone(bundle: Path, logged: Path) -> None:
    """Not the log, not redact: the usual tools tell, in an empty folder."""
    if OPENSSL is None:
        pytest.skip("openssl is not installed")
    away = bundle.parent / "away"
    with zipfile.ZipFile(bundle) as parts:
        parts.extractall(away)
    check = [*(OPENSSL, "pkeyutl", "-verify", "-pubin", "-inkey"), str(AuditLog(logged).public)]
    check += ["-rawin", "-in", "SHA256SUMS", "-sigfile", "SHA256SUMS.sig"]
    assert subprocess.run(check, cwd=away, capture_output=True).returncode == 0
    sums = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(sums, cwd=away, capture_output=True).returncode == 0
    with (away / "SHA256SUMS").open("ab") as file:
        file.write(b" ")
    assert subprocess.run(check, cwd=away, capture_output=True).returncode != 0


def test_any_altered_byte_of_a_bundle_s_files_is_found(bundle: Path, logged: Path) -> None:
    key = AuditLog(logged).public
    with zipfile.ZipFile(bundle) as parts:
        files = {name: parts.read(name) for name in parts.namelist()}
    rng, tried = np.random.default_rng(5), 0
    for name, data in files.items():
        for at in rng.integers(0, len(data), 12).tolist():
            changed = files | {name: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]}
            _pack(bundle.with_name("bad.zip"), changed)
            with pytest.raises((TamperedError, ConfigError)):
                # What is checked against its own copy of the key may fail to be a key at all.
                verify_bundle(bundle.with_name("bad.zip"), key=key)
            tried += 1
    assert tried == 12 * len(files)


@pytest.mark.parametrize("what", ["more", "less", "twice"])
def test_files_put_into_or_taken_out_of_a_bundle_are_found(
    bundle: Path, logged: Path, what: str
) -> None:
    with zipfile.ZipFile(bundle) as parts:
        files = {name: parts.read(name) for name in parts.namelist()}
    if what == "less":
        del files["VERIFY.txt"]
    other = bundle.with_name("bad.zip")
    _pack(other, files)
    if what != "less":
        with zipfile.ZipFile(other, "a") as parts, pytest.warns() if what == "twice" else _calm():
            parts.writestr("a.mp4" if what == "twice" else "more.txt", b"other")
    with pytest.raises(TamperedError):
        verify_bundle(other, key=AuditLog(logged).public)


def test_a_damaged_or_foreign_zip_is_one_line(call: Call, here: Path, bundle: Path) -> None:
    whole = bundle.read_bytes()
    (here / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (here / "text.zip").write_bytes(b"hello")
    with zipfile.ZipFile(here / "other.zip", "w") as other:
        other.writestr("x", b"y")
    for name in ("cut.zip", "text.zip", "other.zip"):
        done = call("audit", "verify", name)
        assert done.exit_code == 8, name
        assert len(done.stderr.splitlines()) == 1


def test_only_what_the_log_knows_as_redacted_is_shared(
    call: Call, here: Path, logged: Path
) -> None:
    words = ("--to", "x", "--reason", "y", "--audit", "audit.jsonl", "-o", "b.zip")
    original = call("share", "in/a.mp4", *words)
    assert original.exit_code == 2
    assert "only outputs of redact are shared" in original.stderr
    call("run", "in/a.mp4", "-o", "out/unlogged.mp4", "--everyone", "--crf", "30")
    unknown = call("share", "out/unlogged.mp4", *words)
    assert unknown.exit_code == 2
    assert "does not know it" in unknown.stderr
    with (here / "out/a.mp4").open("ab") as file:
        file.write(b"?")
    changed = call("share", "out/a.mp4", *words)
    assert changed.exit_code == 2
    assert "has changed" in changed.stderr
    assert not (here / "b.zip").exists()
    assert verify_log(logged).entries == 3


def test_a_bundle_that_cannot_be_written_is_not_entered(
    call: Call, here: Path, logged: Path
) -> None:
    words = ("--to", "x", "--reason", "y", "--audit", "audit.jsonl", "-o", "no/b.zip")
    assert call("share", "out/a.mp4", *words).exit_code == SinkError.exit_code
    assert verify_log(logged).entries == 3
    assert not (here / "no").exists()


def _pack(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as target:
        for name, data in files.items():
            target.writestr(name, data)


def _calm() -> object:
    from contextlib import nullcontext

    return nullcontext()


def test_every_error_here_is_ours(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "log.jsonl.pub").write_bytes(b"\xff")
    with pytest.raises(RedactError):
        verify_log(tmp_path / "log.jsonl")
