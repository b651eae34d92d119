"""Rounds side by side, so that a busy moment hits all alike; and programs, with what they used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.schema import BenchmarkError, Spread

T = TypeVar("T")
_LAUNCH = Path(__file__).parent / "programs" / "launch.py"


def interleaved(
    contestants: Mapping[str, Callable[[int], T]], rounds: int, warmup: int = 1
) -> dict[str, list[T]]:
    """What each answers in each round. Every round asks all of them, in order; the first `warmup`
    rounds count for nothing. The argument is the round, from -warmup."""
    answers: dict[str, list[T]] = {name: [] for name in contestants}
    for round_ in range(-warmup, rounds):
        for name, ask in contestants.items():
            answer = ask(round_)
            if round_ >= 0:
                answers[name].append(answer)
    return answers


def milliseconds(work: Callable[[int], object]) -> Callable[[int], float]:
    """The same, answering how long it took."""

    def timed(round_: int) -> float:
        began = time.perf_counter()
        work(round_)
        return 1e3 * (time.perf_counter() - began)

    return timed


def ratios(values: Sequence[float], base: Sequence[float]) -> Spread:
    """Of values by base, round by round; of the medians, where there are not as many rounds."""
    if len(values) == len(base):
        return Spread.of([a / b for a, b in zip(values, base, strict=True)])
    middle = Spread.of(base).median
    return Spread.of([value / middle for value in values])


@dataclass(frozen=True, slots=True)
class Spent:
    """What a program used. cpu: seconds of all cores; peak: MiB of the largest process of it."""

    seconds: float
    cpu: float
    peak: float
    said: str


def spend(command: Sequence[str], what: str, environment: Mapping[str, str] | None = None) -> Spent:
    """Run a program to its end. Raises BenchmarkError with its last line where it fails.

    A small program starts it: the system counts what the starter held in memory towards the peak
    of whatever it starts. Python may keep its bytecode, as that of an installed package is kept:
    to compile this one anew at each start takes half a second.
    """
    given = os.environ if environment is None else environment
    kept = {key: value for key, value in given.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory(prefix="redact-spent-") as name:
        told, out, err = (Path(name) / part for part in ("told", "out", "err"))
        with out.open("wb") as to_out, err.open("wb") as to_err:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LAUNCH), str(told), *command],
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                env=kept,
                start_new_session=True,
            )
            try:
                code = child.wait()
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                raise
        if code:
            lines = err.read_text(errors="replace").strip().splitlines() or ["(it said nothing)"]
            raise BenchmarkError(f"{what} failed with exit code {code}: {lines[-1]}")
        used = json.loads(told.read_text())
        return Spent(used["seconds"], used["cpu"], used["peak"], out.read_text(errors="replace"))
