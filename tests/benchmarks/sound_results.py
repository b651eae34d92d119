"""Results as they should be, to be bent by tests."""

from __future__ import annotations

from benchmarks.schema import (
    Detect,
    Leak,
    Leaking,
    Leaks,
    Look,
    Machine,
    Pipeline,
    Roof,
    Run,
    Spread,
)

MACHINE = Machine(
    processor="a processor",
    cores=2,
    system="Linux",
    python="3.11.7",
    load=0.1,
    versions={"av": "1"},
)


def spread(median: float) -> Spread:
    return Spread(median=median, low=0.9 * median, high=1.1 * median, n=3)


LEAK = Leak(clips=["driveway"], outside=1000, leaked=4, longest=0.2, inside=300, hidden=30)


def a_run(name: str = "redact run", relative: float = 0.8) -> Run:
    return Run(
        clip="busy",
        name=name,
        frames=300,
        startup=True,
        seconds=spread(7),
        fps=spread(42.5),
        cpu_ms=spread(40),
        relative=spread(relative),
        peak_mib=300,
        leak=LEAK,
    )


def pipeline(date: str = "2026-01-02", quick: bool = False) -> Pipeline:
    return Pipeline(
        date=date,
        command="python -m benchmarks pipeline",
        quick=quick,
        machine=MACHINE,
        absent={"deface": "no --peers-venv was given"},
        clips={"busy-20s.mp4": "ab" * 32},
        rows=[a_run(), a_run("ffmpeg transcode", 1.0)],
    )


def detect() -> Detect:
    look = Look(
        what="look",
        model="embedded",
        runtime="OpenVINO",
        height=720,
        width=1280,
        batch=1,
        ms=spread(12),
    )
    roof = Roof(
        model="redact-n",
        precision="int8",
        batch=1,
        threads=1,
        gflop=1.2,
        mbyte=10,
        ceiling_gflops=200,
        ceiling_gbytes=10,
        ms=spread(10),
    )
    return Detect(
        date="2026-01-02",
        command="python -m benchmarks detect",
        quick=False,
        machine=MACHINE,
        threads=1,
        rows=[look],
        roofline=[roof],
    )


def leaks(rows: list[Leaking]) -> Leaks:
    return Leaks(
        date="2026-01-02",
        command="python -m benchmarks leak",
        quick=False,
        machine=MACHINE,
        rows=rows,
    )
