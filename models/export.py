"""From a checkpoint to what the package ships: OpenVINO graphs, float and INT8, and descriptions.

    python -m models.export models/detector.toml --out redact/detectors/weights

The moving average of the weights is exported, batch normalisation folded, boxes decoded inside the
graph: one output [1, 4 + 2, A] of centre, size (network pixels) and the scores of person and face.
INT8: post-training quantisation (NNCF) on training pictures; the decoding stays in float.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.config import Config, load
from models.images import Shards, as_frame, read_index
from models.network import STRIDES, Detector, scale_of
from redact.config import Trust
from redact.detectors.description import (
    InputDescription,
    ModelDescription,
    to_toml,
)
from redact.detectors.letterbox import letterbox
from redact.detectors.suppression import Suppression

_CLASSES = 2  # heads only help in training
_SIZE = (384, 640)
# Chosen on labelled footage and the rendered clips: with less care somebody leaked.
_TRUST = Trust(foot=0.04, show=0.5, grey=0.45, thorough=False)
# Its boxes scatter: by their mean feet are found nearer to where they are, and people doubled less.
_SUPPRESSION = Suppression(vote=0.7, repeat=0.5)
_LICENCE = "Apache-2.0"


class Exported(nn.Module):
    """The detector with its decoding: (1, 3, h, w) RGB 0..1 -> (1, 4 + 2, a)."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, x: Tensor) -> Tensor:
        tables = []
        levels = zip(self.detector.heads, self.detector.pyramid(x), STRIDES, strict=True)
        for head, feature, stride in levels:
            logits, sides = head(feature)
            scores = logits[:, :_CLASSES].sigmoid()
            # Grid positions by counting, so that any picture size works.
            ones = torch.ones_like(logits[:, :1])
            centre_x, centre_y = ones.cumsum(3) - 0.5, ones.cumsum(2) - 0.5
            n, _, height, width = sides.shape
            weights = sides.reshape(n, 4, self.detector.bins, height, width).softmax(2)
            scale = scale_of(self.detector.bins)[None, None, :, None, None]
            left, up, right, down = (weights * scale).sum(2).split(1, dim=1)
            box = [
                centre_x + (right - left) / 2,
                centre_y + (down - up) / 2,
                left + right,
                up + down,
            ]
            tables.append(torch.cat([torch.cat(box, 1) * stride, scores], dim=1).flatten(2))
        return torch.cat(tables, dim=2)


def average_of(config: Config) -> Detector:
    """The averaged weights of the last checkpoint, ready to run."""
    state = torch.load(config.work / "checkpoint.pt", weights_only=True)
    detector = Detector(config.network)
    prefix = "module."
    weights = {k.removeprefix(prefix): v for k, v in state["average"].items() if prefix in k}
    detector.load_state_dict(weights)
    return detector.eval()


def to_openvino(detector: Detector) -> Any:
    """An OpenVINO model with free height and width."""
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "detector.onnx"
        torch.onnx.export(
            Exported(detector).eval(),
            (torch.zeros(1, 3, *_SIZE),),
            str(file),
            opset_version=17,
            input_names=["picture"],
            output_names=["boxes"],
            dynamic_axes={"picture": {2: "height", 3: "width"}, "boxes": {2: "cells"}},
            dynamo=False,
        )
        return openvino.Core().read_model(file)


def quantised(model: Any, config: Config, pictures: int) -> Any:
    """The model in INT8, calibrated on training pictures as the product feeds them."""
    import nncf
    import openvino
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    def feeds() -> Iterator[np.ndarray[Any, Any]]:
        entries = read_index(config.data.folder / config.data.train)
        rng = np.random.default_rng(config.train.seed)
        chosen = rng.choice(len(entries), min(pictures, len(entries)), replace=False)
        some = [entries[i] for i in chosen]
        shards = Shards(config.data.folder, some)
        for entry in some:
            laid, _ = letterbox(as_frame(shards.picture(entry)), *_SIZE)
            yield np.ascontiguousarray(laid.transpose(2, 0, 1)[None].astype(np.float32) / 255)

    fixed = model.clone()
    fixed.reshape([1, 3, *_SIZE])
    result = nncf.quantize(
        fixed,
        nncf.Dataset(list(feeds())),
        subset_size=pictures,
        preset=nncf.QuantizationPreset.MIXED,
        # Ranges by the error that they make. The extremes, NNCF's default, cost faces 0.02 of AP50.
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            activations_range_estimator_params=RangeEstimatorParametersSet.HISTOGRAM
        ),
        ignored_scope=nncf.IgnoredScope(types=["CumSum", "Softmax", "ReduceSum", "Sigmoid"]),
    )
    result.reshape([1, 3, openvino.Dimension(), openvino.Dimension()])
    return result


def save(model: Any, out: Path, name: str, title: str) -> None:
    """Write .xml, .bin and the description that pins their digests."""
    import openvino

    xml = out / f"{name}.xml"
    openvino.save_model(model, xml, compress_to_fp16=True)

    def digest(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    description = ModelDescription(
        name=title,
        file=xml.name,
        family="yolo",
        licence=_LICENCE,
        sha256=digest(xml),
        bin_sha256=digest(xml.with_suffix(".bin")),
        labels={"person": 0, "face": 1},
        input=InputDescription(),
        suppression=_SUPPRESSION,
        trust=_TRUST,
    )
    (out / f"{name}.toml").write_text(to_toml(description), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=300, help="to calibrate INT8 with")
    args = parser.parse_args()
    config = load(args.config)
    args.out.mkdir(parents=True, exist_ok=True)
    model = to_openvino(average_of(config))
    save(model, args.out, f"{config.name}-float", f"{config.name} (float)")
    save(quantised(model, config, args.pictures), args.out, config.name, f"{config.name} (INT8)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
