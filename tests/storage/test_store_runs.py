"""`redact run` from bucket to bucket, as a user calls it: a real S3 API on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result
from stores import KEY, SECRET, Failing, keys

from redact.batch import stale as stale_module
from redact.cli import cli
from redact.sinks.partial import draft_of
from redact.storage import ObjectPath, claim
from redact.storage.upload import put

Run = Callable[..., Result]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(filled: ObjectPath, clips: Path) -> Run:
    """`redact run s3://.../in -o s3://.../out`, unless other places are given."""

    def invoke(*more: str, source: str = "in", output: str = "out") -> Result:
        places = [f"{filled}/{source}", "-o", f"{filled}/{output}"]
        zone = ["--zone", str(clips / "zone.json"), "--model", "none"]
        return CliRunner().invoke(cli, ["run", *places, *zone, *more], prog_name="redact")

    return invoke


@pytest.fixture(scope="module")
def local(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same clips, run in folders."""
    out = tmp_path_factory.mktemp("local")
    words = ["run", str(clips / "in"), "-o", str(out)]
    words += ["--zone", str(clips / "zone.json"), "--model", "none"]
    assert CliRunner().invoke(cli, words).exit_code == 0
    return out


def pixels(place: ObjectPath | Path) -> list[tuple[int, np.ndarray]]:
    """Time and picture of every frame."""
    with av.open(place.open("rb")) as file:
        return [(f.pts, f.to_ndarray()) for f in file.decode(video=0)]


def same_pixels(one: ObjectPath | Path, other: ObjectPath | Path) -> bool:
    a, b = pixels(one), pixels(other)
    return len(a) == len(b) > 0 and all(
        x[0] == y[0] and np.array_equal(x[1], y[1]) for x, y in zip(a, b, strict=True)
    )


OUTPUTS = ["a.mp4", "b.mkv", "deep/c.mp4"]
THERE = sorted(
    [f"in/{name}" for name in ("a.mp4", "b.mkv", "deep/c.avi")]
    + [f"out/{name}{end}" for name in OUTPUTS for end in ("", ".redact.json")]
    + ["out/redact.manifest.json"]
)


def test_a_bucket_becomes_what_the_folder_becomes_pixel_by_pixel(
    run: Run, filled: ObjectPath, local: Path
) -> None:
    done = run()
    assert done.exit_code == 0, done.output
    assert keys(filled) == THERE
    for name in OUTPUTS:
        assert same_pixels(filled / f"out/{name}", local / name)
        ours = json.loads((filled / f"out/{name}.redact.json").read_bytes())
        theirs = json.loads((local / f"{name}.redact.json").read_bytes())
        for record in (ours, theirs):
            del record["seconds"], record["output"]
            record["input"].pop("version", None)
        assert ours == theirs


def test_a_second_run_skips_what_is_finished_and_reads_no_content(
    run: Run, proxy: Failing, filled: ObjectPath
) -> None:
    assert run().exit_code == 0
    proxy.calls.clear()
    again = run()
    assert again.exit_code == 0
    assert "3 skipped" in again.output
    read = [call for call in proxy.calls if call.startswith("GET") and "?" not in call]
    assert [call for call in read if not call.endswith(".redact.json")] == []
    assert keys(filled) == THERE


def test_other_settings_need_overwrite(run: Run, filled: ObjectPath) -> None:
    assert run(source="in/a.mp4", output="out/a.mp4").exit_code == 0
    before = (filled / "out/a.mp4").read_bytes()
    refused = run("--effect", "fill", source="in/a.mp4", output="out/a.mp4")
    assert refused.exit_code == 6
    assert "pass --overwrite" in refused.output
    assert (filled / "out/a.mp4").read_bytes() == before
    assert (
        run("--effect", "fill", "--overwrite", source="in/a.mp4", output="out/a.mp4").exit_code == 0
    )
    assert (filled / "out/a.mp4").read_bytes() != before


def test_sound_comes_out_of_the_bucket_too(run: Run, filled: ObjectPath, tmp_path: Path) -> None:
    clip = tmp_path / "s.mp4"
    generated = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=2", "-f", "lavfi", "-i", "sine=d=2"]
    subprocess.run(["ffmpeg", "-v", "error", *generated, str(clip)], check=True)
    put(filled / "in/s.mp4", clip.read_bytes())
    assert run("--audio", "keep", source="in/s.mp4", output="out/s.mp4").exit_code == 0
    with av.open((filled / "out/s.mp4").open("rb")) as file:
        assert [stream.type for stream in file.streams] == ["video", "audio"]


def test_a_broken_clip_fails_alone_and_leaves_nothing(run: Run, filled: ObjectPath) -> None:
    put(filled / "in/broken.mp4", b"no video at all")
    put(filled / "in/short.mp4", (filled / "in/a.mp4").read_bytes()[:-400])
    done = run()
    assert done.exit_code == 5
    assert "broken.mp4: is not a video file" in done.output
    assert "short.mp4: was cut short" in done.output
    assert [key for key in keys(filled) if key.startswith(("out", "?"))] == [
        key for key in THERE if key.startswith("out")
    ]


def test_folders_and_buckets_mix(
    filled: ObjectPath, clips: Path, tmp_path: Path, local: Path
) -> None:
    zone = ["--zone", str(clips / "zone.json"), "--model", "none"]
    down = ["run", f"{filled}/in/a.mp4", "-o", str(tmp_path / "a.mp4"), *zone]
    assert CliRunner().invoke(cli, down).exit_code == 0
    assert same_pixels(tmp_path / "a.mp4", local / "a.mp4")
    up = ["run", str(clips / "in" / "a.mp4"), "-o", f"{filled}/up/a.mp4", *zone]
    assert CliRunner().invoke(cli, up).exit_code == 0
    assert same_pixels(filled / "up/a.mp4", local / "a.mp4")


