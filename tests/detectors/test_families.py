"""Every family's decoder, against outputs that mean known boxes."""

from __future__ import annotations

import heads
import numpy as np
import pytest

from redact.detectors.families import FAMILIES
from redact.detectors.families.base import Signature, Wanted
from redact.detectors.suppression import Suppression
from redact.errors import ModelError
from redact.structures import Label

CASES = pytest.mark.parametrize("head", heads.HEADS)


def wanted(floor: float = 0.2, overlap: float = 1.0, classes: tuple[int, ...] = (0,)) -> Wanted:
    return Wanted.of({Label.PERSON: classes}, {Label.PERSON: floor}, Suppression(overlap=overlap))


def by_score(found):  # type: ignore[no-untyped-def]
    return found.select(np.argsort(-found.score))


@CASES
def test_a_decoder_returns_the_boxes_that_the_outputs_mean(head: str) -> None:
    family, make = heads.HEADS[head]
    found = by_score(FAMILIES[family].decode(make(), heads.SIZE, wanted()))
    order = np.argsort(-heads.SCORES)
    np.testing.assert_allclose(found.xyxy, heads.BOXES[order], atol=2e-3)
    np.testing.assert_allclose(found.score, heads.SCORES[order], atol=1e-4)
    assert (found.label == Label.PERSON).all()


@CASES
def test_a_decoder_leaves_out_what_is_below_the_floor(head: str) -> None:
    family, make = heads.HEADS[head]
    found = FAMILIES[family].decode(make(), heads.SIZE, wanted(0.6))
    assert sorted(found.score.round(2)) == pytest.approx([0.7, 0.9])


@CASES
def test_a_decoder_that_finds_nobody_returns_an_empty_list(head: str) -> None:
    family, make = heads.HEADS[head]
    assert len(FAMILIES[family].decode(make(), heads.SIZE, wanted(0.99))) == 0


@CASES
def test_a_score_of_nan_is_an_error_not_an_empty_list(head: str) -> None:
    family, make = heads.HEADS[head]
    outputs = make()
    if family == "ssd":
        outputs[0][0, 0, 1, 2] = np.nan
    else:
        for output in outputs:
            if output.dtype == np.float32 and output.shape[-1] != 4:
                output[:] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        FAMILIES[family].decode(outputs, heads.SIZE, wanted())


@CASES
def test_a_box_of_nan_is_an_error(head: str) -> None:
    family, make = heads.HEADS[head]
    outputs = make()
    for output in outputs:
        if output.shape[-1] == 4:  # boxes have an output of their own
            output[:] = np.nan
    if len(outputs) == 1 or head == "yolo masks":
        table = outputs[0]
        boxes = {
            "yolo": table[..., :4] if head == "yolo transposed" else table[:, :4],
            "nanodet-plus": table[..., 80:],
            "ssd": table[..., :3, 3:],
        }.get(family, table[..., :4])
        boxes[:] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        FAMILIES[family].decode(outputs, heads.SIZE, wanted())


@CASES
def test_outputs_of_a_wrong_shape_are_an_error_that_names_both_shapes(head: str) -> None:
    family, make = heads.HEADS[head]
    outputs = [output[:, :-1] if output.ndim > 2 else output[:, :-2] for output in make()]
    if head in ("yolo", "yolo masks", "yolo end to end", "ssd"):  # their rows may be of any number
        outputs = [output[..., :-1] for output in make()]
    with pytest.raises(ModelError, match=r"have shape \[.*expected"):
        FAMILIES[family].decode(outputs, heads.SIZE, wanted())


@CASES
def test_scores_that_are_no_shares_are_an_error(head: str) -> None:
    family, make = heads.HEADS[head]
    outputs = make()
    for output in outputs:
        if output.dtype == np.float32 and output.shape[-1] != 4:
            output[..., 2 if family == "ssd" else slice(None)] += 3  # as of logits
    with pytest.raises(ModelError, match=r"expected 0 to 1"):
        FAMILIES[family].decode(outputs, heads.SIZE, wanted())


@pytest.mark.parametrize("family", ["yolo", "yolov5", "yolox", "nanodet-plus"])
def test_a_class_that_the_network_does_not_have_is_an_error(family: str) -> None:
    make = dict(heads.HEADS.values())[family] if family != "yolo" else heads.yolo
    with pytest.raises(ModelError, match="at least 1000 classes"):
        FAMILIES[family].decode(make(), heads.SIZE, wanted(classes=(999,)))


@CASES
def test_a_network_is_recognised_as_one_family_alone(head: str) -> None:
    family, make = heads.HEADS[head]
    signature = Signature(
        heads.SIZE,
        tuple(output.shape for output in make()),
        title="face-detection-0200",
        inputs=("orig_target_sizes",) if family == "deim" else (),
    )
    assert [name for name, f in FAMILIES.items() if f.guess(signature)] == [family]


@pytest.mark.parametrize(
    ("shape", "names", "labels"),
    [
        ((1, 20, 1680), {}, {Label.FACE: (0,)}),  # one class and 5 points of 3 values
        ((1, 56, 1680), {}, {Label.PERSON: (0,)}),  # 17 points: a pose
        ((1, 5, 1680), {}, None),  # one class, which nobody knows
        ((1, 5, 1680), {0: "face"}, {Label.FACE: (0,)}),
        ((1, 7, 1680), {0: "Pedestrian", 1: "car", 2: "face"}, None),
        ((1, 6, 1680), {0: "cat", 1: "dog"}, None),
        ((1, 84, 1680), {i: f"class{i}" for i in range(80)}, {Label.PERSON: (0,)}),
    ],
)
def test_classes_follow_from_names_or_from_a_well_known_count(shape, names, labels) -> None:  # type: ignore[no-untyped-def]
    if "Pedestrian" in names.values():
        labels = {Label.PERSON: (0,), Label.FACE: (2,)}
    guess = FAMILIES["yolo"].guess(Signature(heads.SIZE, (shape,), names))
    assert guess is not None
    assert guess.labels == labels
