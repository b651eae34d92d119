"""Rounds side by side, so that a busy moment hits all alike; and programs, with what they used."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.schema import BenchmarkError, Spread

T = TypeVar("T")


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
    """Run a program to its end. Raises BenchmarkError with its last line where it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=None if environment is None else dict(environment),
        )
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said, complained = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    if child.returncode:
        lines = complained.strip().splitlines() or ["(it said nothing)"]
        raise BenchmarkError(f"{what} failed with exit code {child.returncode}: {lines[-1]}")
    return Spent(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said)