def test_what_does_not_work_in_a_bucket_is_refused_in_one_line(
    run: Run, filled: ObjectPath, tmp_path: Path
) -> None:
    key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    before = keys(filled)
    refused = {
        ("--seal-to", key): "originals are sealed beside outputs in folders only",
        ("--audit", str(tmp_path / "log.jsonl")): "the audit log is kept of folders only",
        ("--audit", "s3://b/log"): "buckets are read and written by `redact run` alone",
    }
    for words, said in refused.items():
        done = run(*words)
        assert done.exit_code == 2, done.output
        assert said in done.output
    watched = CliRunner().invoke(cli, ["watch", "s3://b/in", "out", "--everyone"])
    assert watched.exit_code == 2
    assert "by `redact run` alone" in watched.output
    assert keys(filled) == before


@pytest.mark.slow
def test_a_store_that_fails_a_fifth_of_all_calls_loses_no_clip(
    run: Run, proxy: Failing, filled: ObjectPath, local: Path
) -> None:
    proxy.share = 0.2
    done = run()
    proxy.share = 0.0
    assert done.exit_code == 0, done.output
    assert proxy.failed > 5
    for name in OUTPUTS:
        assert same_pixels(filled / f"out/{name}", local / name)
    assert keys(filled) == THERE


def test_a_store_that_goes_away_is_one_error_and_no_hang(
    run: Run, proxy: Failing, filled: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redact.storage import store

    monkeypatch.setattr(store, "_CONFIG", {"retries": {"max_attempts": 0}})
    monkeypatch.setattr(store, "_client", None)
    proxy.share = 1.0
    done = run()
    assert done.exit_code != 0
    assert done.output.count("\n") == 1
    assert "the store fails" in done.output
    assert KEY not in done.output
    assert SECRET not in done.output
    proxy.share = 0.0
    assert [key for key in keys(filled) if not key.startswith("in/")] == []


def test_drafts_and_uploads_of_the_dead_go_and_those_of_the_living_stay(
    run: Run, filled: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = draft_of(claim(filled / "out/a.mp4"))  # an upload that nobody ends
    left.target().write(b"x")
    complete = draft_of(claim(filled / "out/b.mkv"))
    complete.target().write(b"y")
    complete.close()
    put(filled / "out/.other.mp4", b"not ours")
    monkeypatch.setattr(stale_module, "_lives", lambda _: False)
    assert run(source="in/a.mp4", output="out/x.mp4").exit_code == 0
    assert complete.path.exists()  # changed just now: by another machine, perhaps
    monkeypatch.setattr(stale_module, "_QUIET", -1.0)
    assert run(source="in/a.mp4", output="out/x.mp4").exit_code == 0
    assert [key for key in keys(filled) if not key.startswith("in/")] == [
        "out/.other.mp4",
        "out/x.mp4",
        "out/x.mp4.redact.json",
    ]


def test_a_run_writes_nothing_to_any_disk_and_says_no_secret(
    filled: ObjectPath, clips: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    where = [
        f"{filled}/in",
        "-o",
        f"{filled}/out",
        "--zone",
        str(clips / "zone.json"),
        "--model",
        "none",
    ]
    command = [sys.executable, "-m", "redact", "run", *where, "--json", "--debug"]
    watched = "trace=open,openat,creat,mkdir,mkdirat,rename,renameat2,link,symlink,memfd_create"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(trace), "-e", watched, *command],
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    wrote = [
        line
        for line in trace.read_text(errors="replace").splitlines()
        if any(
            word in line for word in ("O_WRONLY", "O_RDWR", "O_CREAT", "mkdir", "rename", "memfd")
        )
        and " = -1 " not in line
        and '"/dev/' not in line
        and 'memfd_create("frames"' not in line  # memory that frames come through
    ]
    assert wrote == []
    said = done.stdout + done.stderr
    reports = b"".join((filled / f"out/{name}.redact.json").read_bytes() for name in OUTPUTS)
    for secret in (KEY, SECRET):
        assert secret not in said
        assert secret.encode() not in reports


def test_a_killed_run_publishes_nothing_and_the_next_one_tidies_up(
    run: Run, filled: ObjectPath, clips: Path, proxy: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cliclips import make_clip

    put(filled / "long/l.mp4", make_clip(clips / "l.mp4", 250, (160, 120)).read_bytes())
    where = [
        f"{filled}/long",
        "-o",
        f"{filled}/out",
        "--zone",
        str(clips / "zone.json"),
        "--model",
        "none",
    ]
    process = subprocess.Popen([sys.executable, "-m", "redact", "run", *where, "--quiet"], cwd=ROOT)
    until = time.monotonic() + 60
    while not any("POST" in call and ".partial-" in call for call in proxy.calls):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert any(".partial-" in key for key in keys(filled))
    assert not (filled / "out/l.mp4").exists()
    monkeypatch.setattr(stale_module, "_QUIET", -1.0)
    assert run(source="long").exit_code == 0
    assert [key for key in keys(filled) if key.startswith(("out", "?"))] == [
        "out/l.mp4",
        "out/l.mp4.redact.json",
        "out/redact.manifest.json",
    ]
