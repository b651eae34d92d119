"""Who beyond the property still shows, on every labelled clip, with and without models?

`--route` asks the same of the relay, the filter and the element of GStreamer, which must leak no
more than `run` does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.footage import Labelled, folders, labelled, leak_of, together
from benchmarks.provenance import card, command, machine, today
from benchmarks.routes import ROUTES
from benchmarks.schema import BenchmarkError, Leak, Leaking, Leaks

ALL = "all clips"
RUN = "run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        dest="models",
        metavar="FILE",
        help="one more set of models; several with + between them",
    )
    parser.add_argument(
        "--route",
        action="append",
        choices=[RUN, *ROUTES],
        dest="routes",
        help="the way through redact; several may be given; default: run",
    )
    parser.add_argument("--footage", type=Path, help="folder of labelled clips")
    parser.add_argument("--clips", nargs="*", default=[], metavar="NAME", help="default: all")


def configurations(given: argparse.Namespace) -> dict[str, list[Path]]:
    """Name -> models."""
    sets = [*([] if given.quick else [["embedded"]]), *(model.split("+") for model in given.models)]
    named = {" + ".join(Path(m).stem for m in models): list(map(Path, models)) for models in sets}
    return {**named, "no model": []}


def measure(
    one: Labelled, models: Sequence[Path], device: str, folder: Path, route: str = RUN
) -> Leak:
    """Redact a clip at the defaults, and look at what is left. Raises BenchmarkError where a
    program of the route fails."""
    import redact

    if route != RUN:
        output = ROUTES[route](one, models, folder)
        leak = leak_of(one, output)
        output.unlink()
        return leak

    placed: dict[str, str] = {} if device == "cpu" else {"device": device}
    config = redact.Config(zone=redact.load_zone(one.zone), models=tuple(models), **placed)
    output = folder / "out.mp4"
    redact.run(one.clip, output, config)
    leak = leak_of(one, output)
    output.unlink()
    return leak


def run(given: argparse.Namespace) -> Leaks:
    from redact.errors import RedactError

    chosen = labelled(folders(given.footage), given.clips)
    if given.quick and not given.clips:
        chosen = [one for one in chosen if one.name == "driveway_small"]
    rows = []
    routes = list(dict.fromkeys(given.routes or [RUN]))
    if given.device != "cpu" and routes != [RUN]:
        raise BenchmarkError("other routes than run are measured on the processor alone")
    ways = [(*named, route) for named in configurations(given).items() for route in routes]
    with tempfile.TemporaryDirectory(prefix="redact-leak-") as folder:
        for config, models, route in ways:
            leaks = []
            name = config if route == RUN else f"{config}, {route}"
            for one in chosen:
                try:
                    leaks.append(measure(one, models, given.device, Path(folder), route))
                except RedactError as error:
                    raise BenchmarkError(f"{one.name}, {name}: {error}") from error
                rows.append(Leaking(config=name, clip=one.name, leak=leaks[-1]))
                print(f"{name}: {one.name}: {100 * leaks[-1].rate:.2f} %", file=sys.stderr)
            rows.append(Leaking(config=name, clip=ALL, leak=together(leaks)))
    return Leaks(
        date=today(),
        command=command(),
        quick=given.quick,
        machine=machine(device=card(given.device)),
        rows=rows,
    )
