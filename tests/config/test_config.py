"""Configuration: strict in files and in code, and a digest that tells settings apart."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from redact.config import (
    Config,
    ConfigFile,
    DetectorOptions,
    EffectOptions,
    MotionOptions,
    OutputOptions,
    PolicyOptions,
    load_config,
    load_config_file,
    load_zone,
)
from redact.errors import ConfigError
from redact.geometry import Zone

YARD = "[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[zone]\npolgons = []", "polgons"),
        ("[efect]\nkind = 'blur'", "efect"),
        ("[effect]\nkind = 'pixelate'", r"\$\.effect\.kind"),
        ("[effect]\ncells = 5", r"\$\.effect\.cells"),
        ("[effect]\ncolour = [0, 0, 256]", r"\$\.effect\.colour"),
        ("[output]\ncrf = 52", r"\$\.output\.crf"),
        ("[output]\naudio = true", r"\$\.output\.audio"),
        ("[detector]\nhide_score = nan", r"\$\.detector\.hide_score"),
        ("[detector]\nhide_score = 1.5", r"\$\.detector\.hide_score"),
        ("[policy]\nproof = -1", r"\$\.policy\.proof"),
        ("look_back = 20.5", r"\$\.look_back"),
        ("look_back = -1", r"\$\.look_back"),
        ("models = 'a.onnx'", r"\$\.models"),
        ("[zone\n", "line 1"),
        ("look_back = 1\nlook_back = 2", "overwrite a value"),
    ],
)
def test_a_mistake_in_the_file_is_an_error_that_names_its_place(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load_config_file(write(tmp_path / "redact.toml", text))
    assert "redact.toml" in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: EffectOptions(cells=100),
        lambda: EffectOptions(colour=(0, 0, 300)),
        lambda: DetectorOptions(hide_score=float("nan")),
        lambda: PolicyOptions(faces="none"),
        lambda: OutputOptions(crf=99),
        lambda: MotionOptions(width=1),
        lambda: msgspec.structs.replace(EffectOptions(), cells=9),
        lambda: Config(zone=Zone.nothing(), look_back=-1),
        lambda: Config(zone=None),
    ],
)
def test_code_is_held_to_the_same_ranges_as_a_file(make):
    with pytest.raises(ConfigError, match=r"Expected|Invalid"):
        make()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a zone file"),
        (b"[]", "not a zone file"),
        (b'{"polygon": []}', "not a zone file"),
        (
            b'{"polygons": [[[0.1, 0.1], [NaN, 0.2], [0.3, 0.3]]]}',
            "zone.json: .*NaN is not a number",
        ),
        (b'{"polygons": [[[0.1, 0.1], [0.2, -Infinity]]]}', "-Infinity is not a number"),
        (b'{"polygons": [[[0.1, 0.1], [1e999, 0.2], [0.3, 0.3]]]}', r"point 1 \(inf|out of range"),
        (
            b'{"polygons": [[[0.1, 0.1], ["0.2", 0.2]]]}',
            r"got `str` - at `\$.polygons\[0\]\[1\]\[0\]",
        ),
        (
            b'{"polygons": [[[0.1, 0.1], [true, 0.2]]]}',
            r"got `bool` - at `\$.polygons\[0\]\[1\]\[0\]",
        ),
        (b'{"polygons": [[[0.1, 0.1], null]]}', r"got `null` - at `\$.polygons\[0\]\[1\]"),
        (b'{"polygons": [], "polygons": []}', "'polygons' is given twice"),
        (b'{"polygons": [], "hole": []}', "unknown field `hole`"),
        (b"[" * 100_000, "not a zone file"),
        (
            b'{"polygons": [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [1, 0], [0, 1]]]}',
            r"zone.json: polygons\[1\]: the edge from point 0 to 1 crosses",
        ),
        (
            b'{"polygons": [[[0, 0], [1, 0], [1, 1]]], "holes": [[[0, 0], [1, 0], [1, 2]]]}',
            r"zone.json: holes\[0\]: point 2 \(1, 2\) is beyond the frame",
        ),
        (b'{"polygons": [[[0.1, 0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]]}', "not a zone file"),
        (b'{"polygons": []}', "no polygon"),
        (b'{"polygons": [], "holes": [[[0.1,0.1],[0.2,0.1],[0.2,0.2]]]}', "no polygon"),
        (b"\xff\xfe{}", "not a zone file"),
    ],
)
def test_a_zone_file_that_is_none_is_refused(tmp_path, content, said):
    path = tmp_path / "zone.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        load_zone(path)


def test_a_zone_file_that_is_missing_says_so(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_zone(tmp_path / "zone.json")
    with pytest.raises(ConfigError, match="directory"):
        load_zone(tmp_path)


def test_paths_in_a_configuration_start_at_its_own_folder(tmp_path):
    write(tmp_path / "yard.json", f'{{"polygons": [{YARD}]}}')
    path = write(
        tmp_path / "redact.toml", 'models = ["m/p.onnx"]\nlook_back = 7\n[zone]\nfile="yard.json"'
    )
    config = load_config(path)
    assert config.models == (tmp_path / "m/p.onnx",)
    assert config.look_back == 7
    assert config.zone.digest == load_zone(tmp_path / "yard.json").digest


def test_a_configuration_without_a_zone_hides_nobody_by_oversight(tmp_path):
    with pytest.raises(ConfigError, match="--zone"):
        load_config(write(tmp_path / "redact.toml", "look_back = 3"))


def test_a_zone_is_given_once(tmp_path):
    path = write(tmp_path / "redact.toml", f'[zone]\nfile = "a.json"\npolygons = [{YARD}]')
    with pytest.raises(ConfigError, match="not both"):
        load_config(path)


def test_the_digest_says_nothing_of_how_fast_a_run_is():
    quick = Config(zone=Zone.nothing(), detector=DetectorOptions(threads=8))
    assert quick.digest == Config(zone=Zone.nothing()).digest


def test_the_digest_tells_every_option_apart():
    base = Config(zone=Zone.nothing())
    zone = Zone.of([[[0, 0], [1, 0], [1, 1]]])
    others = [
        Config(zone=zone),
        Config(zone=base.zone, look_back=21),
        Config(zone=base.zone, detector=DetectorOptions(hide_score=0.2)),
        Config(zone=base.zone, motion=MotionOptions(memory=10)),
        Config(zone=base.zone, policy=PolicyOptions(faces="all")),
        Config(zone=base.zone, effect=EffectOptions(kind="fill")),
        Config(zone=base.zone, output=OutputOptions(audio="keep")),
    ]
    digests = {c.digest for c in [base, *others]}
    assert len(digests) == 1 + len(others)
    assert Config(zone=Zone.nothing()).digest == base.digest


def test_an_empty_file_is_all_defaults(tmp_path):
    assert load_config_file(write(tmp_path / "redact.toml", "")) == ConfigFile()


def test_a_zone_file_from_windows_is_read(tmp_path):
    path = tmp_path / "zone.json"
    path.write_bytes(b'\xef\xbb\xbf{"polygons": [[[0, 0], [1, 0], [1, 1]]]}\r\n')
    assert len(load_zone(path).polygons) == 1


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "true", '"1"', "[1]"])
@pytest.mark.parametrize("key", ["tracking.coast", "motion.memory", "policy.margin", "effect.grow"])
def test_a_value_that_is_no_finite_number_is_refused_with_its_key(tmp_path, key, value):
    path = tmp_path / "redact.toml"
    path.write_text(f"{key} = {value}\n")
    with pytest.raises(ConfigError) as caught:
        load_config_file(path)
    assert str(path) in str(caught.value)
    assert f"$.{key}" in str(caught.value)
