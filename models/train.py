"""Train the detector; a second run goes on from the last checkpoint.

    python -m models.train models/detector.toml [--minutes N]

Writes `checkpoint.pt` (weights, their moving average, optimiser, step), `plateau.pt` (the same,
where the learning rate began to fall: to train longer, make it `checkpoint.pt` and raise `steps`)
and `log.csv` in the work folder of the recipe; `python -m models.curves` draws the log.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from models.augment import Maker
from models.config import Config, TrainOptions, load
from models.dataset import Samples
from models.losses import Target, loss
from models.network import Detector, cells

Batch = tuple[torch.Tensor, list[Target]]


class Stream(IterableDataset[Batch]):
    """The batches of a training; what step k learns from depends on the seed and k alone."""

    def __init__(self, maker: Maker, options: TrainOptions, step: int) -> None:
        self._maker, self._options, self._first = maker, options, step

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        mine, of = (worker.id, worker.num_workers) if worker else (0, 1)
        # Workers take turns, so that the order does not depend on their speed.
        for step in range(self._first + mine, self._options.steps, of):
            yield self._batch(step)

    def _batch(self, step: int) -> Batch:
        options = self._options
        whole = options.whole_every > 0 and step % options.whole_every == 0
        clean = step >= options.steps - options.clean_last
        items = []
        for k in range(options.whole_batch if whole else options.batch):
            rng = np.random.default_rng((options.seed, step * options.batch + k))
            if whole:
                items.append(self._maker.whole(rng, options.whole_size))
            else:
                items.append(self._maker.make(rng, clean=clean))
        return collate(items)


def collate(items: list[tuple[Any, Any]]) -> Batch:
    pictures = torch.from_numpy(np.stack([p for p, _ in items]))
    targets = [
        Target(*(torch.from_numpy(v) for v in (t.boxes, t.classes, t.ignored, t.ignored_classes)))
        for _, t in items
    ]
    return pictures, targets


def rate(step: int, options: TrainOptions) -> float:
    """Learning rate: a linear start, a plateau, 1 - sqrt at the end (Hägele et al., 2024)."""
    if step < options.warm_up:
        return options.learning_rate * (step + 1) / options.warm_up
    share = (step - (options.steps - options.decay)) / max(options.decay, 1)
    return options.learning_rate * (1 - math.sqrt(min(max(share, 0.0), 1.0)))


class Trainer:
    """The state of one training: what a checkpoint holds."""

    def __init__(self, config: Config) -> None:
        torch.manual_seed(config.train.seed)
        self.config, self.step = config, 0
        # The default memory format: channels_last was ten times slower on a processor with AVX2.
        self.model = Detector(config.network)
        self.average = torch.optim.swa_utils.AveragedModel(
            self.model,
            multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.train.ema),
            use_buffers=True,
        )
        bare = [p for p in self.model.parameters() if p.ndim == 1]
        weights = [p for p in self.model.parameters() if p.ndim > 1]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": weights, "weight_decay": config.train.weight_decay},
                {"params": bare, "weight_decay": 0.0},
            ],
            lr=config.train.learning_rate,
        )

    @property
    def file(self) -> Path:
        return self.config.work / "checkpoint.pt"

    def resume(self) -> None:
        if self.file.exists():
            state = torch.load(self.file, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = int(state["step"])

    def save(self, file: Path | None = None) -> None:
        file = file or self.file
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        part = file.with_suffix(".part")
        torch.save(state, part)
        part.replace(file)

    def learn(self, batch: Batch) -> dict[str, float]:
        """One step; the losses by name."""
        pictures, targets = batch
        x = pictures.permute(0, 3, 1, 2).float().div_(255)
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.step, self.config.train)
        logits, distances = self.model(x)
        parts = loss(logits, distances, *cells(*x.shape[2:]), targets)
        total = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(total):
            raise FloatingPointError(f"the loss is {total.item()} at step {self.step}")
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimiser.step()
        self.average.update_parameters(self.model)
        self.step += 1
        return {name: float(value.detach()) for name, value in parts.items()}


def run(config: Config, minutes: float) -> None:
    """Train until the last step or for `minutes`."""
    torch.set_num_threads(config.train.threads)
    config.work.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config)
    trainer.resume()
    maker = Maker(Samples(config), config.augment, config.train.size)
    batches = DataLoader(
        Stream(maker, config.train, trainer.step),
        batch_size=None,
        num_workers=config.train.workers,
        prefetch_factor=4 if config.train.workers else None,
    )
    log = config.work / "log.csv"
    fresh = not log.exists()
    end = time.monotonic() + 60 * minutes
    trainer.model.train()
    with log.open("a", newline="") as sheet:
        writer = csv.writer(sheet)
        if fresh:
            writer.writerow(["step", "classes", "boxes", "distribution", "rate", "seconds"])
        means: dict[str, float] = {}
        began = time.monotonic()
        for batch in batches:
            for name, value in trainer.learn(batch).items():
                means[name] = 0.95 * means.get(name, value) + 0.05 * value
            if trainer.step % 20 == 0:
                values = [f"{v:.4f}" for v in means.values()]
                now = rate(trainer.step, config.train)
                spent = f"{time.monotonic() - began:.0f}"
                writer.writerow([trainer.step, *values, f"{now:.2e}", spent])
                sheet.flush()
            if trainer.step == config.train.steps - config.train.decay:
                trainer.save(config.work / "plateau.pt")
            if trainer.step % config.train.save_every == 0 or time.monotonic() > end:
                trainer.save()
            if trainer.step >= config.train.steps or time.monotonic() > end:
                break
    trainer.save()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after this long")
    args = parser.parse_args()
    run(load(args.config), args.minutes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
