"""Who beyond the property still shows, on every labelled clip, with and without models?"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.footage import Labelled, folders, labelled, leak_of, together
from benchmarks.provenance import card, command, machine, today
from benchmarks.schema import BenchmarkError, Leak, Leaking, Leaks

ALL = "all clips"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        dest="models",
        metavar="FILE",
        help="one more set of models; several with + between them",
    )
    parser.add_argument("--footage", type=Path, help="folder of labelled clips")
    parser.add_argument("--clips", nargs="*", default=[], metavar="NAME", help="default: all")


def configurations(given: argparse.Namespace) -> dict[str, list[Path]]:
    """Name -> models."""
    sets = [*([] if given.quick else [["embedded"]]), *(model.split("+") for model in given.models)]
    named = {" + ".join(Path(m).stem for m in models): list(map(Path, models)) for models in sets}
    return {**named, "no model": []}


def measure(one: Labelled, models: Sequence[Path], device: str, folder: Path) -> Leak:
    """Redact a clip at the defaults, and look at what is left."""
    import redact

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
    with tempfile.TemporaryDirectory(prefix="redact-leak-") as folder:
        for name, models in configurations(given).items():
            leaks = []
            for one in chosen:
                try:
                    leaks.append(measure(one, models, given.device, Path(folder)))
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
