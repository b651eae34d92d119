"""What does a look cost, and how near is it to what the machine can do?

From YUV planes to boxes, per picture: the embedded detector beside the models that are named. With
`--weights`: networks alone, on OpenVINO and on ONNX Runtime. The roofline holds the work of the
embedded network, counted from its graph, against measured ceilings at the same number of threads.
On a graphics card: batches of 1, 8 and 32, host planes in, boxes out, beside `YOLO.predict`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import ceilings, clips, counting, networks, peers
from benchmarks.harness import interleaved, milliseconds
from benchmarks.provenance import card, command, machine, today
from benchmarks.schema import BenchmarkError, Detect, Look, Roof, Runtimes, Spread

_SIZE = (384, 640)  # of the network, for frames of 16:9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", action="append", default=[], dest="models", metavar="FILE")
    parser.add_argument("--clip", type=Path, default=clips.SAMPLE, help="default: the sample")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--weights",
        type=Path,
        help="folder of test weights: compare runtimes instead, and write `runtimes`",
    )
    parser.add_argument("--peers-venv", type=Path, help="made by `python -m benchmarks peers`")


def frames_of(clip: Path, count: int) -> list[Any]:
    from redact.errors import RedactError
    from redact.sources import PyAVSource

    try:
        source = PyAVSource(clip)
    except RedactError as error:
        raise BenchmarkError(str(error)) from error
    try:
        return list(itertools.islice(source, count))
    finally:
        source.close()


def detectors(models: list[str], threads: int, device: str) -> dict[str, Any]:
    """Name -> detector, all loaded."""
    from redact.config import EMBEDDED, DetectorOptions
    from redact.detectors import load_detector
    from redact.errors import RedactError

    placed = {} if device == "cpu" else {"device": device}
    options = DetectorOptions(threads=threads)
    try:
        return {
            Path(m).stem: load_detector([Path(m)], options, **placed)
            for m in (str(EMBEDDED), *models)
        }
    except RedactError as error:
        raise BenchmarkError(str(error)) from error


def looks(
    here: dict[str, Any], frames: list[Any], batch: int, rounds: int, runtime: str
) -> list[Look]:
    """Milliseconds per picture; every round is of other frames."""

    def some(at: int) -> list[Any]:
        return [frames[(at * batch + i) % len(frames)] for i in range(batch)]

    asks = {
        name: milliseconds(lambda at, d=detector: d.detect(some(at)))
        for name, detector in here.items()
    }
    return [
        Look(
            what="look",
            model=name,
            runtime=runtime,
            height=frames[0].height,
            width=frames[0].width,
            batch=batch,
            ms=Spread.of([ms / batch for ms in spent]),
        )
        for name, spent in interleaved(asks, rounds, warmup=3).items()
    ]


def roofline(threads: int, rounds: int, quick: bool) -> list[Roof]:
    """The embedded network and its float twin on this processor."""
    repeats = 1 if quick else 5
    memory = ceilings.copy_gbytes(threads, repeats, (32 if quick else 256) << 20)
    graphs = _graphs()
    asks = {
        str(path): milliseconds(_on_noise(networks.openvino_runner(path, _SIZE, threads=threads)))
        for path in graphs
    }
    spent = interleaved(asks, rounds, warmup=2)
    rows = []
    for path, precision in graphs.items():
        work = counting.count(path, *_SIZE)
        rows.append(
            Roof(
                model=path.stem,
                precision=precision,
                batch=1,
                threads=threads,
                gflop=round(work.gflop, 4),
                mbyte=round(work.mbyte, 3),
                ceiling_gflops=round(ceilings.arithmetic_gflops(precision, threads, repeats), 1),
                ceiling_gbytes=round(memory, 2),
                ms=Spread.of(spent[str(path)]),
            )
        )
    return rows


def _batches(quick: bool) -> tuple[int, ...]:
    return (1, 2) if quick else (1, 8, 32)


def _graphs() -> dict[Path, str]:
    """The embedded network's graphs, and the precision of most of their work."""
    import redact

    folder = Path(redact.__file__).parent / "detectors" / "weights"
    found = {path: counting.count(path, *_SIZE).int8 for path in sorted(folder.glob("*.xml"))}
    return {path: "int8" if share > 0.5 else "float32" for path, share in found.items()}


