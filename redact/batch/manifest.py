"""`redact.manifest.json` in the output folder of a run on a store or a cluster: what became of
each file, those set aside with their errors included. For readers; a run resumes by the reports."""

from __future__ import annotations

import json
from pathlib import Path

from redact.batch.outcome import BatchReport
from redact.errors import SinkError
from redact.sinks.partial import write_whole
from redact.storage import Place, claim

NAME = "redact.manifest.json"


def write_manifest(folder: Place, report: BatchReport) -> None:
    """Whole or not at all. Raises SinkError."""
    final = claim(folder / NAME)
    try:
        if isinstance(folder, Path):  # nothing may have come of any file
            folder.mkdir(parents=True, exist_ok=True)
        write_whole(final, (json.dumps(report.to_dict(), indent=1) + "\n").encode("ascii"))
    except OSError as error:
        raise SinkError(f"{final}: cannot be written: {error.strerror or error}") from error
