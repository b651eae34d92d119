"""What a result must hold, checked strictly when it is written and when it is read.

A figure without its machine, date, command and spread is no figure. Unknown keys, missing keys and
numbers that are not finite are errors, so that a table never shows half of a result.
"""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

RESULTS = Path(__file__).parent / "results"

Name = Annotated[str, Meta(min_length=1)]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]


class BenchmarkError(Exception):
    """A measurement cannot be made, or a result cannot be used; the message says what to do."""


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all that a result holds."""


class Spread(Strict, frozen=True, kw_only=True):
    """Of `n` repeats: the median, and the 10th and 90th percentile (of fewer than ten: the least
    and the most)."""

    median: NotNegative
    low: NotNegative
    high: NotNegative
    n: AtLeastOne

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises BenchmarkError for no values, or any that is not a finite number."""
        if not values or not all(math.isfinite(value) for value in values):
            raise BenchmarkError(f"no spread of {list(values)[:5]}")
        if len(values) < 10:
            low, high = min(values), max(values)
        else:
            low, *_, high = statistics.quantiles(values, n=10)
        middle = statistics.median(values)
        return cls(median=_short(middle), low=_short(low), high=_short(high), n=len(values))


def _short(value: float) -> float:
    """Five digits that count."""
    return float(f"{value:.5g}")


class Machine(Strict, frozen=True, kw_only=True):
    """load: mean number of running programs in the minute before, by others; None where unknown.
    device: what ran the networks, `cpu` or the name of a card."""

    processor: Name
    cores: AtLeastOne
    system: Name
    python: Name
    load: NotNegative | None
    versions: dict[str, str]
    device: Name = "cpu"


class Result(Strict, frozen=True, kw_only=True, tag_field="benchmark"):
    """absent: who was to be measured and could not be, and why: never skipped in silence."""

    schema: Literal[1] = 1
    date: Day
    command: Name
    quick: bool
    machine: Machine
    absent: dict[str, str] = {}
    notes: list[str] = []


class Look(Strict, frozen=True, kw_only=True):
    """What one picture costs. what: `look` from planes to boxes, `network` the graph alone."""

    what: Literal["look", "network"]
    model: Name
    runtime: Name
    height: AtLeastOne
    width: AtLeastOne
    batch: AtLeastOne
    ms: Spread


class Roof(Strict, frozen=True, kw_only=True):
    """A network under the machine's ceilings (Williams, Waterman & Patterson, "Roofline", CACM
    2009). gflop, mbyte: counted per picture. Ceilings are measured with as many threads."""

    model: Name
    precision: Name
    batch: AtLeastOne
    threads: AtLeastOne
    gflop: Positive
    mbyte: Positive
    ceiling_gflops: Positive
    ceiling_gbytes: Positive
    ms: Spread

    @property
    def reached(self) -> float:
        """GFLOP/s."""
        return self.gflop / self.ms.median * 1e3

    @property
    def attainable(self) -> float:
        """GFLOP/s under the lower of both ceilings."""
        return min(self.ceiling_gflops, self.gflop / self.mbyte * 1e3 * self.ceiling_gbytes)

    @property
    def bound(self) -> str:
        return "arithmetic" if self.attainable == self.ceiling_gflops else "memory"


class Detect(Result, frozen=True, kw_only=True, tag="detect"):
    threads: AtLeastOne
    rows: list[Look]
    roofline: list[Roof] = []


class Hiding(Strict, frozen=True, kw_only=True):
    effect: Name
    scene: Name
    ms: Spread


class Effect(Result, frozen=True, kw_only=True, tag="effect"):
    height: AtLeastOne
    width: AtLeastOne
    rows: list[Hiding]


class Media(Strict, frozen=True, kw_only=True):
    """fps: whole clip, wall. cpu_ms: of all cores, per frame."""

    what: Literal["decode", "encode"]
    how: Name
    fps: Spread
    cpu_ms: Spread


class Decode(Result, frozen=True, kw_only=True, tag="decode"):
    clip: Name
    frames: AtLeastOne
    rows: list[Media]


class Leak(Strict, frozen=True, kw_only=True):
    """Of people beyond the property, and on it, in labelled frames. longest: seconds. well_inside:
    of those on it, who is not merely at its line. outlined: people beyond by exact masks, of whom
    shown; longest_shown: seconds. None where it was not asked, or there are no masks."""

    clips: list[Name]
    outside: Count
    leaked: Count
    longest: NotNegative
    inside: Count
    hidden: Count
    well_inside: Count | None = None
    well_inside_hidden: Count | None = None
    outlined: Count | None = None
    shown: Count | None = None
    longest_shown: NotNegative | None = None

    @property
    def rate(self) -> float:
        return self.leaked / self.outside if self.outside else 0.0

    @property
    def over(self) -> float:
        """Share of those on the property who are wrongly hidden."""
        return self.hidden / self.inside if self.inside else 0.0


class Run(Strict, frozen=True, kw_only=True):
    """One program over one clip. seconds: start to finished file, or of the frames alone where
    `startup` is False. relative: frames per second by those of the transcode of the same round
    (of the median transcode, for those that run once). leak: always there; a speed counts only
    together with it."""

    clip: Name
    name: Name
    frames: AtLeastOne
    startup: bool
    seconds: Spread
    fps: Spread
    cpu_ms: Spread
    relative: Spread
    peak_mib: Positive
    leak: Leak


class Pipeline(Result, frozen=True, kw_only=True, tag="pipeline"):
    """clips: name -> sha256 of what was measured."""

    clips: dict[str, str]
    rows: list[Run]


class Length(Strict, frozen=True, kw_only=True):
    minutes: Positive
    frames: AtLeastOne
    seconds: Spread
    peak_mib: Spread


class Jobs(Strict, frozen=True, kw_only=True):
    jobs: AtLeastOne
    files: AtLeastOne
    seconds: Spread
    speedup: Spread


class People(Strict, frozen=True, kw_only=True):
    people: Count
    ms: Spread


class Scale(Result, frozen=True, kw_only=True, tag="scale"):
    """per_person_ms: slope of `people`, least squares over the medians."""

    models: list[Name]
    lengths: list[Length]
    jobs: list[Jobs]
    people: list[People]
    per_person_ms: float


class Leaking(Strict, frozen=True, kw_only=True):
    config: Name
    clip: Name
    leak: Leak


class Leaks(Result, frozen=True, kw_only=True, tag="leak"):
    rows: list[Leaking]


class Runtimes(Result, frozen=True, kw_only=True, tag="runtimes"):
    """Which runtime is faster: uint8 pictures to raw outputs, batch 1."""

    threads: AtLeastOne
    rows: list[Look]


AnyResult = Detect | Effect | Decode | Pipeline | Scale | Leaks | Runtimes


def read(path: Path) -> AnyResult:
    """A result as it was written. Raises BenchmarkError, naming the key, for anything else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=AnyResult)
    except OSError as error:
        raise BenchmarkError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BenchmarkError(
            f"{path}: not a result of this suite: {error}; measure anew, or leave the file out"
        ) from error


def write(path: Path, result: AnyResult) -> None:
    """Whole or not at all; what would not be read back is not written. Raises BenchmarkError."""
    text = msgspec.json.format(msgspec.json.encode(result), indent=1)
    try:
        msgspec.json.decode(text, type=AnyResult)
    except msgspec.DecodeError as error:
        raise BenchmarkError(f"{path}: the result is not sound: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(text + b"\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BenchmarkError(f"{path}: cannot be written: {error.strerror or error}") from error
