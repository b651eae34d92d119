"""Tables and plots of the results, in the documents that have a place for them.

    python -m benchmarks report [RESULT ...] [--check]

A place is a pair of lines, `<!-- benchmarks:pipeline -->` and `<!-- /benchmarks:pipeline -->`; what
is between them is made anew from the newest result of that name. `--check` changes nothing and
fails where a document says something else than the results. Quick runs are refused.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import plots, tables
from benchmarks.schema import RESULTS, AnyResult, BenchmarkError, read

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "benchmarks" / "README.md")
PLOTS = ROOT / "docs"
NOTHING = "Not measured yet."
_PLACE = re.compile(
    r"^(?P<indent> *)<!-- benchmarks:(?P<key>[\w-]+) -->\n"
    r".*?^ *<!-- /benchmarks:(?P=key) -->$",
    re.MULTILINE | re.DOTALL,
)


def committed() -> list[Path]:
    """The results of the project. Some are of another form, and have no table."""
    other = ("attack-", "cameras-", "engine-", "fuzz-", "soak-")
    return sorted(p for p in RESULTS.glob("*.json") if not p.name.startswith(other))


def newest(paths: Sequence[Path]) -> dict[str, AnyResult]:
    """Key -> the newest result of it. Raises BenchmarkError for what is no result, or quick."""
    found: dict[str, AnyResult] = {}
    for path in paths:
        result = read(path)
        if result.quick:
            raise BenchmarkError(f"{path}: a quick run measures nothing; run it without --quick")
        before = found.get(tables.key(result))
        if before is None or before.date <= result.date:
            found[tables.key(result)] = result
    return found


def filled(text: str, results: Mapping[str, AnyResult], drawings: str = "docs") -> str:
    """A document with all of its places made anew. drawings: the way from it to the plots. Raises
    BenchmarkError for a place that is not closed."""
    opened = len(re.findall(r"<!-- benchmarks:", text))
    if opened != len(_PLACE.findall(text)):
        raise BenchmarkError("a place for a table is not closed, or closed under another name")

    def fill(place: re.Match[str]) -> str:
        key, indent = place["key"], place["indent"]
        result = results.get(key)
        body = NOTHING if result is None else tables.render(result)
        if result is not None and plots.drawn(result):
            body += f"\n\n![The same as a plot]({drawings}/{plots.name(key)})"
        lines = [f"<!-- benchmarks:{key} -->", *body.split("\n"), f"<!-- /benchmarks:{key} -->"]
        return "\n".join(f"{indent}{line}" if line else "" for line in lines)

    return _PLACE.sub(fill, text)


def way(document: Path) -> str:
    """From a document to the plots."""
    return Path(os.path.relpath(PLOTS, document.parent)).as_posix()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks report", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("results", nargs="*", type=Path, help="default: benchmarks/results/*.json")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    try:
        differ = make(given.results or committed(), given.check)
    except BenchmarkError as error:
        sys.exit(f"error: {error}")
    if given.check and differ:
        sys.exit(f"error: {', '.join(differ)}: not what the results say; run the report")
    print("\n".join(differ) or "all is as the results say")


def make(paths: Sequence[Path], check: bool) -> list[str]:
    """The names of the documents that differed; unless `check`, they no longer do."""
    results = newest(paths)
    differ = []
    for path in DOCUMENTS:
        text = path.read_text()
        made = filled(text, results, way(path))
        if made != text:
            differ.append(path.relative_to(ROOT).as_posix())
            if not check:
                path.write_text(made)
    if not check:
        differ += [path.relative_to(ROOT).as_posix() for path in plots.draw(results, PLOTS)]
    return differ


if __name__ == "__main__":
    main()
