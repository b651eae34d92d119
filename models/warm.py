"""Begin a training with what a released model knows.

    python -m models.warm models/detector.toml redact/detectors/weights/redact-n-float.xml

Writes `checkpoint.pt` at step 0. Exported graphs have batch normalisation folded into their
convolutions; here each one is given back the means and variances of its inputs, measured on
training pictures, and weights such that the network still computes the same.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.augment import Maker
from models.config import Config, load
from models.dataset import Samples
from models.network import Detector
from models.train import Stream, Trainer

_BATCHES = 12


def folded(graph: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Weights and biases of each convolution of an exported graph, by the module's name.

    Raises ValueError where a convolution has no bias or weights that are not plain constants.
    """
    import openvino

    out = {}
    for node in openvino.Core().read_model(graph).get_ordered_ops():
        if node.get_type_name() in ("Convolution", "GroupConvolution"):
            name = module_name(node.get_friendly_name())
            users = [u.get_node() for u in node.output(0).get_target_inputs()]
            sums = [u for u in users if u.get_type_name() == "Add"]
            if len(sums) != 1:
                raise ValueError(f"{graph}: {name} has no bias")
            weight = _constant(node.input_value(1).get_node())
            bias = _constant(sums[0].input_value(1).get_node())
            out[name] = torch.from_numpy(weight), torch.from_numpy(bias).flatten()
    return out


def module_name(node: str) -> str:
    """PyTorch's name of a module from that of its exported node: `/a/a.0/b/b.1/Conv/...` is
    `a.0.b.1`, as each child repeats the name of its container."""
    path: list[str] = []
    for part in node.strip("/").split("/Conv")[0].split("/"):
        if path and part.startswith(path[-1] + "."):
            path.pop()
        path.append(part)
    return ".".join(path)


def _constant(node: Any) -> np.ndarray[Any, Any]:
    shape = list(node.get_output_shape(0))
    while node.get_type_name() != "Constant":
        if node.get_type_name() not in ("Convert", "Reshape"):
            raise ValueError(f"{node.get_friendly_name()} is no constant")
        node = node.input_value(0).get_node()
    return np.array(node.data, np.float32).reshape(shape)


@torch.no_grad()
def fill(detector: Detector, known: dict[str, tuple[Tensor, Tensor]]) -> list[str]:
    """Give every convolution its known weights, and its normalisation, for now, the bias alone.

    Returns the names of those that `known` lacks or has in another shape; they stay as they are.
    """
    modules = dict(detector.named_modules())
    missed = []
    for name, module in modules.items():
        if not isinstance(module, nn.Conv2d):
            continue
        weight, bias = known.get(name, (torch.empty(0), torch.empty(0)))
        if weight.numel() != module.weight.numel():
            missed.append(name)
            continue
        module.weight.copy_(weight.reshape(module.weight.shape))
        holder, _, last = name.rpartition(".")
        norm = modules.get(f"{holder}.{int(last) + 1}") if last.isdigit() else None
        if module.bias is not None:
            module.bias.copy_(bias)
        elif isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.weight.fill_((1 + norm.eps) ** 0.5)
            norm.bias.copy_(bias)
    return missed


@torch.no_grad()
def normalise(detector: Detector, batches: list[Tensor]) -> None:
    """Measure what each normalisation is fed; the network computes the same afterwards."""
    sums: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {}

    def listen(module: nn.Module, fed: tuple[Tensor, ...]) -> None:
        x = fed[0]
        sums.setdefault(module, []).append((x.mean((0, 2, 3)), x.square().mean((0, 2, 3))))

    norms = [m for m in detector.modules() if isinstance(m, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(listen) for norm in norms]
    detector.eval()
    for batch in batches:
        detector(batch)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        means, squares = (torch.stack(s).mean(0) for s in zip(*sums[norm], strict=True))
        variance = (squares - means.square()).clamp(min=1e-4)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()  # what it does now
        norm.bias.add_(scale * (means - norm.running_mean))
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())
        norm.running_mean.copy_(means)
        norm.running_var.copy_(variance)


def begun(config: Config, graph: Path) -> Detector:
    """A detector that computes what the exported graph does, ready to be trained on."""
    detector = Detector(config.network)
    for name in fill(detector, folded(graph)):
        print(f"{name}: not in {graph}, begins at random")
    maker = Maker(Samples(config), config.augment, config.train.size)
    stream = itertools.islice(Stream(maker, config.train, 0), _BATCHES)
    normalise(detector, [p.permute(0, 3, 1, 2).float() / 255 for p, _ in stream])
    return detector


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("graph", type=Path, help="an exported float graph (.xml)")
    args = parser.parse_args()
    config = load(args.config)
    trainer = Trainer(config)
    if trainer.file.exists():
        parser.error(f"{trainer.file} exists: a training has begun")
    trainer.model.load_state_dict(begun(config, args.graph).state_dict())
    trainer.average.module.load_state_dict(trainer.model.state_dict())
    trainer.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
