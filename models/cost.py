"""What a network costs: operations, and milliseconds of one thread."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import nn

from models.network import Detector
from redact.detectors.runtime import settings

SIZE = (384, 640)  # height and width that costs are told for
_ROUNDS = 40


@torch.no_grad()
def gflop(detector: Detector, size: tuple[int, int] = SIZE) -> float:
    """Billions of operations of all convolutions per picture, two per multiplication."""
    total = 0

    def count(module: nn.Module, _: Any, out: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        total += 2 * module.weight[0].numel() * out.numel()

    convolutions = [m for m in detector.modules() if isinstance(m, nn.Conv2d)]
    hooks = [m.register_forward_hook(count) for m in convolutions]
    detector(torch.zeros(1, 3, *size))
    for hook in hooks:
        hook.remove()
    return total / 1e9


def milliseconds(
    graphs: dict[str, Any], size: tuple[int, int] = SIZE, rounds: int = _ROUNDS
) -> dict[str, float]:
    """CPU milliseconds per picture of each OpenVINO graph on one thread, compiled as in the
    product: the median over rounds in which all take turns."""
    import openvino

    core, compiled = openvino.Core(), {}
    for name, graph in graphs.items():
        fixed = graph.clone()
        fixed.reshape([1, 3, *size])
        compiled[name] = core.compile_model(fixed, "CPU", settings(1)).create_infer_request()
    picture = np.random.default_rng(0).random((1, 3, *size), np.float32)
    spent: dict[str, list[float]] = {name: [] for name in graphs}
    for _ in range(rounds):
        for name, request in compiled.items():
            began = time.process_time()
            request.infer([picture])
            spent[name].append(time.process_time() - began)
    return {name: 1000 * float(np.median(times)) for name, times in spent.items()}
