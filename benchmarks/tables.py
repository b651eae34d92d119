"""Results as Markdown tables. Nothing is computed here that a result does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.schema import (
    AnyResult,
    Decode,
    Detect,
    Effect,
    Leak,
    Leaks,
    Pipeline,
    Roof,
    Runtimes,
    Scale,
    Spread,
)


def key(result: AnyResult) -> str:
    """`detect`, or `detect-cuda` for one of a card."""
    name = str(type(result).__struct_config__.tag)
    return name if result.machine.device == "cpu" else f"{name}-cuda"


def render(result: AnyResult) -> str:
    """Tables, who was absent, and what it depends on. Ends without a line break."""
    parts = [*_TABLES[type(result)](result)]
    if result.absent:
        parts.append(_sentence("Not measured", (f"{n} ({w})" for n, w in result.absent.items())))
    if result.notes:
        parts.append(_sentence("To read it", result.notes))
    return "\n\n".join([*parts, provenance(result)])


def provenance(result: AnyResult) -> str:
    m = result.machine
    where = f"{m.processor}, {m.cores} cores" + ("" if m.device == "cpu" else f", {m.device}")
    load = "unknown" if m.load is None else f"{m.load:g}"
    versions = ", ".join(f"{name} {version}" for name, version in m.versions.items())
    quick = " **A quick run: no figure of it counts.**" if result.quick else ""
    return (
        f"{result.date}, {where}, load before {load}; Python {m.python}, {versions}. "
        f"`{result.command}`{quick}"
    )


def _sentence(start: str, items: Iterable[str]) -> str:
    return f"{start}: {'; '.join(items)}."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figure(value: float) -> str:
    """Three digits that count; whole numbers from a hundred on."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(s: Spread) -> str:
    """Median, with the range where there is one."""
    return (
        figure(s.median) if s.n == 1 else f"{figure(s.median)} ({figure(s.low)}-{figure(s.high)})"
    )


def percent(share: float) -> str:
    return f"{100 * share:.2f} %" if 0 < share < 0.1 else f"{100 * share:.0f} %"


def leaked(leak: Leak) -> str:
    return f"{leak.leaked} of {leak.outside} ({percent(leak.rate)})"


def hidden(leak: Leak) -> str:
    return f"{leak.hidden} of {leak.inside} ({percent(leak.over)})"


def well_inside(leak: Leak) -> str:
    return _of(leak.well_inside_hidden, leak.well_inside)


def shown(leak: Leak) -> str:
    return _of(leak.shown, leak.outlined)


def _of(part: int | None, whole: int | None) -> str:
    """Nothing where nobody asked."""
    if part is None or whole is None:
        return ""
    return f"{part} of {whole} ({percent(part / whole if whole else 0.0)})"


def _pipeline(result: Pipeline) -> list[str]:
    head = ["clip", "program", "frames/s", "x transcode", "CPU ms per frame", "peak MiB"]
    head += ["people leaked, labelled clips", "wrongly hidden"]
    rows = [
        [
            row.clip,
            row.name
            if row.frames == _longest(result, row.clip)
            else f"{row.name} ({row.frames} frames)",
            spread(row.fps),
            spread(row.relative),
            figure(row.cpu_ms.median),
            figure(row.peak_mib),
            leaked(row.leak),
            hidden(row.leak),
        ]
        for row in result.rows
    ]
    named = sorted({name for row in result.rows for name in row.leak.clips})
    return [table(head, rows), _sentence("Leaks are measured on", [", ".join(named)])]


def _longest(result: Pipeline, clip: str) -> int:
    return max(row.frames for row in result.rows if row.clip == clip)


def _detect(result: Detect) -> list[str]:
    head = ["model", "on", "frame", "batch", "ms per picture", "pictures/s"]
    rows = [
        [
            r.model,
            r.runtime,
            f"{r.width}x{r.height}",
            str(r.batch),
            spread(r.ms),
            figure(1e3 / r.ms.median),
        ]
        for r in result.rows
    ]
    found = [table(head, rows)]
    return [*found, _roofline(result.roofline)] if result.roofline else found


def _roofline(roofs: Sequence[Roof]) -> str:
    head = ["network", "batch", "GFLOP", "MB", "ms", "GFLOP/s", "of at most", "bound by", "reached"]
    rows = [
        [
            f"{r.model}, {r.precision}",
            str(r.batch),
            figure(r.gflop),
            figure(r.mbyte),
            spread(r.ms),
            figure(r.reached),
            f"{figure(r.attainable)} ({figure(r.ceiling_gflops)} GFLOP/s, "
            f"{figure(r.ceiling_gbytes)} GB/s)",
            r.bound,
            percent(r.reached / r.attainable),
        ]
        for r in roofs
    ]
    return table(head, rows)


def _runtimes(result: Runtimes) -> list[str]:
    names = list(dict.fromkeys(r.runtime for r in result.rows))
    found: dict[str, dict[str, str]] = {}
    for r in result.rows:
        row = found.setdefault(f"{r.model}, {r.width}x{r.height}", {})
        row[r.runtime] = f"{r.ms.median:.1f}"
    rows = [[name, *(row.get(n, "") for n in names)] for name, row in found.items()]
    return [table(["network, picture; ms", *names], rows)]


def _effect(result: Effect) -> list[str]:
    scenes = list(dict.fromkeys(r.scene for r in result.rows if r.effect != "none"))
    effects = list(dict.fromkeys(r.effect for r in result.rows if r.effect != "none"))
    at = {(r.effect, r.scene): spread(r.ms) for r in result.rows}
    rows = [[s, *(at.get((e, s), "") for e in effects)] for s in scenes]
    copies = [["(a copy of the planes)", at["none", "copy"], *[""] * (len(effects) - 1)]]
    head = [f"ms per {result.width}x{result.height} frame", *effects]
    return [table(head, [*copies, *rows])]


def _decode(result: Decode) -> list[str]:
    head = ["", "how", "frames/s", "CPU ms per frame"]
    rows = [[r.what, r.how, spread(r.fps), spread(r.cpu_ms)] for r in result.rows]
    return [table(head, rows)]


def _scale(result: Scale) -> list[str]:
    lengths = [
        [figure(r.minutes), str(r.frames), spread(r.seconds), spread(r.peak_mib)]
        for r in result.lengths
    ]
    jobs = [[str(r.jobs), str(r.files), spread(r.seconds), spread(r.speedup)] for r in result.jobs]
    people = [[str(r.people), spread(r.ms)] for r in result.people]
    return [
        table(["minutes", "frames", "seconds", "peak MiB"], lengths),
        table(["--jobs", "small clips", "seconds", "times as fast"], jobs),
        table(["people beyond", "ms per 1080p frame"], people),
        f"Each more person costs {result.per_person_ms:.3f} ms per frame. "
        f"Models: {', '.join(result.models)}.",
    ]


def _leaks(result: Leaks) -> list[str]:
    head = ["models", "clip", "leaked", "longest, s", "wrongly hidden"]
    rows = [
        [r.config, r.clip, leaked(r.leak), figure(r.leak.longest), hidden(r.leak)]
        for r in result.rows
    ]
    for name, told in (("hidden well inside", well_inside), ("shown by exact masks", shown)):
        cells = [told(r.leak) for r in result.rows]
        if any(cells):  # results from before it was measured have no such column
            head.append(name)
            rows = [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
    return [table(head, rows)]


_TABLES = {
    Pipeline: _pipeline,
    Detect: _detect,
    Runtimes: _runtimes,
    Effect: _effect,
    Decode: _decode,
    Scale: _scale,
    Leaks: _leaks,
}
