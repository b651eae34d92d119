"""What do 1, 100 or 100,000 cameras need? Arithmetic, and a small simulation of one cell.

    python -m benchmarks fleet [--cameras 1 100 100000] [--cpu-ms 38] [--seed 1] [--json FILE]

Cameras record clips when something stirs, more by day than by night. A cell is a group of
cameras with nodes, queue and bucket of its own, at most `CELL` of them: what fails, fails for one
cell. The simulation runs one day of one cell: clips wait for a free core, nodes die, their clips
run again from the start. Cells do not touch each other, so larger fleets are multiples.

Every figure that is assumed, not measured, is a field with a default here and an option there.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.provenance import machine, save, today

CELL = 1000  # cameras
DAY = 24 * 3600.0  # seconds
# Share of a day's clips in each hour; assumed: a residential street.
_HOURS = (1, 1, 1, 1, 1, 2, 4, 7, 7, 5, 5, 5, 6, 5, 5, 6, 7, 8, 7, 6, 4, 3, 2, 1)
PEAK = max(_HOURS) / sum(_HOURS) * 24  # of the busiest hour, against the mean


@dataclass(frozen=True, slots=True)
class Figures:
    """cpu_ms: of one core per frame, decoding and encoding included; model_ms: the detector's part
    of it, which a graphics card could take. card_looks: pictures a card looks at in a second.
    fps, mbit: of a camera. active: share of the day in clips. clip_s: mean length. out: bytes out
    per byte in. keep_days: how long outputs stay. calls: of the store per clip. skips: how often a
    clip is met again when it is finished; skip_calls: of the store then. load: of the cores in the
    busiest hour that is planned for. node_cores, node_mtbf_h: of a node, between two failures.
    Prices in US dollars: of a core and of a card for an hour, of 1000 calls, of a GB kept for a
    month."""

    cpu_ms: float = 38.0
    model_ms: float = 11.0
    card_looks: float = 600.0
    fps: float = 15.0
    mbit: float = 4.0
    active: float = 0.05
    clip_s: float = 30.0
    out: float = 1.0
    keep_days: float = 30.0
    calls: float = 43.0
    skips: float = 1.0
    skip_calls: float = 11.0
    load: float = 0.7
    node_cores: int = 16
    node_mtbf_h: float = 720.0
    core_hour: float = 0.04
    card_hour: float = 0.4
    kilo_calls: float = 0.004
    gb_month: float = 0.023


def plan(cameras: int, f: Figures) -> dict[str, float]:
    """Arithmetic for a fleet: cores and nodes for the busiest hour, Gbit/s into and out of them
    then, TB kept, dollars per camera and day. Cores are paid by the hour as they are used, with
    the load planned for. Cards, instead of a part of the cores, for the busiest hour, paid all
    day: what they cost and what they save stand apart, and in no sum."""
    cells = math.ceil(cameras / CELL)
    frames = cameras * f.active * f.fps  # a second
    mean = frames * f.cpu_ms / 1000
    # Cells share nothing, so each is rounded up.
    of_cell = max(1, math.ceil(mean / cells * PEAK / f.load))
    cards = cells * max(1, math.ceil(frames / cells * PEAK / f.load / f.card_looks))
    gigabytes = cameras * DAY * f.active * f.mbit / 8000
    clips = cameras * DAY * f.active / f.clip_s
    calls = clips * (f.calls + f.skips * f.skip_calls)
    cost = {
        "cores": mean / f.load * 24 * f.core_hour,
        "calls": calls / 1000 * f.kilo_calls,
        "storage": gigabytes * f.out * f.keep_days * f.gb_month / 30,
    }
    less = mean * f.model_ms / f.cpu_ms / f.load * 24 * f.core_hour
    return {
        "cameras": cameras,
        "cells": cells,
        "clips_per_day": round(clips),
        "cores_mean": round(mean, 3),
        "cores": cells * of_cell,
        "nodes": cells * math.ceil(of_cell / f.node_cores),
        "cards": cards,
        "cores_beside_cards": cells
        * max(1, math.ceil(mean / cells * (1 - f.model_ms / f.cpu_ms) * PEAK / f.load)),
        "gbit_in_peak": round(cameras * f.active * f.mbit * PEAK / 1000, 4),
        "gbit_out_peak": round(cameras * f.active * f.mbit * f.out * PEAK / 1000, 4),
        "tb_kept": round(gigabytes * f.out * f.keep_days / 1000, 3),
        "calls_per_second_peak": round(calls * PEAK / DAY, 2),
        **{f"dollars_{name}": round(value / cameras, 5) for name, value in cost.items()},
        "dollars_per_camera_day": round(sum(cost.values()) / cameras, 5),
        "dollars_cores_less_by_cards": round(less / cameras, 5),
        "dollars_cards": round(cards * 24 * f.card_hour / cameras, 5),
    }


def simulate(cameras: int, f: Figures, seed: int) -> dict[str, float]:
    """One day of one cell, from an empty queue. Delays are from the end of a clip's recording to
    the start of the work on it that succeeds. Raises ValueError for more than a cell."""
    if not 1 <= cameras <= CELL:
        raise ValueError(f"a cell holds 1 to {CELL} cameras")
    dice = random.Random(seed)
    cores = int(plan(cameras, f)["cores"])
    deaths = sorted(
        (dice.uniform(0, DAY), dice.randrange(math.ceil(cores / f.node_cores)))
        for _ in range(_drawn(dice, cores / f.node_cores * 24 / f.node_mtbf_h))
    )
    free = [(0.0, core) for core in range(cores)]
    heapq.heapify(free)
    delays, busy, again = [], 0.0, 0
    for arrival, length in _clips(dice, cameras, f):
        work = length * f.fps * f.cpu_ms / 1000
        while True:
            ready, core = heapq.heappop(free)
            start = max(ready, arrival)
            death = _death(deaths, core // f.node_cores, start, start + work)
            busy += min(work, (death or math.inf) - start)
            heapq.heappush(free, ((death or start + work) + (300.0 if death else 0.0), core))
            if death is None:
                break
            again += 1
        delays.append(start - arrival)
    delays.sort()
    return {
        "clips": len(delays),
        "cores": cores,
        "load_mean": round(busy / (cores * DAY), 3),
        "delay_p50_s": round(delays[len(delays) // 2], 1),
        "delay_p99_s": round(delays[int(len(delays) * 0.99)], 1),
        "node_deaths": len(deaths),
        "clips_run_again": again,
    }


def _clips(dice: random.Random, cameras: int, f: Figures) -> list[tuple[float, float]]:
    """(end of recording, length) in seconds of every clip of a day, in order."""
    out = []
    for hour, weight in enumerate(_HOURS):
        mean = cameras * DAY * f.active / f.clip_s * weight / sum(_HOURS)
        for _ in range(_drawn(dice, mean)):
            length = min(600.0, dice.lognormvariate(math.log(f.clip_s) - 0.32, 0.8))
            out.append((hour * 3600 + dice.uniform(0, 3600), length))
    return sorted(out) or [(0.0, f.clip_s)]


def _drawn(dice: random.Random, mean: float) -> int:
    """Of a Poisson distribution; of a normal one where that is the same."""
    if mean > 50:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product, count = product * dice.random(), count + 1
    return count


def _death(deaths: list[tuple[float, int]], node: int, start: float, end: float) -> float | None:
    return next((when for when, which in deaths if which == node and start <= when < end), None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks fleet", description=__doc__)
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 100, 100_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    for known in fields(Figures):
        kind = int if known.name == "node_cores" else float
        name = "--" + known.name.replace("_", "-")
        parser.add_argument(name, type=kind, default=known.default)
    given = vars(parser.parse_args())
    figures = Figures(**{known.name: given[known.name] for known in fields(Figures)})
    rows: list[dict[str, Any]] = []
    for cameras in given["cameras"]:
        cell = simulate(min(cameras, CELL), figures, given["seed"])
        rows.append({**plan(cameras, figures), "one_cell": cell})
        for name, value in rows[-1].items():
            print(f"{name:24} {value}")
        print()
    if given["json"]:
        save(
            given["json"],
            {"date": today(), "machine": machine(), "figures": asdict(figures), "rows": rows},
        )


if __name__ == "__main__":
    main()
