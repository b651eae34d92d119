"""The report beside an output, `NAME.mp4.redact.json`: what made it, and from what.

It is written last, so an output without a report that fits is not finished. It holds digests,
counts and timings; no pixels, no paths.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import redact
from redact.build import model_digests, recipients_of
from redact.config import Config
from redact.errors import ConfigError, RedactError, SinkError, SourceError
from redact.sinks.partial import write_whole
from redact.storage import ObjectPath, Place, claim, version_of
from redact.structures import Report

SCHEMA = 1
SUFFIX = ".redact.json"
_CHUNK = 1 << 20
P = TypeVar("P", Path, ObjectPath, Place)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A configuration with the digests of all that an output depends on, but its input."""

    config: Config
    digests: dict[str, Any]

    @classmethod
    def of(cls, config: Config) -> Recipe:
        """Reads the models. Raises ConfigError, also where nobody would be looked for."""
        if not config.models and not config.motion.enabled:
            raise ConfigError(
                "motion.enabled is false and no model is given: nobody would be hidden; turn "
                "the motion net on, or give a model"
            )
        digests: dict[str, Any] = {
            "zone": config.zone.digest,
            "settings": config.digest,
            "models": model_digests(config),
        }
        if config.seal.to:
            digests["sealed_to"] = list(recipients_of(config))
        return cls(config, digests)


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: enough to know it again. version: what its store calls this content."""

    bytes: int
    sha256: str
    version: str | None = None


def record_path(output: P) -> P:
    return output.with_name(output.name + SUFFIX)


def is_output(path: Place) -> bool:
    """Whether a report beside it says that `path` came from us; an unreadable one counts."""
    beside = record_path(path)
    try:
        named = json.loads(beside.read_bytes())["output"]["name"]
    except FileNotFoundError:
        return False
    except (OSError, ValueError, LookupError, TypeError):
        return bool(beside.exists())
    return bool(named == path.name)


def content_of(path: Place, stop: threading.Event, error: Callable[[str], RedactError]) -> Content:
    """Read and digest a file. error: makes what is raised when that fails.

    Raises Stopped once `stop` is set.
    """
    from redact.pipeline import Stopped

    digest, size = hashlib.sha256(), 0
    try:
        version = version_of(path)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if stop.is_set():
                    raise Stopped(f"{path}: stopped while it was read")
                digest.update(chunk)
                size += len(chunk)
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror or problem}") from problem
    return Content(size, digest.hexdigest(), version)


def read_record(output: Place) -> dict[str, Any] | None:
    """The report beside `output`, or None where there is none that can be understood."""
    try:
        record = json.loads(record_path(output).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def finished(
    record: dict[str, Any] | None,
    recipe: Recipe,
    source: Content,
    output: Place,
    stop: threading.Event,
) -> bool:
    """Whether `output` is what this recipe made of this very input, untouched since."""
    if record is None or record.get("schema") != SCHEMA:
        return False
    if record.get("redact") != redact.__version__ or record.get("digests") != recipe.digests:
        return False
    made = record.get("output")
    if not _holds(record.get("input"), source) or not isinstance(made, dict):
        return False
    kept = record.get("sealed")
    if (kept is None) is not (recipe.config.seal.to == ()):
        return False
    if kept is not None and not _there(kept, output.with_name(str(kept.get("name"))), stop):
        return False
    return _there(made, output, stop)


def unchanged(record: dict[str, Any] | None, recipe: Recipe, source: Place, output: Place) -> bool:
    """As `finished`, by versions alone, so that no content is read; False where the store gives
    none, and for files."""
    if record is None or record.get("schema") != SCHEMA:
        return False
    if record.get("redact") != redact.__version__ or record.get("digests") != recipe.digests:
        return False
    parts = record.get("input"), record.get("output")
    for part, place in zip(parts, (source, output), strict=True):
        version = part.get("version") if isinstance(part, dict) else None
        if version is None or version != version_of(place):
            return False
    return True


def _there(part: dict[str, Any], path: Place, stop: threading.Event) -> bool:
    """Whether the file is the one that a report describes."""
    if not path.is_file() or path.stat().st_size != part.get("bytes"):
        return False
    return _holds(part, content_of(path, stop, SinkError))


def _holds(part: Any, content: Content) -> bool:
    return isinstance(part, dict) and (part.get("bytes"), part.get("sha256")) == (
        content.bytes,
        content.sha256,
    )


def make_record(
    names: tuple[str, str], contents: tuple[Content, Content], recipe: Recipe, report: Report
) -> dict[str, Any]:
    """names, contents: of the input and of the output."""
    described = [
        {"name": name, "bytes": content.bytes, "sha256": content.sha256}
        | ({"version": content.version} if content.version else {})
        for name, content in zip(names, contents, strict=True)
    ]
    sealed = {} if report.sealed is None else {"sealed": report.sealed}
    return {
        "schema": SCHEMA,
        "redact": redact.__version__,
        "input": described[0],
        "output": described[1],
        **sealed,
        "digests": recipe.digests,
        "frames": {
            "all": report.frames,
            "with_hiding": report.frames_with_hiding,
            "hidden_whole": report.frames_hidden_whole,
            "outside_hidden_whole": report.frames_outside_hidden_whole,
            "copied": report.frames_copied,
        },
        "people": {"hidden": report.people_hidden, "shown": report.people_shown},
        "reasons": report.reasons,
        **({} if report.muted is None else {"sound": {"muted": round(report.muted, 3)}}),
        "spans": {kind: list(spans) for kind, spans in report.spans.items()},
        "seconds": report.seconds,
        "notes": list(report.notes),
    }


def write_record(output: Place, record: dict[str, Any]) -> None:
    """Whole or not at all. Raises SinkError."""
    final = claim(record_path(output))
    try:
        write_whole(final, (json.dumps(record, indent=2) + "\n").encode("ascii"))
    except OSError as error:
        raise SinkError(
            f"{final}: the report cannot be written: {error.strerror or error}"
        ) from error


def signature(path: Place) -> tuple[int, int, str | None]:
    """Size, time of change and version: cheap to read often. Raises SourceError."""
    try:
        stat, version = path.stat(), version_of(path)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
    return stat.st_size, stat.st_mtime_ns, version
