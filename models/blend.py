"""Average a finished training with the released model that it began with.

    python -m models.blend models/detector.toml redact/detectors/weights/redact-n-float.xml

The mean of two sets of weights that lie in one basin is often surer than each (Wortsman et al.,
"Model soups", ICML 2022). The checkpoint's average is replaced, for `models.export`; what was there
stays as `unblended.pt`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from models.config import load
from models.network import Detector
from models.train import Trainer
from models.warm import begun


def blend(into: dict[str, torch.Tensor], other: Detector, share: float) -> None:
    """Move the weights of a checkpoint's average by `share` towards those of `other`, in place."""
    for name, value in other.state_dict().items():
        mine = into[f"module.{name}"]
        if mine.is_floating_point():
            mine.lerp_(value, share)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("graph", type=Path, help="the exported float graph (.xml) it began with")
    parser.add_argument("--share", type=float, default=0.5, help="of the older one, 0..1")
    args = parser.parse_args()
    config = load(args.config)
    trainer = Trainer(config)
    trainer.resume()
    kept = config.work / "unblended.pt"
    if kept.exists() or not 0 <= args.share <= 1:
        parser.error(f"{kept} exists: blended before" if kept.exists() else "--share is 0 to 1")
    trainer.save(kept)
    average = trainer.average.state_dict()
    blend(average, begun(config, args.graph), args.share)
    trainer.average.load_state_dict(average)
    trainer.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
