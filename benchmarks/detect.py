"""What does a look cost? The embedded detector beside others, from YUV planes to boxes.

    python -m benchmarks.detect [MODEL ...] [--clip FILE] [--rounds 60] [--json out.json]

MODEL: descriptions or bare model files, as `redact run --model` takes them. The time holds the
making of the network's picture, inference with one thread, and decoding. Rounds are interleaved, so
that a busy moment hits all alike; each round is another frame of the clip.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import RESULTS, machine, save, today

SAMPLE = Path(__file__).parents[1] / "samples" / "driveway.mp4"


def frames_of(clip: Path, count: int) -> list[Any]:
    from redact.errors import RedactError
    from redact.sources import PyAVSource

    try:
        source = PyAVSource(clip)
    except RedactError as error:
        sys.exit(f"error: {error}")
    try:
        return list(itertools.islice(source, count))
    finally:
        source.close()


def measure(detectors: dict[str, Any], frames: list[Any], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each look, after two rounds of warming up."""
    spent: dict[str, list[float]] = {name: [] for name in detectors}
    for round_ in range(-2, rounds):
        frame = frames[round_ % len(frames)]
        for name, detector in detectors.items():
            began = time.perf_counter()
            detector.detect([frame])
            if round_ >= 0:
                spent[name].append(1000 * (time.perf_counter() - began))
    return spent


def row(name: str, detector: Any, spent: list[float], base: float) -> dict[str, Any]:
    low, *_, high = statistics.quantiles(spent, n=10)
    middle = statistics.median(spent)
    return {
        "model": name,
        "input": "; ".join(info.input for info in detector.describe()),
        "median_ms": round(middle, 2),
        "p10_ms": round(low, 2),
        "p90_ms": round(high, 2),
        "times_embedded": round(middle / base, 2),
    }


def main() -> None:
    from redact.config import EMBEDDED
    from redact.detectors import load_detector

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--clip", type=Path, default=SAMPLE, help="default: the sample, 1280x720")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", type=Path, help="default: benchmarks/results/detect-DATE.json")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds must be at least 2")

    frames = frames_of(arguments.clip, 40)
    detectors = {path.stem: load_detector([path]) for path in (EMBEDDED, *arguments.models)}
    spent = measure(detectors, frames, arguments.rounds)
    base = statistics.median(spent[EMBEDDED.stem])
    rows = [row(name, detectors[name], values, base) for name, values in spent.items()]
    print(f"{'model':32}{'median ms':>10}{'p10':>8}{'p90':>8}   x embedded   input")
    for r in rows:
        print(
            f"{r['model']:32}{r['median_ms']:>10}{r['p10_ms']:>8}{r['p90_ms']:>8}"
            f"{r['times_embedded']:>10.2f}     {r['input']}"
        )
    result = {
        "question": "milliseconds from YUV planes to boxes, one thread",
        "date": today(),
        "clip": arguments.clip.name,
        "rounds": arguments.rounds,
        "machine": machine("openvino", "opencv-python-headless", "numpy"),
        "rows": rows,
    }
    save(arguments.json or RESULTS / f"detect-{today()}.json", result)


if __name__ == "__main__":
    main()
