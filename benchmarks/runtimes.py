"""Which runtime is faster for our detectors: OpenVINO or ONNX Runtime?

    python -m benchmarks.runtimes --weights DIR [--json out.json]

Every contestant gets the same uint8 pictures and must hand back the raw outputs; turning them
into floats is part of the time. One thread each, rounds interleaved so that a busy moment hits
all alike. The INT8 graph exists for OpenVINO alone; ONNX Runtime runs the float graph of the
same network.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[np.ndarray[Any, Any]], Any]

# question, (height, width), contestants: (name, runtime, file, mean, std)
_PLAIN, _UNIT = ((0.0,) * 3, (1.0,) * 3), ((0.0,) * 3, (255.0,) * 3)
_NANODET = ((103.53, 116.28, 123.675), (57.375, 57.12, 58.395))
_SCRFD = ((127.5,) * 3, (128.0,) * 3)
CASES: list[tuple[str, tuple[int, int], str, str | None, Any]] = [
    ("YOLO11n", (384, 640), "yolo11n_coco_dyn.onnx", None, _UNIT),
    ("YOLO11n", (640, 640), "yolo11n_coco_dyn.onnx", "yolo11n_coco_640_int8.xml", _UNIT),
    ("YOLO26n", (384, 640), "yolo26n_coco_dyn.onnx", None, _UNIT),
    ("YOLOv5n", (640, 640), "yolov5n_coco_640_fp16.onnx", None, _UNIT),
    ("YOLOX-Nano", (416, 416), "yolox_nano_coco_416.onnx", None, _PLAIN),
    ("NanoDet-Plus-m", (384, 640), "nanodet-plus-m_coco_dyn.onnx", None, _NANODET),
    ("SCRFD-500M", (640, 640), "scrfd_500m_kps.onnx", None, _SCRFD),
    ("YuNet-n", (384, 640), "yunet_n_dynamic.onnx", None, _PLAIN),
]


def openvino_runner(path: Path, mean: Any, std: Any) -> Run:
    from redact.detectors.description import read_files
    from redact.detectors.runtime import Network

    return Network(read_files(path), path.stem, threads=1, mean=mean, std=std).run


def onnxruntime_runner(path: Path, mean: Any, std: Any) -> Run:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    offset = np.array(mean, np.float32)
    factor = 1 / np.array(std, np.float32)

    def run(picture: np.ndarray[Any, Any]) -> Any:
        values = (picture.astype(np.float32) - offset) * factor
        return session.run(None, {name: np.ascontiguousarray(values.transpose(2, 0, 1)[None])})

    return run


def contestants(weights: Path, case: Any) -> Iterator[tuple[str, Run]]:
    """The runners of one case, by name; ONNX Runtime first, as what the others compare to."""
    _, _, float_file, int8_file, (mean, std) = case
    yield "onnxruntime float", onnxruntime_runner(weights / float_file, mean, std)
    yield "openvino float", openvino_runner(weights / float_file, mean, std)
    if int8_file is not None:
        yield "openvino int8", openvino_runner(weights / int8_file, mean, std)


def measure(runners: dict[str, Run], size: tuple[int, int], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each run, rounds interleaved, after two warm-up rounds."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (*size, 3), np.uint8) for _ in range(4)]
    times: dict[str, list[float]] = {name: [] for name in runners}
    for round_ in range(-2, rounds):
        for name, run in runners.items():
            start = time.perf_counter()
            run(pictures[round_ % 4])
            if round_ >= 0:
                times[name].append((time.perf_counter() - start) * 1e3)
    return times


def summary(times: list[float]) -> dict[str, float]:
    """Median and the 10th and 90th percentile, in milliseconds."""
    low, *_, high = statistics.quantiles(times, n=10)
    middle = statistics.median(times)
    return {"median_ms": round(middle, 2), "p10_ms": round(low, 2), "p90_ms": round(high, 2)}


def machine() -> dict[str, Any]:
    """What the figures depend on; no host name, no path."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("openvino", "onnxruntime", "numpy")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="folder of test weights")
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()

    rows = []
    print(f"{'network':16}{'size':>9}  {'runtime':20}{'median ms':>10}{'p10':>8}{'p90':>8}  speed")
    for case in CASES:
        name, size = case[0], case[1]
        if not all((arguments.weights / f).exists() for f in (case[2], case[3]) if f):
            print(f"{name:16} skipped: its weights are not in the folder")
            continue
        times = measure(dict(contestants(arguments.weights, case)), size, arguments.rounds)
        base = statistics.median(times["onnxruntime float"])
        for runtime, values in times.items():
            row = {"network": name, "height": size[0], "width": size[1], "runtime": runtime}
            row |= summary(values)
            row["times_onnxruntime"] = round(base / statistics.median(values), 2)
            rows.append(row)
            print(
                f"{name:16}{size[1]:>5}x{size[0]:<3}  {runtime:20}{row['median_ms']:>10}"
                f"{row['p10_ms']:>8}{row['p90_ms']:>8}  {row['times_onnxruntime']:.2f} x"
            )
    result = {
        "question": "OpenVINO or ONNX Runtime, one thread, batch 1",
        "date": datetime.now(UTC).date().isoformat(),
        "rounds": arguments.rounds,
        "machine": machine(),
        "rows": rows,
    }
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
