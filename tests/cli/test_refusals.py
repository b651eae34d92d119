"""Bad files and bad options: one clear line, the right exit code, nothing left behind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from cliclips import Call, tree

from redact.cli import cli

GOOD = ["run", "in/a.mp4", "-o", "out", "--everyone"]
NO_ZONE = GOOD[:-1]
Prepare = Callable[[Path], object]


def _write(name: str, content: str | bytes) -> Prepare:
    data = content.encode() if isinstance(content, str) else content
    return lambda here: (here / name).write_bytes(data)


def _zone(polygons: object, **more: object) -> Prepare:
    return _write("bad.json", json.dumps({"polygons": polygons} | more))


def _nothing(_here: Path) -> None: ...


SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
BAD_ZONE = [*NO_ZONE, "--zone", "bad.json"]
BAD_FILE = [*NO_ZONE, "--config", "bad.toml"]
BAD_MODEL = [*GOOD, "--model"]

# what: (arguments, what to prepare, exit code, what the line must say)
CASES: dict[str, tuple[list[str], Prepare, int, str]] = {
    # the command itself
    "unknown command": (["rum"], _nothing, 2, "rum"),
    "unknown option": ([*GOOD, "--blurr"], _nothing, 2, "--blurr"),
    "no input": (["run", "-o", "out", "--everyone"], _nothing, 2, "IN"),
    "no output": (["run", "in", "--everyone"], _nothing, 2, "-o"),
    "option without value": ([*GOOD, "--crf"], _nothing, 2, "--crf"),
    "unknown effect": ([*GOOD, "--effect", "smudge"], _nothing, 2, "smudge"),
    "unknown codec": ([*GOOD, "--codec", "vp9"], _nothing, 2, "vp9"),
    "unknown preset": ([*GOOD, "--preset", "warp"], _nothing, 2, "warp"),
    "unknown audio": ([*GOOD, "--audio", "mute"], _nothing, 2, "mute"),
    "unknown faces": ([*GOOD, "--faces", "none"], _nothing, 2, "none"),
    "crf too high": ([*GOOD, "--crf", "99"], _nothing, 2, "--crf 99"),
    "crf no number": ([*GOOD, "--crf", "good"], _nothing, 2, "good"),
    "look-back negative": ([*GOOD, "--look-back", "-1"], _nothing, 2, "--look-back -1"),
    "long side too small": ([*GOOD, "--long-side", "8"], _nothing, 2, "--long-side 8"),
    "no jobs": ([*GOOD, "--jobs", "0"], _nothing, 2, "--jobs"),
    # the property
    "no property": (NO_ZONE, _nothing, 2, "--zone"),
    "two properties": ([*GOOD, "--zone", "zone.json"], _nothing, 2, "--everyone"),
    "zone missing": ([*NO_ZONE, "--zone", "no.json"], _nothing, 2, "no.json"),
    "zone no JSON": (BAD_ZONE, _write("bad.json", "{"), 2, "bad.json"),
    "zone misspelt": (BAD_ZONE, _write("bad.json", '{"polgons": []}'), 2, "bad.json"),
    "zone empty": (BAD_ZONE, _zone([]), 2, "no polygon"),
    "zone two points": (BAD_ZONE, _zone([SQUARE[:2]]), 2, "at least 3"),
    "zone in pixels": (BAD_ZONE, _zone([[[0, 0], [640, 0], [640, 360]]]), 2, "shares"),
    "zone crossing": (BAD_ZONE, _zone([[SQUARE[i] for i in (0, 2, 1, 3)]]), 2, "crosses"),
    "zone no UTF-8": (BAD_ZONE, _write("bad.json", b"\xff\xfe{"), 2, "bad.json"),
    "zone is a folder": ([*NO_ZONE, "--zone", "in"], _nothing, 2, "in"),
    # the file of options
    "config missing": ([*GOOD, "--config", "no.toml"], _nothing, 2, "no.toml"),
    "config no TOML": (BAD_FILE, _write("bad.toml", "zone = ["), 2, "bad.toml"),
    "config misspelt": (BAD_FILE, _write("bad.toml", "[outptu]\n"), 2, "outptu"),
    "config out of range": (BAD_FILE, _write("bad.toml", "[output]\ncrf=99\n"), 2, "output.crf"),
    "nobody looks": (
        [*GOOD, "--config", "bad.toml"],
        _write("bad.toml", "models = []\n[motion]\nenabled = false\n"),
        2,
        "nobody would be hidden",
    ),
    # models
    "model missing": ([*BAD_MODEL, "no.onnx"], _nothing, 2, "no.onnx"),
    "model of another kind": ([*BAD_MODEL, "zone.json"], _nothing, 2, "zone.json"),
    "model is rubbish": ([*BAD_MODEL, "x.onnx"], _write("x.onnx", b"rubbish"), 4, "the model"),
    "model without description": ([*BAD_MODEL, "x.toml"], _write("x.toml", "a=1"), 2, "x.toml"),
    # inputs
    "input missing": (["run", "no.mp4", "-o", "out", "--everyone"], _nothing, 2, "no.mp4"),
    "input a pipe": (
        ["run", "pipe.mp4", "-o", "out", "--everyone"],
        lambda here: os.mkfifo(here / "pipe.mp4"),
        2,
        "neither",
    ),
    "input empty": (
        ["run", "x.mp4", "-o", "out", "--everyone"],
        _write("x.mp4", b""),
        5,
        "x.mp4",
    ),
    "input no video": (["run", "zone.json", "-o", "out", "--everyone"], _nothing, 5, "zone.json"),
    "input cut off": (
        ["run", "x.mp4", "-o", "out", "--everyone"],
        lambda here: (here / "x.mp4").write_bytes((here / "in/a.mp4").read_bytes()[:900]),
        5,
        "x.mp4",
    ),
    "folder without video": (
        ["run", "void", "-o", "out", "--everyone"],
        lambda here: (here / "void").mkdir(),
        2,
        "no video",
    ),
    # outputs
    "output is the input": (
        ["run", "in/a.mp4", "-o", "in/a.mp4", "--everyone"],
        _nothing,
        2,
        "input",
    ),
    "output folder of the input": (
        ["run", "in/a.mp4", "-o", "in", "--everyone"],
        _nothing,
        2,
        "input",
    ),
    "output a link to the input": (
        ["run", "in/a.mp4", "-o", "link.mp4", "--everyone", "--overwrite"],
        lambda here: (here / "link.mp4").symlink_to("in/a.mp4"),
        2,
        "input",
    ),
    "output is the input folder": (["run", "in", "-o", "in", "--everyone"], _nothing, 2, "itself"),
    "output inside the input": (
        ["run", "in", "-o", "in/out", "--everyone"],
        _nothing,
        2,
        "--out-inside",
    ),
    "output of another container": (
        ["run", "in/a.mp4", "-o", "x.avi", "--everyone"],
        _nothing,
        2,
        ".mp4",
    ),
    "output a file for a folder": (
        ["run", "in", "-o", "x.mp4", "--everyone"],
        _nothing,
        2,
        "name a folder",
    ),
    "output folder is a file": (
        ["run", "in", "-o", "zone.json", "--everyone"],
        _nothing,
        2,
        "zone.json",
    ),
    "output below a file": (
        ["run", "in/a.mp4", "-o", "zone.json/x", "--everyone"],
        _nothing,
        6,
        "zone.json",
    ),
    "output exists": (
        ["run", "in/a.mp4", "-o", "x.mp4", "--everyone"],
        _write("x.mp4", b"mine"),
        6,
        "--overwrite",
    ),
    "two inputs, one output": (
        ["run", "in/a.mp4", "two/a.mp4", "-o", "out", "--everyone"],
        lambda here: ((here / "two").mkdir(), (here / "two/a.mp4").write_bytes(b"x")),
        2,
        "both become",
    ),
    "report cannot be written": (
        ["run", "in/a.mp4", "-o", "x.mp4", "--everyone"],
        lambda here: (here / "x.mp4.redact.json").mkdir(),
        6,
        "x.mp4.redact.json",
    ),
    # watch
    "watch a file": (["watch", "in/a.mp4", "out", "--everyone"], _nothing, 2, "no folder"),
    "watch inside": (["watch", "in", "in/x", "--everyone"], _nothing, 2, "--out-inside"),
    "watch never": (["watch", "in", "out", "--everyone", "--interval", "0"], _nothing, 2, "above"),
    "watch settle nan": (
        ["watch", "in", "out", "--everyone", "--settle", "nan"],
        _nothing,
        2,
        "se",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_clear_line_the_right_code_and_nothing_left(call: Call, here: Path, case: str) -> None:
    arguments, prepare, code, said = CASES[case]
    prepare(here)
    before = tree(here)
    held = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    result = call(*arguments)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("redact: error: ")
    assert "unexpected" not in lines[0]
    assert said in lines[0]
    assert result.exit_code == code, lines
    assert result.stdout == ""
    assert tree(here) == before
    assert all(path.read_bytes() == content for path, content in held.items())


def test_an_output_or_a_partial_is_no_input(call: Call, here: Path) -> None:
    call(*GOOD)
    assert "output of redact" in call("run", "out/a.mp4", "-o", "again", "--everyone").stderr
    partial = here / ".x.partial-1-abcdef.mp4"
    partial.write_bytes(b"x")
    result = call("run", partial.name, "-o", "again", "--everyone")
    assert "unfinished output" in result.stderr
    assert not (here / "again").exists()


def test_same_stem_in_one_folder_keeps_both(call: Call, here: Path) -> None:
    (here / "in/a.avi").write_bytes((here / "in/deep/er/c.avi").read_bytes())
    assert call("run", "in", "-o", "out", "--everyone").exit_code == 0
    assert {"a.mp4", "a.avi.mp4"} <= set(tree(here / "out"))


def test_permissions_are_named(call: Call, here: Path) -> None:
    (here / "in/b.mkv").chmod(0)
    if os.access(here / "in/b.mkv", os.R_OK):
        pytest.skip("root may read everything")
    (here / "in/deep").chmod(0)
    try:
        result = call("run", "in", "-o", "out", "--everyone")
    finally:
        (here / "in/deep").chmod(0o755)
    assert result.exit_code == 5
    errors = [line for line in result.stderr.splitlines() if "error" in line]
    assert len(errors) == 2
    assert all("Permission denied" in line for line in errors)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_stdout_or_a_closed_one_is_no_traceback(here: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "redact", *GOOD, "--json", "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, cwd=here, env=environment, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from redact.cli import cli; cli(['--help'], standalone_mode=False);"
        "heavy = {'cv2', 'av', 'openvino', 'torch', 'numpy', 'rich'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("run", "watch", "eval", "doctor", "zone"))


@pytest.mark.parametrize("command", ["run", "watch", "eval", "doctor", "zone"])
def test_every_command_answers_to_help(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_version_is_told() -> None:
    import redact

    result = CliRunner().invoke(cli, ["--version"], prog_name="redact")
    assert result.stdout == f"redact {redact.__version__}\n"
