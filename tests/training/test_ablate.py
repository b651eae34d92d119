"""Shapes of the network trained side by side, and what they cost (need torch)."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.config import Config, NetworkOptions, Shape

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from models.ablate import lately, plan, read, table, train  # noqa: E402
from models.cost import gflop  # noqa: E402
from models.export import average_of, save, to_openvino  # noqa: E402
from models.network import Conv, Detector  # noqa: E402
from models.train import Trainer  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"stem": 8, "widths": (8, 16, 24, 32), "depths": (1, 1, 1), "neck": 16}


def weights(config: Config) -> dict[str, torch.Tensor]:
    trainer = Trainer(config)
    trainer.resume()
    return trainer.model.state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_the_shapes_to_try_are_read_with_the_shipped_one_among_them() -> None:
    common, members = read(ROOT / "models" / "ablation.toml", steps=7)
    by_name = {m.name: m for m in members}
    assert len(by_name) == len(members)
    assert {m.train.steps for m in members} == {7}
    assert len({m.work for m in members}) == len(members)

    shipped = msgspec.to_builtins(NetworkOptions())
    for name in ("shipped", "shipped-again"):
        assert msgspec.to_builtins(by_name[name].network).items() >= shipped.items()
    assert by_name["shipped-again"].train.seed != by_name["shipped"].train.seed
    others = [m for m in members if not m.name.startswith("shipped")]
    assert {m.train.seed for m in others} == {common.train.seed}
    for config in others:
        assert not msgspec.to_builtins(config.network).items() >= shipped.items()


@pytest.mark.parametrize(
    "change",
    [{}, {"context": False}, {"fuse": 3}, {"head": "joint"}, {"head": "dense"}, {"bins": 16}],
    ids=str,
)
def test_every_option_of_the_network_makes_one_that_learns_and_exports(
    change: dict[str, object], tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    from models.warm import fill, folded
    from redact.detectors.runtime import version

    version()  # OpenVINO without its telemetry
    options = msgspec.convert(SMALL | change, NetworkOptions)
    detector = Detector(options)
    logits, distances = detector(torch.rand(2, 3, 64, 96))
    assert distances.shape == (*logits.shape[:2], 4, options.bins)
    (logits.sum() + distances.square().sum()).backward()
    assert all(p.grad is not None for p in detector.parameters())

    save(to_openvino(detector.eval()), tmp_path, "one", "one")
    assert fill(Detector(options), folded(tmp_path / "one.xml")) == []


def test_a_convolution_costs_two_operations_per_multiplication() -> None:
    detector = Detector(msgspec.convert(SMALL, NetworkOptions)).eval()
    whole = gflop(detector, (64, 64))
    assert whole == pytest.approx(gflop(detector, (64, 128)) / 2)
    first = detector.stem[0]
    assert isinstance(first, Conv)
    detector.stem[0] = Conv(3, 16, 3, 2)  # twice as wide
    detector.stem[1] = Conv(16, 8, 3, 2)
    more = 2 * 27 * 8 * 32 * 32 + 2 * 72 * 8 * 16 * 16
    assert gflop(detector.eval(), (64, 64)) - whole == pytest.approx(more / 1e9)


def test_shapes_learn_side_by_side_and_go_on_where_they_stopped(recipe: Config, with_steps) -> None:
    shapes = [Shape(name="a", **SMALL), Shape(name="b", **SMALL), Shape(name="c", **SMALL, seed=1)]
    whole = msgspec.structs.replace(recipe, work=recipe.work / "whole")
    whole.work.mkdir()
    whole.pseudo.write_bytes(recipe.pseudo.read_bytes())
    train(whole, plan(whole, shapes))
    a, b, c = (weights(m) for m in plan(whole, shapes))
    assert same(a, b)  # the same seed, the same pictures in the same order
    assert not same(a, c)

    cut = with_steps(recipe, 2)
    cut = msgspec.structs.replace(cut, train=msgspec.structs.replace(cut.train, decay=1))
    train(cut, plan(cut, shapes[:1]))
    train(cut, plan(cut, shapes))  # the first has nothing left to learn
    late = [Trainer(m) for m in plan(cut, shapes)]
    for trainer in late:
        trainer.resume()
    assert [t.step for t in late] == [2, 2, 2]
    assert same(late[0].model.state_dict(), late[1].model.state_dict())


def test_the_late_loss_is_that_of_the_last_steps(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("20,a,9,0.1\n20,b,8,0.1\n40,a,3,0.1\n40,b,5,0.1\n60,a,2,0.1\n60,b,4,0.1\n")
    assert lately(log, 40) == {"a": 2.5, "b": 4.5}


def test_each_shape_is_measured_and_stands_in_the_table(recipe: Config) -> None:
    pytest.importorskip("onnx")
    from models.ablate import measure

    shapes = [Shape(name="plain", **SMALL), Shape(name="odd", **SMALL, context=False)]
    index = (recipe.data.folder / recipe.data.train).read_bytes()
    (recipe.data.folder / recipe.data.val).write_bytes(index)
    recipe = msgspec.structs.replace(
        recipe, train=msgspec.structs.replace(recipe.train, whole_size=(64, 96), steps=1)
    )
    members = plan(recipe, shapes)
    train(recipe, members)
    results = json.loads(json.dumps(measure(recipe, members, int8=False)))
    assert list(results) == ["plain", "odd"]
    for name, config in zip(results, members, strict=True):
        found = results[name]
        assert found["parameters"] == sum(p.numel() for p in average_of(config).parameters())
        assert np.isfinite([found[k] for k in ("loss", "gflop", "ms_float")]).all()
    assert results["odd"]["parameters"] < results["plain"]["parameters"]
    rows = table(results).splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| plain", "| odd"]
