"""Plots of the results, as SVG. Needs the extra `report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.schema import AnyResult, BenchmarkError, Detect, Pipeline, Roof, Run

_OURS, _OTHERS, _GRID = "#1b6e53", "#8a8f98", "#d9dce1"


def name(key: str) -> str:
    return f"benchmarks-{key}.svg"


def drawn(result: AnyResult) -> bool:
    """Whether there is a plot of it."""
    return isinstance(result, Pipeline) or (isinstance(result, Detect) and bool(result.roofline))


def draw(results: Mapping[str, AnyResult], folder: Path) -> list[Path]:
    """The plots that the results give. Raises BenchmarkError where matplotlib is missing."""
    made = []
    for key, result in results.items():
        if isinstance(result, Pipeline):
            made.append(_saved(_speeds(result), folder / name(key)))
        elif isinstance(result, Detect) and result.roofline:
            made.append(_saved(_roofline(result.roofline, result), folder / name(key)))
    return made


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise BenchmarkError("matplotlib is missing: run `pip install '.[report]'`") from error
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "redact"  # the same result, the same file
    import matplotlib.pyplot as pyplot

    return pyplot


def _saved(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    _pyplot().close(figure)
    return path


def _speeds(result: Pipeline) -> Any:
    """Bars of speed beside the transcode, each with its leak rate."""
    kinds = list(dict.fromkeys(row.clip for row in result.rows))
    figure, axes = _pyplot().subplots(
        len(kinds), 1, figsize=(8, 1 + 0.35 * len(result.rows)), squeeze=False,
        gridspec_kw={"height_ratios": [sum(r.clip == k for r in result.rows) for k in kinds]},
    )  # fmt: skip
    for axis, kind in zip(axes[:, 0], kinds, strict=True):
        _bars(axis, [row for row in result.rows if row.clip == kind])
        axis.set_title(
            f"{kind} clip, 1080p: speed, as a multiple of FFmpeg's transcode", loc="left"
        )
    figure.text(
        0, -0.01, f"{result.date}, {result.machine.processor}, {result.machine.cores} cores"
    )
    figure.tight_layout()
    return figure


def _bars(axis: Any, rows: Sequence[Run]) -> None:
    rows = sorted(rows, key=lambda row: row.relative.median)
    for at, row in enumerate(rows):
        ours = row.name.startswith("redact")
        middle = row.relative.median
        error = [[max(0.0, middle - row.relative.low)], [max(0.0, row.relative.high - middle)]]
        axis.barh(at, middle, color=_OURS if ours else _OTHERS, xerr=error, ecolor="black")
        said = f"  {middle:.2f} x, leaks {100 * row.leak.rate:.1f} %"
        axis.text(max(middle, row.relative.high), at, said, va="center", fontsize=8)
    axis.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=8)
    axis.set_xlim(0, 1.5 * max(row.relative.high for row in rows))
    axis.grid(axis="x", color=_GRID)
    axis.set_axisbelow(True)


def _roofline(roofs: Sequence[Roof], result: Detect) -> Any:
    """Operations per byte against operations per second, both logarithmic."""
    import numpy as np

    figure, axis = _pyplot().subplots(figsize=(7, 4.5))
    intensity = np.geomspace(0.5, 2000, 200)
    drawn = set()
    for at, roof in enumerate(roofs):
        ceiling = (roof.precision, roof.ceiling_gflops, roof.ceiling_gbytes)
        if ceiling not in drawn:
            drawn.add(ceiling)
            limit = np.minimum(roof.ceiling_gflops, intensity * roof.ceiling_gbytes)
            axis.plot(intensity, limit, label=f"ceiling, {roof.precision}")
        where = roof.gflop / roof.mbyte * 1e3
        share = 100 * roof.reached / roof.attainable
        name = f"{roof.model}, batch {roof.batch}: {share:.0f} %"
        axis.plot(where, roof.reached, "os^Dv"[at % 5], label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("operations per byte moved")
    axis.set_ylabel("GFLOP/s")
    axis.set_title(
        f"{result.machine.processor}, {result.machine.device}, {result.date}", loc="left"
    )
    axis.grid(color=_GRID, which="both")
    axis.legend(fontsize=8)
    return figure
