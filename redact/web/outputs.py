"""Finished outputs and what their reports say: which to look at first, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redact.batch import VIDEO_SUFFIXES
from redact.batch.record import SCHEMA, SUFFIX, read_record
from redact.errors import ConfigError
from redact.sinks import is_partial
from redact.web.words import REASONS, SPANS

LONG_DOUBT = 1.0  # seconds of someone being hidden only for want of proof
_DOUBTS = ("unproven", "foot_unknown")
PROBLEMS = {
    "failed": "failed or unfinished",
    "uncertain": "hidden only for want of proof",
    "motion": "motion only, no model",
    "coasting": "hidden long without being found",
}


@dataclass(frozen=True, slots=True)
class Output:
    """One video that was made. name: below the folder that is reviewed."""

    path: Path
    name: str

    @property
    def record(self) -> dict[str, Any] | None:
        return read_record(self.path)

    def describe(self) -> dict[str, Any]:
        """What the page shows of it; never raises for a report that makes no sense."""
        record = self.record
        problems = _problems(self.path, record)
        told: dict[str, Any] = {"name": self.name, "problems": problems}
        if record is None or "failed" in problems:
            told["why"] = _why(self.path, record)
        if record is None:
            return told | {"spans": {}, "reasons": [], "people": {}, "frames": {}, "by_hand": []}
        return told | {
            "spans": _spans(record),
            "kinds": SPANS,
            "reasons": [
                _reason(name, count)
                for name, count in sorted(_table(record, "reasons").items(), key=_most_first)
            ],
            "people": _table(record, "people"),
            "frames": _table(record, "frames"),
            "by_hand": len(record.get("by_hand", [])),
        }


def _most_first(item: tuple[str, Any]) -> tuple[float, str]:
    return -float(item[1]), item[0]


def _reason(name: str, count: float) -> dict[str, Any]:
    known = {reason.name.lower(): reason for reason in REASONS}.get(name)
    hides = known is None or known.hides
    return {"name": name, "words": SPANS.get(name, name), "count": count, "hides": hides}


def _table(record: dict[str, Any], key: str) -> dict[str, Any]:
    found = record.get(key)
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _spans(record: dict[str, Any]) -> dict[str, list[list[float]]]:
    found = record.get("spans")
    if not isinstance(found, dict):
        return {}
    return {
        str(kind): [[float(a), float(b)] for a, b in spans]
        for kind, spans in found.items()
        if isinstance(spans, list) and all(isinstance(s, list) and len(s) == 2 for s in spans)
    }


def _longest(spans: dict[str, list[list[float]]], *kinds: str) -> float:
    return max((b - a for kind in kinds for a, b in spans.get(kind, [])), default=0.0)


def _why(path: Path, record: dict[str, Any] | None) -> str:
    if record is None:
        return "no report lies beside it: it is not known to be finished; run it again"
    if not _fits(path, record):
        return "its report is of another file: it was changed since; run it again"
    return "frames were hidden whole, as the original is damaged there"


def _fits(path: Path, record: dict[str, Any]) -> bool:
    made = record.get("output")
    try:
        size = path.stat().st_size
    except OSError:
        return False
    fits = isinstance(made, dict) and made.get("bytes") == size and made.get("name") == path.name
    return bool(fits and record.get("schema") == SCHEMA)


def _problems(path: Path, record: dict[str, Any] | None) -> list[str]:
    if record is None or not _fits(path, record):
        return ["failed"]
    spans, found = _spans(record), []
    if _table(record, "frames").get("hidden_whole", 0):
        found.append("failed")
    if _longest(spans, *_DOUBTS) >= LONG_DOUBT:
        found.append("uncertain")
    digests = record.get("digests")
    if not (isinstance(digests, dict) and digests.get("models")):
        found.append("motion")
    if spans.get("coasting"):
        found.append("coasting")
    return found


def find_outputs(where: Path) -> tuple[Path, list[Output]]:
    """The folder, and the outputs in it in order of name; links are not followed.

    Raises ConfigError where there is none.
    """
    if where.is_file():
        return where.parent, [Output(where, where.name)]
    if not where.is_dir():
        raise ConfigError(f"{where}: no such file or folder; name what `redact run` wrote")
    found = []
    for root, folders, files in os.walk(where):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root) / name
            video = path.suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".")
            if video and not path.is_symlink() and not is_partial(path):
                found.append(Output(path, str(path.relative_to(where))))
    if not any(path.path.with_name(path.path.name + SUFFIX).exists() for path in found):
        raise ConfigError(f"{where}: holds no output of redact with its report beside it")
    return where, found
