"""Each command runs, says what it is, and writes a sound result; nothing here is a figure."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.schema import Pipeline, read

ROOT = Path(__file__).resolve().parents[2]


def benchmarks(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder with one labelled clip of a second."""
    from benchmarks import clips

    samples = ROOT / "samples"
    folder = tmp_path / "footage"
    folder.mkdir()
    clips.cut(samples / "driveway_small.mp4", 15, folder).rename(folder / "tiny.mp4")
    rows = (samples / "driveway_small.gt.csv").read_text().splitlines()
    kept = [rows[0], *(row for row in rows[1:] if int(row.split(",")[0]) < 15)]
    (folder / "tiny.gt.csv").write_text("\n".join(kept) + "\n")
    (folder / "tiny.zone.json").write_text((samples / "driveway_small.zone.json").read_text())
    return folder


@pytest.mark.parametrize("name", ["detect", "effect", "decode", "scale"])
def test_a_quick_run_shows_a_table_and_writes_a_sound_result(tmp_path: Path, name: str) -> None:
    path = tmp_path / "result.json"
    done = benchmarks(name, "--quick", "-o", str(path))
    assert done.returncode == 0, done.stderr
    assert "| --- |" in done.stdout
    assert "A quick run" in done.stdout
    result = read(path)
    assert result.quick
    assert str(tmp_path) not in path.read_text(), "no folder of the machine is told"
    assert result.command == f"python -m benchmarks {name} --quick -o result.json"


def test_the_way_over_a_graphics_card_runs_without_one(tmp_path: Path) -> None:
    """The code of `--device cuda:0` on the processor; on a card it is the same command."""
    pytest.importorskip("torch", reason="PyTorch is absent: pip install 'redact[cuda]'")
    path = tmp_path / "detect.json"
    clip = str(ROOT / "samples" / "driveway_small.mp4")
    words = ["--quick", "--rounds", "1", "--clip", clip, "-o", str(path)]
    done = benchmarks("detect", "--device", "torch-cpu", *words)
    assert done.returncode == 0, done.stderr
    result = read(path)
    assert result.machine.device == "torch-cpu"
    assert [row.batch for row in result.rows] == [1, 2]
    assert [roof.batch for roof in result.roofline] == [1, 2]
    assert result.roofline[1].mbyte < result.roofline[0].mbyte, "weights are shared by a batch"


def test_leaks_are_measured_on_the_named_clip(tmp_path: Path, tiny: Path) -> None:
    path = tmp_path / "leak.json"
    words = ["--footage", str(tiny), "--clips", "tiny", "-o", str(path)]
    done = benchmarks("leak", "--quick", *words)
    assert done.returncode == 0, done.stderr
    rows = read(path).rows
    assert [(r.config, r.clip) for r in rows] == [("no model", "tiny"), ("no model", "all clips")]
    assert rows[0].leak.outside > 20
    assert rows[0].leak.leaked == 0


@pytest.mark.parametrize("route", ["relay", "filter", "element"])
def test_no_route_leaks_more_than_a_run(tmp_path: Path, tiny: Path, route: str) -> None:
    if route == "element" and not element_runs():
        pytest.skip("GStreamer with our version of Python is not installed: see .ci/run")
    path = tmp_path / "leak.json"
    words = ["--footage", str(tiny), "--clips", "tiny", "-o", str(path)]
    done = benchmarks("leak", "--quick", "--route", route, *words)
    assert done.returncode == 0, done.stderr
    row = read(path).rows[0]
    assert row.config == f"no model, {route}"
    assert row.leak.outside > 20
    assert row.leak.leaked == 0


def element_runs() -> bool:
    if shutil.which("gst-launch-1.0") is None:
        return False
    code = "import sys, gi; print(sys.version_info[:2])"
    found = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True)
    return found.stdout.strip() == str(sys.version_info[:2])


def test_every_row_of_whole_runs_carries_its_own_leak_rate(tmp_path: Path, tiny: Path) -> None:
    path = tmp_path / "pipeline.json"
    words = [
        "--footage",
        str(tiny),
        "--labelled",
        "tiny",
        "-o",
        str(path),
        "--only",
        "redact run --model none",
    ]
    done = benchmarks("pipeline", "--quick", "--peers-venv", str(tmp_path / "none"), *words)
    assert done.returncode == 0, done.stderr
    result = read(path)
    assert isinstance(result, Pipeline)
    rates = {(row.clip, row.name): row.leak.rate for row in result.rows}
    assert rates == {
        ("busy", "ffmpeg transcode"): 1.0,
        ("busy", "redact run --model none"): 0.0,
        ("quiet", "ffmpeg transcode"): 1.0,
        ("quiet", "redact run --model none"): 0.0,
    }
    assert {row.relative.median for row in result.rows if row.name == "ffmpeg transcode"} == {1.0}
    assert "peers`" in result.absent["deface"]
    assert len(result.clips) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "usage"),
        (["speed"], "usage"),
        (["leak", "--clips", "nowhere"], "no labelled clip nowhere"),
        (["detect", "--device", "gpu"], "expected cpu, cuda"),
        (["detect", "--clip", "nowhere.mp4"], "nowhere.mp4"),
        (["pipeline", "--only", "nobody"], "no program nobody"),
        (["report", "nowhere.json"], "nowhere.json"),
    ],
)
def test_a_wrong_word_is_one_clear_line(words: list[str], said: str) -> None:
    done = benchmarks(*words)
    assert done.returncode not in (0, None)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_suite_uses_the_public_interface_alone() -> None:
    """Modules that a user may import: packages and modules named in README or protocols; of a
    package, what it exports."""
    attacks = ("attack", "hiding", "fuzz")  # which measure no speed, and may go behind it
    measured = [p for p in (ROOT / "benchmarks").glob("*.py") if p.stem not in attacks]
    for path in measured:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("redact."):
                module = __import__(node.module, fromlist=["x"])
                public = getattr(module, "__all__", None) or dir(module)
                assert node.module.count(".") == 1, f"{path.name}: {node.module} is internal"
                for name in node.names:
                    assert name.name in public
                    assert not name.name.startswith("_")


def test_the_programs_of_peers_import_nothing_of_ours() -> None:
    for path in (ROOT / "benchmarks" / "programs").glob("*.py"):
        assert "import redact" not in path.read_text()
        assert "from redact" not in path.read_text()
