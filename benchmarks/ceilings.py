"""What the machine can do at most, measured: multiply-adds and bytes per second.

The arithmetic ceiling is the best of a few large products and convolutions on the same runtime,
with as many threads; that of INT8 is a chain of quantised convolutions. The memory ceiling is a
copy between two buffers far larger than the caches, read and written bytes together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.counting import openvino

_COPY = 256 << 20  # bytes
_CHANNELS, _SIDE, _DEPTH = 128, 48, 8  # of the convolutions


def best(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of some repeats, after one to warm up: a ceiling is no median."""
    work()
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def copy_gbytes(threads: int, repeats: int = 7, size: int = _COPY) -> float:
    """GB/s, read and written."""
    part = size // threads
    pairs = [(np.ones(part, np.uint8), np.empty(part, np.uint8)) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        seconds = best(lambda: list(pool.map(lambda p: np.copyto(p[1], p[0]), pairs)), repeats)
    return 2 * part * threads / seconds / 1e9


def arithmetic_gflops(precision: str, threads: int, repeats: int = 5) -> float:
    """GFLOP/s of OpenVINO. precision: float32 or int8."""
    models = [_convolutions(precision == "int8")]
    if precision != "int8":
        models.append(_product())
    return max(_rate(model, flop, threads, repeats) for model, flop in models)


def _rate(model: Any, flop: float, threads: int, repeats: int) -> float:
    ov = openvino()
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = ov.Core().compile_model(model, "CPU", options).create_infer_request()
    feed = np.random.default_rng(0).uniform(0, 1, model.inputs[0].shape).astype(np.float32)
    return flop / best(lambda: request.infer([feed], share_inputs=True), repeats) / 1e9


def _product(side: int = 1024) -> tuple[Any, float]:
    ov, op = openvino(), _operators()
    left = op.parameter([side, side], np.float32)
    right = op.constant(np.ones((side, side), np.float32) / side)
    return ov.Model([op.matmul(left, right, False, False)], [left], "product"), 2.0 * side**3


def _convolutions(quantised: bool) -> tuple[Any, float]:
    """3x3 convolutions in a row, of as many channels as in a detector's middle."""
    ov, op = openvino(), _operators()
    rng = np.random.default_rng(0)
    picture = op.parameter([1, _CHANNELS, _SIDE, _SIDE], np.float32)
    value = picture
    for _ in range(_DEPTH):
        shape = (_CHANNELS, _CHANNELS, 3, 3)
        weights = op.constant(rng.uniform(-0.05, 0.05, shape).astype(np.float32))
        if quantised:
            value = _quantiser(op, value, 0.0, 1.0, 256)
            weights = _quantiser(op, weights, -0.05, 0.05, 255)
        value = op.relu(op.convolution(value, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    flop = 2.0 * _DEPTH * _SIDE**2 * _CHANNELS**2 * 9
    return ov.Model([value], [picture], "convolutions"), flop


def _quantiser(op: Any, value: Any, low: float, high: float, levels: int) -> Any:
    ends = [op.constant(np.float32(v)) for v in (low, high, low, high)]
    return op.fake_quantize(value, *ends, levels)


def _operators() -> Any:
    import openvino.opset13 as op

    return op


def card_ceilings(device: str, quick: bool) -> tuple[float, float]:
    """GFLOP/s in half precision and GB/s of a graphics card: a large product, a large copy."""
    import torch

    there = torch.device("cpu" if device == "torch-cpu" else device)
    side, size, repeats = (256, 8 << 20, 1) if quick else (8192, 2 << 30, 20)
    factor = torch.randn(side, side, device=there, dtype=torch.float16)
    big = torch.empty(size, device=there, dtype=torch.uint8)
    target = torch.empty_like(big)

    def whole(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            work()
            if there.type == "cuda":
                torch.cuda.synchronize(there)

        return run

    product = best(whole(lambda: factor @ factor), repeats)
    copy = best(whole(lambda: target.copy_(big)), repeats)
    return 2 * side**3 / product / 1e9, 2 * size / copy / 1e9
