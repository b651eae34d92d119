"""Model descriptions are strict, and digests are compared."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import heads
import msgspec
import numpy as np
import onnx_graphs
import pytest
from pictures import flat

from redact.build import make_redactor
from redact.config import Config, DetectorOptions, MotionOptions, Trust
from redact.detectors import EnsembleDetector, OpenVINODetector, load_description, runtime
from redact.detectors.description import read_verified, to_toml
from redact.detectors.families import FAMILIES
from redact.errors import ConfigError, ModelError
from redact.geometry import Zone
from redact.structures import Detections, Label, Reason
from redact.testing import ScriptedDetector, SyntheticSource

GOOD = """
name = "fake"
file = "fake.onnx"
family = "yolo"
licence = "Apache-2.0"
sha256 = "{digest}"
[labels]
person = 0
face = [3, 4]
[input]
size = [256, 320]
[thresholds]
face = 0.7
"""


@pytest.fixture
def described(tmp_path: Path) -> Path:
    model = onnx_graphs.save(tmp_path / "fake.onnx", heads.yolo())
    path = tmp_path / "fake.toml"
    path.write_text(GOOD.format(digest=hashlib.sha256(model.read_bytes()).hexdigest()))
    return path


def test_a_description_says_all_that_a_detector_needs(described: Path) -> None:
    description = load_description(described)
    assert description.file == str(described.parent / "fake.onnx")
    assert description.classes == {Label.PERSON: (0,), Label.FACE: (3, 4)}
    detector = OpenVINODetector(description)
    assert detector.labels == {Label.PERSON, Label.FACE}
    (info,) = detector.describe()
    assert (info.name, info.licence, info.verified) == ("fake", "Apache-2.0", True)
    assert info.sha256 == description.sha256
    assert info.input == "320x256 rgb letterbox"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("licence", "license", "licence|license"),
        ("[input]", "[input]\ncolor = 'rgb'", "color"),
        ('family = "yolo"', 'family = "yola"', "'yola' is unknown; one of yolo, "),
        ("person = 0", "person = -1", "labels"),
        ("person = 0", "dog = 0", "labels"),
        ("person = 0\nface = [3, 4]", "", "name at least one class"),
        ("size = [256, 320]", "size = [256]", "size"),
        ("size = [256, 320]", "std = [1, 0, 1]", "must not hold 0"),
        ("fake.onnx", "fake.engine", "neither .onnx nor .xml"),
        ("fake.onnx", "fake.xml", "bin_sha256: needed"),
        ("sha256 =", "sha256 = 'abc' #", "sha256"),
        ("[labels]", "[labels", "fake.toml: not a model description"),
    ],
)
def test_what_is_wrong_in_a_description_is_named(
    described: Path, old: str, new: str, message: str
) -> None:
    described.write_text(described.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        load_description(described)


def test_a_description_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the model description"):
        load_description(tmp_path / "none.toml")


def test_another_file_than_the_described_one_is_refused_with_both_digests(described: Path) -> None:
    model = described.with_suffix(".onnx")
    wanted = hashlib.sha256(model.read_bytes()).hexdigest()
    model.write_bytes(model.read_bytes() + b" ")
    found = hashlib.sha256(model.read_bytes()).hexdigest()
    with pytest.raises(ModelError) as caught:
        OpenVINODetector(load_description(described))
    assert wanted[:12] in str(caught.value)
    assert found[:12] in str(caught.value)


@pytest.mark.parametrize("content", [None, b""])
def test_a_missing_or_empty_model_is_an_error(described: Path, content: bytes | None) -> None:
    model = described.with_suffix(".onnx")
    model.unlink()
    if content is not None:
        model.write_bytes(content)
    with pytest.raises(ModelError, match=r"fake\.onnx: (cannot read|the model file is empty)"):
        OpenVINODetector(load_description(described))


def test_a_size_other_than_the_graphs_is_an_error(described: Path) -> None:
    described.write_text(described.read_text().replace("[256, 320]", "[320, 256]"))
    with pytest.raises(ConfigError, match=r"input.size is \[320, 256\].*\[256, 320\]"):
        OpenVINODetector(load_description(described))


def test_thresholds_of_a_description_win_over_those_of_the_options(described: Path) -> None:
    detector = OpenVINODetector(load_description(described), DetectorOptions(hide_score=0.33))
    floors = dict(zip(detector.wanted.labels, detector.wanted.floors, strict=True))
    assert floors[Label.PERSON] == pytest.approx(0.33)
    assert floors[Label.FACE] == pytest.approx(0.7)


def test_feet_count_as_beyond_the_outline_as_near_to_it_as_the_model_may_err(
    described: Path,
) -> None:
    told = described.read_text().replace("[thresholds]", "[trust]\nfoot = 0.1\n[thresholds]")
    described.write_text(told)
    detector = OpenVINODetector(load_description(described))
    assert detector.trust.foot == 0.1
    assert EnsembleDetector([detector, detector]).trust == Trust(foot=0.1)

    lawn = Zone.of([[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]])
    source = SyntheticSource(12, 320, 200)

    def reasons(foot: float, exact: bool) -> set[int]:
        answer = Detections.of([[100, foot - 50, 120, foot]], 0.9, Label.PERSON)
        found = ScriptedDetector(lambda _: answer)
        if not exact:
            found.trust = detector.trust  # type: ignore[attr-defined]
        config = Config(zone=lawn, look_back=2, motion=MotionOptions(enabled=False))
        redactor = make_redactor(source.info, config, found)
        seen: set[int] = set()
        for frame in source:
            if redactor.push(frame):
                seen |= set(redactor.last_decisions[0].reason.tolist())
        return seen

    assert reasons(103, exact=True) == {Reason.ON_PROPERTY}
    assert reasons(103, exact=False) == {Reason.OUTSIDE}
    assert reasons(108, exact=False) == {Reason.ON_PROPERTY}


def trusting(described: Path, trust: str) -> OpenVINODetector:
    described.write_text(described.read_text().replace("[thresholds]", f"{trust}\n[thresholds]"))
    return OpenVINODetector(load_description(described))


def test_in_a_picture_without_colours_no_box_is_surer_than_the_description_allows(
    described: Path,
) -> None:
    detector = trusting(described, "[trust]\ngrey = 0.2")
    clock = flat(320, 200)
    for plane in (clock.u, clock.v):
        plane.setflags(write=True)
        plane[:6, :40] = 30  # a coloured clock is no colour
    coloured = flat(320, 200)
    coloured.u.setflags(write=True)
    coloured.u[:40] += 20
    grey, clocked, bright = detector.detect([flat(320, 200), clock, coloured])
    assert grey.score.max() == clocked.score.max() == pytest.approx(0.2)
    assert bright.score.max() > 0.5
    np.testing.assert_array_equal(grey.xyxy, bright.xyxy)  # all are still hidden


def test_a_detector_that_misses_many_shows_nobody_by_less_than_its_description_asks(
    described: Path,
) -> None:
    lawn = Zone.of([[[0, 0], [1, 0], [1, 1], [0, 1]]])
    source = SyntheticSource(12, 320, 200)

    def reasons(trust: str) -> set[int]:
        found = ScriptedDetector(lambda _: Detections.of([[100, 50, 120, 103]], 0.6, Label.PERSON))
        found.trust = trusting(described, trust).trust  # type: ignore[attr-defined]
        redactor = make_redactor(source.info, Config(zone=lawn, look_back=2), found)
        seen: set[int] = set()
        for frame in source:
            if redactor.push(frame):
                seen |= set(redactor.last_decisions[0].reason.tolist())
        return seen

    assert reasons("[trust]\nshow = 0.5") == {Reason.ON_PROPERTY}
    described.write_text(described.read_text().replace("show = 0.5", "show = 0.7"))
    assert Reason.ON_PROPERTY not in reasons("")


def test_a_detector_that_misses_many_hides_the_outside_whole_as_long_as_motion_alone(
    described: Path,
) -> None:
    lawn = Zone.of([[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]])
    source = SyntheticSource(60, 320, 200)

    def covered(trust: str) -> int:
        found = ScriptedDetector({})
        found.trust = trusting(described, trust).trust  # type: ignore[attr-defined]
        motion = MotionOptions(warmup_alone=4.0)
        redactor = make_redactor(source.info, Config(zone=lawn, motion=motion), found)
        decisions = []
        for frame in source:
            redactor.push(frame)
            decisions += redactor.last_decisions
        return sum(decision.whole_outside for decision in decisions)

    assert covered("") < 20
    assert covered("[trust]\nthorough = false") == 40


def test_of_several_detectors_the_least_trusted_counts() -> None:
    assert Trust(foot=0.1, show=0.5).and_(Trust(grey=0.3, thorough=False)) == Trust(
        foot=0.1, show=0.5, grey=0.3, thorough=False
    )


def test_a_graph_in_two_files_is_digested_in_both(described: Path) -> None:
    openvino = runtime._openvino()  # without its telemetry

    graph = openvino.Core().read_model(described.with_suffix(".onnx"))
    openvino.save_model(graph, described.with_suffix(".xml"), compress_to_fp16=False)
    digests = [
        hashlib.sha256(described.with_suffix(s).read_bytes()).hexdigest() for s in (".xml", ".bin")
    ]
    text = described.read_text().replace("fake.onnx", "fake.xml")
    sha256 = next(line for line in text.splitlines() if line.startswith("sha256"))
    text = text.replace(sha256, f'sha256 = "{digests[0]}"\nbin_sha256 = "{digests[1]}"')
    described.write_text(text)
    (info,) = OpenVINODetector(load_description(described)).describe()
    assert info.sha256 == "+".join(digests)

    weights = described.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    with pytest.raises(ModelError, match=r"fake\.bin: sha256"):
        read_verified(load_description(described))
    weights.unlink()
    with pytest.raises(ModelError, match=r"fake\.bin: cannot read.*needs its \.bin beside it"):
        read_verified(load_description(described))


def test_a_written_description_reads_back_the_same(described: Path, tmp_path: Path) -> None:
    told = described.read_text() + "[suppression]\nvote = 0.7\nrepeat = 0.5\n[trust]\nfoot = 0.04\n"
    described.write_text(told)
    description = load_description(described)
    assert (description.suppression.overlap, description.suppression.vote) == (0.65, 0.7)
    copy = tmp_path / "copy.toml"
    copy.write_text(to_toml(description))
    again = load_description(copy)
    again = msgspec.structs.replace(again, file=description.file)
    assert again == description


SHIPPED = sorted((Path(__file__).parents[2] / "models" / "descriptions").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_descriptions_are_well_formed(path: Path) -> None:
    description = load_description(path)
    assert description.family in FAMILIES
    assert Path(tomllib.loads(path.read_text())["file"]).stem == path.stem
