"""What does more cost: a longer clip, more clips side by side, more people in the picture?

Peak memory is that of the largest process, as the system counts it. People walk in front of a
1080p redactor without decoder or encoder: each more person is found by a scripted detector,
tracked, decided on and hidden.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import clips
from benchmarks.harness import Spent, interleaved, ratios, spend
from benchmarks.provenance import SAMPLES, card, command, machine, today
from benchmarks.schema import Jobs, Length, People, Scale, Spread

_SMALL = SAMPLES / "driveway_small.mp4"
_CROWDS = (0, 1, 4, 16)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=int, default=3, help="of the long clip, beside 1")
    parser.add_argument("--files", type=int, default=8, help="small clips for --jobs")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 2, help="side by side, beside 1"
    )
    parser.add_argument("--model", action="append", default=[], dest="models", metavar="FILE")
    parser.add_argument(
        "--work", type=Path, help="keep the clips here; default: a folder that goes"
    )


def redact(given: argparse.Namespace, source: Path, output: Path, *more: str) -> Spent:
    """One `redact run`, from nothing."""
    if output.is_dir():
        shutil.rmtree(output)
    for old in output.parent.glob(f"{output.name}*"):
        old.unlink()
    models = given.models or (["none"] if given.quick else [])
    words = [word for model in models for word in ("--model", model)]
    words += ["--device", given.device] if given.device != "cpu" else []
    line = [sys.executable, "-m", "redact", "run", str(source), "--zone", str(clips.ZONE)]
    return spend([*line, *words, *more, "--quiet", "-o", str(output)], "redact run")


def lengths(given: argparse.Namespace, work: Path, folder: Path, rounds: int) -> list[Length]:
    short = clips.busy(work, 0.5 if given.quick else 20)
    rows = []
    for minutes in (1, given.minutes):
        clip = clips.repeated(short, min(minutes, 2) if given.quick else 3 * minutes)
        spent = [redact(given, clip, folder / "out.mp4") for _ in range(rounds)]
        frames = clips.frame_count(clip)
        rows.append(
            Length(
                minutes=round(frames / clips.RATE / 60, 4),
                frames=frames,
                seconds=Spread.of([s.seconds for s in spent]),
                peak_mib=Spread.of([s.peak for s in spent]),
            )
        )
    return rows


def side_by_side(given: argparse.Namespace, folder: Path, rounds: int) -> list[Jobs]:
    files = 2 if given.quick else given.files
    (folder / "many").mkdir()
    small = clips.cut(_SMALL, 20, folder) if given.quick else _SMALL
    for index in range(files):
        shutil.copy(small, folder / "many" / f"{index}.mp4")
    asks = {
        jobs: lambda _, n=jobs: (
            redact(given, folder / "many", folder / "done", "--jobs", str(n)).seconds
        )
        for jobs in dict.fromkeys((1, given.jobs))
    }
    spent = interleaved(asks, rounds, warmup=0)
    return [
        Jobs(jobs=n, files=files, seconds=Spread.of(s), speedup=ratios(spent[1], s))
        for n, s in spent.items()
    ]


def crowd(count: int, frames: int) -> list[float]:
    """Milliseconds of each frame with `count` people who walk beyond the property."""
    import redact
    from redact.config import MotionOptions
    from redact.structures import Detections, Frame, Label
    from redact.testing import ScriptedDetector, SyntheticSource

    start = np.random.default_rng(count).uniform(0.05, 0.7, (count, 2)) * np.array([1920, 1080])

    def found(frame: Frame) -> Detections:
        corner = start + np.array([3.0 * (frame.index % 60), 0])
        return Detections.of(
            np.concatenate([corner, corner + np.array([60, 180])], 1), 0.9, Label.PERSON
        )

    source = SyntheticSource(frames, clips.WIDTH, clips.HEIGHT, rate=clips.RATE, noise=1.5)
    config = redact.Config(zone=redact.Zone.nothing(), motion=MotionOptions(enabled=False))
    redactor = redact.make_redactor(source.info, config, ScriptedDetector(found))
    pictures = [source.frame(index) for index in range(4)]
    spent = []
    for index in range(frames):
        picture = pictures[index % 4]
        pts = 1000 * index // clips.RATE
        frame = Frame(picture.y, picture.u, picture.v, pts, source.info.time_base, index)
        began = time.perf_counter()
        redactor.push(frame)
        spent.append(1e3 * (time.perf_counter() - began))
    return spent[2 * redactor.delay :]


def crowds(quick: bool) -> list[People]:
    frames, rounds = (42, 1) if quick else (150, 3)
    asks = {n: lambda _, n=n: crowd(n, frames) for n in _CROWDS}
    spent = interleaved(asks, rounds, warmup=0)
    return [
        People(people=n, ms=Spread.of([ms for part in parts for ms in part]))
        for n, parts in spent.items()
    ]


def slope(rows: Sequence[People]) -> float:
    """Milliseconds that each more person costs; where anybody is there at all."""
    some = [row for row in rows if row.people]
    line = np.polyfit([row.people for row in some], [row.ms.median for row in some], 1)
    return round(float(line[0]), 4)


def run(given: argparse.Namespace) -> Scale:
    rounds = 1 if given.quick else given.rounds or 1
    with tempfile.TemporaryDirectory(prefix="redact-scale-") as name:
        folder = Path(name)
        people = crowds(given.quick)
        jobs = side_by_side(given, folder, rounds)
        length = lengths(given, given.work or folder, folder, rounds)
    return Scale(
        date=today(),
        command=command(),
        quick=given.quick,
        machine=machine(device=card(given.device)),
        models=[Path(model).stem for model in given.models]
        or ["none" if given.quick else "embedded"],
        lengths=length,
        jobs=jobs,
        people=people,
        per_person_ms=slope(people),
    )
