"""The network, its losses, a training that is cut off, and the export (need torch)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.config import Config, NetworkOptions, TrainOptions

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from models.export import Exported, average_of, save, to_openvino  # noqa: E402
from models.images import as_frame  # noqa: E402
from models.losses import Target, assign, loss  # noqa: E402
from models.network import Detector, boxes_of, cells  # noqa: E402
from models.train import Trainer, rate, run  # noqa: E402


def target(boxes, classes, ignored=(), ignored_classes=()) -> Target:
    return Target(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(classes, dtype=torch.long),
        torch.tensor(ignored, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(ignored_classes, dtype=torch.long),
    )


def test_the_network_is_small_and_takes_any_multiple_of_32() -> None:
    detector = Detector(NetworkOptions()).eval()
    assert sum(p.numel() for p in detector.parameters()) <= 1_500_000
    for height, width in ((96, 64), (32, 160)):
        logits, distances = detector(torch.zeros(1, 3, height, width))
        count = len(cells(height, width)[0])
        assert logits.shape == (1, count, 3)
        assert distances.shape == (1, count, 4, 8)


def test_every_box_finds_a_cell_even_one_smaller_than_a_cell() -> None:
    centres, strides = cells(96, 96)
    truth = target([[41, 41, 45, 46], [10, 10, 80, 90]], [0, 0])
    guess = torch.cat([centres - strides[:, None], centres + strides[:, None]], 1)
    scores = torch.full((len(centres), 3), 0.1)
    _, owner, quality = assign(scores, guess, centres, strides, truth)
    assert set(owner.tolist()) == {0, 1}
    assert ((quality >= 0) & (quality <= 1)).all()


def test_nothing_is_learned_where_a_class_is_unknown() -> None:
    centres, strides = cells(64, 64)
    logits = torch.zeros(1, len(centres), 3, requires_grad=True)
    distances = torch.zeros(1, len(centres), 4, 8, requires_grad=True)
    everywhere = [[0, 0, 64, 64]]
    truth = target([], [], everywhere * 2, [0, 2])
    sum(loss(logits, distances, centres, strides, [truth]).values()).backward()
    by_class = logits.grad.abs().sum((0, 1))
    assert by_class[0] == by_class[2] == 0
    assert by_class[1] > 0


def test_one_picture_can_be_learned_by_heart() -> None:
    torch.manual_seed(0)
    detector = Detector(NetworkOptions(stem=8, widths=(8, 16, 24, 32), depths=(1, 1, 1), neck=16))
    picture = torch.zeros(2, 3, 64, 64)
    picture[:, :, 16:48, 24:40] = 1
    truth = [target([[24, 16, 40, 48]], [0])] * 2
    centres, strides = cells(64, 64)
    steps = torch.optim.AdamW(detector.parameters(), 1e-2)
    for _ in range(120):
        logits, distances = detector(picture)
        total = sum(loss(logits, distances, centres, strides, truth).values())
        steps.zero_grad()
        total.backward()
        steps.step()
    best = logits[0, :, 0].argmax()
    box = boxes_of(distances, centres, strides)[0, best].detach().numpy()
    assert logits[0, best, 0].sigmoid() > 0.5
    np.testing.assert_allclose(box, [24, 16, 40, 48], atol=4)


def test_a_training_that_was_cut_off_goes_on(recipe: Config, with_steps) -> None:
    run(with_steps(recipe, 2), 10)
    again = Trainer(recipe)
    again.resume()
    assert again.step == 2
    run(recipe, 10)
    done = Trainer(recipe)
    done.resume()
    assert done.step == 4
    assert (recipe.work / "log.csv").read_text().startswith("step,")


def test_the_rate_rises_stays_and_falls_and_the_plateau_is_kept(recipe: Config) -> None:
    options = TrainOptions(steps=1000, decay=400, warm_up=100, learning_rate=1e-3)
    rates = [rate(step, options) for step in range(1001)]
    assert np.all(np.diff(rates[:100]) > 0)
    assert set(rates[100:600]) == {1e-3}
    assert np.all(np.diff(rates[600:]) < 0)
    assert rates[-1] == 0
    longer = TrainOptions(steps=5000, decay=400, warm_up=100, learning_rate=1e-3)
    assert rates[:600] == [rate(step, longer) for step in range(600)]

    run(msgspec.structs.replace(recipe, train=msgspec.structs.replace(recipe.train, decay=3)), 10)
    plateau = torch.load(recipe.work / "plateau.pt", weights_only=True)
    assert plateau["step"] == 1


def test_a_sheet_of_finds_and_misses_marks_each_box(recipe: Config) -> None:
    from models.images import Shards, read_index
    from models.sheet import drawn
    from redact.structures import Detections, Label

    entries = read_index(recipe.data.folder / recipe.data.train)
    entry = next(e for e in entries if e.labelled[0] and (e.classes == 0).any())
    picture = Shards(recipe.data.folder, entries).picture(entry)
    hit = Detections.of(entry.boxes[entry.classes == 0], 0.9, Label.PERSON)
    least = {Label.PERSON: 0.5}

    def colours(found: Detections) -> set[tuple[int, ...]]:
        return {tuple(c) for c in drawn(entry, picture, found, least).reshape(-1, 3).tolist()}

    def near(seen: set[tuple[int, ...]], wanted: tuple[int, int, int]) -> bool:
        return any(max(abs(a - b) for a, b in zip(c, wanted, strict=True)) < 30 for c in seen)

    found, missed = colours(hit), colours(Detections.empty())
    assert near(found, (0, 200, 0))
    assert not near(found, (255, 230, 0))
    assert near(missed, (255, 230, 0))


def test_the_exported_model_says_what_the_network_says(recipe: Config, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from redact.detectors.runtime import version

    version()  # OpenVINO without its telemetry
    trainer = Trainer(recipe)
    trainer.save()
    detector = average_of(recipe)
    picture = np.random.default_rng(0).random((1, 3, 96, 160), np.float32)
    with torch.no_grad():
        expected = Exported(detector)(torch.from_numpy(picture)).numpy()
        logits, distances = detector(torch.from_numpy(picture))
    boxes = boxes_of(distances, *cells(96, 160)).detach().numpy()[0]
    np.testing.assert_allclose(expected[0, 4], logits[0, :, 0].sigmoid(), atol=1e-5)
    np.testing.assert_allclose(expected[0, 2], boxes[:, 2] - boxes[:, 0], atol=1e-2)
    save(to_openvino(detector), tmp_path, "tiny", "tiny")

    from redact.config import DetectorOptions
    from redact.detectors import load_detector

    found = load_detector([tmp_path / "tiny.toml"], DetectorOptions(hide_score=0.001))
    grey = as_frame(np.full((96, 160, 3), 90, np.uint8))
    assert found.detect([grey])[0].xyxy.shape[1] == 4


def test_a_training_can_begin_with_an_exported_model(recipe: Config, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from models.warm import fill, folded, normalise

    trainer = Trainer(recipe)
    stirred = torch.Generator().manual_seed(0)
    for norm in trainer.model.modules():  # as a training leaves them, not as they begin
        if isinstance(norm, torch.nn.BatchNorm2d):
            for values in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
                values.copy_(torch.rand(values.shape, generator=stirred) + 0.5)
    trainer.average.module.load_state_dict(trainer.model.state_dict())
    trainer.save()
    known = average_of(recipe)
    save(to_openvino(known), tmp_path, "tiny", "tiny")

    begun = Detector(recipe.network).eval()
    assert fill(begun, folded(tmp_path / "tiny.xml")) == []
    pictures = torch.rand(2, 3, 64, 96, generator=stirred)
    normalise(begun, [pictures])
    with torch.no_grad():
        for now, before in zip(begun(pictures), known(pictures), strict=True):
            np.testing.assert_allclose(now, before, rtol=2e-2, atol=2e-2)  # 16-bit weights
        fed = begun.stem[0][0](pictures)
    np.testing.assert_allclose(begun.stem[0][1].running_mean, fed.mean((0, 2, 3)), atol=1e-4)

    wider = Detector(msgspec.structs.replace(recipe.network, neck=recipe.network.neck * 2))
    missed = fill(wider, folded(tmp_path / "tiny.xml"))
    assert "heads.0.classes.2" in missed
    assert "stem.0.0" not in missed


def test_two_trainings_are_averaged(recipe: Config) -> None:
    from models.blend import blend

    one, other = Trainer(recipe), Detector(recipe.network)
    average = one.average.state_dict()
    before = {name: value.clone() for name, value in average.items()}
    blend(average, other, 0.25)
    for name, value in other.state_dict().items():
        mine = before[f"module.{name}"]
        if value.is_floating_point():
            wanted = 0.75 * mine + 0.25 * value
            torch.testing.assert_close(average[f"module.{name}"], wanted)
        else:
            assert average[f"module.{name}"] == mine
