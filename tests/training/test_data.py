"""Labels, pseudo-labels and the pictures made of them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.augment import Maker
from models.config import Config, load
from models.dataset import Samples
from models.evaluate import Tally
from models.images import Entry, Shards, as_frame, read_index
from redact.detectors.letterbox import to_rgb


def truth_of(recipe: Config, file: str):
    samples = Samples(recipe)
    return samples.truths[[e.file for e in samples.entries].index(file)]


def test_an_unknown_key_of_a_recipe_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        'name = "x"\nwork = "w"\nbatsch = 1\n[data]\nfolder = "d"\n[teacher]\nmodels=[]'
    )
    with pytest.raises(msgspec.ValidationError, match="batsch"):
        load(path)


def test_the_recipe_of_the_repository_loads() -> None:
    assert load(Path(__file__).parents[2] / "models" / "detector.toml").name == "redact-n"


def test_a_picture_survives_the_way_through_planes(recipe: Config) -> None:
    entries = read_index(recipe.data.folder / "labels.jsonl")
    smooth = np.full((40, 60, 3), (200, 90, 30), np.uint8)
    frame = as_frame(smooth)
    full = np.full((40, 60), 0, np.uint8)
    u, v = (full + p[0, 0] for p in (frame.u, frame.v))
    back = to_rgb(frame.y, u, v, frame.colour, 40, 60, "rgb")
    assert np.abs(back.astype(int) - smooth).max() <= 3
    assert Shards(recipe.data.folder, entries).picture(entries[0]).shape == (96, 128, 3)


def test_where_a_class_is_labelled_a_teacher_only_makes_doubts(recipe: Config) -> None:
    truth = truth_of(recipe, "a_1.jpg")
    assert truth.boxes[truth.classes == 0].tolist() == [[20, 10, 50, 90]]
    assert [100, 10, 120, 60] in truth.ignored[truth.ignored_classes == 0].tolist()


def test_a_face_that_no_labelled_person_holds_is_no_label(recipe: Config) -> None:
    truth = truth_of(recipe, "a_1.jpg")
    assert truth.boxes[truth.classes == 1].tolist() == [[30, 12, 40, 24]]
    assert [100, 60, 110, 70] in truth.ignored[truth.ignored_classes == 1].tolist()


def test_what_nobody_labelled_is_taught_or_ignored(recipe: Config) -> None:
    truth = truth_of(recipe, "a_2.jpg")
    assert truth.boxes[truth.classes == 0].tolist() == [[30, 15, 70, 90]]
    ignored = truth.ignored[truth.ignored_classes == 0].tolist()
    assert [90, 15, 110, 90] in ignored  # the teacher is unsure
    assert [1, 1, 4, 4] in ignored  # the label says so
    assert [0, 0, 128, 96] in truth.ignored[truth.ignored_classes == 2].tolist()


def test_training_pictures_repeat_with_their_seed_and_hold_their_boxes(recipe: Config) -> None:
    maker = Maker(Samples(recipe), recipe.augment, (96, 96))
    for seed in range(40):
        picture, truth = maker.make(np.random.default_rng(seed))
        again, _ = maker.make(np.random.default_rng(seed))
        np.testing.assert_array_equal(picture, again)
        assert picture.shape == (96, 96, 3)
        assert picture.dtype == np.uint8
        for boxes in (truth.boxes, truth.ignored):
            assert (boxes >= 0).all()
            assert (boxes <= 96).all()
            assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_a_whole_picture_keeps_its_people_uncut(recipe: Config) -> None:
    samples = Samples(recipe)
    maker = Maker(samples, msgspec.structs.replace(recipe.augment, occlude=0.0), (96, 96))
    people = {int((t.classes == 0).sum()) for t in samples.truths}
    for seed in range(40):
        picture, truth = maker.whole(np.random.default_rng(seed), (96, 160))
        assert picture.shape == (96, 160, 3)
        assert int((truth.classes == 0).sum()) in people
        for boxes in (truth.boxes, truth.ignored):
            assert (boxes >= 0).all()
            assert (boxes <= [160, 96, 160, 96]).all()


def entry(boxes: list[list[float]], weight: list[float]) -> Entry:
    table = np.array(boxes, np.float32).reshape(-1, 4)
    zeros = np.zeros(len(table), np.int64)
    known = np.array([True, False, False])
    return Entry("x", "s", 99, 99, "s", table, zeros, np.array(weight, np.float32), known)


def test_average_precision_of_a_case_worked_out_by_hand() -> None:
    """Right, wrong, right of two people: area 1/2 x 1 + 1/2 x 2/3."""
    tally = Tally()
    found = np.array([[0, 0, 10, 10], [50, 50, 60, 60], [20, 20, 30, 30]], np.float32)
    truth = entry([[0, 0, 10, 10], [20, 20, 30, 30]], [1, 1])
    tally.add(truth, 0, found, np.array([0.9, 0.8, 0.7], np.float32))
    result = tally.result(0.75)
    assert result["ap50"] == pytest.approx(0.5 + 0.5 * 2 / 3, abs=1e-4)
    assert (result["precision"], result["recall"]) == (0.5, 0.5)


def test_what_is_found_in_an_ignored_region_costs_nothing() -> None:
    tally = Tally()
    found = np.array([[0, 0, 10, 10], [40, 40, 50, 50]], np.float32)
    tally.add(entry([[0, 0, 10, 10], [39, 39, 60, 60]], [1, 0]), 0, found, np.array([0.5, 0.9]))
    assert tally.result(0.1)["ap50"] == 1
