"""Zones out of Frigate configurations, in every form that Frigate has taken."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from redact.errors import ConfigError
from redact.frigate import import_zones

SHARES = [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]
TEXT = "0.1,0.5,0.9,0.5,0.9,1.0,0.1,1.0"
MODERN = f"""
mqtt: {{enabled: false}}
cameras:
  front:
    detect: {{width: 1280, height: 720}}
    zones:
      yard:
        coordinates: {TEXT}
        objects: [person]
      1:
        coordinates: "0.4,0.1,0.6,0.1,0.5,0.2"
      shed:
        enabled: false
        coordinates: {TEXT}
  back:
    zones: {{}}
"""


# A few lines that stand for 9 ** 9 values.
_LEVELS = "abcdefghi"
BOMB = "a: &a [" + "x, " * 9 + "]\n"
MERGE_BOMB = "a: &a {" + ", ".join(f"k{i}: 1" for i in range(9)) + "}\n"
for _above, _level in pairwise(_LEVELS):
    BOMB += f"{_level}: &{_level} [" + f"*{_above}, " * 9 + "]\n"
    MERGE_BOMB += f"{_level}: &{_level} {{<<: [" + f"*{_above}, " * 9 + "]}\n"
BOMB += "cameras: {front: {zones: {yard: {coordinates: *i}}}}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "frigate.yml"
    path.write_text(text, encoding="utf-8")
    return path


def one(folder: Path, coordinates: str, detect: str = "", top: str = "") -> list:
    text = f"{top}\ncameras:\n  front:\n    {detect}\n    zones:\n      yard:\n"
    path = write(folder, f"{text}        coordinates: {coordinates}\n")
    return import_zones(path, "front", ["yard"]).to_dict()["polygons"]


@pytest.mark.parametrize(
    "coordinates",
    [
        TEXT,
        f'"{TEXT}"',
        "0.1, 0.5, 0.9, 0.5, 0.9, 1.0, 0.1, 1.0,",
        '["0.1,0.5", "0.9,0.5", "0.9,1.0", "0.1,1.0"]',
        "[[0.1, 0.5], [0.9, 0.5], [0.9, 1.0], [0.1, 1.0]]",
        "[0.1, 0.5, 0.9, 0.5, 0.9, 1.0, 0.1, 1.0]",
    ],
)
def test_shares_are_taken_as_they_stand_in_every_form(tmp_path, coordinates):
    assert one(tmp_path, coordinates) == [SHARES]


@pytest.mark.parametrize(
    "coordinates",
    ["128,360,1152,360,1152,720,128,720", '["128,360","1152,360","1152,720","128,720"]'],
)
def test_pixels_are_divided_by_the_size_of_the_detect_stream(tmp_path, coordinates):
    detect = "detect: {width: 1280, height: 720}"
    assert one(tmp_path, coordinates, detect) == [SHARES]
    assert one(tmp_path, coordinates, top=detect) == [SHARES]
    wins = one(tmp_path, coordinates, detect, top="detect: {width: 4000, height: 4000}")
    assert wins == [SHARES]


def test_pixels_of_an_unknown_picture_need_a_size(tmp_path):
    pixels = "128,360,1152,360,1152,720,128,720"
    with pytest.raises(ConfigError, match="--size"):
        one(tmp_path, pixels)
    zone = import_zones(tmp_path / "frigate.yml", "front", ["yard"], (1280, 720))
    assert zone.to_dict()["polygons"] == [SHARES]


def test_several_zones_become_one_property(tmp_path):
    zone = import_zones(write(tmp_path, MODERN), "front", ["yard", "1", "yard"])
    assert len(zone.polygons) == 2
    assert zone.contains([[0.5, 0.7], [0.5, 0.15], [0.5, 0.3]]).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("camera", "zones", "said"),
    [
        ("side", ["yard"], "the file has front, back"),
        (None, ["yard"], "the file has front, back"),
        ("front", ["lawn"], "has yard, 1, shed"),
        ("front", [], "has yard, 1, shed"),
        ("back", ["yard"], "has none"),
        ("front", ["shed"], "not enabled"),
        ("front", ["yard", "shed"], "not enabled"),
    ],
)
def test_a_wrong_name_lists_the_names_that_exist(tmp_path, camera, zones, said):
    with pytest.raises(ConfigError, match=said):
        import_zones(write(tmp_path, MODERN), camera, zones)


def test_the_only_camera_need_not_be_named(tmp_path):
    path = write(tmp_path, f"cameras: {{front: {{zones: {{yard: {{coordinates: '{TEXT}'}}}}}}}}")
    assert import_zones(path, None, ["yard"]).to_dict()["polygons"] == [SHARES]


@pytest.mark.parametrize(
    ("coordinates", "said"),
    [
        ("", "no coordinates"),
        ("[]", "no coordinates"),
        ("0.1,0.2,0.3", "x,y pairs"),
        ("0.1,0.2,0.3,0.4", "at least 3 points"),
        ("0.1,0.2,a,0.4,0.5,0.6", "'a' is not a number"),
        ("0.1,0.2,nan,0.4,0.5,0.6", "not a finite"),
        ("0.1,0.2,0.5,0.5,1.2,0.9", "too large for a share"),
        ("100,100,2000,100,2000,700", "detect stream's 1280x720"),
        ("-5,100,200,100,200,700", "beyond the frame"),
        ("0,0,1,1,1,0,0,1", "crosses"),
        ("{a: 1}", "type dict is not a number"),
        ("true", "type bool is not a number"),
        ("[[[0.1, 0.2]]]", "type list is not a number"),
        ("100,100,0.5,100,200,700", "mixes shares of the frame .0.5. and pixels .200|700"),
        (f'"{"0.1,0.2," * 2001}"', "more than 2000 points"),
    ],
)
def test_coordinates_that_are_none_are_refused(tmp_path, coordinates, said):
    with pytest.raises(ConfigError, match=said):
        one(tmp_path, coordinates, "detect: {width: 1280, height: 720}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cameras: !include cameras.yml", r"line 1: .*!include.*by hand"),
        ("password: !secret mqtt\ncameras: {}", "!secret"),
        ("cameras: [front]", "expected `name: ...`"),
        ("- a\n- b", "expected `name: ...`"),
        ("", "the file has none"),
        ("a: b: c", "not a YAML file"),
        ("a: \t- [", "not a YAML file"),
        (
            "cameras: {front: {detect: {width: wide, height: 5}, "
            "zones: {yard: {coordinates: '1,2,3,4,5,6'}}}}",
            "no size",
        ),
        ("cameras: {front: {zones: [yard]}}", "expected `name: ...`"),
        ("x: " + "[" * 5000, "not a YAML file"),
        ("cameras: {}\n---\ncameras: {}", "not a YAML file"),
        ("? [a]\n: b", "line 1: not a YAML file: found unhashable key"),
        ("when: 2020-13-45", "not a YAML file"),
        ("x: " + "y" * (1 << 18), "larger than 256 KiB"),
        ("a: &a 1\nb: [" + "*a, " * 1001 + "]", "more than 1000 aliases"),
        (BOMB, "type list is not a number"),
        # PyYAML 6.0.4 merges each alias once: then the file is merely empty of cameras.
        (MERGE_BOMB, "merges. has over 10000 lines|the file has none"),
    ],
)
def test_a_file_that_is_not_frigates_says_why(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        import_zones(write(tmp_path, text), "front", ["yard"])
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        import_zones(tmp_path / "frigate.yml", "front", ["yard"])
    path = tmp_path / "frigate.yml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a YAML file"):
        import_zones(path, "front", ["yard"])


def test_a_point_that_was_clicked_twice_counts_once(tmp_path):
    assert one(tmp_path, '["0.1,0.5", "0.1,0.5", "0.9,0.5", "0.9,1", "0.1,1", "0.1,1"]') == [SHARES]


def test_aliases_as_people_use_them_are_read(tmp_path):
    text = f"""
base: &base {{detect: {{width: 1280, height: 720}}}}
cameras:
  front: {{<<: *base, zones: {{yard: {{coordinates: "128,360,1152,360,1152,720,128,720"}}}}}}
  back: {{<<: *base, zones: {{yard: {{coordinates: "{TEXT}"}}}}}}
"""
    for camera in ("front", "back"):
        zone = import_zones(write(tmp_path, text), camera, ["yard"])
        assert zone.to_dict()["polygons"] == [SHARES]
