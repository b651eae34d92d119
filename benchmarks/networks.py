"""A network alone, on one runtime: uint8 pictures in, raw outputs out. Turning pictures into floats
is part of the time. `cases` names what `detect --weights` compares: an INT8 graph exists for
OpenVINO alone; ONNX Runtime runs the float graph of the same network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.counting import openvino
from benchmarks.harness import interleaved, milliseconds
from benchmarks.schema import Look, Spread

Run = Callable[[np.ndarray[Any, Any]], Any]
_PLAIN, _UNIT = ((0.0,) * 3, (1.0,) * 3), ((0.0,) * 3, (255.0,) * 3)
_NANODET = ((103.53, 116.28, 123.675), (57.375, 57.12, 58.395))
_SCRFD = ((127.5,) * 3, (128.0,) * 3)


@dataclass(frozen=True, slots=True)
class Case:
    """scaling: mean and std per channel, in 0..255."""

    network: str
    height: int
    width: int
    graph: str
    scaling: tuple[tuple[float, ...], tuple[float, ...]]
    int8: str | None = None


CASES = (
    Case("YOLO11n", 384, 640, "yolo11n_coco_dyn.onnx", _UNIT),
    Case("YOLO11n", 640, 640, "yolo11n_coco_dyn.onnx", _UNIT, "yolo11n_coco_640_int8.xml"),
    Case("YOLO26n", 384, 640, "yolo26n_coco_dyn.onnx", _UNIT),
    Case("YOLOv5n", 640, 640, "yolov5n_coco_640_fp16.onnx", _UNIT),
    Case("YOLOX-Nano", 416, 416, "yolox_nano_coco_416.onnx", _PLAIN),
    Case("NanoDet-Plus-m", 384, 640, "nanodet-plus-m_coco_dyn.onnx", _NANODET),
    Case("SCRFD-500M", 640, 640, "scrfd_500m_kps.onnx", _SCRFD),
    Case("YuNet-n", 384, 640, "yunet_n_dynamic.onnx", _PLAIN),
)


def openvino_runner(
    path: Path,
    size: tuple[int, int],
    scaling: tuple[tuple[float, ...], tuple[float, ...]] = _UNIT,
    threads: int = 1,
) -> Run:
    """With mean and scale folded into the graph, as redact does it."""
    ov = openvino()
    model = ov.Core().read_model(path)
    model.reshape({model.inputs[0]: [1, 3, *size]})
    steps = ov.preprocess.PrePostProcessor(model)
    steps.input(0).tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input(0).model().set_layout(ov.Layout("NCHW"))
    scaled = steps.input(0).preprocess().convert_element_type(ov.Type.f32)
    scaled.mean(list(scaling[0])).scale(list(scaling[1]))
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = ov.Core().compile_model(steps.build(), "CPU", options).create_infer_request()

    def run(picture: np.ndarray[Any, Any]) -> Any:
        request.infer({0: picture[None]}, share_inputs=True)
        return [np.array(tensor.data) for tensor in request.output_tensors]

    return run


def onnxruntime_runner(
    path: Path, scaling: tuple[tuple[float, ...], tuple[float, ...]], threads: int
) -> Run:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    offset, factor = np.array(scaling[0], np.float32), 1 / np.array(scaling[1], np.float32)

    def run(picture: np.ndarray[Any, Any]) -> Any:
        values = (picture.astype(np.float32) - offset) * factor
        return session.run(None, {name: np.ascontiguousarray(values.transpose(2, 0, 1)[None])})

    return run


def runners(weights: Path, case: Case, threads: int) -> Iterator[tuple[str, Run]]:
    size = (case.height, case.width)
    yield "ONNX Runtime", onnxruntime_runner(weights / case.graph, case.scaling, threads)
    yield "OpenVINO", openvino_runner(weights / case.graph, size, case.scaling, threads)
    if case.int8 is not None:
        path = weights / case.int8
        yield "OpenVINO INT8", openvino_runner(path, size, case.scaling, threads)


def compared(
    weights: Path, threads: int, rounds: int, cases: tuple[Case, ...] = CASES
) -> tuple[list[Look], dict[str, str]]:
    """One row per network and runtime, and the networks that are absent."""
    rows, absent = list[Look](), dict[str, str]()
    for case in cases:
        missing = [n for n in (case.graph, case.int8) if n and not (weights / n).exists()]
        if missing:
            absent[f"{case.network} {case.width}x{case.height}"] = f"no {', '.join(missing)}"
            continue
        rows += _rows(case, dict(runners(weights, case, threads)), rounds)
    return rows, absent


def _rows(case: Case, here: dict[str, Run], rounds: int) -> list[Look]:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (case.height, case.width, 3), np.uint8) for _ in range(4)]
    asks = {name: milliseconds(lambda at, r=run: r(pictures[at % 4])) for name, run in here.items()}
    return [
        Look(
            what="network",
            model=case.network,
            runtime=name,
            height=case.height,
            width=case.width,
            batch=1,
            ms=Spread.of(spent),
        )
        for name, spent in interleaved(asks, rounds, warmup=2).items()
    ]
