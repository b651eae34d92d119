"""What does the Ray engine cost, beside `--jobs` on the same clips, in one run?

    python -m benchmarks engine [--clips 100] [--frames 60] [--jobs 2] [--rounds 3] [--quick]

Both engines run the same clips into fresh folders, in turns, so that a busy moment hits both.
`start` is the time until the first clip begins: processes or the cluster come up, models load.
`work` lasts until the last clip is finished, `stop` until processes or the cluster are gone. The
overhead is told twice: of the work alone, as on a cluster that runs already, and of the whole.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.provenance import machine, save, today
from benchmarks.schema import RESULTS

SAMPLES = Path(__file__).parents[1] / "samples"


class _Clock:
    """A listener that notes when the first clip begins and the last is finished."""

    def __init__(self) -> None:
        self.first = self.last = 0.0

    def started(self, _job: Any) -> None:
        self.first = self.first or time.perf_counter()

    def opened(self, _job: Any, _frames: int | None) -> None: ...
    def advanced(self, _job: Any, _frames: int) -> None: ...
    def finished(self, _outcome: Any) -> None:
        self.last = time.perf_counter()

    def warned(self, _message: str) -> None: ...


def make_clips(folder: Path, clips: int, frames: int) -> None:
    """The beginning of the rendered sample, many times."""
    import av

    first = folder / "clip-0000.mp4"
    with av.open(str(SAMPLES / "driveway_small.mp4")) as source, av.open(str(first), "w") as out:
        old = source.streams.video[0]
        new = out.add_stream("libx264", rate=old.average_rate, options={"preset": "superfast"})
        new.width, new.height, new.pix_fmt = old.width, old.height, "yuv420p"
        for index, frame in enumerate(source.decode(video=0)):
            if index == frames:
                break
            frame.pict_type = 0
            out.mux(new.encode(frame))
        out.mux(new.encode(None))
    for number in range(1, clips):
        shutil.copyfile(first, folder / f"clip-{number:04d}.mp4")


def timed(clips: Path, out: Path, engine: str, jobs: int, address: str | None) -> dict[str, float]:
    from redact import Config, load_zone
    from redact.batch import RayOptions, plan, run_batch

    config = Config(zone=load_zone(SAMPLES / "driveway_small.zone.json"), models=())
    clock, began = _Clock(), time.perf_counter()
    ray = RayOptions(address) if engine == "ray" else None
    report = run_batch(plan([clips], out), config, workers=jobs, ray=ray, listener=clock)
    ended = time.perf_counter()
    shutil.rmtree(out)
    if report.failures:
        raise SystemExit(f"error: {engine}: {report.failures[0].error}")
    return {
        "start": round(clock.first - began, 2),
        "work": round(clock.last - clock.first, 2),
        "stop": round(ended - clock.last, 2),
    }


def _overhead(rows: dict[str, list[dict[str, float]]], parts: tuple[str, ...]) -> float:
    median = {
        name: statistics.median(sum(r[part] for part in parts) for r in row)
        for name, row in rows.items()
    }
    return round(median["ray"] / median["local"] - 1, 4)


def measure(
    clips: int, frames: int, jobs: int, rounds: int, address: str | None = None
) -> dict[str, Any]:
    rows: dict[str, list[dict[str, float]]] = {"local": [], "ray": []}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        source = Path(folder, "in")
        source.mkdir()
        make_clips(source, clips, frames)
        for _ in range(rounds):
            for engine, row in rows.items():
                row.append(timed(source, Path(folder, "out"), engine, jobs, address))
    return {
        "question": "the Ray engine beside --jobs on the same clips",
        "date": today(),
        "machine": machine("ray", "av"),
        "clips": clips,
        "frames": frames,
        "jobs": jobs,
        "rounds": rows,
        "overhead": _overhead(rows, ("work",)),
        "overhead_whole": _overhead(rows, ("start", "work", "stop")),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks engine", description=__doc__)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--address", help="of a cluster that runs; default: one of its own")
    parser.add_argument("--quick", action="store_true", help="4 clips of 10 frames, one round")
    parser.add_argument("--json", type=Path, default=RESULTS / f"engine-{today()}.json")
    given = parser.parse_args()
    if given.quick:
        given.clips, given.frames, given.rounds = 4, 10, 1
    result = measure(given.clips, given.frames, given.jobs, given.rounds, given.address)
    for name, row in result["rounds"].items():
        times = (f"start {r['start']} s, work {r['work']} s, stop {r['stop']} s;" for r in row)
        print(name, *times)
    print(f"overhead of the work {result['overhead']:.1%}, whole {result['overhead_whole']:.1%}")
    if not given.quick:
        save(given.json, result)


if __name__ == "__main__":
    main()
