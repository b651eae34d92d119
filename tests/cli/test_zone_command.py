"""`redact zone`: import and check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from redact.cli import cli
from redact.config import load_zone

FRIGATE = """
cameras:
  front:
    detect: {width: 1000, height: 500}
    zones:
      yard: {coordinates: "0.1,0.5,0.9,0.5,0.9,1.0,0.1,1.0"}
      step: {coordinates: ["400,50", "600,50", "500,100"]}
      old: {enabled: false, coordinates: "0.1,0.5,0.9,0.5,0.9,1.0"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "frigate.yml").write_text(FRIGATE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, ["zone", *words])


@pytest.mark.usefixtures("folder")
def test_an_imported_zone_is_on_stdout_alone_and_the_difference_is_told_on_stderr():
    result = call("import", "frigate.yml", "--zone", "yard")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["polygons"] == [[[0.1, 0.5], [0.9, 0.5], [0.9, 1], [0.1, 1]]]
    assert "bottom centre" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.usefixtures("folder")
def test_several_zones_go_into_one_file_that_can_be_used():
    words = ("--camera", "front", "--zone", "yard", "--zone", "step", "-o", "zone.json")
    result = call("import", "frigate.yml", *words)
    assert (result.exit_code, result.stdout) == (0, "")
    assert load_zone("zone.json").contains([[0.5, 0.15], [0.5, 0.7], [0.5, 0.3]]).tolist() == [
        True,
        True,
        False,
    ]
    checked = call("check", "zone.json")
    assert checked.exit_code == 0
    assert "2 polygons, 7 corners" in checked.stdout
    assert "bottom of the picture" in checked.stdout


def test_a_file_is_not_replaced_unasked(folder):
    (folder / "zone.json").write_text("mine")
    words = ("import", "frigate.yml", "--zone", "yard", "-o", "zone.json")
    result = call(*words)
    assert result.exit_code == 2
    assert "--overwrite" in result.stderr
    assert (folder / "zone.json").read_text() == "mine"
    assert call(*words, "--overwrite").exit_code == 0
    assert len(load_zone("zone.json").polygons) == 1
    assert sorted(p.name for p in folder.iterdir()) == ["frigate.yml", "zone.json"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["import"], 2, "FRIGATE.yml"),
        (["import", "no.yml", "--zone", "yard"], 2, "No such file"),
        (["import", "frigate.yml"], 2, "has yard, step, old"),
        (["import", "frigate.yml", "--zone", "lawn"], 2, "has yard, step, old"),
        (["import", "frigate.yml", "--zone", "old"], 2, "not enabled"),
        (["import", "frigate.yml", "--camera", "x", "--zone", "yard"], 2, "the file has front"),
        (["import", "frigate.yml", "--zone", "yard", "--size", "wide"], 2, "1280x720"),
        (["import", "frigate.yml", "--zone", "yard", "--size", "0x5"], 2, "no area"),
        (["import", "frigate.yml", "--zone", "step", "--size", "10x10"], 2, "lies beyond"),
        (["import", "frigate.yml", "--zone", "yard", "-o", "no/zone.json"], 6, "create the folder"),
        (["check"], 2, "ZONE.json"),
        (["check", "no.json"], 2, "No such file"),
        (["check", "frigate.yml"], 2, "not a zone file"),
        (["chek", "zone.json"], 2, "No such command 'chek'".lower()),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(folder, words, code, said):
    result = call(*words)
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.startswith("redact: error: ")
    assert len(result.stderr.splitlines()) == 1
    assert [p.name for p in folder.iterdir()] == ["frigate.yml"]


@pytest.mark.usefixtures("folder")
def test_a_checked_zone_can_be_read_by_machines():
    call("import", "frigate.yml", "--zone", "yard", "-o", "zone.json")
    found = json.loads(call("check", "zone.json", "--json").stdout)
    assert found["polygons"] == 1
    assert found["area"] == pytest.approx(0.4, abs=0.01)
    assert found["frame_edges"] == ["bottom"]
    assert found["digest"] == load_zone("zone.json").digest