def _on_noise(run: networks.Run) -> Any:
    import numpy as np

    picture = np.random.default_rng(0).integers(0, 255, (*_SIZE, 3), np.uint8)
    return lambda _: run(picture)


def card_roofline(
    detector: Any, frames: list[Any], device: str, rounds: int, quick: bool
) -> list[Roof]:
    """The embedded network on a card: its graph alone, captured, pictures already there."""
    arithmetic, memory = ceilings.card_ceilings(device, quick)
    path = next(path for path, precision in _graphs().items() if precision == "float32")
    rows = []
    for batch in _batches(quick):
        network = detector.network_alone(frames[:1] * batch)
        work = counting.count(path, *_SIZE, batch, "float16")
        spent = interleaved({"network": milliseconds(lambda _, n=network: n())}, rounds, 3)
        rows.append(
            Roof(
                model=path.stem,
                precision="float16",
                batch=batch,
                threads=1,
                gflop=round(work.gflop, 4),
                mbyte=round(work.mbyte, 3),
                ceiling_gflops=round(arithmetic, 1),
                ceiling_gbytes=round(memory, 2),
                ms=Spread.of([ms / batch for ms in spent["network"]]),
            )
        )
    return rows


def predict(given: argparse.Namespace) -> tuple[list[Look], dict[str, str]]:
    """`YOLO.predict` on the same clip and device, one picture at a time, BGR in."""
    name = "ultralytics YOLO.predict"
    found = peers.find(given.peers_venv, None, given.device)
    peer = next((p for p in found.here if p.name == name), None)
    if peer is None:
        return [], {name: found.absent[name]}
    with tempfile.TemporaryDirectory(prefix="redact-detect-") as folder:
        line = [*peer.command(given.clip, Path(os.devnull)), "--alone"]
        spent = peers.spend(line, name, os.environ | peers.OFFLINE | {"YOLO_CONFIG_DIR": folder})
    told = json.loads(spent.said.strip().splitlines()[-1])
    look = Look(
        what="look",
        model="yolo11n_coco_dyn",
        runtime="YOLO.predict",
        height=told["height"],
        width=told["width"],
        batch=1,
        ms=Spread.of(told["ms"]),
    )
    return [look], {}


def run(given: argparse.Namespace) -> Detect | Runtimes:
    rounds = given.rounds or (3 if given.quick else 60)
    if given.weights:
        return _runtimes(given, rounds)
    frames = frames_of(given.clip, 4 if given.quick else 40)
    here = detectors(given.models, given.threads, given.device)
    if given.device == "cpu":
        rows = looks(here, frames, 1, rounds, "OpenVINO")
        roofs = roofline(given.threads, rounds, given.quick)
    else:
        batches = _batches(given.quick)
        rows = [r for b in batches for r in looks(here, frames, b, rounds, given.device)]
        embedded = next(iter(here.values()))
        roofs = card_roofline(embedded, frames, given.device, rounds, given.quick)
    beside, absent = predict(given)
    return Detect(
        date=today(),
        command=command(),
        quick=given.quick,
        machine=machine(device=card(given.device), **peers.versions(given.peers_venv)),
        absent=absent,
        threads=given.threads,
        rows=[*rows, *beside],
        roofline=roofs,
    )


def _runtimes(given: argparse.Namespace, rounds: int) -> Runtimes:
    cases = networks.CASES[-1:] if given.quick else networks.CASES
    rows, absent = networks.compared(given.weights, given.threads, rounds, cases)
    if not rows:
        raise BenchmarkError(f"{given.weights}: none of the networks is there")
    return Runtimes(
        date=today(),
        command=command(),
        quick=given.quick,
        machine=machine("onnxruntime"),
        absent=absent,
        threads=given.threads,
        rows=rows,
    )
