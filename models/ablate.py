"""Ablation of shapes: several networks learn side by side from the same pictures, briefly.

    python -m models.ablate models/ablation.toml [--steps N]

Every shape begins at random and sees the same pictures in the same order, in one process; a second
run goes on where the first was cut off. Then each is exported as the shipped one is, and measured:
costs, mean training loss while the rate fell, loss on validation pictures laid into `whole_size`,
AP50 as `models.evaluate` finds it. Prints a table; `work` takes `log.csv`, `results.json`.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from models.augment import Maker
from models.config import Ablation, Config, Shape, load
from models.cost import gflop, milliseconds
from models.dataset import Samples, Truth, merged
from models.evaluate import detections, evaluate
from models.export import average_of, quantised, save, to_openvino
from models.images import Shards, as_frame, read_index
from models.losses import loss
from models.network import Detector, cells
from models.train import Batch, Stream, Trainer, collate
from redact.config import DetectorOptions
from redact.detectors.letterbox import letterbox
from redact.detectors.runtime import version
from redact.structures import Label

_CALIBRATION = 16  # pictures: enough to time INT8, not to judge its quality
_LOG_EVERY = 20


def plan(common: Config, shapes: list[Shape]) -> list[Config]:
    """One training per shape, each in a folder of its own."""
    return [
        msgspec.structs.replace(
            common,
            name=shape.name,
            work=common.work / shape.name,
            network=shape,
            train=msgspec.structs.replace(common.train, seed=common.train.seed + shape.seed),
        )
        for shape in shapes
    ]


def read(path: Path, steps: int | None = None) -> tuple[Config, list[Config]]:
    """What all share, and the training of each shape. Raises what `models.config.load` does."""
    base = path.resolve().parent
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    raw = msgspec.convert(table, Ablation, dec_hook=lambda kind, value: kind(value))
    train = msgspec.structs.replace(raw.train, steps=steps or raw.train.steps)
    recipe = load(base / raw.recipe)
    common = msgspec.structs.replace(recipe, work=base / raw.work, train=train)
    return common, plan(common, raw.shapes)


def train(common: Config, members: list[Config]) -> None:
    """Lead every shape to the last step; in turns, so that all meet the same machine."""
    torch.set_num_threads(common.train.threads)
    trainers = [Trainer(config) for config in members]
    for trainer in trainers:
        trainer.config.work.mkdir(parents=True, exist_ok=True)
        trainer.resume()
        trainer.model.train()
    first = min(t.step for t in trainers)
    if first >= common.train.steps:
        return
    maker = Maker(Samples(common), common.augment, common.train.size)
    sums = {t.config.name: np.zeros(2) for t in trainers}  # loss, CPU seconds
    with (common.work / "log.csv").open("a", newline="") as sheet:
        writer = csv.writer(sheet)
        for step, batch in enumerate(Stream(maker, common.train, first), first):
            for trainer in trainers:
                if trainer.step == step:
                    began = time.process_time()
                    lost = sum(trainer.learn(batch).values())
                    sums[trainer.config.name] += lost, time.process_time() - began
            if (step + 1) % _LOG_EVERY == 0:
                for name, total in sums.items():
                    if total.any():  # nothing from who had learned this before
                        writer.writerow([step + 1, name, *np.round(total / _LOG_EVERY, 4)])
                        total[:] = 0
                sheet.flush()
            if (step + 1) % common.train.save_every == 0 or step + 1 == common.train.steps:
                for trainer in trainers:
                    trainer.save()


def held_out(config: Config, size: tuple[int, int], batch: int = 10) -> list[Batch]:
    """The validation pictures as the product lays frames, with their truth; what nobody has
    labelled is ignored."""
    entries = read_index(config.data.folder / config.data.val, config.data.val_shard)
    shards = Shards(config.data.folder, entries)
    items = []
    for entry in entries:
        laid, fit = letterbox(as_frame(shards.picture(entry)), *size)
        truth = merged(entry, None, config)
        boxes, ignored = fit.to_network(truth.boxes), fit.to_network(truth.ignored)
        items.append((laid, Truth(boxes, truth.classes, ignored, truth.ignored_classes)))
    return [collate(items[i : i + batch]) for i in range(0, len(items), batch)]


@torch.no_grad()
def loss_on(detector: Detector, batches: list[Batch]) -> float:
    """The mean loss per picture, weighted as in training."""
    total = 0.0
    for pictures, targets in batches:
        x = pictures.permute(0, 3, 1, 2).float() / 255
        logits, distances = detector(x)
        parts = loss(logits, distances, *cells(*x.shape[2:]), targets)
        total += float(torch.stack(list(parts.values())).sum()) * len(targets)
    return total / sum(len(targets) for _, targets in batches)


def lately(log: Path, steps: int) -> dict[str, float]:
    """The mean loss of each shape over the last `steps` in a log: on pictures that all shapes met
    at the same time and, in so short a training, most for the first time."""
    with log.open(newline="") as sheet:
        rows = [(int(step), name, float(lost)) for step, name, lost, _ in csv.reader(sheet)]
    last = max(step for step, _, _ in rows)
    late = [(name, lost) for step, name, lost in rows if step > last - steps]
    return {n: float(np.mean([lost for m, lost in late if m == n])) for n, _ in late}


def measure(common: Config, members: list[Config], int8: bool = True) -> dict[str, dict[str, Any]]:
    """Cost and quality of each shape, by its name; int8: the time of its INT8 graph as well."""
    version()  # OpenVINO without its telemetry
    entries = read_index(common.data.folder / common.data.val, common.data.val_shard)
    shards = Shards(common.data.folder, entries)
    batches = held_out(common, common.train.whole_size)
    least = {Label.PERSON: DetectorOptions().show_score, Label.FACE: DetectorOptions().face_score}
    graphs, small, results = {}, {}, {}
    for config in members:
        detector = average_of(config)
        graphs[config.name] = to_openvino(detector)
        save(graphs[config.name], config.work, config.name, config.name)
        found, _ = detections(config.work / f"{config.name}.toml", entries, shards)
        if int8:
            small[config.name] = quantised(graphs[config.name], config, _CALIBRATION)
        results[config.name] = {
            "parameters": sum(p.numel() for p in detector.parameters()),
            "gflop": gflop(detector),
            "loss": loss_on(detector, batches),
            "classes": evaluate(entries, found, least),
        }
    for key, timed in (("ms_float", graphs), ("ms_int8", small)):
        for name, spent in milliseconds(timed).items():
            results[name][key] = spent
    return results


def table(results: dict[str, dict[str, Any]]) -> str:
    """The results in Markdown."""
    lines = [
        "| shape | million parameters | GFLOP | ms float | ms INT8 | late loss | validation loss "
        "| people | faces |",
        "|---" * 9 + "|",
    ]
    for name, r in results.items():
        found = [r["classes"].get(label, {}).get("ap50", 0.0) for label in ("person", "face")]
        cost = f"{r['parameters'] / 1e6:.2f} | {r['gflop']:.2f} | {r['ms_float']:.1f}"
        small = f"{r['ms_int8']:.1f}" if "ms_int8" in r else "-"
        late = f"{r['late']:.2f}" if "late" in r else "-"
        lines.append(
            f"| {name} | {cost} | {small} | {late} | {r['loss']:.2f} | {found[0]:.3f} "
            f"| {found[1]:.3f} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path, help="the shapes, such as models/ablation.toml")
    parser.add_argument("--steps", type=int, help="per shape, instead of the file's")
    args = parser.parse_args()
    common, members = read(args.recipe, args.steps)
    train(common, members)
    results = measure(common, members)
    for name, lost in lately(common.work / "log.csv", common.train.decay).items():
        results[name]["late"] = lost
    (common.work / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
