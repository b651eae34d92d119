"""`python -m benchmarks NAME ...`: measure, show a table, write a result."""

from __future__ import annotations

import argparse
import runpy
import sys
from importlib import import_module
from pathlib import Path

from benchmarks import tables
from benchmarks.provenance import today
from benchmarks.schema import RESULTS, AnyResult, BenchmarkError, write

MEASURED = ("detect", "effect", "decode", "pipeline", "scale", "leak")
# Programs of their own.
ALONE = ("attack", "cameras", "engine", "fleet", "foreign", "fuzz", "hiding", "peers", "report")


def parser_of(name: str) -> argparse.ArgumentParser:
    module = import_module(f"benchmarks.{name}")
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda:0")
    parser.add_argument(
        "-o", dest="output", type=Path, metavar="FILE",
        help="default: benchmarks/results/NAME-DATE.json; of --quick: nowhere",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, help="repeats; more give a truer median")
    parser.add_argument(
        "--quick", action="store_true", help="tiny: tries the code, measures nothing"
    )
    module.add_arguments(parser)
    return parser


def default_path(result: AnyResult) -> Path:
    return RESULTS / f"{tables.key(result)}-{today()}.json"


def measure(name: str, words: list[str]) -> None:
    """Raises BenchmarkError."""
    parser = parser_of(name)
    given = parser.parse_args(words)
    if given.rounds is not None and given.rounds < 1:
        parser.error("--rounds must be at least 1")
    _check(given.device)
    result: AnyResult = import_module(f"benchmarks.{name}").run(given)
    print(tables.render(result))
    if result.machine.load is not None and result.machine.load > 0.5:
        load = result.machine.load
        print(f"\ncareful: the machine was busy with something else (load {load})", file=sys.stderr)
    path = given.output or (None if given.quick else default_path(result))
    if path is not None:
        write(path, result)
        print(f"\nwritten: {path}", file=sys.stderr)


def _check(device: str) -> None:
    from redact.devices import check_device
    from redact.errors import RedactError

    try:
        check_device(device)
    except RedactError as error:
        raise BenchmarkError(str(error)) from error


def main() -> None:
    names = (*MEASURED, *ALONE)
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        sys.exit(f"usage: python -m benchmarks {{{','.join(names)}}} ...")
    name = sys.argv[1]
    if name in ALONE:
        sys.argv.pop(1)
        runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)
        return
    try:
        measure(name, sys.argv[2:])
    except BenchmarkError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
