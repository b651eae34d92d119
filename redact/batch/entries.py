"""What the audit log learns of each file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from redact.batch.failures import describe
from redact.batch.outcome import Outcome
from redact.config import Config
from redact.errors import RedactError


def enter_run(record: dict[str, Any], config: Config) -> None:
    """A finished file, from its report, and its sealed original. Raises RedactError where it
    cannot be entered: what is not in the log must not be there."""
    if not config.audit.log:
        return
    from redact.audit import AuditLog, Statement

    said = Statement(config.audit.who, config.audit.why, config.audit.basis)
    log = AuditLog(Path(config.audit.log))
    facts = {key: record[key] for key in ("redact", "input", "output", "digests", "frames")}
    log.append("run", said, facts)
    if "sealed" in record:
        log.append("seal", said, {"output": record["output"], "sealed": record["sealed"]})


def enter_failure(outcome: Outcome, config: Config) -> Outcome:
    """A file that failed: nothing of it was written. Never raises."""
    if not config.audit.log:
        return outcome
    from redact.audit import AuditLog, Statement

    said = Statement(config.audit.who, config.audit.why, config.audit.basis)
    facts = {"input": {"name": outcome.job.name}, "exit_code": outcome.exit_code}
    try:
        AuditLog(Path(config.audit.log)).append("failed", said, facts)
    except (RedactError, OSError) as error:
        return replace(outcome, error=f"{outcome.error}; and not logged: {describe(error)}")
    return outcome
