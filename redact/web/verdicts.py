"""What the owner said of each output: approved or rejected, of that very content."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from redact.batch.record import content_of, record_path
from redact.errors import ConfigError, SinkError
from redact.sinks.partial import Partial
from redact.web.outputs import Output

FILE = "redact-review.json"
Verdict = Literal["approved", "rejected", "open"]


class Verdicts:
    """Kept in `redact-review.json` in the folder that is reviewed. A verdict holds for one
    content: a file that changes is open again. Raises ConfigError for a file that is not ours.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, str]] = {}
        if self._path.exists():
            try:
                plain = json.loads(self._path.read_bytes())
                self._known = {
                    str(name): {"verdict": str(v["verdict"]), "sha256": str(v["sha256"])}
                    for name, v in plain["files"].items()
                }
            except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                raise ConfigError(
                    f"{self._path}: is no list of verdicts; move it away and review again"
                ) from error

    def of(self, output: Output) -> Verdict:
        record = output.record
        made: Any = {} if record is None else record.get("output")
        known = self._known.get(output.name)
        if known is None or not isinstance(made, dict) or known["sha256"] != made.get("sha256"):
            return "open"
        return "approved" if known["verdict"] == "approved" else "rejected"

    def say(self, output: Output, verdict: Verdict) -> None:
        """Raises ConfigError for approving what is not finished, SinkError."""
        sha256 = _digest(output)
        if verdict == "approved" and not _is_recorded(output, sha256):
            raise ConfigError(f"{output.name}: is not finished and cannot be approved")
        with self._lock:
            known = dict(self._known)
            known.pop(output.name, None)
            if verdict != "open":
                known[output.name] = {"verdict": verdict, "sha256": sha256}
            self._write(known)
            self._known = known

    def _write(self, known: dict[str, dict[str, str]]) -> None:
        partial = Partial(self._path)
        try:
            text = json.dumps({"schema": 1, "files": known}, indent=2) + "\n"
            partial.path.write_text(text, encoding="ascii")
            partial.publish()
        except OSError as error:
            raise SinkError(f"{self._path}: cannot be written: {error.strerror}") from error
        finally:
            partial.discard()

    def export(self, outputs: Sequence[Output], folder: Path) -> list[str]:
        """Copy what is approved, and unchanged since, with its report; the names copied.

        Nothing that is there already is replaced. Raises ConfigError, SinkError.
        """
        chosen = [output for output in outputs if self.of(output) == "approved"]
        if not chosen:
            raise ConfigError("nothing is approved yet")
        for output in chosen:
            if _digest(output) != self._known[output.name]["sha256"]:
                raise SinkError(f"{output.name}: changed since it was approved; look at it again")
            if (folder / output.name).exists():
                raise ConfigError(f"{folder / output.name}: exists already; export elsewhere")
        for output in chosen:
            target = folder / output.name
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SinkError(f"{target.parent}: cannot be made: {error.strerror}") from error
            _copy(output.path, target)
            _copy(record_path(output.path), record_path(target))
        return [output.name for output in chosen]


def _digest(output: Output) -> str:
    return content_of(output.path, threading.Event(), SinkError).sha256


def _is_recorded(output: Output, sha256: str) -> bool:
    record = output.record
    made: Any = {} if record is None else record.get("output")
    return isinstance(made, dict) and made.get("sha256") == sha256


def _copy(source: Path, target: Path) -> None:
    """Whole or not at all. Raises SinkError."""
    partial = Partial(target)
    try:
        shutil.copyfile(source, partial.path)
        partial.publish()
    except OSError as error:
        raise SinkError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        partial.discard()
