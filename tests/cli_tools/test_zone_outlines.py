"""`redact zone import` and `redact zone check`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from redact.cli import cli
from redact.config import load_zone

ROOT = Path(__file__).parents[2]
FRIGATE = """
detect: {width: 1280, height: 720}
cameras:
  front:
    zones:
      yard: {coordinates: "128,360,1152,360,1152,720,128,720"}
      drive: {coordinates: ["0.1,0.1", "0.2,0.1", "0.2,0.2"]}
      shed: {enabled: false, coordinates: "0,0,0.1,0,0.1,0.1"}
  back: {}
"""
YARD = [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]
SQUARE = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "frigate.yml").write_text(FRIGATE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*args: str) -> Result:
    return CliRunner().invoke(cli, ["zone", *args], prog_name="redact")


def take(*args: str) -> Result:
    return call("import", "frigate.yml", "--camera", "front", *args)


def checked(folder: Path, polygons: object, *args: str, **more: object) -> Result:
    (folder / "zone.json").write_text(json.dumps({"polygons": polygons} | more))
    return call("check", "zone.json", *args)


@pytest.mark.usefixtures("folder")
def test_an_import_prints_the_zone_and_says_beside_it_how_frigate_differs():
    result = take("--zone", "yard")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"polygons": [YARD]}
    assert len(result.stderr.splitlines()) == 1
    assert "bottom centre" in result.stderr


def test_an_import_writes_a_zone_file_that_runs_can_read(folder):
    result = take("--zone", "yard", "--zone", "drive", "-o", "zone.json")
    assert (result.exit_code, result.stdout) == (0, "")
    assert len(load_zone("zone.json").polygons) == 2
    assert sorted(p.name for p in folder.iterdir()) == ["frigate.yml", "zone.json"]


def test_an_outline_that_is_there_is_not_replaced_unasked(folder):
    (folder / "zone.json").write_text("mine")
    result = take("--zone", "yard", "-o", "zone.json")
    assert result.exit_code == 2
    assert (folder / "zone.json").read_text() == "mine"
    assert take("--zone", "yard", "-o", "zone.json", "--overwrite").exit_code == 0
    assert load_zone("zone.json").to_dict() == {"polygons": [YARD]}


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["frigate.yml", "--camera", "side", "--zone", "yard"], 2, "the file has front, back"),
        (["frigate.yml", "--camera", "front", "--zone", "lawn"], 2, "has yard, drive, shed"),
        (["frigate.yml", "--camera", "front", "--zone", "shed"], 2, "not enabled"),
        (["frigate.yml", "--camera", "front"], 2, "no zone is named"),
        (["none.yml", "--camera", "front", "--zone", "yard"], 2, "none.yml: cannot read"),
        (["frigate.yml", "--camera", "front", "--zone", "yard", "--size", "big"], 2, "no size"),
        (["frigate.yml", "--camera", "front", "--zone", "yard", "--size", "0x9"], 2, "no area"),
        (["frigate.yml", "--camera", "front", "--zone", "yard", "-o", "no/z.json"], 6, "no"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_leaves_nothing(folder, args, code, said):
    before = sorted(folder.rglob("*"))
    result = call("import", *args)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("redact: error: ")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(folder.rglob("*")) == before


def test_check_says_what_is_covered_and_shows_the_corners(folder):
    result = checked(folder, [SQUARE])
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "zone.json: sound; 1 polygons, 4 corners"
    assert lines[1] == "polygons[0]: 0.2,0.2 0.8,0.2 0.8,0.8 0.2,0.8"
    assert lines[2].startswith("covers 36.")
    pixels = checked(folder, [SQUARE], "--frame", "1000x500").stdout
    assert "polygons[0]: 200,100 800,100 800,400 200,400" in pixels


@pytest.mark.parametrize(
    ("polygons", "holes", "said"),
    [
        ([[[0, 0], [1, 0], [1, 1], [0, 1]]], [], "hardly anyone will be hidden"),
        ([[[0, 0], [1, 0], [1, 0.3]]], [], "upper third"),
        ([[[0.5, 0.5], [0.51, 0.5], [0.5, 0.51]]], [], "nearly everyone will be hidden"),
        ([SQUARE, [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6]]], [], "is it a hole?"),
        ([SQUARE], [[[0.9, 0.9], [0.95, 0.9], [0.95, 0.95]]], "holes[0] lies beyond"),
        ([[[0, 0.5], [1, 0.5], [1, 0.99], [0, 0.99]]], [], "just before the bottom"),
    ],
)
def test_check_warns_of_what_is_seldom_meant(folder, polygons, holes, said):
    result = checked(folder, polygons, holes=holes)
    assert result.exit_code == 0
    assert result.stderr.startswith("redact: warning: zone.json: ")
    assert said in result.stderr
    plain = json.loads(checked(folder, polygons, "--json", holes=holes).stdout)
    assert any(said in warning for warning in plain["warnings"])


@pytest.mark.parametrize(
    "hole",
    [
        [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6]],  # within
        [[0.1, 0.1], [0.9, 0.1], [0.9, 0.5], [0.1, 0.5]],  # across
    ],
)
def test_a_hole_that_takes_something_away_is_no_doubt(folder, hole):
    assert checked(folder, [SQUARE], holes=[hole]).stderr == ""


def test_check_refuses_what_a_run_would_refuse(folder):
    result = checked(folder, [SQUARE, [[0, 0], [1, 1], [1, 0], [0, 1]]])
    assert result.exit_code == 2
    assert result.stderr == (
        "redact: error: zone.json: polygons[1]: the edge from point 0 to 1 crosses the edge from "
        "point 2 to 3; draw the outline so that it does not cross itself\n"
    )


def test_a_real_process_prints_json_alone_and_exits_with_the_code(folder):
    command = [sys.executable, "-m", "redact", "zone"]
    good = subprocess.run(
        [*command, "import", "frigate.yml", "--camera", "front", "--zone", "yard"],
        capture_output=True, text=True, cwd=folder, env={"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert good.returncode == 0
    assert json.loads(good.stdout) == {"polygons": [YARD]}
    bad = subprocess.run(
        [*command, "check", "absent.json"],
        capture_output=True, text=True, cwd=folder, env={"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == (
        "redact: error: absent.json: cannot read the zone: No such file or directory\n"
    )
