"""load_detector: descriptions, bare files, several at once, and what it says when it cannot."""

from __future__ import annotations

import tomllib
from pathlib import Path

import heads
import numpy as np
import onnx_graphs
import pytest
from pictures import flat

from redact.config import DetectorOptions
from redact.detectors import EnsembleDetector, load_detector
from redact.detectors.description import UNVERIFIED
from redact.errors import ConfigError, ModelError
from redact.structures import Label

FACES = ("yunet", "scrfd", "ssd")


@pytest.mark.parametrize("head", heads.HEADS)
def test_a_bare_file_is_recognised_and_its_boxes_land_in_frame_pixels(
    tmp_path: Path, head: str
) -> None:
    detector = load_detector([onnx_graphs.save_head(tmp_path, head)])
    (info,) = detector.describe()
    assert (info.family, info.licence, info.verified) == (heads.HEADS[head][0], UNVERIFIED, False)
    label = Label.FACE if head in FACES else Label.PERSON
    assert detector.labels == {label}

    width, height = 640, 480
    (found,) = detector.detect([flat(width, height)])
    assert set(found.label) == {label}
    found = found.select(np.argsort(-found.score))
    boxes = heads.BOXES[np.argsort(-heads.SCORES)]
    if head in ("deim", "ssd"):  # stretched: each axis on its own scale
        scale = np.array([width / heads.SIZE[1], height / heads.SIZE[0]] * 2)
        expected = boxes * scale
    else:  # 640x480 in 320x256: half size, 8 rows of padding above
        expected = (boxes - np.array([0, 8, 0, 8])) * 2
    np.testing.assert_allclose(found.xyxy, expected, atol=0.02)


def test_people_and_faces_together_are_one_detector(tmp_path: Path) -> None:
    paths = [onnx_graphs.save_head(tmp_path, head) for head in ("yolo", "yunet")]
    both = load_detector(paths, DetectorOptions(hide_score=0.6, face_score=0.8))
    assert isinstance(both, EnsembleDetector)
    assert both.labels == {Label.PERSON, Label.FACE}
    assert [info.name for info in both.describe()] == ["yolo", "yunet"]
    for found in both.detect([flat(), flat(100, 300)]):
        assert sorted(found.label) == [Label.PERSON, Label.PERSON, Label.FACE]


def test_a_file_without_known_classes_is_refused_with_the_description_to_write(
    tmp_path: Path,
) -> None:
    model = onnx_graphs.save(tmp_path / "mine.onnx", heads.yolo(classes=3))
    with pytest.raises(ConfigError, match="does not say which of its classes") as caught:
        load_detector([model])
    text = str(caught.value).split("\n\n", 1)[1]
    assert tomllib.loads(text)["family"] == "yolo"
    (tmp_path / "mine.toml").write_text(text)
    (found,) = load_detector([tmp_path / "mine.toml"]).detect([flat()])
    assert len(found) == 3


def test_a_file_of_unknown_family_is_refused_with_the_families_to_choose_from(
    tmp_path: Path,
) -> None:
    model = onnx_graphs.save(tmp_path / "odd.onnx", [np.zeros((1, 7, 9), np.float32)])
    with pytest.raises(ConfigError, match=r"of which family.*\[1, 7, 9\]") as caught:
        load_detector([model])
    assert tomllib.loads(str(caught.value).split("\n\n", 1)[1])["family"].startswith("yolo|")


def test_class_names_in_the_file_are_used(tmp_path: Path) -> None:
    names = {0: "car", 1: "Face", 2: "pedestrian"}
    model = onnx_graphs.save(tmp_path / "named.onnx", heads.yolo(classes=3), names=names)
    detector = load_detector([model])
    assert detector.labels == {Label.PERSON, Label.FACE}
    (found,) = detector.detect([flat()])
    assert len(found) == 0  # the boxes of the fake are cars here


@pytest.mark.parametrize(
    ("content", "message"), [(b"not a model", "cannot read the model"), (b"", "is empty")]
)
def test_a_damaged_file_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        load_detector([path])


@pytest.mark.parametrize("name", ["no.onnx", "no.xml", "no.pt"])
def test_a_file_that_is_not_there_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="cannot read the model"):
        load_detector([tmp_path / name])


def test_other_files_and_no_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected \.toml, \.onnx, \.xml or \.pt"):
        load_detector([tmp_path / "model.engine"])
    with pytest.raises(ConfigError, match="no model is named"):
        load_detector([])


def test_a_network_that_answers_nan_stops_the_run(tmp_path: Path) -> None:
    outputs = heads.yolo()
    outputs[0][0, 4, 100] = np.nan
    detector = load_detector([onnx_graphs.save(tmp_path / "nan.onnx", outputs)])
    with pytest.raises(ModelError, match=r"nan: .*not finite"):
        detector.detect([flat()])


def test_a_network_with_an_unknown_input_is_refused(tmp_path: Path) -> None:
    import onnx

    path = onnx_graphs.save_head(tmp_path, "deim")
    model = onnx.load(path)
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            if name == "orig_target_sizes":
                node.input[i] = "prompt"
    model.graph.input[1].name = "prompt"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"what to feed the inputs \['prompt'\]"):
        load_detector([path])
